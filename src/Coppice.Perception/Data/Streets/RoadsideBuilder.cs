using System.Numerics;

namespace Coppice.Perception.Data.Streets;

/// <summary>Buildings, gardens, fences and fields beside a street, and what closes its far end.</summary>
internal static class RoadsideBuilder
{
    private const byte Building = 2, Wall = 3, Fence = 4, Vegetation = 8;

    private static readonly Vector3[] Plasters =
    [
        new(0.62f, 0.58f, 0.48f), new(0.58f, 0.55f, 0.50f), new(0.66f, 0.64f, 0.60f), new(0.55f, 0.44f, 0.28f), new(0.50f, 0.36f, 0.26f), new(0.42f, 0.40f, 0.38f),
        new(0.30f, 0.29f, 0.28f), new(0.52f, 0.48f, 0.30f), new(0.40f, 0.46f, 0.48f), new(0.60f, 0.46f, 0.40f),
    ];

    private static readonly Vector3[] Bricks = [new(0.28f, 0.11f, 0.07f), new(0.36f, 0.18f, 0.11f), new(0.22f, 0.10f, 0.08f), new(0.40f, 0.28f, 0.18f)];

    public static void Build(ref SceneRandom random, StreetWorld world, StreetLayout street)
    {
        float storeys = random.Between(1.6, 5.5);
        Side(ref random, world, street, street.Left - street.LeftWalk, -1, storeys);
        Side(ref random, world, street, street.Right + street.RightWalk, 1, storeys);
        Close(ref random, world, street, storeys);
        Horizon(ref random, world, street);
    }

    private static void Side(ref SceneRandom random, StreetWorld world, StreetLayout street, float edge, int side, float storeys)
    {
        foreach ((float from, float to) in street.Stretches(-3, MathF.Min(street.End, 210)))
        {
            float z = from + (from > 0 ? random.Between(0.5, 3) : 0);
            while (z < to)
            {
                float width = MathF.Min(random.Between(7, 24), to - z);
                if (width < 4) break;
                if (random.Chance(street.Built)) AddBuilding(ref random, world, street, edge, side, z, width, storeys);
                else AddGarden(ref random, world, street, edge, side, z, width);
                z += width + (random.Chance(0.15) ? random.Between(1.5, 5) : 0);
            }
        }
    }

    private static FacadeStyle Style(ref SceneRandom random, StreetWorld world, bool shops)
    {
        bool bricks = random.Chance(0.3);
        float night = world.Conditions.Night;
        return new()
        {
            Wall = (bricks ? Bricks[random.Below(Bricks.Length)] : Plasters[random.Below(Plasters.Length)]) * random.Between(0.75, 1.2),
            Frame = random.Chance(0.75) ? new Vector3(0.62f) : new Vector3(0.12f, 0.08f, 0.06f),
            GroundFloor = Plasters[random.Below(Plasters.Length)] * random.Between(0.4, 1),
            Reflected = world.Reflected,
            Storey = random.Between(2.9, 3.7),
            Bay = random.Between(1.9, 3.6),
            WindowWidth = random.Between(0.35, 0.68),
            WindowHeight = random.Between(0.42, 0.66),
            Shops = shops,
            Bricks = bricks,
            Balconies = random.Chance(0.2),
            Lit = night > 0.2f ? random.Between(0.2, 0.55) : random.Chance(0.1) ? 0.05f : 0,
            Seed = (uint)random.Bits(),
        };
    }

    private static void AddBuilding(ref SceneRandom random, StreetWorld world, StreetLayout street, float edge, int side, float z, float width, float storeys)
    {
        FacadeStyle style = Style(ref random, world, random.Chance(street.Setback > 0 ? 0.15 : 0.5));
        float floors = MathF.Max(1, MathF.Round(storeys + random.Between(-1.2, 1.3))), height = floors * style.Storey + random.Between(0.5, 1.2);
        float front = edge + side * (street.Setback + (random.Chance(0.2) ? random.Between(0.3, 1.5) : 0)), depth = random.Between(8, 13);
        float sun = world.SunShare(front + side * -0.3f, z + width / 2);
        bool left = side < 0;
        world.AddBlock(MathF.Min(front, front + side * depth), MathF.Max(front, front + side * depth), z, z + width, height);
        world.Add(new FacadeSurface(style) { Label = Building }, new(front, 0, z), new(0, 0, width), new(0, height, 0), sun);
        foreach (float end in (ReadOnlySpan<float>)[z, z + width])
        {
            bool windows = random.Chance(0.5);
            Surface face = windows ? new FacadeSurface(style with { Shops = false, Balconies = false }) { Label = Building } : new WallSurface(style.Wall, false, style.Seed) { Label = Building };
            world.Add(face, new(front, 0, end), new(side * depth, 0, 0), new(0, height, 0), 0.6f);
        }

        if (random.Chance(0.6))
        {
            float rise = random.Between(2, 4.5), over = -side * 0.35f;
            Vector3 tiles = random.Chance(0.6) ? new Vector3(0.26f, 0.10f, 0.06f) : new Vector3(0.10f, 0.10f, 0.11f);
            tiles *= random.Between(0.7, 1.3);
            float ridge = front + side * depth / 2;
            world.Add(new RoofSurface(tiles, style.Seed) { Label = Building }, new(front + over, height, z), new(0, 0, width), new(ridge - front - over, rise, 0), 1);
            world.Add(new RoofSurface(tiles, style.Seed) { Label = Building }, new(ridge, height + rise, z), new(0, 0, width), new(side * depth / 2, -rise, 0), 0);
            foreach (float end in (ReadOnlySpan<float>)[z, z + width])
                world.Add(new GableSurface(style.Wall) { Label = Building }, new(front, height, end), new(side * depth, 0, 0), new(0, rise, 0), 0.6f);
        }

        if (street.Setback > 1) AddBorder(ref random, world, street, edge + side * 0.15f, z, width);
        if (street.Setback > 2.5f && random.Chance(0.5))
            FurnitureBuilder.AddTree(ref random, world, street.Leaves, edge + side * street.Setback * 0.5f, 0, z + width * random.Between(0.2, 0.8), 6);
        if (street.Setback > 1.5f && left == random.Chance(0.5))
            FurnitureBuilder.AddBush(ref random, world, street.Leaves, edge + side * street.Setback * 0.6f, 0, z + width * random.Between(0.2, 0.8));
    }

