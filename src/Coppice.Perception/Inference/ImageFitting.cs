using Coppice.Perception.Data;

namespace Coppice.Perception.Inference;

/// <summary>
/// A picture as the planes that a network reads, at the network's size: where sizes differ, each element is the mean of what lies under a
/// triangle as wide as the step between elements (bilinear where the picture grows, without moire where it shrinks). Memory is kept.
/// </summary>
/// <param name="width">The network's width.</param>
/// <param name="height">The network's height.</param>
internal sealed class ImageFitting(int width, int height)
{
    private byte[] _fitted = [];
    private float[] _narrow = [];
    private (int Width, int Height) _size;
    private Taps _columns;
    private Taps _rows;

    /// <summary>The picture's bytes at the network's size, [height, width, 3]; the picture's own if it has that size.</summary>
    public ReadOnlySpan<byte> Fit(RgbImage image)
    {
        if (image.Width == width && image.Height == height) return image.Pixels;
        if (_size != (image.Width, image.Height))
        {
            _size = (image.Width, image.Height);
            (_columns, _rows) = (Taps.Of(image.Width, width), Taps.Of(image.Height, height));
        }

        int row = 3 * width;
        if (_fitted.Length == 0) _fitted = new byte[row * height];
        // Only the rows that one result reads: all of a thin, high picture's would be many times the picture.
        if (_narrow.Length < row * _rows.Count) _narrow = new float[row * _rows.Count];
        var sums = new float[row];
        for (int y = 0, known = 0; y < height; y++)
        {
            for (; known < _rows.First[y] + _rows.Count; known++)
                Narrow(image.Pixels.AsSpan(known * image.Width * 3, image.Width * 3), _narrow.AsSpan(known % _rows.Count * row, row));
            Array.Clear(sums);
            for (int t = 0; t < _rows.Count; t++)
            {
                float weight = _rows.Weights[(y * _rows.Count) + t];
                if (weight == 0) continue;
                ReadOnlySpan<float> from = _narrow.AsSpan((_rows.First[y] + t) % _rows.Count * row, row);
                for (int i = 0; i < sums.Length; i++) sums[i] += weight * from[i];
            }

            Span<byte> to = _fitted.AsSpan(y * row, row);
            for (int i = 0; i < sums.Length; i++) to[i] = (byte)Math.Clamp(sums[i] + 0.5f, 0, 255);
        }

        return _fitted;
    }

    private void Narrow(ReadOnlySpan<byte> from, Span<float> to)
    {
        for (int x = 0; x < width; x++)
        {
            float r = 0, g = 0, b = 0;
            int at = 3 * _columns.First[x];
            for (int t = 0; t < _columns.Count; t++, at += 3)
            {
                float weight = _columns.Weights[(x * _columns.Count) + t];
                if (weight == 0) continue;
                r += weight * from[at];
                g += weight * from[at + 1];
                b += weight * from[at + 2];
            }

            (to[3 * x], to[(3 * x) + 1], to[(3 * x) + 2]) = (r, g, b);
        }
    }

    /// <summary>For each result the first element it reads and the weights of as many as any reads.</summary>
    private readonly record struct Taps(int Count, int[] First, float[] Weights)
    {
        public static Taps Of(int elements, int results)
        {
            double step = (double)elements / results, reach = Math.Max(1, step);
            int count = Math.Min(elements, (int)Math.Ceiling(2 * reach) + 1);
            var first = new int[results];
            var weights = new float[results * count];
            for (int i = 0; i < results; i++)
            {
                double center = ((i + 0.5) * step) - 0.5, sum = 0;
                first[i] = Math.Clamp((int)Math.Ceiling(center - reach), 0, elements - count);
                Span<float> own = weights.AsSpan(i * count, count);
                for (int t = 0; t < count; t++)
                {
                    own[t] = (float)Math.Max(0, 1 - (Math.Abs(first[i] + t - center) / reach));
                    sum += own[t];
                }

                foreach (ref float weight in own) weight = (float)(weight / sum);
            }

            return new Taps(count, first, weights);
        }
    }
}
