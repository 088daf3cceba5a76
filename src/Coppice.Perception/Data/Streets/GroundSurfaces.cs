using System.Numerics;

namespace Coppice.Perception.Data.Streets;

/// <summary>Ground whose texture is a function of the place in the world.</summary>
/// <param name="left">World x of the surface's origin.</param>
/// <param name="start">World z of the surface's origin.</param>
/// <param name="seed">Chooses the texture.</param>
internal abstract class GroundSurface(float left, float start, uint seed) : Surface
{
    public override bool IsGround => true;

    protected uint Seed => seed;

    /// <summary>Reflection of the sky in water on the ground.</summary>
    public float Wet { get; init; }

    public Vector3 Reflected { get; init; }

    /// <summary>Height of the camera, for how flat the view is.</summary>
    public float CameraMeters { get; init; } = 1.3f;

    public sealed override Vector3 Shade(float x, float y, float depth, float pixel, Vector3 light)
    {
        // Along the view, a pixel spans more of the ground the flatter it is seen.
        float along = pixel * MathF.Max(1, depth / CameraMeters);
        Vector3 color = Albedo(x + left, y + start, pixel, along) * light;
        if (Wet <= 0) return color;
        float flat = 1 - CameraMeters / MathF.Max(depth, CameraMeters), fresnel = Wet * (0.04f + 0.42f * flat * flat * flat);
        float puddle = 0.5f + 0.8f * Noise.Smooth((x + left) * 0.5f, (y + start) * 0.12f, seed + 7);
        return Vector3.Lerp(color * (1 - 0.45f * Wet), Reflected, Math.Clamp(fresnel * puddle, 0, 0.6f));
    }

    /// <summary>Share of light given back.</summary>
    /// <param name="x">World x.</param>
    /// <param name="z">World z.</param>
    /// <param name="pixel">Metres of a pixel along x.</param>
    /// <param name="along">Metres of a pixel along z.</param>
    protected abstract Vector3 Albedo(float x, float z, float pixel, float along);
}

/// <summary>Asphalt with what is painted on it.</summary>
internal sealed class RoadSurface(float left, float start, uint seed, RoadMarks marks) : GroundSurface(left, start, seed)
{
    protected override Vector3 Albedo(float x, float z, float pixel, float along)
    {
        float shade = 0.82f + 0.3f * Noise.Smooth(x * 0.7f, z * 0.11f, Seed);
        float fine = Noise.Detail(0.08f, along);
        if (fine > 0) shade += fine * 0.25f * (Noise.Cell((int)MathF.Floor(x * 30), (int)MathF.Floor(z * 30), Seed) - 0.5f);
        if (along < 3)
        {
            if (Noise.Cell((int)MathF.Floor(x / 2.7f), (int)MathF.Floor(z / 5.3f), Seed + 3) < 0.07f) shade *= 0.72f;
            float crack = MathF.Abs(Noise.Smooth(x * 0.6f + 20, z * 0.4f, Seed + 5) - 0.5f);
            shade *= 1 - 0.35f * Noise.Detail(0.05f, pixel) * Noise.Stripe(crack, 0.012f, 0.012f + along * 0.3f);
        }

        // Tyres wear two tracks into each lane.
        float track = MathF.Cos(x * (2 * MathF.PI / 1.6f));
        shade *= 1 - 0.05f * track;
        Vector3 asphalt = marks.Asphalt * shade;
        float paint = marks.At(x, z, pixel, along);
        if (paint <= 0) return asphalt;
        float worn = marks.Wear * Noise.Smooth(x * 3, z * 1.5f, Seed + 9);
        return Vector3.Lerp(asphalt, marks.Paint, paint * (1 - worn));
    }
}

/// <summary>The paint of a road: lines along it, crosswalks and stop lines across.</summary>
internal sealed class RoadMarks
{
    public Vector3 Asphalt { get; init; }

    public Vector3 Paint { get; init; }

    /// <summary>Share of paint that is gone, 0 to 1.</summary>
    public float Wear { get; init; }

