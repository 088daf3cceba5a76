using System.Numerics;

namespace Coppice.Perception.Data.Streets;

/// <summary>People, riders and what they ride, as flat figures.</summary>
internal static class FigureBuilder
{
    public const int Person = 0, Rider = 1, Motorcycle = 6, Bicycle = 7;
    private const byte FirstLabel = 11;

    private static readonly Vector3[] Cloths =
    [
        new(0.03f, 0.03f, 0.035f), new(0.04f, 0.05f, 0.10f), new(0.06f, 0.10f, 0.25f), new(0.12f, 0.11f, 0.10f), new(0.3f, 0.3f, 0.3f), new(0.6f, 0.6f, 0.58f),
        new(0.4f, 0.05f, 0.05f), new(0.08f, 0.2f, 0.1f), new(0.35f, 0.28f, 0.16f), new(0.5f, 0.4f, 0.05f), new(0.3f, 0.1f, 0.25f), new(0.1f, 0.25f, 0.35f),
    ];

    private static readonly Vector3[] Skins = [new(0.55f, 0.36f, 0.26f), new(0.45f, 0.27f, 0.18f), new(0.28f, 0.15f, 0.09f), new(0.12f, 0.06f, 0.035f)];

    private static readonly Vector3[] Hairs = [new(0.02f, 0.015f, 0.012f), new(0.07f, 0.04f, 0.02f), new(0.25f, 0.16f, 0.07f), new(0.35f, 0.35f, 0.34f)];

    /// <summary>Somebody on foot.</summary>
    public static void AddPerson(ref SceneRandom random, StreetWorld world, float x, float ground, float z)
    {
        float tall = random.Chance(0.1) ? random.Between(1.05, 1.4) : random.Between(1.55, 1.93), k = tall / 1.75f;
        float meters = MathF.Sqrt(x * x + z * z);
        var figure = new FigureSurface(Standing(ref random, k))
        {
            Label = FirstLabel + Person,
            Object = world.AddObject(Person, meters),
        };
        world.AddFigure(figure, x, ground, z);
        world.CastThing(new(x, ground, z), new(0, 0, 0.2f), new(0.22f, 0, 0), tall);
    }

    /// <summary>A bicycle or motorcycle, with or without its rider.</summary>
    /// <param name="random">Draws its look.</param>
    /// <param name="world">Gets it.</param>
    /// <param name="motor">Whether it is a motorcycle.</param>
    /// <param name="ridden">Whether somebody rides it.</param>
    /// <param name="x">World x.</param>
    /// <param name="ground">World y.</param>
    /// <param name="z">World z.</param>
    /// <param name="aside">-1 or 1 where it is seen from its side and heads left or right; 0 where from its end.</param>
    public static void AddCycle(ref SceneRandom random, StreetWorld world, bool motor, bool ridden, float x, float ground, float z, int aside)
    {
        int kind = motor ? Motorcycle : Bicycle;
        float meters = MathF.Sqrt(x * x + z * z), night = world.Conditions.Night;
        Vector3 paint = Cloths[random.Below(Cloths.Length)] * 1.5f;
        bool away = random.Chance(0.6);
        Mark[] cycle = (motor, aside != 0) switch
        {
            (true, true) => MotorSide(paint, aside),
            (true, false) => MotorEnd(paint, night, away),
            (false, true) => BicycleSide(paint, aside),
            _ => BicycleEnd(paint, night, away),
        };
        world.AddFigure(new FigureSurface(cycle) { Label = (byte)(FirstLabel + kind), Object = world.AddObject(kind, meters) }, x, ground, z);
        if (ridden)
        {
            Mark[] rider = aside != 0 ? RiderSide(ref random, motor, aside) : RiderEnd(ref random, motor, away);
            world.AddFigure(new FigureSurface(rider) { Label = FirstLabel + Rider, Object = world.AddObject(Rider, meters) }, x, ground, z, 0.05f);
        }

        Vector3 half = aside != 0 ? new(0.85f, 0, 0) : new(0, 0, 0.85f), wide = aside != 0 ? new(0, 0, 0.25f) : new(0.25f, 0, 0);
        world.CastThing(new(x, ground, z), half, wide, ridden ? 1.7f : 1);
    }

    private static Vector3 Cloth(ref SceneRandom random) => Cloths[random.Below(Cloths.Length)] * random.Between(0.7, 1.3);

