using System.Numerics;

namespace Coppice.Perception.Data.Streets;

/// <summary>Trees, hedges, lamps, signs and traffic lights.</summary>
internal static class FurnitureBuilder
{
    private const byte Pole = 5, Light = 6, Sign = 7, Vegetation = 8;

    /// <summary>A tree: a trunk, and leaves in a few layers.</summary>
    /// <param name="random">Draws its look.</param>
    /// <param name="world">Gets it.</param>
    /// <param name="leaves">Colour of the leaves of this street's trees.</param>
    /// <param name="x">World x.</param>
    /// <param name="ground">World y.</param>
    /// <param name="z">World z.</param>
    /// <param name="size">Height of a large tree here, metres.</param>
    public static void AddTree(ref SceneRandom random, StreetWorld world, Vector3 leaves, float x, float ground, float z, float size)
    {
        float tall = size * random.Between(0.65, 1.1), trunk = tall * random.Between(0.25, 0.4), crown = tall - trunk, breadth = crown * random.Between(0.32, 0.5), thick = 0.03f * tall * random.Between(0.6, 1.1);
        float lean = random.Between(-0.2, 0.2);
        Vector3 bark = new Vector3(0.10f, 0.08f, 0.06f) * random.Between(0.6, 1.5);
        bool bare = random.Chance(0.08);
        Mark[] wood =
        [
            Mark.Limb(0, 0, lean, trunk + crown * 0.35f, thick, thick * 0.6f, bark), Mark.Limb(lean * 0.7f, trunk, breadth * 0.6f, trunk + crown * 0.5f, thick * 0.5f, thick * 0.15f, bark),
            Mark.Limb(lean * 0.6f, trunk * 0.9f, -breadth * 0.6f, trunk + crown * 0.45f, thick * 0.5f, thick * 0.15f, bark), Mark.Limb(lean, trunk + crown * 0.3f, lean * 1.5f, trunk + crown * 0.8f, thick * 0.5f, thick * 0.15f, bark),
        ];
        world.AddFigure(new FigureSurface(wood) { Label = Vegetation }, x, ground, z);
        int clumps = 5 + random.Below(6);
        var circles = new Vector3[clumps];
        for (int i = 0; i < clumps; i++)
        {
            float angle = random.Between(0, 2 * Math.PI), out_ = random.Between(0.1, 0.62), radius = random.Between(0.36, 0.56) * breadth;
            circles[i] = new(breadth + MathF.Cos(angle) * out_ * breadth, crown * 0.5f + MathF.Sin(angle) * out_ * crown * 0.5f, radius);
        }

        circles[0] = new(breadth, crown * 0.5f, breadth * 0.6f);
        var foliage = new FoliageSurface(circles, leaves * random.Between(0.75, 1.25), random.Between(0.11, 0.22), bare ? 1 : random.Between(0.25, 0.5), bare ? 0.52f : random.Between(0.05, 0.26), (uint)random.Bits()) { Label = Vegetation };
        world.AddFacing(foliage, x, ground, z, lean - breadth, lean + breadth, trunk * 0.85f, tall, 0.1f);
        world.CastThing(new(x, ground, z), new(0, 0, thick), new(thick, 0, 0), trunk);
        CastCrown(world, x, ground, z, trunk + crown / 2, breadth);
    }

    /// <summary>A bush.</summary>
    public static void AddBush(ref SceneRandom random, StreetWorld world, Vector3 leaves, float x, float ground, float z)
    {
        float tall = random.Between(0.6, 2), half = tall * random.Between(0.6, 1.2);
        Vector3[] circles =
        [
            new(half, tall * 0.4f, tall * 0.5f), new(half * 0.5f, tall * 0.3f, tall * 0.4f), new(half * 1.5f, tall * 0.35f, tall * 0.42f), new(half * 1.1f, tall * 0.62f, tall * 0.34f),
        ];
        var bush = new FoliageSurface(circles, leaves * random.Between(0.6, 1.1), random.Between(0.1, 0.2), random.Between(0.15, 0.35), 0, (uint)random.Bits()) { Label = Vegetation };
        world.AddFacing(bush, x, ground, z, -half, half, 0, tall);
        world.CastThing(new(x, ground, z), new(0, 0, half * 0.6f), new(half * 0.6f, 0, 0), tall * 0.6f);
    }

