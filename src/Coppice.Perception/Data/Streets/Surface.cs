using System.Numerics;

namespace Coppice.Perception.Data.Streets;

/// <summary>
/// A flat piece of the street: the points Origin + s U + t V with s and t in [0, 1], in camera space, or the part of them that a
/// kind of surface covers. Each kind has a colour that is a function of the place on it, in metres along U and V.
/// </summary>
internal abstract class Surface
{
    public Vector3 Origin { get; private set; }

    public Vector3 U { get; private set; }

    public Vector3 V { get; private set; }

    /// <summary>Metres along U.</summary>
    public float Width { get; private set; }

    /// <summary>Metres along V.</summary>
    public float Height { get; private set; }

    /// <summary>Train id of its pixels.</summary>
    public byte Label { get; init; }

    /// <summary>Index of the object it is a part of, or -1.</summary>
    public int Object { get; init; } = -1;

    /// <summary>The light that falls on it.</summary>
    public Vector3 Light { get; private set; }

    /// <summary>Whether only a part of the parallelogram is covered.</summary>
    public virtual bool HasHoles => false;

    /// <summary>Whether shadows fall on it.</summary>
    public virtual bool IsGround => false;

    /// <summary>Puts the surface into the world, lit.</summary>
    public void Place(in StreetCamera camera, StreetConditions conditions, Vector3 origin, Vector3 u, Vector3 v, float sunShare)
    {
        (Origin, U, V) = (camera.Place(origin), camera.Turn(u), camera.Turn(v));
        (Width, Height) = (u.Length(), v.Length());
        Vector3 normal = Vector3.Cross(u, v);
        normal /= MathF.Max(normal.Length(), 1e-9f);
        if (Vector3.Dot(normal, origin + (u + v) / 2 - new Vector3(0, camera.Meters, 0)) > 0) normal = -normal;
        Light = Lit(conditions, normal, sunShare);
    }

    /// <summary>Whether there is anything at a place.</summary>
    /// <param name="x">Metres along U.</param>
    /// <param name="y">Metres along V.</param>
    public virtual bool Covers(float x, float y) => true;

    /// <summary>The light that comes from a place, linear.</summary>
    /// <param name="x">Metres along U.</param>
    /// <param name="y">Metres along V.</param>
    /// <param name="depth">Metres along the optical axis.</param>
    /// <param name="pixel">Metres that a pixel spans there, across the axis.</param>
    /// <param name="light">The light that falls on the place.</param>
    public abstract Vector3 Shade(float x, float y, float depth, float pixel, Vector3 light);

    protected virtual Vector3 Lit(StreetConditions conditions, Vector3 normal, float sunShare) => conditions.LightOn(normal, sunShare);
}
