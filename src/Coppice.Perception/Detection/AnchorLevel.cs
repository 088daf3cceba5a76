namespace Coppice.Perception.Detection;

/// <summary>
/// The anchors of one detection level: each cell of its map has one for each size with ratio 1, then one for each further ratio with the
/// first size (SSD's prior boxes, arXiv 1512.02325 section 2.2, with DSPNet's sizes).
/// </summary>
/// <param name="Rows">Rows of the map.</param>
/// <param name="Columns">Columns of the map.</param>
/// <param name="Sizes">Heights of square anchors as fractions of the image's height.</param>
/// <param name="Ratios">Width to height; the first is 1.</param>
public sealed record AnchorLevel(int Rows, int Columns, IReadOnlyList<float> Sizes, IReadOnlyList<float> Ratios)
{
    private static readonly (int Stride, float[] Sizes, float[] Ratios)[] s_levels =
    [
        (16, [0.10f, 0.141f], [1, 2, 0.5f]),
        (32, [0.20f, 0.272f], [1, 2, 0.5f, 3, 1 / 3f]),
        (64, [0.37f, 0.447f], [1, 2, 0.5f, 3, 1 / 3f]),
        (128, [0.54f, 0.619f], [1, 2, 0.5f, 3, 1 / 3f]),
        (256, [0.71f, 0.79f], [1, 2, 0.5f]),
        (512, [0.88f, 0.961f], [1, 2, 0.5f]),
    ];

    /// <summary>Anchors of a cell.</summary>
    public int PerCell => Sizes.Count + Ratios.Count - 1;

    /// <summary>Anchors of the level.</summary>
    public int Count => Rows * Columns * PerCell;

    /// <summary>DSPNet's six levels: 12,264 anchors at 1024x512.</summary>
    /// <param name="width">Of the image, pixels.</param>
    /// <param name="height">Of the image, pixels.</param>
    public static IReadOnlyList<AnchorLevel> Of(int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        return [.. s_levels.Select(l => new AnchorLevel(Cells(height, l.Stride), Cells(width, l.Stride), l.Sizes, l.Ratios))];

        // Each halving rounds up, as a padded 3x3 convolution of stride 2 does.
        static int Cells(int pixels, int stride) => (pixels + stride - 1) / stride;
    }
}
