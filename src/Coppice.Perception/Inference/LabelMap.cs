namespace Coppice.Perception.Inference;

/// <summary>
/// The class of each pixel from scores on a coarser grid: the greatest of the scores interpolated linearly between the four grid points
/// around. Where all four have the same greatest class it is the greatest everywhere between, so that scores are interpolated only along
/// the borders of classes: the result is the same and takes a tenth of the time. Memory is kept.
/// </summary>
internal sealed class LabelMap
{
    private readonly int _classes;
    private readonly int _rows;
    private readonly int _columns;
    private readonly float _rowScale;
    private readonly float _columnScale;
    private readonly byte[] _best;
    private readonly float[] _greatest;
    private float[] _apart = [];
    private (int Width, int Height) _size;
    private int[] _left = [];
    private float[] _right = [];

    /// <summary>A map of scores.</summary>
    /// <param name="classes">Number of classes, at most 255.</param>
    /// <param name="rows">Rows of the grid.</param>
    /// <param name="columns">Columns of the grid.</param>
    /// <param name="usedRows">Rows of the network's image over rows of pixels that a grid row stands for.</param>
    /// <param name="usedColumns">The same for columns: the grid may reach beyond the image.</param>
    public LabelMap(int classes, int rows, int columns, float usedRows, float usedColumns)
    {
        (_classes, _rows, _columns, _rowScale, _columnScale) = (classes, rows, columns, usedRows, usedColumns);
        _best = new byte[rows * columns];
        _greatest = new float[rows * columns];
    }

    /// <summary>Writes the classes.</summary>
    /// <param name="scores">[classes, rows, columns].</param>
    /// <param name="labels">[height, width].</param>
    /// <param name="width">Of the picture.</param>
    /// <param name="height">Of the picture.</param>
    public void Write(ReadOnlySpan<float> scores, Span<byte> labels, int width, int height)
    {
        FindBest(scores);
        if (_size != (width, height)) Prepare(width, height);
        if (_apart.Length < _classes * 4) _apart = new float[_classes * 4];
        for (int y = 0; y < height; y++)
        {
            (int above, float down) = Place(y, height, _rowScale, _rows);
            int below = Math.Min(above + 1, _rows - 1);
            ReadOnlySpan<byte> upper = _best.AsSpan(above * _columns, _columns), lower = _best.AsSpan(below * _columns, _columns);
            Span<byte> line = labels.Slice(y * width, width);
            int known = -1;
            bool same = false;
            for (int x = 0; x < width; x++)
            {
                int left = _left[x], right = Math.Min(left + 1, _columns - 1);
                if (left != known)
                {
                    known = left;
                    byte corner = upper[left];
                    same = corner == upper[right] && corner == lower[left] && corner == lower[right];
                    if (!same) Gather(scores, above, below, left, right);
                }

                line[x] = same ? upper[left] : Interpolated(_right[x], down);
            }
        }
    }

    private void FindBest(ReadOnlySpan<float> scores)
    {
        int cells = _best.Length;
        scores[..cells].CopyTo(_greatest);
        Array.Clear(_best);
        for (int c = 1; c < _classes; c++)
        {
            ReadOnlySpan<float> plane = scores.Slice(c * cells, cells);
            for (int i = 0; i < plane.Length; i++)
            {
                if (plane[i] <= _greatest[i]) continue;
                _greatest[i] = plane[i];
                _best[i] = (byte)c;
            }
        }
    }

    private void Prepare(int width, int height)
    {
        _size = (width, height);
        (_left, _right) = (new int[width], new float[width]);
        for (int x = 0; x < width; x++) (_left[x], _right[x]) = Place(x, width, _columnScale, _columns);
    }

    /// <summary>Where a pixel lies on the grid: the point before it and the way to the next, 0 to 1.</summary>
    private static (int Before, float Part) Place(int pixel, int pixels, float used, int points)
    {
        float at = Math.Clamp(((pixel + 0.5f) / pixels * used) - 0.5f, 0, points - 1);
        int before = (int)at;
        return (before, at - before);
    }

    /// <summary>Scores of the four points around, those of a class side by side.</summary>
    private void Gather(ReadOnlySpan<float> scores, int above, int below, int left, int right)
    {
        int cells = _best.Length;
        for (int c = 0; c < _classes; c++)
        {
            int plane = c * cells;
            _apart[4 * c] = scores[plane + (above * _columns) + left];
            _apart[(4 * c) + 1] = scores[plane + (above * _columns) + right];
            _apart[(4 * c) + 2] = scores[plane + (below * _columns) + left];
            _apart[(4 * c) + 3] = scores[plane + (below * _columns) + right];
        }
    }

    private byte Interpolated(float right, float down)
    {
        float a = (1 - right) * (1 - down), b = right * (1 - down), c = (1 - right) * down, d = right * down, greatest = float.NegativeInfinity;
        int best = 0;
        for (int i = 0; i < _classes; i++)
        {
            float score = (a * _apart[4 * i]) + (b * _apart[(4 * i) + 1]) + (c * _apart[(4 * i) + 2]) + (d * _apart[(4 * i) + 3]);
            if (score <= greatest) continue;
            greatest = score;
            best = i;
        }

        return (byte)best;
    }
}