    /// <summary>A street lamp whose arm reaches over the road.</summary>
    /// <param name="world">Gets it.</param>
    /// <param name="x">World x.</param>
    /// <param name="ground">World y.</param>
    /// <param name="z">World z.</param>
    /// <param name="arm">Metres to the right that the arm reaches.</param>
    /// <param name="tall">Its height.</param>
    /// <param name="color">Of the pole.</param>
    public static void AddLamp(StreetWorld world, float x, float ground, float z, float arm, float tall, Vector3 color)
    {
        float side = MathF.Sign(arm), night = world.Conditions.Night;
        Mark[] marks =
        [
            Mark.Limb(0, 0, 0, tall - 0.3f, 0.085f, 0.05f, color), Mark.Bar(0, tall - 0.3f, arm * 0.5f, tall, 0.045f, color), Mark.Bar(arm * 0.5f, tall, arm, tall, 0.04f, color),
            new(new(arm, tall - 0.02f), new(arm + side * 0.5f, tall), 0.09f, 0.06f, night > 0.3f ? new Vector3(1, 0.85f, 0.55f) : color * 1.4f, night > 0.3f ? 2.5f : 0),
        ];
        world.AddFigure(new FigureSurface(marks) { Label = Pole }, x, ground, z);
        world.CastThing(new(x, ground, z), new(0, 0, 0.08f), new(0.08f, 0, 0), tall);
        if (night > 0.3f) world.Lights.Add(new(world.Camera, GroundLightKind.Lamp, new(x + arm - 9, ground, z - 9), new(18, 0, 0), new(0, 0, 18), 6 * night));
    }

    /// <summary>A bare pole, or one with a sign on it.</summary>
    public static void AddSign(ref SceneRandom random, StreetWorld world, float x, float ground, float z)
    {
        float tall = random.Between(2.1, 3);
        Vector3 grey = new(0.28f, 0.29f, 0.3f), red = new(0.55f, 0.03f, 0.03f), white = new(0.8f), blue = new(0.03f, 0.11f, 0.45f), yellow = new(0.75f, 0.52f, 0.03f);
        world.AddFigure(new FigureSurface([Mark.Bar(0, 0, 0, tall, 0.035f, grey)]) { Label = Pole }, x, ground, z);
        world.CastThing(new(x, ground, z), new(0, 0, 0.05f), new(0.05f, 0, 0), tall);
        float size = random.Between(0.28, 0.42), y = tall - size * 0.6f;
        Mark[] marks = random.Below(8) switch
        {
            0 => [Mark.Disc(0, y, size, red), Mark.Disc(0, y, size * 0.76f, white), Mark.Box(-size * 0.4f, y - size * 0.3f, -size * 0.06f, y + size * 0.3f, new(0.02f)), Mark.Box(size * 0.08f, y - size * 0.3f, size * 0.4f, y + size * 0.3f, new(0.02f))],
            1 => [Mark.Triangle(0, y - size * 0.7f, size, size * 1.6f, red), Mark.Triangle(0, y - size * 0.5f, size * 0.62f, size, white)],
            2 => [Mark.Triangle(0, y + size * 0.8f, size, -size * 1.6f, red), Mark.Triangle(0, y + size * 0.6f, size * 0.62f, -size, white)],
            3 => [Mark.Disc(0, y, size, blue), Mark.Bar(0, y - size * 0.5f, 0, y + size * 0.4f, size * 0.12f, white), Mark.Triangle(0, y + size * 0.2f, size * 0.4f, size * 0.45f, white)],
            4 => [Mark.Disc(0, y, size, red), Mark.Box(-size * 0.7f, y - size * 0.18f, size * 0.7f, y + size * 0.18f, white)],
            5 => [Mark.Box(-size * 0.9f, y - size * 0.9f, size * 0.9f, y + size * 0.9f, blue), Mark.Bar(-size * 0.3f, y - size * 0.5f, -size * 0.3f, y + size * 0.5f, size * 0.13f, white), Mark.Disc(size * 0.02f, y + size * 0.2f, size * 0.35f, white)],
            6 => [Mark.Box(-size * 2, y - size * 0.7f, size * 2, y + size * 0.8f, random.Chance(0.5) ? yellow : blue), Mark.Box(-size * 1.6f, y + size * 0.15f, size * 1.2f, y + size * 0.4f, white * 0.9f), Mark.Box(-size * 1.6f, y - size * 0.35f, size * 0.7f, y - size * 0.1f, white * 0.9f)],
            _ => [Mark.Disc(0, y, size, blue), Mark.Bar(-size * 0.5f, y - size * 0.5f, size * 0.5f, y + size * 0.5f, size * 0.12f, red), Mark.Bar(-size * 0.5f, y + size * 0.5f, size * 0.5f, y - size * 0.5f, size * 0.12f, red)],
        };
        world.AddFigure(new FigureSurface(marks) { Label = Sign }, x, ground, z, 0.06f);
    }

