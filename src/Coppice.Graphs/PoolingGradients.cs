namespace Coppice.Graphs;

/// <summary>
/// Rules of pooling and resizing. Means and resizing are linear along each axis, y = A x B^T with a matrix for rows and one for columns,
/// so that the gradient is A^T g B: two products with stored matrices.
/// </summary>
internal static class PoolingGradients
{
    public static void Register(Dictionary<string, Gradients.GradientRule> rules)
    {
        rules["MaxPool"] = MaxPool;
        rules["AveragePool"] = AveragePool;
        rules["GlobalAveragePool"] = (n, g) =>
            [(g[0]! * (1f / (n.Input(0).Shape[2] * n.Input(0).Shape[3]))).Expand(n.Input(0).Shape)];
        rules["Resize"] = Resize;
    }

    /// <summary>
    /// To the first element of each window that equals the greatest. Windows that share elements add up: each of the kernel's elements
    /// gives a plane of gradients, moved to where it came from.
    /// </summary>
    private static Value?[] MaxPool(Node n, Value?[] gradients)
    {
        Value x = n.Input(0), y = n.Output, g = gradients[0]!;
        Extent kernel = Kernel(n), places = new(y.Shape[2], y.Shape[3]);
        Window window = Window.Of(n);
        var planes = new ImagePlanes(x, kernel, window, places, float.NegativeInfinity);
        Shape flat = new(x.Shape[0], x.Shape[1], places.Y * places.X);
        Value greatest = y.Reshape(flat), zero = n.Graph.Scalar(0);
        Value gradient = g.Reshape(flat);
        Value? open = null;
        var chosen = new Value[kernel.Y, kernel.X];
        for (int e = 0; e < kernel.Y * kernel.X; e++)
        {
            Value equal = planes.Plane(e / kernel.X, e % kernel.X).EqualTo(greatest);
            Value first = open is null ? equal : equal.And(open);
            open = open is null ? equal.Not() : open.And(equal.Not());
            chosen[e / kernel.X, e % kernel.X] = first.Where(gradient, zero);
        }

        return [planes.Sum(chosen, x.Shape)];
    }

    private static Value?[] AveragePool(Node n, Value?[] gradients)
    {
        Value x = n.Input(0), y = n.Output;
        Extent kernel = Kernel(n);
        Window window = Window.Of(n);
        bool countPadding = n.Integer("count_include_pad", 0) != 0;
        float[,] rows = Means(y.Shape[2], x.Shape[2], kernel.Y, window.Stride.Y, window.Padding.Top, countPadding);
        float[,] columns = Means(y.Shape[3], x.Shape[3], kernel.X, window.Stride.X, window.Padding.Left, countPadding);
        return [Transposed(gradients[0]!, rows, columns)];
    }

    private static float[,] Means(int results, int elements, int kernel, int stride, int before, bool countPadding)
    {
        var matrix = new float[results, elements];
        for (int i = 0; i < results; i++)
        {
            int start = Math.Max(0, (i * stride) - before), end = Math.Min(elements, (i * stride) - before + kernel);
            for (int j = start; j < end; j++) matrix[i, j] = 1f / (countPadding ? kernel : end - start);
        }

        return matrix;
    }

    private static Value?[] Resize(Node n, Value?[] gradients)
    {
        Shape x = n.Input(0).Shape, y = n.Output.Shape;
        (ResizeMode mode, ResizeCoordinates coordinates) = ResizeMatrix.Rules(n);
        float[,] rows = ResizeMatrix.Of(x[2], y[2], mode, coordinates), columns = ResizeMatrix.Of(x[3], y[3], mode, coordinates);
        return [Transposed(gradients[0]!, rows, columns)];
    }

    /// <summary>rows^T g columns.</summary>
    private static Value Transposed(Value g, float[,] rows, float[,] columns)
    {
        Value narrow = g.MatMul(ResizeMatrix.Constant(g.Graph, columns));
        return ResizeMatrix.Constant(g.Graph, rows, transpose: true).MatMul(narrow);
    }

    private static Extent Kernel(Node n) => n.Integers("kernel_shape") is { Length: 2 } kernel
        ? new((int)kernel[0], (int)kernel[1])
        : throw new GraphException($"{n}: a kernel of two axes is expected");
}
