namespace Coppice.Perception.Data;

/// <summary>How Cityscapes' disparities become metres.</summary>
public enum DisparityRule
{
    /// <summary>By the camera: <see cref="CityscapesDistance.CameraFactor"/> / (p - 1), over the pixels that have a disparity.</summary>
    Camera,

    /// <summary>
    /// As DSPNet's authors: <see cref="CityscapesDistance.AuthorsFactor"/> / (p + 0.001) over all pixels, rounded to whole metres; 1.36 times
    /// too far, everywhere alike.
    /// </summary>
    Authors,
}

/// <summary>The distance of what lies in a box, from the 16-bit disparities p of Cityscapes.</summary>
public static class CityscapesDistance
{
    /// <summary>Baseline times focal length times 256: 0.2093 m * 2262.5 pixels * 256, as p = 256 * disparity + 1.</summary>
    public const float CameraFactor = 121_235;

    /// <summary>The authors' 2200 * 75.</summary>
    public const float AuthorsFactor = 165_000;

    private const float Farthest = 1000, Far = 200;

    /// <summary>
    /// The upper median of the disparities within a box at half size (every second pixel of every second row), as metres; more than 1000
    /// count as 200.
    /// </summary>
    /// <param name="disparities"><c>[height, width]</c>; 0 where there is none.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="x1">Left edge, a fraction of the width.</param>
    /// <param name="y1">Upper edge, a fraction of the height.</param>
    /// <param name="x2">Right edge.</param>
    /// <param name="y2">Lower edge.</param>
    /// <param name="rule">Which constant, and whether pixels without a disparity count.</param>
    /// <returns>Metres; NaN where the box is empty, or no pixel in it has a disparity and the rule needs one.</returns>
    public static float InBox(ReadOnlySpan<ushort> disparities, int width, int height, float x1, float y1, float x2, float y2, DisparityRule rule)
    {
        int halfWidth = width / 2, halfHeight = height / 2;
        int left = At(x1, halfWidth), right = Math.Max(At(x2, halfWidth), Math.Min(left + 1, halfWidth));
        int top = At(y1, halfHeight), bottom = Math.Max(At(y2, halfHeight), Math.Min(top + 1, halfHeight));
        ushort[] values = new ushort[Math.Max(0, right - left) * Math.Max(0, bottom - top)];
        int count = 0;
        for (int y = top; y < bottom; y++)
        {
            for (int x = left; x < right; x++)
            {
                ushort value = disparities[2 * y * width + 2 * x];
                if (value > 0 || rule == DisparityRule.Authors) values[count++] = value;
            }
        }

        if (count == 0) return float.NaN;
        Array.Sort(values, 0, count);
        return Meters(values[count / 2], rule);
    }

    /// <summary>One disparity as metres.</summary>
    /// <param name="disparity">As the file has it.</param>
    /// <param name="rule">Which constant.</param>
    public static float Meters(ushort disparity, DisparityRule rule)
    {
        float meters = rule == DisparityRule.Authors ? AuthorsFactor / (disparity + 1e-3f) : CameraFactor / Math.Max(disparity - 1, 1e-3f);
        if (meters > Farthest) meters = Far;
        return rule == DisparityRule.Authors ? MathF.Round(meters) : meters;
    }

    private static int At(float fraction, int side) => Math.Clamp((int)MathF.Round(fraction * side), 0, side);
}