    public List<(float X, float Width, float Dash, float Gap)> Lines { get; } = [];

    public List<(float Start, float End)> Crosswalks { get; } = [];

    public List<(float X1, float X2, float Z, float Width)> StopLines { get; } = [];

    /// <summary>Lines end where another street crosses.</summary>
    public float CrossStart { get; set; } = float.PositiveInfinity;

    public float CrossEnd { get; set; } = float.PositiveInfinity;

    /// <summary>How much of a pixel is paint.</summary>
    public float At(float x, float z, float pixel, float along)
    {
        float paint = 0;
        foreach ((float start, float end) in Crosswalks)
        {
            if (z < start - along || z > end + along) continue;
            float within = Noise.Stripe(z - (start + end) / 2, end - start, along);
            paint = MathF.Max(paint, within * Noise.Stripe(Noise.Around(x, 1), 0.5f, pixel));
            if (within > 0.5f) return paint;
        }

        foreach ((float x1, float x2, float at, float width) in StopLines)
            if (x > x1 && x < x2) paint = MathF.Max(paint, Noise.Stripe(z - at, width, along));
        if (z > CrossStart && z < CrossEnd) return paint;
        foreach ((float line, float width, float dash, float gap) in Lines)
        {
            float across = Noise.Stripe(x - line, width, pixel);
            if (across <= 0) continue;
            float share = gap <= 0 ? 1 : along > dash + gap ? dash / (dash + gap) : Noise.Stripe(Noise.Around(z, dash + gap), dash, along);
            paint = MathF.Max(paint, across * share);
        }

        return paint;
    }
}

/// <summary>Flagstones, or asphalt with a border.</summary>
internal sealed class PavementSurface(float left, float start, uint seed, Vector3 color, float tile) : GroundSurface(left, start, seed)
{
    protected override Vector3 Albedo(float x, float z, float pixel, float along)
    {
        float shade = 0.85f + 0.3f * Noise.Smooth(x * 0.5f, z * 0.3f, Seed);
        float detail = Noise.Detail(tile, along);
        if (tile > 0 && detail > 0)
        {
            float joint = MathF.Max(Noise.Stripe(Noise.Around(x, tile), 0.02f, pixel), Noise.Stripe(Noise.Around(z, tile), 0.02f, along));
            shade *= 1 - detail * 0.4f * joint;
            shade += detail * 0.12f * (Noise.Cell((int)MathF.Round(x / tile + 0.5f), (int)MathF.Round(z / tile + 0.5f), Seed) - 0.5f);
        }

        float fine = Noise.Detail(0.1f, along);
        if (fine > 0) shade += fine * 0.12f * (Noise.Cell((int)MathF.Floor(x * 25), (int)MathF.Floor(z * 25), Seed) - 0.5f);
        return color * shade;
    }
}

/// <summary>Grass, earth and leaves.</summary>
internal sealed class GrassSurface(float left, float start, uint seed, Vector3 color) : GroundSurface(left, start, seed)
{
    protected override Vector3 Albedo(float x, float z, float pixel, float along)
    {
        float patches = Noise.Fractal(x * 0.35f, z * 0.25f, Seed);
        float fine = Noise.Detail(0.4f, along);
        float blades = fine > 0 ? fine * (Noise.Smooth(x * 14, z * 9, Seed + 4) - 0.5f) : 0;
        var dry = new Vector3(color.Y * 0.95f, color.Y * 0.8f, color.Z);
        return Vector3.Lerp(color, dry, Noise.Step(0.45f, 0.8f, patches)) * (0.75f + 0.5f * patches + 0.8f * blades);
    }
}

/// <summary>The upright face of a kerb.</summary>
internal sealed class CurbSurface(Vector3 color) : Surface
{
    public override Vector3 Shade(float x, float y, float depth, float pixel, Vector3 light) =>
        color * light * (0.8f + 0.2f * Noise.Stripe(Noise.Around(x, 1), 0.96f, pixel));
}