    /// <summary>A pole with traffic lights, one of which may hang over the road.</summary>
    public static void AddTrafficLight(ref SceneRandom random, StreetWorld world, float x, float ground, float z, float arm)
    {
        float tall = arm == 0 ? 3.2f : 5.6f;
        Vector3 grey = new(0.16f, 0.17f, 0.17f);
        Mark[] pole = arm == 0
            ? [Mark.Bar(0, 0, 0, tall, 0.06f, grey)]
            : [Mark.Bar(0, 0, 0, tall, 0.09f, grey), Mark.Bar(0, tall, arm, tall, 0.06f, grey), Mark.Bar(0, 2.2f, 0, 3.4f, 0.07f, grey)];
        world.AddFigure(new FigureSurface(pole) { Label = Pole }, x, ground, z);
        int on = random.Below(3);
        world.AddFigure(new FigureSurface(Lantern(0, 2.35f, on)) { Label = Light }, x, ground, z, 0.12f);
        if (arm != 0) world.AddFigure(new FigureSurface(Lantern(arm, tall - 0.55f, on)) { Label = Light }, x, ground, z, 0.14f);
        world.CastThing(new(x, ground, z), new(0, 0, 0.08f), new(0.08f, 0, 0), tall);
    }

    private static Mark[] Lantern(float x, float bottom, int on)
    {
        ReadOnlySpan<Vector3> colors = [new(0.05f, 0.75f, 0.35f), new(0.85f, 0.55f, 0.05f), new(0.85f, 0.05f, 0.03f)];
        var marks = new Mark[4];
        marks[0] = Mark.Box(x - 0.17f, bottom, x + 0.17f, bottom + 0.95f, new(0.025f));
        for (int i = 0; i < 3; i++)
            marks[i + 1] = Mark.Disc(x, bottom + 0.18f + 0.295f * i, 0.105f, i == on ? colors[i] : colors[i] * 0.06f, i == on ? 1.2f : 0);
        return marks;
    }

    private static void CastCrown(StreetWorld world, float x, float ground, float z, float middle, float radius)
    {
        if (!world.Conditions.HasSun || world.SunShare(x, z) < 0.5f) return;
        Vector3 sun = world.Conditions.SunDirection;
        float reach = MathF.Min(middle / MathF.Max(sun.Y, 0.08f), 60);
        var at = new Vector3(x - sun.X * reach, ground, z - sun.Z * reach);
        world.Lights.Add(new(world.Camera, GroundLightKind.Contact, at - new Vector3(radius, 0, radius), new(2 * radius, 0, 0), new(0, 0, 2 * radius), 0.55f));
    }
}