    /// <summary>A hedge, a wall or a fence along the pavement, or nothing.</summary>
    private static void AddBorder(ref SceneRandom random, StreetWorld world, StreetLayout street, float x, float z, float width)
    {
        uint seed = (uint)random.Bits();
        float sun = world.SunShare(x, z + width / 2);
        Vector3 along = new(0, 0, width);
        switch (random.Below(5))
        {
            case 0:
                float tall = random.Between(0.9, 2);
                world.Add(new HedgeSurface(street.Leaves * 0.9f, seed) { Label = Vegetation }, new(x, 0, z), along, new(0, tall, 0), sun);
                world.Add(new HedgeSurface(street.Leaves * 0.8f, seed) { Label = Vegetation }, new(x - 0.4f, 0, z), new(0.8f, 0, 0), new(0, tall, 0), sun);
                break;
            case 1:
                world.Add(new WallSurface(Plasters[random.Below(Plasters.Length)] * 0.8f, random.Chance(0.6), seed) { Label = Wall }, new(x, 0, z), along, new(0, random.Between(0.7, 2.2), 0), sun);
                break;
            case 2 or 3:
                bool boards = random.Chance(0.4);
                Vector3 color = boards ? new Vector3(0.25f, 0.17f, 0.10f) * random.Between(0.5, 1.6) : new Vector3(0.05f, 0.07f, 0.06f) * random.Between(0.5, 3);
                world.Add(new FenceSurface(color, street.Leaves * 0.8f, boards) { Label = Fence }, new(x, 0, z), along, new(0, random.Between(1, 1.9), 0), sun);
                break;
            default:
                break;
        }
    }

    private static void AddGarden(ref SceneRandom random, StreetWorld world, StreetLayout street, float edge, int side, float z, float width)
    {
        AddBorder(ref random, world, street, edge + side * 0.15f, z, width);
        int trees = random.Below(4);
        for (int i = 0; i < trees; i++)
            FurnitureBuilder.AddTree(ref random, world, street.Leaves, edge + side * random.Between(2, 14), 0, z + width * random.Between(0, 1), 9);
        if (random.Chance(0.6)) FurnitureBuilder.AddBush(ref random, world, street.Leaves, edge + side * random.Between(1, 5), 0, z + width * random.Between(0, 1));
    }

    /// <summary>A building or trees where the street ends.</summary>
    private static void Close(ref SceneRandom random, StreetWorld world, StreetLayout street, float storeys)
    {
        if (street.End > 200) return;
        float z = street.End + 4;
        for (float x = -60; x < 60;)
        {
            float width = random.Between(10, 22);
            FacadeStyle style = Style(ref random, world, random.Chance(0.3));
            float height = MathF.Max(1, MathF.Round(storeys + random.Between(-1, 1))) * style.Storey + 0.8f;
            world.Add(new FacadeSurface(style) { Label = Building }, new(x, 0, z), new(width, 0, 0), new(0, height, 0), world.SunShare(x + width / 2, z - 0.5f));
            if (random.Chance(0.6)) world.Add(new RoofSurface(new Vector3(0.22f, 0.1f, 0.07f), style.Seed) { Label = Building }, new(x, height, z), new(width, 0, 0), new(0, 3, 5), 1);
            x += width;
        }
    }

    /// <summary>Far trees and buildings behind everything, so that no street ends at a bare line.</summary>
    private static void Horizon(ref SceneRandom random, StreetWorld world, StreetLayout street)
    {
        for (float x = -230; x < 230;)
        {
            float width = random.Between(14, 40), z = random.Between(215, 330);
            if (random.Chance(0.6))
            {
                float tall = random.Between(6, 16);
                Vector3[] clumps = [new(width * 0.25f, tall * 0.35f, tall * 0.6f), new(width * 0.5f, tall * 0.45f, tall * 0.55f), new(width * 0.8f, tall * 0.3f, tall * 0.6f), new(width * 0.5f, 0, width * 0.5f)];
                world.Add(new FoliageSurface(clumps, street.Leaves, 1.5f, 0.3f, 0, (uint)random.Bits()) { Label = Vegetation }, new(x, 0, z), new(width, 0, 0), new(0, tall, 0));
            }
            else
            {
                FacadeStyle style = Style(ref random, world, false);
                world.Add(new FacadeSurface(style) { Label = Building }, new(x, 0, z), new(width, 0, 0), new(0, random.Between(6, 24), 0), 0.7f);
            }

            x += width * random.Between(0.5, 1);
        }
    }
}
