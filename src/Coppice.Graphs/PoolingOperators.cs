namespace Coppice.Graphs;

/// <content>Pooling and resizing, over images [images, channels, height, width].</content>
public static partial class Operators
{
    /// <summary>The greatest element under a kernel; the gradient goes to the first that is the greatest.</summary>
    /// <param name="x">[images, channels, height, width].</param>
    /// <param name="kernel">Size of the kernel.</param>
    /// <param name="window">How it moves; padding is never the greatest, and is smaller than the kernel.</param>
    /// <param name="name">Name of the result.</param>
    /// <returns>[images, channels, height, width], with floor((image + padding - span) / stride) + 1 along an axis.</returns>
    public static Value MaxPool(this Value x, Extent kernel, Window? window = null, string? name = null)
    {
        (Shape shape, (string, object)[] attributes) = Pool("MaxPool", x, kernel, window);
        return x.Graph.Add("MaxPool", [x], [(x.Type, shape)], attributes, name).Output;
    }

    /// <summary>The mean of the elements under a kernel.</summary>
    /// <param name="x">[images, channels, height, width].</param>
    /// <param name="kernel">Size of the kernel.</param>
    /// <param name="window">How it moves, without dilation; padding is smaller than the kernel.</param>
    /// <param name="countPadding">Whether padding counts as zeros in the mean, or not at all.</param>
    /// <param name="name">Name of the result.</param>
    /// <returns>[images, channels, height, width], with floor((image + padding - kernel) / stride) + 1 along an axis.</returns>
    public static Value AveragePool(this Value x, Extent kernel, Window? window = null, bool countPadding = false, string? name = null)
    {
        (Shape shape, (string, object)[] attributes) = Pool("AveragePool", x, kernel, window);
        if (window is not null && window.Dilation != 1) throw Wrong("AveragePool", 0, x, $"a window without dilation, not {window}");
        return x.Graph.Add("AveragePool", [x], [(x.Type, shape)], [.. attributes, ("count_include_pad", countPadding ? 1L : 0L)], name).Output;
    }

    /// <summary>The mean of each channel: [n, c, h, w] -> [n, c, 1, 1].</summary>
    public static Value GlobalAveragePool(this Value x, string? name = null)
    {
        RequireImage("GlobalAveragePool", x);
        return x.Graph.Add("GlobalAveragePool", [x], [(x.Type, new Shape(x.Shape[0], x.Shape[1], 1, 1))], null, name).Output;
    }

    /// <summary>An image in another size (ONNX Resize).</summary>
    /// <param name="x">[images, channels, height, width].</param>
    /// <param name="size">Height and width of the result, at least 1.</param>
    /// <param name="mode">How an element of the result is made.</param>
    /// <param name="coordinates">Where it lies in the image.</param>
    /// <param name="name">Name of the result.</param>
    public static Value Resize(
        this Value x,
        Extent size,
        ResizeMode mode = ResizeMode.Linear,
        ResizeCoordinates coordinates = ResizeCoordinates.HalfPixel,
        string? name = null)
    {
        RequireImage("Resize", x);
        if (size.Y < 1 || size.X < 1 || x.Shape.Count == 0) throw Wrong("Resize", 0, x, $"an image and a size of at least 1x1, not {size}");
        Shape shape = new(x.Shape[0], x.Shape[1], size.Y, size.X);
        (string, object)[] attributes =
        [
            ("mode", mode == ResizeMode.Nearest ? "nearest" : "linear"),
            ("coordinate_transformation_mode", coordinates == ResizeCoordinates.AlignCorners ? "align_corners" : "half_pixel"),
            ("nearest_mode", "round_prefer_floor"),
        ];
        return x.Graph.Add("Resize", [x, null, null, x.Graph.Integers(shape.ToInt64())], [(x.Type, shape)], attributes, name).Output;
    }

    /// <summary>The same as <see cref="Resize"/>, as two products with stored matrices: faster in ONNX Runtime (docs/graphs.md), larger in the file.</summary>
    /// <param name="x">[images, channels, height, width].</param>
    /// <param name="size">Height and width of the result, at least 1.</param>
    /// <param name="mode">How an element of the result is made.</param>
    /// <param name="coordinates">Where it lies in the image.</param>
    /// <param name="name">Name of the result.</param>
    public static Value ResizeByProducts(
        this Value x,
        Extent size,
        ResizeMode mode = ResizeMode.Linear,
        ResizeCoordinates coordinates = ResizeCoordinates.HalfPixel,
        string? name = null)
    {
        RequireImage("ResizeByProducts", x);
        if (size.Y < 1 || size.X < 1 || x.Shape.Count == 0) throw Wrong("ResizeByProducts", 0, x, $"an image and a size of at least 1x1, not {size}");
        Value columns = ResizeMatrix.Constant(x.Graph, ResizeMatrix.Of(x.Shape[3], size.X, mode, coordinates), transpose: true);
        Value rows = ResizeMatrix.Constant(x.Graph, ResizeMatrix.Of(x.Shape[2], size.Y, mode, coordinates));
        return rows.MatMul(x.MatMul(columns), name);
    }

    private static (Shape Shape, (string, object)[] Attributes) Pool(string type, Value x, Extent kernel, Window? window)
    {
        RequireImage(type, x);
        window ??= Window.Dense;
        Extent results = CheckWindow(type, x, kernel, window);
        Border padding = window.Padding;
        if (Math.Max(padding.Top, padding.Bottom) >= kernel.Y || Math.Max(padding.Left, padding.Right) >= kernel.X)
            throw Wrong(type, 0, x, $"padding smaller than the kernel, not {padding} for {kernel}");
        (string, object)[] attributes = window.Attributes(kernel);
        return (new(x.Shape[0], x.Shape[1], results.Y, results.X), attributes);
    }
}