    private static Mark[] Standing(ref SceneRandom random, float k)
    {
        Vector3 coat = Cloth(ref random), trousers = Cloth(ref random) * 0.8f, skin = Skins[random.Below(Skins.Length)], hair = Hairs[random.Below(Hairs.Length)], shoes = new(0.03f);
        float stride = random.Chance(0.35) ? random.Between(0.02, 0.09) : random.Between(0.1, 0.32), swing = stride * random.Between(0.4, 0.9);
        float breadth = random.Between(0.8, 1.15), face = random.Between(-0.03, 0.03), hip = 0.92f * k;
        bool longCoat = random.Chance(0.3);
        var marks = new List<Mark>
        {
            Mark.Limb(-0.17f * k * breadth, 1.38f * k, -(0.2f + swing) * k, 0.88f * k, 0.055f * k, 0.045f * k, coat * 0.8f),
            Mark.Limb(-0.06f * k, hip, -stride * k, 0.5f * k, 0.095f * k * breadth, 0.07f * k, trousers),
            Mark.Limb(-stride * k, 0.5f * k, -stride * 1.3f * k, 0.08f * k, 0.065f * k, 0.05f * k, trousers),
            Mark.Limb(-stride * 1.3f * k, 0.05f * k, (-stride * 1.3f + 0.1f) * k, 0.045f * k, 0.05f * k, 0.04f * k, shoes),
            Mark.Limb(0.06f * k, hip, stride * k, 0.5f * k, 0.095f * k * breadth, 0.07f * k, trousers * 1.1f),
            Mark.Limb(stride * k, 0.5f * k, stride * 0.9f * k, 0.08f * k, 0.065f * k, 0.05f * k, trousers * 1.1f),
            Mark.Limb(stride * 0.9f * k, 0.05f * k, (stride * 0.9f + 0.1f) * k, 0.045f * k, 0.05f * k, 0.04f * k, shoes),
        };
        if (random.Chance(0.25)) marks.Add(Mark.Limb(-0.16f * k, 1.32f * k, -0.16f * k, 1.02f * k, 0.12f * k, 0.11f * k, Cloth(ref random)));
        marks.Add(Mark.Limb(0, 1.33f * k, 0, (longCoat ? 0.72f : 0.98f) * k, 0.185f * k * breadth, (longCoat ? 0.2f : 0.155f) * k * breadth, coat));
        marks.Add(Mark.Limb(0.17f * k * breadth, 1.38f * k, (0.2f + swing) * k, 0.88f * k, 0.055f * k, 0.045f * k, coat * 1.1f));
        marks.Add(Mark.Disc((0.2f + swing) * k, 0.85f * k, 0.045f * k, skin));
        if (random.Chance(0.3)) marks.Add(Mark.Box((0.16f + swing) * k, 0.52f * k, (0.3f + swing) * k, 0.84f * k, Cloth(ref random)));
        marks.Add(Mark.Bar(0, 1.5f * k, 0, 1.56f * k, 0.05f * k, skin));
        AddHead(ref random, marks, 0, 1.64f * k, k, skin, hair, face);
        return [.. marks];
    }

    private static void AddHead(ref SceneRandom random, List<Mark> marks, float x, float y, float k, Vector3 skin, Vector3 hair, float face)
    {
        bool back = random.Chance(0.45);
        marks.Add(Mark.Limb(x, y + 0.02f * k, x, y - 0.03f * k, 0.105f * k, 0.085f * k, hair));
        if (!back) marks.Add(Mark.Limb(x + face, y - 0.01f * k, x + face, y - 0.045f * k, 0.078f * k, 0.068f * k, skin));
    }

