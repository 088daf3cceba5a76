using System.Numerics;

namespace Coppice.Perception.Data.Streets;

/// <summary>Cars, vans, lorries and buses as outlines drawn out to a width.</summary>
internal static class VehicleBuilder
{
    public const int Car = 2, Truck = 3, Bus = 4;
    private const byte FirstLabel = 11;

    private static readonly Vector3[] Paints =
    [
        new(0.75f, 0.75f, 0.74f), new(0.55f, 0.56f, 0.58f), new(0.32f, 0.33f, 0.35f), new(0.09f, 0.09f, 0.10f), new(0.02f, 0.02f, 0.022f),
        new(0.03f, 0.05f, 0.16f), new(0.05f, 0.14f, 0.36f), new(0.42f, 0.03f, 0.03f), new(0.22f, 0.02f, 0.03f), new(0.05f, 0.16f, 0.08f),
        new(0.45f, 0.38f, 0.26f), new(0.62f, 0.42f, 0.05f), new(0.25f, 0.14f, 0.07f), new(0.30f, 0.45f, 0.55f),
    ];

    /// <summary>Draws the look of a vehicle of a kind.</summary>
    public static VehicleStyle Draw(ref SceneRandom random, int kind, StreetWorld world) => kind switch
    {
        Truck => Lorry(ref random, world),
        Bus => Coach(ref random, world),
        _ => random.Chance(0.16) ? Van(ref random, world) : Saloon(ref random, world),
    };

    /// <summary>Puts a vehicle on the ground.</summary>
    /// <param name="world">Gets it.</param>
    /// <param name="kind">Car, truck or bus.</param>
    /// <param name="style">Its look.</param>
    /// <param name="x">World x of its middle.</param>
    /// <param name="z">World z of its middle.</param>
    /// <param name="heading">Where it looks to: 0 away from the camera, turning to the right, radians.</param>
    public static void Add(StreetWorld world, int kind, VehicleStyle style, float x, float z, float heading)
    {
        var forward = new Vector3(MathF.Sin(heading), 0, MathF.Cos(heading));
        var right = new Vector3(forward.Z, 0, -forward.X);
        var middle = new Vector3(x, 0, z);
        int index = world.AddObject(kind, Meters(x, z, forward, right, style.Length, style.Width));
        byte label = (byte)(FirstLabel + kind);
        float sun = world.SunShare(x, z);
        Vector3 rear = middle - forward * (style.Length / 2), half = right * (style.Width / 2), up = Vector3.UnitY;
        Vector3 along = forward * style.Length, tall = up * style.Height;
        foreach (float side in (ReadOnlySpan<float>)[-1, 1])
            world.Add(new VehicleSideSurface(style) { Label = label, Object = index }, rear + half * side, along, tall, sun);
        for (int i = 0; i < style.Parts.Length; i++)
        {
            Vector2 a = style.Outline[i], b = style.Outline[i + 1];
            var surface = new VehicleEndSurface(style, style.Parts[i], a.Y < b.Y ? a.Y : b.Y) { Label = label, Object = index };
            Vector2 low = a.Y <= b.Y ? a : b, high = a.Y <= b.Y ? b : a;
            world.Add(surface, rear - half + forward * low.X + up * low.Y, half * 2, forward * (high.X - low.X) + up * (high.Y - low.Y), sun);
        }

        // Tyres below the ends.
        foreach (float at in (ReadOnlySpan<float>)[style.RearAxle - style.Wheel * 0.7f, style.FrontAxle + style.Wheel * 0.7f])
            foreach (float side in (ReadOnlySpan<float>)[-1, 1])
                world.Add(
                    new CurbSurface(new Vector3(0.012f)) { Label = label, Object = index },
                    rear + forward * at + half * (side * 0.95f), right * (-side * 0.22f), up * (style.Clearance + 0.05f), sun);
        world.CastThing(middle, forward * (style.Length / 2), half, style.Height);
    }

    /// <summary>Distance along the ground from the camera to the nearest point of a rectangle.</summary>
    public static float Meters(float x, float z, Vector3 forward, Vector3 right, float length, float width)
    {
        float ahead = MathF.Max(0, MathF.Abs(x * forward.X + z * forward.Z) - length / 2);
        float aside = MathF.Max(0, MathF.Abs(x * right.X + z * right.Z) - width / 2);
        return MathF.Sqrt(ahead * ahead + aside * aside);
    }

    private static float Lamps(ref SceneRandom random, StreetWorld world) =>
        world.Conditions.Night > 0.2f ? 1 : world.Conditions.Rain > 0 || world.Conditions.Fog > 0.008f ? 0.7f : random.Chance(0.25) ? 0.5f : 0;

