using System.Numerics;

namespace Coppice.Perception.Data.Streets;

/// <summary>A shadow or a lamp's light on the ground: a parallelogram in camera space.</summary>
internal readonly struct GroundLight
{
    public GroundLight(in StreetCamera camera, GroundLightKind kind, Vector3 origin, Vector3 u, Vector3 v, float strength)
    {
        (Origin, U, V) = (camera.Place(origin), camera.Turn(u), camera.Turn(v));
        (Kind, Strength) = (kind, strength);
    }

    public Vector3 Origin { get; }

    public Vector3 U { get; }

    public Vector3 V { get; }

    public GroundLightKind Kind { get; }

    /// <summary>Share of the light that is taken, or that is added.</summary>
    public float Strength { get; }

    /// <summary>The factor of light at a place, with this.</summary>
    /// <param name="before">The factor without.</param>
    /// <param name="s">Along U, 0 to 1.</param>
    /// <param name="t">Along V, 0 to 1.</param>
    public float On(float before, float s, float t)
    {
        float x = 2 * s - 1, y = 2 * t - 1, round = MathF.Max(0, 1 - x * x - y * y);
        return Kind switch
        {
            GroundLightKind.Shadow => MathF.Min(before, 1 - Strength),
            GroundLightKind.Contact => before * (1 - Strength * Noise.Step(0, 0.5f, MathF.Min(1 - MathF.Abs(x), 1 - MathF.Abs(y)))),
            _ => before + Strength * round * round,
        };
    }
}

/// <summary>Kinds of <see cref="GroundLight"/>.</summary>
internal enum GroundLightKind
{
    /// <summary>The sun is hidden.</summary>
    Shadow,

    /// <summary>The dark below a thing that stands on the ground.</summary>
    Contact,

    /// <summary>A lamp's round light.</summary>
    Lamp,
}