    private static Mark[] BicycleSide(Vector3 paint, int aside)
    {
        float d = aside;
        Vector3 spokes = new(0.16f, 0.16f, 0.17f);
        return
        [
            Mark.Wheel(-0.53f * d, 0.34f, 0.34f, spokes), Mark.Wheel(0.53f * d, 0.34f, 0.34f, spokes),
            Mark.Bar(-0.53f * d, 0.34f, -0.06f * d, 0.3f, 0.022f, paint), Mark.Bar(-0.53f * d, 0.34f, -0.2f * d, 0.82f, 0.02f, paint),
            Mark.Bar(-0.06f * d, 0.3f, -0.22f * d, 0.92f, 0.024f, paint), Mark.Bar(-0.06f * d, 0.3f, 0.36f * d, 0.78f, 0.026f, paint),
            Mark.Bar(-0.2f * d, 0.82f, 0.36f * d, 0.84f, 0.024f, paint), Mark.Bar(0.53f * d, 0.34f, 0.36f * d, 0.92f, 0.022f, paint),
            Mark.Bar(0.36f * d, 0.92f, 0.34f * d, 1.03f, 0.02f, new(0.05f)), Mark.Bar(0.34f * d, 1.03f, 0.44f * d, 1, 0.025f, new(0.03f)),
            Mark.Bar(-0.32f * d, 0.95f, -0.12f * d, 0.95f, 0.035f, new(0.02f)), Mark.Disc(-0.06f * d, 0.3f, 0.08f, new(0.08f)),
        ];
    }

    private static Mark[] BicycleEnd(Vector3 paint, float night, bool away) =>
    [
        Mark.Bar(0, 0.05f, 0, 0.66f, 0.032f, new(0.02f)), Mark.Bar(0, 0.4f, 0, 0.95f, 0.03f, paint),
        Mark.Bar(-0.29f, 1.02f, 0.29f, 1.02f, 0.024f, new(0.04f)), Mark.Bar(-0.12f, 0.3f, 0.12f, 0.26f, 0.025f, new(0.06f)),
        Mark.Bar(-0.08f, 0.93f, 0.08f, 0.93f, 0.045f, new(0.03f)),
        Mark.Disc(0, 0.76f, 0.035f, away ? new(0.6f, 0.03f, 0.03f) : new(0.9f), night * 3),
    ];

    private static Mark[] MotorSide(Vector3 paint, int aside)
    {
        float d = aside;
        return
        [
            Mark.Wheel(-0.68f * d, 0.31f, 0.31f, new(0.1f)), Mark.Wheel(0.7f * d, 0.31f, 0.31f, new(0.1f)),
            Mark.Limb(-0.6f * d, 0.36f, 0.2f * d, 0.42f, 0.07f, 0.18f, new(0.06f)), Mark.Limb(-0.1f * d, 0.42f, 0.3f * d, 0.5f, 0.2f, 0.19f, new(0.12f)),
            Mark.Limb(0.05f * d, 0.8f, 0.4f * d, 0.84f, 0.14f, 0.12f, paint), Mark.Limb(-0.65f * d, 0.8f, 0, 0.74f, 0.07f, 0.08f, new(0.025f)),
            Mark.Limb(-0.8f * d, 0.86f, -0.5f * d, 0.76f, 0.05f, 0.07f, paint), Mark.Bar(0.7f * d, 0.31f, 0.45f * d, 0.98f, 0.035f, new(0.25f)),
            Mark.Bar(0.45f * d, 0.98f, 0.33f * d, 1.07f, 0.025f, new(0.03f)), Mark.Disc(0.56f * d, 0.9f, 0.09f, new(0.4f)), Mark.Bar(-0.75f * d, 0.42f, 0, 0.36f, 0.05f, new(0.3f)),
        ];
    }

    private static Mark[] MotorEnd(Vector3 paint, float night, bool away) =>
    [
        Mark.Bar(0, 0.08f, 0, 0.56f, 0.075f, new(0.02f)), Mark.Limb(0, 0.5f, 0, 0.85f, 0.17f, 0.15f, paint), Mark.Limb(0, 0.42f, 0, 0.5f, 0.2f, 0.18f, new(0.05f)),
        Mark.Bar(-0.37f, 1.04f, 0.37f, 1.04f, 0.026f, new(0.04f)), Mark.Disc(-0.42f, 1.12f, 0.055f, new(0.05f)), Mark.Disc(0.42f, 1.12f, 0.055f, new(0.05f)),
        Mark.Disc(0, 0.84f, away ? 0.06f : 0.1f, away ? new(0.5f, 0.02f, 0.02f) : new(0.85f), away ? night : 0.4f + night),
        Mark.Box(-0.09f, 0.55f, 0.09f, 0.66f, away ? new(0.7f) : new Vector3(0.05f)),
    ];

