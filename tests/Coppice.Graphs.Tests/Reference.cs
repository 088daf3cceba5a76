namespace Coppice.Graphs.Tests;

/// <summary>An image [images, channels, height, width] of the slow implementations below, in 64 bits; zero outside.</summary>
internal sealed class Picture(int n, int c, int h, int w)
{
    private readonly double[] _elements = new double[n * c * h * w];

    public (int N, int C, int H, int W) Size => (n, c, h, w);

    public double this[int i, int channel, int y, int x]
    {
        get => Inside(y, x) ? _elements[At(i, channel, y, x)] : 0;
        set => _elements[At(i, channel, y, x)] = value;
    }

    public static Picture Of(TensorData data)
    {
        var picture = new Picture(data.Shape[0], data.Shape[1], data.Shape[2], data.Shape[3]);
        ReadOnlySpan<float> elements = data.As<float>();
        for (int i = 0; i < elements.Length; i++) picture._elements[i] = elements[i];
        return picture;
    }

    public bool Inside(int y, int x) => y >= 0 && y < h && x >= 0 && x < w;

    public float[] ToArray() => Array.ConvertAll(_elements, e => (float)e);

    private int At(int i, int channel, int y, int x) => (((((i * c) + channel) * h) + y) * w) + x;
}

/// <summary>Slow implementations, straight from the definitions, of what the operators compute.</summary>
internal static class Reference
{
    public static Picture Conv(Picture x, Picture w, float[] bias, Window window, int groups, Extent size)
    {
        (int n, int c, _, _) = x.Size;
        (int o, int perGroup, int kh, int kw) = w.Size;
        var y = new Picture(n, o, size.Y, size.X);
        for (int i = 0; i < n; i++)
        {
            for (int result = 0; result < o; result++)
            {
                int first = result / (o / groups) * (c / groups);
                foreach ((int row, int column) in Places(size))
                {
                    double sum = bias[result];
                    for (int channel = 0; channel < perGroup; channel++)
                    {
                        foreach ((int ky, int kx) in Places(new(kh, kw)))
                        {
                            (int py, int px) = At(window, row, column, ky, kx);
                            sum += x[i, first + channel, py, px] * w[result, channel, ky, kx];
                        }
                    }

                    y[i, result, row, column] = sum;
                }
            }
        }

        return y;
    }

    public static Picture ConvTranspose(Picture x, Picture w, float[] bias, Window window, int groups, Extent size)
    {
        (int n, int c, int h, int width) = x.Size;
        (_, int perGroup, int kh, int kw) = w.Size;
        var y = new Picture(n, perGroup * groups, size.Y, size.X);
        for (int i = 0; i < n; i++)
        {
            for (int result = 0; result < perGroup * groups; result++)
            {
                foreach ((int row, int column) in Places(size)) y[i, result, row, column] = bias[result];
            }

            for (int channel = 0; channel < c; channel++)
            {
                int first = channel / (c / groups) * perGroup;
                for (int result = 0; result < perGroup; result++)
                {
                    foreach ((int row, int column) in Places(new(h, width)))
                    {
                        foreach ((int ky, int kx) in Places(new(kh, kw)))
                        {
                            (int py, int px) = At(window, row, column, ky, kx);
                            if (y.Inside(py, px)) y[i, first + result, py, px] += x[i, channel, row, column] * w[channel, result, ky, kx];
                        }
                    }
                }
            }
        }

        return y;
    }

    /// <summary>The greatest or the mean of each window.</summary>
    public static Picture Pool(Picture x, Extent kernel, Window window, Extent size, bool greatest, bool countPadding = false)
    {
        (int n, int c, _, _) = x.Size;
        var y = new Picture(n, c, size.Y, size.X);
        for (int plane = 0; plane < n * c; plane++)
        {
            int i = plane / c, channel = plane % c;
            foreach ((int row, int column) in Places(size))
            {
                double sum = 0, most = double.NegativeInfinity;
                int count = 0;
                foreach ((int ky, int kx) in Places(kernel))
                {
                    (int py, int px) = At(window, row, column, ky, kx);
                    if (!x.Inside(py, px) && !countPadding) continue;
                    count++;
                    sum += x[i, channel, py, px];
                    most = Math.Max(most, x[i, channel, py, px]);
                }

                y[i, channel, row, column] = greatest ? most : sum / count;
            }
        }

        return y;
    }

    public static Picture Resize(Picture x, Extent size, ResizeMode mode, ResizeCoordinates coordinates)
    {
        (int n, int c, int h, int w) = x.Size;
        var y = new Picture(n, c, size.Y, size.X);
        foreach ((int row, int column) in Places(size))
        {
            double py = Coordinate(row, h, size.Y), px = Coordinate(column, w, size.X);
            for (int plane = 0; plane < n * c; plane++)
            {
                int i = plane / c, channel = plane % c;
                if (mode == ResizeMode.Nearest)
                {
                    // Half way between two: the one before. A little is taken off so that rounding does not decide.
                    y[i, channel, row, column] = x[i, channel, Clamp((int)Math.Round(py - 1e-4), h), Clamp((int)Math.Round(px - 1e-4), w)];
                    continue;
                }

                int top = (int)Math.Floor(py), left = (int)Math.Floor(px);
                double down = py - top, right = px - left;
                double above = (Edge(top, left) * (1 - right)) + (Edge(top, left + 1) * right);
                double below = (Edge(top + 1, left) * (1 - right)) + (Edge(top + 1, left + 1) * right);
                y[i, channel, row, column] = (above * (1 - down)) + (below * down);

                double Edge(int a, int b) => x[i, channel, Clamp(a, h), Clamp(b, w)];
            }
        }

        return y;

        static int Clamp(int at, int length) => Math.Clamp(at, 0, length - 1);

        double Coordinate(int at, int length, int results) => coordinates == ResizeCoordinates.HalfPixel
            ? ((at + 0.5) * length / results) - 0.5
            : results == 1 ? 0 : (double)at * (length - 1) / (results - 1);
    }

    private static (int Y, int X) At(Window window, int row, int column, int ky, int kx) => (
        (row * window.Stride.Y) - window.Padding.Top + (ky * window.Dilation.Y),
        (column * window.Stride.X) - window.Padding.Left + (kx * window.Dilation.X));

    private static IEnumerable<(int Y, int X)> Places(Extent size)
    {
        for (int y = 0; y < size.Y; y++)
        {
            for (int x = 0; x < size.X; x++) yield return (y, x);
        }
    }
}
