using System.Numerics;

namespace Coppice.Perception.Data.Streets;

/// <summary>The look of a vehicle: the outline of its side from the rear (x = 0) over the top to the front, and where things are on it.</summary>
internal sealed record VehicleStyle
{
    /// <summary>Metres from the rear and from the ground, from the lower rear corner to the lower front corner.</summary>
    public required Vector2[] Outline { get; init; }

    /// <summary>What each piece of the outline is; one less than its points.</summary>
    public required VehiclePart[] Parts { get; init; }

    public required float Length { get; init; }

    public required float Width { get; init; }

    public required float Height { get; init; }

    /// <summary>Height of the lower edge of side windows.</summary>
    public required float Belt { get; init; }

    /// <summary>First and last metre of the row of side windows at the belt; equal where there are none.</summary>
    public required (float From, float To) Windows { get; init; }

    /// <summary>Distance of the pillars between side windows.</summary>
    public required float Pillar { get; init; }

    public required float Wheel { get; init; }

    public required float RearAxle { get; init; }

    public required float FrontAxle { get; init; }

    public required float Clearance { get; init; }

    public required Vector3 Paint { get; init; }

    /// <summary>Colour of a cargo box that is not the cab's.</summary>
    public Vector3 Box { get; init; }

    /// <summary>Where the box ends; 0 where there is none.</summary>
    public float BoxEnd { get; init; }

    public Vector3 Reflected { get; init; }

    /// <summary>Light of the lamps: 0 by day, 1 at night.</summary>
    public float Lamps { get; init; }

    /// <summary>Whether the brakes are on.</summary>
    public bool Brakes { get; init; }

    public uint Seed { get; init; }
}

/// <summary>Pieces of a vehicle's outline.</summary>
internal enum VehiclePart
{
    Rear,
    RearGlass,
    Roof,
    WindShield,
    Hood,
    Front,
    Box,
    BoxRear,
}

/// <summary>A vehicle's side: the outline, wheels, windows.</summary>
internal sealed class VehicleSideSurface(VehicleStyle style) : Surface
{
    public override bool HasHoles => true;

    public override bool Covers(float x, float y) =>
        InWheel(x, y, out _) || (y >= style.Clearance && y <= Top(x));

    public override Vector3 Shade(float x, float y, float depth, float pixel, Vector3 light)
    {
        if (InWheel(x, y, out float radius)) return Wheel(x, y, radius, light);
        bool arch = y < style.Wheel * 1.35f && (Near(x, style.RearAxle) || Near(x, style.FrontAxle));
        if (arch) return new Vector3(0.012f) * light;
        if (x < style.BoxEnd) return style.Box * light * (0.85f + 0.15f * Noise.Smooth(x * 0.4f, y * 0.4f, style.Seed)) * (y < style.Clearance + 0.35f ? 0.35f : 1);
        float top = Top(x);
        if (y > style.Belt && y < top - 0.09f && x > style.Windows.From && x < style.Windows.To && !Pillar(x))
        {
            float up = (y - style.Belt) / MathF.Max(0.1f, style.Height - style.Belt);
            return new Vector3(0.02f) * light + style.Reflected * (0.08f + 0.16f * up * up);
        }

        // The shoulder reflects the sky, the sill the road; doors and handles are thin lines.
        float shoulder = Noise.Step(style.Belt - 0.45f, style.Belt, y) * 0.22f;
        float shade = 0.72f + 0.28f * Noise.Step(style.Clearance, style.Belt, y);
        float seam = Noise.Detail(0.05f, pixel) * (Pillar(x) && y < style.Belt ? 0.25f : 0);
        if (y < style.Clearance + 0.12f) shade *= 0.45f;
        Vector3 color = style.Paint * light * (shade - seam) + style.Reflected * shoulder * 0.25f;
        if (x < 0.2f && y > style.Belt - 0.35f && y < style.Belt - 0.05f) return RearLamp(light);
        if (x > style.Length - 0.3f && y > style.Belt - 0.4f && y < style.Belt - 0.18f) return new Vector3(0.5f) * light + new Vector3(0.9f, 0.85f, 0.7f) * style.Lamps;
        return color;
    }

    private Vector3 RearLamp(Vector3 light) => new Vector3(0.35f, 0.02f, 0.02f) * light + new Vector3(0.7f, 0.04f, 0.03f) * (style.Brakes ? 1 : style.Lamps * 0.6f);

    private bool Pillar(float x) => MathF.Abs(Noise.Around(x - style.Windows.From, style.Pillar)) < 0.05f;

    private bool Near(float x, float axle) => MathF.Abs(x - axle) < style.Wheel * 1.15f;

    private bool InWheel(float x, float y, out float radius)
    {
        float rear = x - style.RearAxle, front = x - style.FrontAxle, up = y - style.Wheel;
        float nearest = MathF.Abs(rear) < MathF.Abs(front) ? rear : front;
        radius = MathF.Sqrt(nearest * nearest + up * up);
        return radius <= style.Wheel;
    }