    private static Mark[] RiderSide(ref SceneRandom random, bool motor, int aside)
    {
        float d = aside;
        Vector3 coat = Cloth(ref random), trousers = Cloth(ref random) * 0.8f, skin = Skins[random.Below(Skins.Length)];
        float seat = motor ? 0.84f : 0.98f, reach = motor ? 0.32f : 0.36f, lean = random.Between(0.12, 0.34), shoulder = seat + 0.52f;
        float hipX = (motor ? -0.15f : -0.22f) * d, shoulderX = hipX + lean * d, foot = motor ? 0.32f : random.Between(0.2, 0.4);
        var marks = new List<Mark>
        {
            Mark.Limb(hipX, seat, 0.12f * d, seat - 0.2f, 0.1f, 0.08f, trousers * 0.7f),
            Mark.Limb(0.12f * d, seat - 0.2f, -0.05f * d, foot + 0.08f, 0.07f, 0.05f, trousers * 0.7f),
            Mark.Limb(hipX, seat, 0.2f * d, seat - 0.1f, 0.11f, 0.085f, trousers), Mark.Limb(0.2f * d, seat - 0.1f, 0, foot + 0.2f, 0.075f, 0.055f, trousers),
            Mark.Limb(0, foot + 0.14f, 0.12f * d, foot + 0.1f, 0.05f, 0.04f, new(0.03f)),
            Mark.Limb(hipX, seat + 0.04f, shoulderX, shoulder, 0.15f, 0.165f, coat),
            Mark.Limb(shoulderX, shoulder, (shoulderX + reach * d) / 2 + 0.02f * d, shoulder - 0.3f, 0.06f, 0.05f, coat * 1.1f),
            Mark.Limb((shoulderX + reach * d) / 2 + 0.02f * d, shoulder - 0.3f, reach * d, 1.06f, 0.05f, 0.04f, coat * 1.1f),
        };
        AddHelmet(ref random, marks, shoulderX + 0.08f * d, shoulder + 0.25f, skin, motor);
        return [.. marks];
    }

    private static Mark[] RiderEnd(ref SceneRandom random, bool motor, bool away)
    {
        Vector3 coat = Cloth(ref random), trousers = Cloth(ref random) * 0.8f, skin = Skins[random.Below(Skins.Length)];
        float seat = motor ? 0.82f : 0.95f, shoulder = seat + 0.5f, knee = random.Between(-0.08, 0.08), reach = motor ? 0.36f : 0.28f;
        var marks = new List<Mark>
        {
            Mark.Limb(-0.1f, seat, -0.16f, seat - 0.34f + knee, 0.1f, 0.075f, trousers), Mark.Limb(-0.16f, seat - 0.34f + knee, -0.14f, 0.3f + knee, 0.07f, 0.05f, trousers),
            Mark.Limb(0.1f, seat, 0.16f, seat - 0.34f - knee, 0.1f, 0.075f, trousers), Mark.Limb(0.16f, seat - 0.34f - knee, 0.14f, 0.3f - knee, 0.07f, 0.05f, trousers),
            Mark.Limb(-0.2f, shoulder, -reach, 1.06f, 0.06f, 0.045f, coat * 0.85f), Mark.Limb(0.2f, shoulder, reach, 1.06f, 0.06f, 0.045f, coat * 0.85f),
            Mark.Limb(0, seat + 0.05f, 0, shoulder - 0.03f, 0.165f, 0.205f, coat),
        };
        if (away && random.Chance(0.35)) marks.Add(Mark.Limb(0, shoulder - 0.08f, 0, shoulder - 0.32f, 0.14f, 0.14f, Cloth(ref random)));
        AddHelmet(ref random, marks, 0, shoulder + 0.25f, skin, motor);
        return [.. marks];
    }

    private static void AddHelmet(ref SceneRandom random, List<Mark> marks, float x, float y, Vector3 skin, bool motor)
    {
        Vector3 hair = Hairs[random.Below(Hairs.Length)];
        if (motor || random.Chance(0.4))
        {
            Vector3 helmet = Cloth(ref random) * 1.6f;
            marks.Add(Mark.Disc(x, y - 0.04f, 0.085f, skin));
            marks.Add(Mark.Limb(x, y + 0.02f, x, y - (motor ? 0.03f : 0), motor ? 0.14f : 0.125f, motor ? 0.13f : 0.11f, helmet));
            if (motor) marks.Add(Mark.Bar(x - 0.06f, y - 0.01f, x + 0.06f, y - 0.01f, 0.035f, new(0.03f)));
        }
        else
        {
            AddHead(ref random, marks, x, y, 1, skin, hair, 0);
        }
    }
}
