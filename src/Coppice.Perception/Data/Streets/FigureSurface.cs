using System.Numerics;

namespace Coppice.Perception.Data.Streets;

/// <summary>
/// A limb, a bar, a disc: all points whose distance from a line is below a radius that goes from one end's to the other's.
/// </summary>
/// <param name="From">One end, metres from the middle and from the ground.</param>
/// <param name="To">The other end; the same for a disc.</param>
/// <param name="Radius1">Radius at the first end.</param>
/// <param name="Radius2">Radius at the second end.</param>
/// <param name="Color">Share of light given back.</param>
/// <param name="Glow">Light of its own.</param>
/// <param name="Shape">How it ends.</param>
internal readonly record struct Mark(Vector2 From, Vector2 To, float Radius1, float Radius2, Vector3 Color, float Glow = 0, MarkShape Shape = MarkShape.Round)
{
    public static Mark Disc(float x, float y, float radius, Vector3 color, float glow = 0) => new(new(x, y), new(x, y), radius, radius, color, glow);

    public static Mark Limb(float x1, float y1, float x2, float y2, float radius1, float radius2, Vector3 color) => new(new(x1, y1), new(x2, y2), radius1, radius2, color);

    public static Mark Bar(float x1, float y1, float x2, float y2, float radius, Vector3 color) => new(new(x1, y1), new(x2, y2), radius, radius, color);

    /// <summary>A rectangle with level sides.</summary>
    public static Mark Box(float left, float bottom, float right, float top, Vector3 color, float glow = 0) =>
        new(new(left, bottom), new(right, top), 0, 0, color, glow, MarkShape.Box);

    /// <summary>A triangle that stands on its base, or on its tip where the height is below 0.</summary>
    public static Mark Triangle(float x, float bottom, float half, float height, Vector3 color) => new(new(x, bottom), new(x, bottom + height), half, 0, color, 0, MarkShape.Triangle);

    /// <summary>A wheel: a tyre with spokes.</summary>
    public static Mark Wheel(float x, float y, float radius, Vector3 color) => new(new(x, y), new(x, y), radius, radius, color, 0, MarkShape.Wheel);

    /// <summary>Whether a place is covered, and where between the edges it is, -1 to 1.</summary>
    public bool Covers(float x, float y, out float side)
    {
        side = 0;
        if (Shape == MarkShape.Box)
        {
            side = (x - From.X) / MathF.Max(To.X - From.X, 1e-6f) * 2 - 1;
            return x >= From.X && x <= To.X && y >= From.Y && y <= To.Y;
        }

        if (Shape == MarkShape.Triangle)
        {
            float up = (y - From.Y) / (To.Y - From.Y);
            return up is >= 0 and <= 1 && MathF.Abs(x - From.X) <= Radius1 * (1 - up);
        }

        float ax = To.X - From.X, ay = To.Y - From.Y, px = x - From.X, py = y - From.Y;
        float square = ax * ax + ay * ay, along = square > 0 ? Math.Clamp((px * ax + py * ay) / square, 0, 1) : 0;
        float dx = px - along * ax, dy = py - along * ay, radius = Radius1 + (Radius2 - Radius1) * along, distance = dx * dx + dy * dy;
        if (distance > radius * radius) return false;
        side = radius > 0 ? dx / radius : 0;
        return true;
    }
}

/// <summary>Shapes of a <see cref="Mark"/>.</summary>
internal enum MarkShape
{
    Round,
    Box,
    Triangle,
    Wheel,
}

/// <summary>A flat figure that faces the camera, made of marks; later ones cover earlier ones.</summary>
internal sealed class FigureSurface : Surface
{
    private readonly Mark[] _marks;
    private readonly float _left;
    private readonly float _bottom;

    public FigureSurface(Mark[] marks)
    {
        _marks = marks;
        (float left, float bottom, float right, float top) = (float.MaxValue, float.MaxValue, float.MinValue, float.MinValue);
        foreach (Mark mark in marks)
        {
            float radius = MathF.Max(mark.Radius1, mark.Radius2);
            left = MathF.Min(left, MathF.Min(mark.From.X, mark.To.X) - radius);
            right = MathF.Max(right, MathF.Max(mark.From.X, mark.To.X) + radius);
            bottom = MathF.Min(bottom, MathF.Min(mark.From.Y, mark.To.Y) - radius);
            top = MathF.Max(top, MathF.Max(mark.From.Y, mark.To.Y) + radius);
        }

        (_left, _bottom, Right, Top) = (left, bottom, right, top);
    }

    /// <summary>Left edge, metres from the figure's middle.</summary>
    public float Left => _left;

    public float Right { get; }

    /// <summary>Lower edge, metres above the ground it stands on.</summary>
    public float Bottom => _bottom;

    public float Top { get; }

    public override bool HasHoles => true;

    public override bool Covers(float x, float y) => Find(x + _left, y + _bottom, out _) >= 0;

    public override Vector3 Shade(float x, float y, float depth, float pixel, Vector3 light)
    {
        int found = Find(x + _left, y + _bottom, out float side);
        if (found < 0) return default;
        Mark mark = _marks[found];
        Vector3 color = mark.Color;
        if (mark.Shape == MarkShape.Wheel)
        {
            float dx = x + _left - mark.From.X, dy = y + _bottom - mark.From.Y, out_ = MathF.Sqrt(dx * dx + dy * dy) / mark.Radius1;
            color = out_ > 0.88f ? new Vector3(0.02f) : out_ < 0.12f ? new Vector3(0.15f) : color;
        }
        else if (mark.Shape == MarkShape.Round)
        {
            color *= 1.08f - 0.4f * side * side;
        }

        return color * light + mark.Color * mark.Glow;
    }

    protected override Vector3 Lit(StreetConditions conditions, Vector3 normal, float sunShare) =>
        conditions.LightOn(Vector3.Normalize(normal + Vector3.UnitY * 0.6f), sunShare) * 0.95f;

    private int Find(float x, float y, out float side)
    {
        for (int i = _marks.Length - 1; i >= 0; i--)
            if (_marks[i].Covers(x, y, out side)) return i;
        side = 0;
        return -1;
    }
}
