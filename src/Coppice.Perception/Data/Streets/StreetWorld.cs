using System.Numerics;

namespace Coppice.Perception.Data.Streets;

/// <summary>Everything in one scene, as its builders put it there.</summary>
internal sealed class StreetWorld(StreetCamera camera, StreetConditions conditions)
{
    private readonly List<(float X1, float X2, float Z1, float Z2, float Height)> _blocks = [];

    public StreetCamera Camera => camera;

    public StreetConditions Conditions => conditions;

    public List<Surface> Surfaces { get; } = [];

    public List<GroundLight> Lights { get; } = [];

    /// <summary>Kinds and distances of objects.</summary>
    public List<(int Class, float Meters)> Objects { get; } = [];

    /// <summary>What glass and wet ground reflect.</summary>
    public Vector3 Reflected { get; } = Vector3.Lerp(conditions.Horizon, conditions.Zenith, 0.3f);

    /// <summary>Adds an object; its surfaces name the index.</summary>
    /// <param name="kind">Index of <see cref="SceneClasses.Objects"/>.</param>
    /// <param name="meters">Distance along the ground from the camera to its nearest point.</param>
    public int AddObject(int kind, float meters)
    {
        Objects.Add((kind, meters));
        return Objects.Count - 1;
    }

    /// <summary>Adds a parallelogram of the world.</summary>
    public void Add(Surface surface, Vector3 origin, Vector3 u, Vector3 v, float sunShare = 1)
    {
        surface.Place(camera, conditions, origin, u, v, sunShare);
        Surfaces.Add(surface);
    }

    /// <summary>Adds a figure that stands at a place and faces the camera.</summary>
    /// <param name="figure">The figure; its middle stands at the place.</param>
    /// <param name="x">World x.</param>
    /// <param name="ground">World y of what it stands on.</param>
    /// <param name="z">World z.</param>
    /// <param name="nearer">Metres by which it is moved towards the camera, to lie before a figure of the same place.</param>
    public void AddFigure(FigureSurface figure, float x, float ground, float z, float nearer = 0) =>
        AddFacing(figure, x, ground, z, figure.Left, figure.Right, figure.Bottom, figure.Top, nearer);

    /// <summary>Adds a surface that faces the camera.</summary>
    public void AddFacing(Surface surface, float x, float ground, float z, float left, float right, float bottom, float top, float nearer = 0)
    {
        float meters = MathF.Max(MathF.Sqrt(x * x + z * z), 1e-3f);
        var toward = new Vector3(-x / meters, 0, -z / meters);
        var across = new Vector3(-toward.Z, 0, toward.X);
        Vector3 origin = new Vector3(x, ground + bottom, z) + across * left + toward * nearer;
        Add(surface, origin, across * (right - left), new Vector3(0, top - bottom, 0), SunShare(x, z));
    }

    /// <summary>Adds a building's outline, whose shadow falls where <see cref="SunShare"/> then says so.</summary>
    public void AddBlock(float x1, float x2, float z1, float z2, float height) => _blocks.Add((x1, x2, z1, z2, height));

    /// <summary>How much of the sun reaches a place on the ground: 0 in a building's shadow.</summary>
    public float SunShare(float x, float z)
    {
        if (!conditions.HasSun) return 1;
        Vector3 sun = conditions.SunDirection;
        foreach ((float x1, float x2, float z1, float z2, float height) in _blocks)
        {
            // The ray to the sun is below the roof over a stretch of ground; does that stretch cross the block?
            float reach = height / MathF.Max(sun.Y, 0.05f);
            float near = 0, far = reach;
            if (Narrow(x, sun.X, x1, x2, ref near, ref far) && Narrow(z, sun.Z, z1, z2, ref near, ref far)) return 0;
        }

        return 1;

        static bool Narrow(float at, float step, float low, float high, ref float near, ref float far)
        {
            if (MathF.Abs(step) < 1e-5f) return at > low && at < high;
            float a = (low - at) / step, b = (high - at) / step;
            near = MathF.Max(near, MathF.Min(a, b));
            far = MathF.Min(far, MathF.Max(a, b));
            return near < far;
        }
    }

    /// <summary>Shadows of the blocks, on the ground.</summary>
    public void CastBlocks()
    {
        if (!conditions.HasSun) return;
        foreach ((float x1, float x2, float z1, float z2, float height) in _blocks)
        {
            Vector3 away = Away(height);
            // The side that looks away from the sun, swept along the shadow; and the end that does.
            float side = away.X > 0 ? x2 : x1, end = away.Z > 0 ? z2 : z1;
            Shadow(new(side, 0, z1), new(0, 0, z2 - z1), away);
            Shadow(new(x1, 0, end), new(x2 - x1, 0, 0), away);
        }
    }

    /// <summary>The shadow of a thing that stands on the ground, and the dark below it.</summary>
    /// <param name="middle">Middle of its footprint.</param>
    /// <param name="ahead">Half of the footprint along its length.</param>
    /// <param name="aside">Half of the footprint across.</param>
    /// <param name="height">Height of what casts the shadow.</param>
    public void CastThing(Vector3 middle, Vector3 ahead, Vector3 aside, float height)
    {
        Vector3 grown = ahead * 1.12f + Vector3.Normalize(ahead) * 0.15f, wide = aside * 1.12f + Vector3.Normalize(aside) * 0.15f;
        Lights.Add(new(camera, GroundLightKind.Contact, middle - grown - wide, grown * 2, wide * 2, 0.62f));
        if (!conditions.HasSun || SunShare(middle.X, middle.Z) < 0.5f) return;
        Vector3 away = Away(height * 0.85f);
        // Two sweeps cover the whole shadow of a box.
        Shadow(middle - ahead - aside * SideOf(aside, away), ahead * 2, away + aside * 2 * SideOf(aside, away));
        Shadow(middle - aside - ahead * SideOf(ahead, away), aside * 2, away + ahead * 2 * SideOf(ahead, away));
    }

    private static float SideOf(Vector3 half, Vector3 away) => Vector3.Dot(half, away) >= 0 ? 1 : -1;

    private Vector3 Away(float height)
    {
        Vector3 sun = conditions.SunDirection;
        float reach = MathF.Min(height / MathF.Max(sun.Y, 0.05f), 120);
        return new(-sun.X * reach, 0, -sun.Z * reach);
    }

    private void Shadow(Vector3 origin, Vector3 u, Vector3 v)
    {
        float direct = conditions.SunLight.Y * conditions.SunDirection.Y;
        Lights.Add(new(camera, GroundLightKind.Shadow, origin, u, v, direct / (direct + conditions.Ambient.Y)));
    }
}
