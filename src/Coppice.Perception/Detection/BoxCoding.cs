using Coppice.Perception.Data;

namespace Coppice.Perception.Detection;

/// <summary>
/// A box and its distance relative to an anchor, as five numbers: offsets of the centre by the anchor's size over 0.1, logarithms of the
/// ratios of sizes over 0.2 (SSD, arXiv 1512.02325, and its code's variances), and the distance by 255 m over 0.1 (DSPNet).
/// </summary>
public static class BoxCoding
{
    /// <summary>Numbers of a box.</summary>
    public const int Values = 5;

    /// <summary>What offsets of the centre are divided by.</summary>
    public const float CenterVariance = 0.1f;

    /// <summary>What logarithms of sizes are divided by.</summary>
    public const float SizeVariance = 0.2f;

    /// <summary>What distances, as parts of <see cref="FarthestMeters"/>, are divided by.</summary>
    public const float DistanceVariance = 0.1f;

    /// <summary>The distance that is coded as 1 / <see cref="DistanceVariance"/>; none farther is decoded.</summary>
    public const float FarthestMeters = 255;

    /// <summary>Codes an object.</summary>
    /// <param name="anchors">The anchors.</param>
    /// <param name="anchor">Index of the anchor.</param>
    /// <param name="box">The object; its width and height are above 0.</param>
    /// <param name="code">[5]: dx, dy, dw, dh, z; z is 0 where the distance is not known.</param>
    public static void Encode(Anchors anchors, int anchor, in SceneObject box, Span<float> code)
    {
        ArgumentNullException.ThrowIfNull(anchors);
        float width = anchors.Width[anchor], height = anchors.Height[anchor];
        code[0] = (((box.X1 + box.X2) / 2) - anchors.CenterX[anchor]) / width / CenterVariance;
        code[1] = (((box.Y1 + box.Y2) / 2) - anchors.CenterY[anchor]) / height / CenterVariance;
        code[2] = MathF.Log((box.X2 - box.X1) / width) / SizeVariance;
        code[3] = MathF.Log((box.Y2 - box.Y1) / height) / SizeVariance;
        code[4] = float.IsNaN(box.DistanceMeters) ? 0 : box.DistanceMeters / FarthestMeters / DistanceVariance;
    }

    /// <summary>The object of a code, its box clipped to the image and its distance to [0, 255] m.</summary>
    /// <param name="anchors">The anchors.</param>
    /// <param name="anchor">Index of the anchor.</param>
    /// <param name="code">[5].</param>
    /// <param name="objectClass">The object's class.</param>
    /// <param name="score">Its probability.</param>
    public static DetectedObject Decode(Anchors anchors, int anchor, ReadOnlySpan<float> code, int objectClass, float score)
    {
        ArgumentNullException.ThrowIfNull(anchors);
        float width = anchors.Width[anchor], height = anchors.Height[anchor];
        float x = (code[0] * CenterVariance * width) + anchors.CenterX[anchor], y = (code[1] * CenterVariance * height) + anchors.CenterY[anchor];
        float halfWidth = MathF.Exp(code[2] * SizeVariance) * width / 2, halfHeight = MathF.Exp(code[3] * SizeVariance) * height / 2;
        return new DetectedObject(
            objectClass,
            score,
            Math.Clamp(x - halfWidth, 0, 1),
            Math.Clamp(y - halfHeight, 0, 1),
            Math.Clamp(x + halfWidth, 0, 1),
            Math.Clamp(y + halfHeight, 0, 1),
            Math.Clamp(code[4] * DistanceVariance, 0, 1) * FarthestMeters);
    }

    /// <summary>Area of the intersection of two boxes over that of their union; 0 where the union is empty.</summary>
    public static float Overlap(in DetectedObject a, in DetectedObject b)
    {
        float width = Math.Min(a.X2, b.X2) - Math.Max(a.X1, b.X1), height = Math.Min(a.Y2, b.Y2) - Math.Max(a.Y1, b.Y1);
        float shared = Math.Max(0, width) * Math.Max(0, height);
        float union = ((a.X2 - a.X1) * (a.Y2 - a.Y1)) + ((b.X2 - b.X1) * (b.Y2 - b.Y1)) - shared;
        return union <= 0 ? 0 : shared / union;
    }
}
