namespace Coppice.Perception.Detection;

/// <summary>
/// All anchors of an image size, in the order of the network's outputs: by level, row, column, then as <see cref="AnchorLevel"/> says.
/// An anchor of size s and ratio r on a map of H rows and W columns has the height s / sqrt(r) and the width s * H / W * sqrt(r), so that
/// ratios are those of pixels where the map has the image's shape; it is centred in its cell and not clipped. Fractions of the image.
/// </summary>
public sealed class Anchors
{
    private readonly float[] _centerX, _centerY, _width, _height;

    /// <summary>Anchors of levels.</summary>
    /// <param name="levels">The levels.</param>
    public Anchors(IReadOnlyList<AnchorLevel> levels)
    {
        ArgumentNullException.ThrowIfNull(levels);
        Levels = levels;
        int count = levels.Sum(l => l.Count), at = 0;
        (_centerX, _centerY, _width, _height) = (new float[count], new float[count], new float[count], new float[count]);
        foreach (AnchorLevel level in levels)
        {
            (float Width, float Height)[] shapes = Shapes(level);
            for (int row = 0; row < level.Rows; row++)
            {
                for (int column = 0; column < level.Columns; column++)
                {
                    foreach ((float width, float height) in shapes)
                    {
                        _centerX[at] = (column + 0.5f) / level.Columns;
                        _centerY[at] = (row + 0.5f) / level.Rows;
                        _width[at] = width;
                        _height[at++] = height;
                    }
                }
            }
        }
    }

    /// <summary>Anchors of DSPNet's levels for an image size.</summary>
    /// <param name="width">Of the image, pixels.</param>
    /// <param name="height">Of the image, pixels.</param>
    public Anchors(int width, int height)
        : this(AnchorLevel.Of(width, height))
    {
    }

    /// <summary>The levels.</summary>
    public IReadOnlyList<AnchorLevel> Levels { get; }

    /// <summary>Number of anchors.</summary>
    public int Count => _centerX.Length;

    /// <summary>[anchors].</summary>
    public ReadOnlySpan<float> CenterX => _centerX;

    /// <summary>[anchors].</summary>
    public ReadOnlySpan<float> CenterY => _centerY;

    /// <summary>[anchors].</summary>
    public ReadOnlySpan<float> Width => _width;

    /// <summary>[anchors].</summary>
    public ReadOnlySpan<float> Height => _height;

    private static (float Width, float Height)[] Shapes(AnchorLevel level)
    {
        float squareWidth = (float)level.Rows / level.Columns;
        return
        [
            .. level.Sizes.Select(s => (s * squareWidth, s)),
            .. level.Ratios.Skip(1).Select(r => (level.Sizes[0] * squareWidth * MathF.Sqrt(r), level.Sizes[0] / MathF.Sqrt(r))),
        ];
    }
}
