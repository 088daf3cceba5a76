using System.Numerics;

namespace Coppice.Perception.Data.Streets;

/// <summary>A round mass of leaves, or of bare twigs, seen from anywhere the same.</summary>
/// <param name="clumps">Circles in metres from the lower left corner: middle and radius.</param>
/// <param name="color">Share of light given back.</param>
/// <param name="leaf">Size of a clump of leaves, metres.</param>
/// <param name="ragged">How far the edge strays from the circles, 0 to 1.</param>
/// <param name="openness">Share of holes, 0 to 1.</param>
/// <param name="seed">Chooses the texture.</param>
internal sealed class FoliageSurface(Vector3[] clumps, Vector3 color, float leaf, float ragged, float openness, uint seed) : Surface
{
    public override bool HasHoles => true;

    public override bool Covers(float x, float y)
    {
        float edge = -1;
        foreach (Vector3 clump in clumps)
        {
            float dx = x - clump.X, dy = y - clump.Y, inside = 1 - (dx * dx + dy * dy) / (clump.Z * clump.Z);
            if (inside > edge) edge = inside;
        }

        if (edge <= -ragged) return false;
        if (edge >= 0.7f && openness <= 0) return true;
        float noise = Noise.Smooth(x / leaf, y / leaf, seed);
        return edge + ragged * (2 * noise - 1) > 0 && noise > openness;
    }

    public override Vector3 Shade(float x, float y, float depth, float pixel, Vector3 light)
    {
        float large = Noise.Fractal(x * 0.9f, y * 0.9f, seed + 2);
        float fine = Noise.Detail(leaf, pixel) * (Noise.Smooth(x / leaf * 1.7f, y / leaf * 1.7f, seed + 3) - 0.5f);
        float up = y / Height;
        return color * light * (0.35f + 0.55f * up + 0.55f * (large - 0.4f) + 0.9f * fine);
    }

    protected override Vector3 Lit(StreetConditions conditions, Vector3 normal, float sunShare) =>
        conditions.LightOn(Vector3.UnitY, sunShare) * 0.8f;
}

/// <summary>A clipped hedge.</summary>
internal sealed class HedgeSurface(Vector3 color, uint seed) : Surface
{
    public override bool HasHoles => true;

    public override bool Covers(float x, float y) => y < Height - 0.2f || y < Height - 0.35f * Noise.Smooth(x * 3, 0, seed);

    public override Vector3 Shade(float x, float y, float depth, float pixel, Vector3 light)
    {
        float fine = Noise.Detail(0.15f, pixel) * (Noise.Smooth(x * 9, y * 9, seed) - 0.5f);
        return color * light * (0.45f + 0.5f * y / Height + 0.3f * Noise.Smooth(x, y * 2, seed + 1) + 0.8f * fine);
    }
}
