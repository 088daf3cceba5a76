namespace Coppice.Perception.Data;

/// <summary>
/// Random changes of a scene as DSPNet's authors make them: mirror, turn, scale, aspect, shift. Picture, labels, boxes and distances change
/// together; what is seen larger is nearer: distances are divided by the root of the two scales' product.
/// </summary>
/// <remarks>
/// A place (x, y) of the scene, from its middle and in pixels of the new size, goes to R(angle) (sx x, sy y) + shift with
/// sx = scale * sqrt(aspect) and sy = scale / sqrt(aspect), so that sqrt(sx sy) = scale. The shift is uniform over those for which the scaled
/// scene covers the new picture, or lies within it where it is smaller. Of a box, two corners are transformed (upper left and lower
/// right), as the authors do.
/// </remarks>
public sealed record SceneAugmentation
{
    private const byte Border = 128;

    /// <summary>Probability of a mirrored scene.</summary>
    public double Flip { get; init; } = 0.5;

    /// <summary>The largest turn to either side, degrees.</summary>
    public double Degrees { get; init; } = 5;

    /// <summary>Smallest scale; scales are drawn evenly between it and <see cref="MaxScale"/>.</summary>
    public double MinScale { get; init; } = 0.5;

    /// <summary>Largest scale.</summary>
    public double MaxScale { get; init; } = 2;

    /// <summary>Smallest ratio of the two scales.</summary>
    public double MinAspect { get; init; } = 0.8;

    /// <summary>Largest ratio of the two scales.</summary>
    public double MaxAspect { get; init; } = 1.2;

    /// <summary>Whether the scene is shifted at random.</summary>
    public bool Shift { get; init; } = true;

    /// <summary>The largest relative change of brightness, contrast and saturation; the authors' iterator has none.</summary>
    public double ColorJitter { get; init; }

    /// <summary>Boxes of fewer square pixels in the new picture are dropped.</summary>
    public float LeastBoxArea { get; init; } = 100;

    /// <summary>Boxes of which no more than this share lies within the new picture are dropped.</summary>
    public float LeastBoxShare { get; init; } = 0.01f;

    /// <summary>Nothing changes but the size.</summary>
    public static SceneAugmentation None { get; } = new()
    {
        Flip = 0, Degrees = 0, MinScale = 1, MaxScale = 1, MinAspect = 1, MaxAspect = 1, Shift = false, LeastBoxArea = 0, LeastBoxShare = 0,
    };

    /// <summary>Draws a change and applies it.</summary>
    /// <param name="scene">The scene, left as it is.</param>
    /// <param name="random">What is drawn from; always as many numbers.</param>
    /// <param name="width">Columns of the new picture.</param>
    /// <param name="height">Rows of the new picture.</param>
    public Scene Apply(Scene scene, ref SceneRandom random, int width, int height)
    {
        ArgumentNullException.ThrowIfNull(scene);
        bool mirrored = random.Chance(Flip);
        double angle = random.Between(-Degrees, Degrees) * Math.PI / 180;
        float scale = random.Between(MinScale, MaxScale), root = MathF.Sqrt(random.Between(MinAspect, MaxAspect));
        float shiftX = random.Between(-0.5, 0.5), shiftY = random.Between(-0.5, 0.5);
        float brightness = random.Between(1 - ColorJitter, 1 + ColorJitter), contrast = random.Between(1 - ColorJitter, 1 + ColorJitter), saturation = random.Between(1 - ColorJitter, 1 + ColorJitter);
        if (!Shift) (shiftX, shiftY) = (0, 0);
        var warp = new SceneWarp(scene.Image.Width, scene.Image.Height, width, height, mirrored, (float)angle, scale * root, scale / root, shiftX, shiftY);
        RgbImage image = warp.Sample(scene.Image, Border);
        if (ColorJitter > 0) Recolor(image.Pixels, brightness, contrast, saturation);
        byte[]? labels = scene.Labels is null ? null : warp.Sample(scene.Labels, SceneClasses.Ignored);
        var objects = new List<SceneObject>(scene.Objects.Count);
        foreach (SceneObject o in scene.Objects)
            if (Change(o, warp, scale, width, height) is { } changed) objects.Add(changed);
        return new(image, objects, labels);
    }

    private SceneObject? Change(in SceneObject o, in SceneWarp warp, float scale, int width, int height)
    {
        (float ax, float ay) = warp.Place(o.X1, o.Y1);
        (float bx, float by) = warp.Place(o.X2, o.Y2);
        (float left, float right) = (MathF.Min(ax, bx), MathF.Max(ax, bx));
        (float top, float bottom) = (MathF.Min(ay, by), MathF.Max(ay, by));
        float whole = (right - left) * (bottom - top);
        (left, right) = (Math.Clamp(left, 0, width), Math.Clamp(right, 0, width));
        (top, bottom) = (Math.Clamp(top, 0, height), Math.Clamp(bottom, 0, height));
        float area = (right - left) * (bottom - top);
        if (area <= 0 || area < LeastBoxArea || area <= LeastBoxShare * whole) return null;
        return new(o.Class, left / width, top / height, right / width, bottom / height, o.DistanceMeters / scale);
    }

    private static void Recolor(byte[] pixels, float brightness, float contrast, float saturation)
    {
        double mean = 0;
        foreach (byte value in pixels) mean += value;
        float middle = (float)(mean / pixels.Length) * brightness;
        for (int i = 0; i < pixels.Length; i += 3)
        {
            float grey = 0.299f * pixels[i] + 0.587f * pixels[i + 1] + 0.114f * pixels[i + 2];
            for (int c = 0; c < 3; c++)
            {
                float value = (grey + (pixels[i + c] - grey) * saturation) * brightness;
                pixels[i + c] = (byte)Math.Clamp(middle + (value - middle) * contrast + 0.5f, 0, 255);
            }
        }
    }
}