    private static VehicleStyle Saloon(ref SceneRandom random, StreetWorld world)
    {
        // Kinds: notchback, hatchback, estate or off-roader.
        int body = random.Below(4);
        float length = body switch { 1 => random.Between(3.5, 4.2), 3 => random.Between(4.2, 4.8), _ => random.Between(4.3, 4.9) };
        float height = body == 3 ? random.Between(1.62, 1.85) : random.Between(1.4, 1.53), belt = height * random.Between(0.6, 0.65);
        float clearance = random.Between(0.17, 0.22), hood = belt - random.Between(0.02, 0.1), nose = hood - random.Between(0.1, 0.2);
        float tail = belt + random.Between(0, 0.06);
        float windShield = length - random.Between(1.15, 1.4), roofFront = windShield - random.Between(0.65, 0.9);
        float roofRear = body switch { 0 => length * 0.30f, 1 => 0.38f, _ => 0.25f }, glassRear = body switch { 0 => length * 0.15f, _ => 0.06f };
        Vector2[] outline =
        [
            new(0.04f, clearance), new(0, tail), new(glassRear, tail), new(roofRear, height), new(roofFront, height - 0.02f),
            new(windShield, hood + 0.03f), new(length - 0.12f, nose), new(length, clearance + 0.06f),
        ];
        return new()
        {
            Outline = outline,
            Parts = [VehiclePart.Rear, VehiclePart.Hood, VehiclePart.RearGlass, VehiclePart.Roof, VehiclePart.WindShield, VehiclePart.Hood, VehiclePart.Front],
            Length = length,
            Width = random.Between(1.68, 1.9),
            Height = height,
            Belt = belt,
            Windows = (glassRear + 0.18f, windShield - 0.12f),
            Pillar = random.Between(0.95, 1.2),
            Wheel = random.Between(0.3, 0.36),
            RearAxle = random.Between(0.7, 0.9),
            FrontAxle = length - random.Between(0.75, 0.9),
            Clearance = clearance,
            Paint = Paints[random.Below(random.Chance(0.55) ? 5 : Paints.Length)] * random.Between(0.8, 1.1),
            Reflected = world.Reflected,
            Lamps = Lamps(ref random, world),
            Brakes = random.Chance(0.25),
            Seed = (uint)random.Bits(),
        };
    }

    private static VehicleStyle Van(ref SceneRandom random, StreetWorld world)
    {
        float length = random.Between(4.6, 5.6), height = random.Between(1.9, 2.5), clearance = 0.24f, belt = random.Between(1.05, 1.2);
        bool windows = random.Chance(0.5);
        float windShield = length - random.Between(0.75, 1);
        return new()
        {
            Outline = [new(0.03f, clearance), new(0, height - 0.05f), new(0.1f, height), new(windShield - 0.75f, height), new(windShield, belt + 0.05f), new(length - 0.06f, belt - 0.25f), new(length, clearance)],
            Parts = [VehiclePart.Rear, VehiclePart.Roof, VehiclePart.Roof, VehiclePart.WindShield, VehiclePart.Hood, VehiclePart.Front],
            Length = length,
            Width = random.Between(1.85, 2.05),
            Height = height,
            Belt = belt,
            Windows = (windows ? 0.4f : windShield - 1.1f, windShield - 0.15f),
            Pillar = random.Between(1.1, 1.4),
            Wheel = 0.35f,
            RearAxle = random.Between(0.9, 1.1),
            FrontAxle = length - 0.85f,
            Clearance = clearance,
            Paint = Paints[random.Chance(0.6) ? 0 : random.Below(Paints.Length)],
            Reflected = world.Reflected,
            Lamps = Lamps(ref random, world),
            Brakes = random.Chance(0.25),
            Seed = (uint)random.Bits(),
        };
    }

    private static VehicleStyle Lorry(ref SceneRandom random, StreetWorld world)
    {
        float length = random.Between(6, 10.5), cab = random.Between(1.7, 2.2), height = random.Between(2.8, 3.8), roof = MathF.Min(height, random.Between(2.3, 3));
        float clearance = random.Between(0.45, 0.6), belt = random.Between(1.5, 1.75), boxEnd = length - cab - 0.1f;
        Vector3 box = random.Chance(0.5) ? new Vector3(0.7f, 0.7f, 0.68f) : Paints[random.Below(Paints.Length)];
        return new()
        {
            Outline = [new(0.02f, clearance), new(0, height), new(boxEnd, height), new(boxEnd + 0.1f, roof), new(length - 0.35f, roof), new(length - 0.05f, belt), new(length, clearance)],
            Parts = [VehiclePart.BoxRear, VehiclePart.Box, VehiclePart.Box, VehiclePart.Roof, VehiclePart.WindShield, VehiclePart.Front],
            Length = length,
            Width = random.Between(2.2, 2.5),
            Height = height,
            Belt = belt,
            Windows = (boxEnd + 0.5f, length - 0.3f),
            Pillar = 3,
            Wheel = random.Between(0.42, 0.5),
            RearAxle = random.Between(1.4, 2.2),
            FrontAxle = length - 1.2f,
            Clearance = clearance,
            Paint = Paints[random.Below(Paints.Length)],
            Box = box,
            BoxEnd = boxEnd,
            Reflected = world.Reflected,
            Lamps = Lamps(ref random, world),
            Brakes = random.Chance(0.25),
            Seed = (uint)random.Bits(),
        };
    }

    private static VehicleStyle Coach(ref SceneRandom random, StreetWorld world)
    {
        float length = random.Between(9.5, 12.5), height = random.Between(2.85, 3.15), clearance = 0.3f, belt = random.Between(1.25, 1.45);
        Vector3[] paints = [new(0.65f, 0.06f, 0.05f), new(0.75f, 0.6f, 0.08f), new(0.7f, 0.7f, 0.7f), new(0.1f, 0.35f, 0.15f), new(0.08f, 0.18f, 0.45f), new(0.5f, 0.1f, 0.25f)];
        return new()
        {
            Outline = [new(0.03f, clearance), new(0, height), new(length - 0.12f, height), new(length, belt), new(length, clearance)],
            Parts = [VehiclePart.Rear, VehiclePart.Roof, VehiclePart.WindShield, VehiclePart.Front],
            Length = length,
            Width = 2.5f,
            Height = height,
            Belt = belt,
            Windows = (0.5f, length - 0.2f),
            Pillar = random.Between(1.4, 1.8),
            Wheel = 0.48f,
            RearAxle = random.Between(2.6, 3.2),
            FrontAxle = length - 2.5f,
            Clearance = clearance,
            Paint = paints[random.Below(paints.Length)],
            Reflected = world.Reflected,
            Lamps = Lamps(ref random, world),
            Brakes = random.Chance(0.25),
            Seed = (uint)random.Bits(),
        };
    }
}
