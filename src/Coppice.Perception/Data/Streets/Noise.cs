using System.Runtime.CompilerServices;

namespace Coppice.Perception.Data.Streets;

/// <summary>Textures without tables: hashes of places and smooth noise between them.</summary>
internal static class Noise
{
    /// <summary>A number in [0, 1) that belongs to a cell.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Cell(int x, int y, uint seed)
    {
        uint h = (uint)x * 0x9E3779B1u ^ (uint)y * 0x85EBCA77u ^ seed * 0xC2B2AE3Du;
        h = (h ^ (h >> 15)) * 0x2C1B3C6Du;
        h = (h ^ (h >> 12)) * 0x297A2D39u;
        return (h ^ (h >> 15)) * (1f / 4294967296f);
    }

    /// <summary>Smooth noise in [0, 1) with features of size 1.</summary>
    public static float Smooth(float x, float y, uint seed)
    {
        float fx = MathF.Floor(x), fy = MathF.Floor(y);
        int ix = (int)fx, iy = (int)fy;
        float u = x - fx, v = y - fy;
        u = u * u * (3 - 2 * u);
        v = v * v * (3 - 2 * v);
        float a = Cell(ix, iy, seed), b = Cell(ix + 1, iy, seed), c = Cell(ix, iy + 1, seed), d = Cell(ix + 1, iy + 1, seed);
        return a + (b - a) * u + (c - a + (a - b - c + d) * u) * v;
    }

    /// <summary>Three octaves of smooth noise, in [0, 1).</summary>
    public static float Fractal(float x, float y, uint seed) =>
        (Smooth(x, y, seed) * 4 + Smooth(x * 2.03f, y * 2.03f, seed + 1) * 2 + Smooth(x * 4.1f, y * 4.1f, seed + 2)) / 7;

    /// <summary>How much of a pixel lies within a stripe, both along one axis.</summary>
    /// <param name="distance">From the pixel's middle to the stripe's.</param>
    /// <param name="width">Of the stripe.</param>
    /// <param name="pixel">Of the pixel.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Stripe(float distance, float width, float pixel)
    {
        float at = MathF.Abs(distance), low = MathF.Max(at - pixel / 2, -width / 2), high = MathF.Min(at + pixel / 2, width / 2);
        return Math.Clamp((high - low) / MathF.Max(pixel, 1e-6f), 0, 1);
    }

    /// <summary>From 0 below the first bound to 1 above the second.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Step(float low, float high, float x)
    {
        float t = Math.Clamp((x - low) / (high - low), 0, 1);
        return t * t * (3 - 2 * t);
    }

    /// <summary>How well a pattern of a size is still seen with pixels of another: 1 to 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Detail(float feature, float pixel) => Math.Clamp(1.5f - pixel / feature, 0, 1);

    /// <summary>Position within a period, from -period/2 to period/2, 0 at multiples of it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Around(float x, float period) => x - period * MathF.Round(x / period);
}
