using System.Globalization;

namespace Coppice.Graphs;

/// <summary>Two numbers for the two spatial axes of [images, channels, height, width]; one number stands for both.</summary>
/// <param name="Y">Along the height.</param>
/// <param name="X">Along the width.</param>
public readonly record struct Extent(int Y, int X)
{
    /// <summary>The same number along both axes.</summary>
    /// <param name="both">The number.</param>
    public static implicit operator Extent(int both) => new(both, both);

    /// <summary>The same number along both axes.</summary>
    /// <param name="both">The number.</param>
    public static Extent FromInt32(int both) => both;

    /// <summary>As in 3x5: along the height, then the width.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Y}x{X}");

    internal long[] ToInt64() => [Y, X];
}

/// <summary>Rows and columns of padding around an image; one number stands for all four sides.</summary>
/// <param name="Top">Rows above.</param>
/// <param name="Left">Columns before.</param>
/// <param name="Bottom">Rows below.</param>
/// <param name="Right">Columns behind.</param>
public readonly record struct Border(int Top, int Left, int Bottom, int Right)
{
    /// <summary>The same number on all sides.</summary>
    /// <param name="all">The number.</param>
    public static implicit operator Border(int all) => new(all, all, all, all);

    /// <summary>The same number on all sides.</summary>
    /// <param name="all">The number.</param>
    public static Border FromInt32(int all) => all;

    internal long[] ToInt64() => [Top, Left, Bottom, Right];
}

/// <summary>How a kernel moves over an image: one result for each place at which it fits into the padded image.</summary>
public sealed record Window
{
    /// <summary>Stride 1, no padding, no dilation.</summary>
    public static Window Dense { get; } = new();

    /// <summary>Distance of neighbouring results, in elements of the image; at least 1.</summary>
    public Extent Stride { get; init; } = 1;

    /// <summary>Padding around the image; not negative.</summary>
    public Border Padding { get; init; }

    /// <summary>Distance of the kernel's elements, in elements of the image; at least 1.</summary>
    public Extent Dilation { get; init; } = 1;

    /// <summary>Elements of the image from a kernel's first to behind its last.</summary>
    internal Extent Span(Extent kernel) => new((Dilation.Y * (kernel.Y - 1)) + 1, (Dilation.X * (kernel.X - 1)) + 1);

    /// <summary>Places at which a kernel fits; not positive where it is larger than the padded image.</summary>
    internal Extent Results(Extent image, Extent kernel)
    {
        Extent span = Span(kernel);
        return new(
            Places(image.Y + Padding.Top + Padding.Bottom - span.Y, Stride.Y),
            Places(image.X + Padding.Left + Padding.Right - span.X, Stride.X));

        static int Places(int room, int stride) => room < 0 ? 0 : (room / stride) + 1;
    }

    /// <summary>Size of the image that a transposed convolution makes.</summary>
    internal Extent Transposed(Extent image, Extent kernel, Extent outputPadding)
    {
        Extent span = Span(kernel);
        return new(
            (Stride.Y * (image.Y - 1)) + outputPadding.Y + span.Y - Padding.Top - Padding.Bottom,
            (Stride.X * (image.X - 1)) + outputPadding.X + span.X - Padding.Left - Padding.Right);
    }

    internal bool IsValid =>
        Stride is { Y: > 0, X: > 0 } && Dilation is { Y: > 0, X: > 0 } && Padding is { Top: >= 0, Left: >= 0, Bottom: >= 0, Right: >= 0 };

    internal (string, object)[] Attributes(Extent kernel) =>
    [
        ("kernel_shape", kernel.ToInt64()), ("strides", Stride.ToInt64()), ("pads", Padding.ToInt64()), ("dilations", Dilation.ToInt64()),
    ];

    /// <summary>The window of a convolution or a pooling operator, from its attributes.</summary>
    /// <exception cref="GraphException">The operator has another number of axes, or pads by a rule.</exception>
    internal static Window Of(Node node)
    {
        if (node.Input(0).Shape.Rank != 4) throw new GraphException($"{node}: {node.Input(0)} has no gradient; expected 4 axes");
        if (node.Text("auto_pad", "NOTSET") != "NOTSET" || node.Integer("ceil_mode", 0) != 0)
            throw new GraphException($"{node}: padding by a rule (auto_pad, ceil_mode) has no gradient; expected pads");
        long[] pads = node.Integers("pads") ?? [0, 0, 0, 0];
        return new Window
        {
            Stride = Pair(node.Integers("strides")),
            Dilation = Pair(node.Integers("dilations")),
            Padding = new((int)pads[0], (int)pads[1], (int)pads[2], (int)pads[3]),
        };

        static Extent Pair(long[]? pair) => pair is null ? 1 : new Extent((int)pair[0], (int)pair[1]);
    }
}
