using System.Numerics.Tensors;

namespace Coppice.Perception.Inference;

/// <summary>
/// The class of each pixel from scores on a coarser grid: the greatest of the scores interpolated linearly between the four grid points
/// around. Where all four have the same greatest class it is the greatest everywhere between, so that scores are interpolated only along
/// the borders of classes: the result is the same and takes a tenth of the time. Memory is kept.
/// <para>
/// Where a cell's quarters have scores of their own, these are read as the last layer leaves them, as channels: to order them as a picture
/// costs more than all the rest here.
/// </para>
/// </summary>
internal sealed class LabelMap
{
    private readonly int _classes;
    private readonly int _parts;
    private readonly int _rows;
    private readonly int _columns;
    private readonly float _rowScale;
    private readonly float _columnScale;
    private readonly float _offset;
    private readonly byte[] _best;
    private readonly float[] _greatest;
    private float[] _apart = [];
    private (int Width, int Height) _size;
    private int[] _left = [];
    private float[] _right = [];

    /// <summary>A map of scores.</summary>
    /// <param name="classes">Number of classes, at most 255.</param>
    /// <param name="rows">Rows of the cells.</param>
    /// <param name="columns">Columns of the cells.</param>
    /// <param name="parts">Rows, and columns, of points of the grid in each cell.</param>
    /// <param name="usedRows">Rows of the network's image over rows of pixels that a grid row stands for.</param>
    /// <param name="usedColumns">The same for columns: the grid may reach beyond the image.</param>
    /// <param name="offset">How far below and to the right of its point a score belongs, points.</param>
    public LabelMap(int classes, int rows, int columns, int parts, float usedRows, float usedColumns, float offset = 0)
    {
        (_classes, _parts, _rows, _columns, _rowScale, _columnScale, _offset) = (classes, parts, rows * parts, columns * parts, usedRows, usedColumns, offset);
        _best = new byte[_rows * _columns];
        _greatest = new float[rows * columns];
    }

    /// <summary>Writes the classes.</summary>
    /// <param name="scores">[parts * parts * classes, rows, columns]: channel (y * parts + x) * classes + class is of the part at (y, x) of a cell.</param>
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

    /// <summary>
    /// The greatest numbers first, plane by plane, then whose they are: most often the class of the point before, and else the search is
    /// short of what comparing all the planes point by point would take.
    /// </summary>
    private void FindBest(ReadOnlySpan<float> scores)
    {
        int width = _columns / _parts, cells = _greatest.Length;
        Span<float> greatest = _greatest;
        for (int part = 0; part < _parts * _parts; part++)
        {
            ReadOnlySpan<float> planes = scores.Slice(part * _classes * cells, _classes * cells);
            planes[..cells].CopyTo(greatest);
            for (int c = 1; c < _classes; c++) TensorPrimitives.Max(greatest, planes.Slice(c * cells, cells), greatest);
            int best = 0;
            for (int cell = 0; cell < cells; cell++)
            {
                float found = greatest[cell];
                if (planes[(best * cells) + cell] != found)
                {
                    best = 0;
                    while (best < _classes - 1 && planes[(best * cells) + cell] != found) best++;
                }

                _best[(((cell / width * _parts) + (part / _parts)) * _columns) + (cell % width * _parts) + (part % _parts)] = (byte)best;
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
    private (int Before, float Part) Place(int pixel, int pixels, float used, int points)
    {
        float at = Math.Clamp(((pixel + 0.5f) / pixels * used) - 0.5f - _offset, 0, points - 1);
        int before = (int)at;
        return (before, at - before);
    }

    /// <summary>Scores of the four points around, those of a class side by side.</summary>
    private void Gather(ReadOnlySpan<float> scores, int above, int below, int left, int right)
    {
        int cells = _greatest.Length, a = First(above, left), b = First(above, right), c = First(below, left), d = First(below, right);
        for (int at = 0; at < 4 * _classes; at += 4, a += cells, b += cells, c += cells, d += cells)
            (_apart[at], _apart[at + 1], _apart[at + 2], _apart[at + 3]) = (scores[a], scores[b], scores[c], scores[d]);
    }

    /// <summary>Where a point's score of the first class lies.</summary>
    private int First(int row, int column) =>
        (((((row % _parts) * _parts) + (column % _parts)) * _classes * _greatest.Length) + (row / _parts * (_columns / _parts)) + (column / _parts));

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
