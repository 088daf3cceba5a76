namespace Coppice.Graphs;

/// <content>Convolution, over images [images, channels, height, width].</content>
public static partial class Operators
{
    /// <summary>Convolution: each result is the sum of products of a kernel with the elements under it.</summary>
    /// <param name="x">[images, channels, height, width].</param>
    /// <param name="weights">[results, channels / groups, height, width of the kernel].</param>
    /// <param name="bias">[results], or null.</param>
    /// <param name="window">How the kernel moves; null for stride 1 without padding.</param>
    /// <param name="groups">Parts into which channels and results are split, each for itself; as many as channels: depthwise.</param>
    /// <param name="name">Name of the result.</param>
    /// <returns>[images, results, height, width], with floor((image + padding - span) / stride) + 1 along an axis.</returns>
    public static Value Conv(
        this Value x, Value weights, Value? bias = null, Window? window = null, int groups = 1, string? name = null)
    {
        RequireImage("Conv", x);
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentOutOfRangeException.ThrowIfLessThan(groups, 1);
        window ??= Window.Dense;
        RequireType("Conv", weights, 1, x.Type);
        int channels = x.Shape[1];
        if (channels % groups != 0) throw Wrong("Conv", 0, x, $"channels in {groups} equal groups");
        if (weights.Shape.Rank != 4 || weights.Shape[1] != channels / groups || weights.Shape[0] % groups != 0 || weights.Shape.Count == 0)
            throw Wrong("Conv", 1, weights, $"[results, {channels / groups}, height, width], results a multiple of {groups}, for {x.Shape}");
        if (bias is not null) RequireVector("Conv", bias, 2, weights.Shape[0], x.Type);
        Extent kernel = new(weights.Shape[2], weights.Shape[3]);
        Extent results = CheckWindow("Conv", x, kernel, window);
        return x.Graph.Add(
            "Conv",
            bias is null ? [x, weights] : [x, weights, bias],
            [(x.Type, new Shape(x.Shape[0], weights.Shape[0], results.Y, results.X))],
            [.. window.Attributes(kernel), ("group", (long)groups)],
            name).Output;
    }

    /// <summary>Transposed convolution: each element spreads a kernel, scaled by it, into the result. It is the gradient of a convolution.</summary>
    /// <param name="x">[images, channels, height, width].</param>
    /// <param name="weights">[channels, results / groups, height, width of the kernel].</param>
    /// <param name="bias">[results], or null.</param>
    /// <param name="window">Stride and dilation are those in the result; padding is what is cut off its sides.</param>
    /// <param name="outputPadding">Rows and columns added at the bottom and the right, fewer than the stride.</param>
    /// <param name="groups">Parts into which channels and results are split, each for itself.</param>
    /// <param name="name">Name of the result.</param>
    /// <returns>[images, results, height, width], with stride * (image - 1) + output padding + span - padding along an axis.</returns>
    public static Value ConvTranspose(
        this Value x,
        Value weights,
        Value? bias = null,
        Window? window = null,
        Extent outputPadding = default,
        int groups = 1,
        string? name = null)
    {
        RequireImage("ConvTranspose", x);
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentOutOfRangeException.ThrowIfLessThan(groups, 1);
        window ??= Window.Dense;
        RequireType("ConvTranspose", weights, 1, x.Type);
        int channels = x.Shape[1];
        if (channels % groups != 0) throw Wrong("ConvTranspose", 0, x, $"channels in {groups} equal groups");
        if (weights.Shape.Rank != 4 || weights.Shape[0] != channels || weights.Shape.Count == 0)
            throw Wrong("ConvTranspose", 1, weights, $"[{channels}, results / {groups}, height, width], for {x.Shape}");
        int results = weights.Shape[1] * groups;
        if (bias is not null) RequireVector("ConvTranspose", bias, 2, results, x.Type);
        if (!window.IsValid || outputPadding.Y < 0 || outputPadding.X < 0 || outputPadding.Y >= window.Stride.Y || outputPadding.X >= window.Stride.X)
            throw Wrong("ConvTranspose", 0, x, $"{window}, an output padding from 0 to below the stride, not {outputPadding}");
        Extent kernel = new(weights.Shape[2], weights.Shape[3]);
        Extent size = window.Transposed(new(x.Shape[2], x.Shape[3]), kernel, outputPadding);
        if (size.Y < 1 || size.X < 1) throw Wrong("ConvTranspose", 0, x, $"an image that leaves a result behind {window}, not {size}");
        return x.Graph.Add(
            "ConvTranspose",
            bias is null ? [x, weights] : [x, weights, bias],
            [(x.Type, new Shape(x.Shape[0], results, size.Y, size.X))],
            [.. window.Attributes(kernel), ("output_padding", outputPadding.ToInt64()), ("group", (long)groups)],
            name).Output;
    }