    private Vector3 Wheel(float x, float y, float radius, Vector3 light)
    {
        float share = radius / style.Wheel;
        if (share > 0.66f) return new Vector3(0.015f) * light;
        float axle = MathF.Abs(x - style.RearAxle) < MathF.Abs(x - style.FrontAxle) ? style.RearAxle : style.FrontAxle;
        float angle = MathF.Atan2(y - style.Wheel, x - axle);
        return new Vector3(0.34f) * light * (MathF.Cos(angle * 5) > -0.2f || share < 0.2f ? 1 : 0.25f);
    }

    private float Top(float x)
    {
        Vector2[] outline = style.Outline;
        float top = 0;
        for (int i = 1; i < outline.Length; i++)
        {
            Vector2 a = outline[i - 1], b = outline[i];
            if (x < a.X || x > b.X) continue;
            top = MathF.Max(top, b.X - a.X < 1e-4f ? MathF.Max(a.Y, b.Y) : a.Y + (b.Y - a.Y) * (x - a.X) / (b.X - a.X));
        }

        return top;
    }
}

/// <summary>A piece of a vehicle across its width: x from its left to its right as seen from outside, y along the outline.</summary>
internal sealed class VehicleEndSurface(VehicleStyle style, VehiclePart part, float bottom) : Surface
{
    public override Vector3 Shade(float x, float y, float depth, float pixel, Vector3 light)
    {
        float side = MathF.Abs(x / Width * 2 - 1), up = bottom + y;
        switch (part)
        {
            case VehiclePart.RearGlass or VehiclePart.WindShield:
                float edge = MathF.Min((1 - side) * Width / 2, MathF.Min(y, Height - y));
                if (edge < 0.07f) return style.Paint * light;
                return new Vector3(0.02f) * light + style.Reflected * (0.06f + 0.26f * y / Height);
            case VehiclePart.Roof or VehiclePart.Hood:
                return style.Paint * light * 0.95f + style.Reflected * 0.06f;
            case VehiclePart.Box:
                return style.Box * light;
            case VehiclePart.BoxRear:
                return BoxRear(x, up, side, light);
            case VehiclePart.Rear:
                return Rear(x, up, side, light);
            default:
                return Front(x, up, side, light);
        }
    }

    private Vector3 BoxRear(float x, float up, float side, Vector3 light)
    {
        if (up < style.Clearance + 0.35f) return side > 0.7f ? RedLamp(light) : new Vector3(0.03f) * light;
        float seam = MathF.Abs(x - Width / 2) < 0.03f || side > 0.95f || up > style.Height - 0.1f ? 0.55f : 1;
        return style.Box * light * seam * (0.9f + 0.1f * Noise.Smooth(x, up, style.Seed));
    }

    private Vector3 Rear(float x, float up, float side, Vector3 light)
    {
        float belt = style.Belt;
        if (up > belt + 0.1f) return UpperEnd(x, up, side, light);
        if (side > 0.72f && up > belt - 0.38f && up < belt - 0.04f) return RedLamp(light);
        if (side < 0.3f && up > belt - 0.36f && up < belt - 0.22f) return Plate(light);
        if (up < style.Clearance + 0.28f) return new Vector3(0.03f) * light * (side < 0.9f ? 1 : 0.6f);
        return style.Paint * light * (0.7f + 0.3f * Noise.Step(style.Clearance, belt, up));
    }

    private Vector3 Front(float x, float up, float side, Vector3 light)
    {
        float belt = style.Belt;
        if (up > belt + 0.1f) return UpperEnd(x, up, side, light);
        if (side > 0.6f && side < 0.94f && up > belt - 0.42f && up < belt - 0.2f)
            return new Vector3(0.55f) * light + new Vector3(1.5f, 1.4f, 1.15f) * style.Lamps;
        if (side < 0.5f && up > belt - 0.42f && up < belt - 0.24f) return new Vector3(0.03f) * light * (Noise.Around(up, 0.06f) > 0 ? 1 : 2.5f);
        if (side < 0.28f && up > belt - 0.58f && up < belt - 0.46f) return Plate(light);
        if (up < style.Clearance + 0.14f || (side < 0.75f && up < style.Clearance + 0.24f)) return new Vector3(0.025f) * light;
        return style.Paint * light * (0.7f + 0.3f * Noise.Step(style.Clearance, belt, up));
    }

    /// <summary>The upright windows of buses, vans and lorries.</summary>
    private Vector3 UpperEnd(float x, float up, float side, Vector3 light)
    {
        if (side > 0.92f || up > style.Height - 0.3f) return style.Paint * light;
        if (style.Height > 2.6f && part == VehiclePart.Rear && up > style.Height - 0.75f && side < 0.5f)
            return new Vector3(0.02f) * light + new Vector3(0.9f, 0.6f, 0.1f) * (0.15f + 0.5f * style.Lamps);
        return new Vector3(0.02f) * light + style.Reflected * (0.06f + 0.22f * (up - style.Belt) / (style.Height - style.Belt));
    }

    private Vector3 RedLamp(Vector3 light) => new Vector3(0.33f, 0.015f, 0.015f) * light + new Vector3(0.8f, 0.05f, 0.03f) * (style.Brakes ? 1 : style.Lamps * 0.55f);

    private static Vector3 Plate(Vector3 light) => new Vector3(0.75f, 0.75f, 0.7f) * light;
}
