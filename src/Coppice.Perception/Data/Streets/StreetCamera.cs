using System.Numerics;

namespace Coppice.Perception.Data.Streets;

/// <summary>
/// A pinhole camera above a street. World: metres, x to the right, y up, z along the street, the origin on the ground below the
/// camera. Camera space: x to the right, y down, z along the optical axis; a point is seen at (f x / z + cx, f y / z + cy).
/// </summary>
internal readonly struct StreetCamera
{
    private readonly Vector3 _position;

    /// <param name="width">Columns of the picture.</param>
    /// <param name="height">Rows of the picture.</param>
    /// <param name="focal">Focal length in pixels.</param>
    /// <param name="meters">Height above the ground.</param>
    /// <param name="yaw">Turn to the right, radians.</param>
    /// <param name="pitch">Turn upwards, radians.</param>
    /// <param name="roll">Turn clockwise about the axis, radians.</param>
    public StreetCamera(int width, int height, float focal, float meters, float yaw, float pitch, float roll)
    {
        (Width, Height, Focal) = (width, height, focal);
        _position = new(0, meters, 0);
        Forward = new(MathF.Sin(yaw) * MathF.Cos(pitch), MathF.Sin(pitch), MathF.Cos(yaw) * MathF.Cos(pitch));
        Vector3 right = new(MathF.Cos(yaw), 0, -MathF.Sin(yaw)), down = Vector3.Cross(right, Forward);
        Right = right * MathF.Cos(roll) + down * MathF.Sin(roll);
        Down = down * MathF.Cos(roll) - right * MathF.Sin(roll);
    }

    public int Width { get; }

    public int Height { get; }

    public float Focal { get; }

    public float Meters => _position.Y;

    public Vector3 Right { get; }

    public Vector3 Down { get; }

    public Vector3 Forward { get; }

    /// <summary>A point of the world in camera space.</summary>
    public Vector3 Place(Vector3 point) => Turn(point - _position);

    /// <summary>A direction of the world in camera space.</summary>
    public Vector3 Turn(Vector3 direction) => new(Vector3.Dot(direction, Right), Vector3.Dot(direction, Down), Vector3.Dot(direction, Forward));

    /// <summary>The direction in the world that a point of the picture looks to; its component along the axis is 1.</summary>
    public Vector3 Ray(float x, float y) => Forward + Right * ((x - Width * 0.5f) / Focal) + Down * ((y - Height * 0.5f) / Focal);
}