    /// <summary>Blocks of an image as channels: [n, c, h * b, w * b] -> [n, b * b * c, h, w]; a channel is (y * b + x) * c + channel.</summary>
    /// <param name="x">[images, channels, height, width], height and width multiples of the block.</param>
    /// <param name="block">Side of a block.</param>
    /// <param name="name">Name of the result.</param>
    public static Value SpaceToDepth(this Value x, int block, string? name = null)
    {
        RequireImage("SpaceToDepth", x);
        ArgumentOutOfRangeException.ThrowIfLessThan(block, 1);
        if (x.Shape[2] % block != 0 || x.Shape[3] % block != 0) throw Wrong("SpaceToDepth", 0, x, $"height and width in blocks of {block}");
        Shape shape = new(x.Shape[0], x.Shape[1] * block * block, x.Shape[2] / block, x.Shape[3] / block);
        return x.Graph.Add("SpaceToDepth", [x], [(x.Type, shape)], [("blocksize", (long)block)], name).Output;
    }

    /// <summary>Channels as blocks of an image, the inverse of <see cref="SpaceToDepth"/>: [n, b * b * c, h, w] -> [n, c, h * b, w * b].</summary>
    /// <param name="x">[images, channels, height, width], channels a multiple of the block's elements.</param>
    /// <param name="block">Side of a block.</param>
    /// <param name="name">Name of the result.</param>
    public static Value DepthToSpace(this Value x, int block, string? name = null)
    {
        RequireImage("DepthToSpace", x);
        ArgumentOutOfRangeException.ThrowIfLessThan(block, 1);
        if (x.Shape[1] % (block * block) != 0) throw Wrong("DepthToSpace", 0, x, $"channels a multiple of {block * block}");
        Shape shape = new(x.Shape[0], x.Shape[1] / (block * block), x.Shape[2] * block, x.Shape[3] * block);
        return x.Graph.Add("DepthToSpace", [x], [(x.Type, shape)], [("blocksize", (long)block), ("mode", "DCR")], name).Output;
    }

    private static void RequireImage(string type, Value x)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.Shape.Rank != 4 || x.Type is not (ElementType.Float32 or ElementType.Float16 or ElementType.Float64))
            throw Wrong(type, 0, x, "floating point [images, channels, height, width]");
    }

    private static void RequireVector(string type, Value x, int input, int length, ElementType element)
    {
        RequireType(type, x, input, element);
        if (x.Shape != new Shape(length)) throw Wrong(type, input, x, $"[{length}]");
    }

    private static Extent CheckWindow(string type, Value x, Extent kernel, Window window)
    {
        if (!window.IsValid || kernel.Y < 1 || kernel.X < 1)
            throw Wrong(type, 0, x, $"a kernel, strides and dilations of 1 or more and padding of 0 or more, not {kernel} and {window}");
        Extent results = window.Results(new(x.Shape[2], x.Shape[3]), kernel);
        if (results.Y < 1 || results.X < 1) throw Wrong(type, 0, x, $"an image at least as large, with its padding, as a kernel of {window.Span(kernel)}");
        return results;
    }
}
