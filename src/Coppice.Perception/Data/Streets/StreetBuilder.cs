using System.Numerics;

namespace Coppice.Perception.Data.Streets;

/// <summary>Lays out one street: road, pavements, what lies beside them, and who is on them.</summary>
internal sealed class StreetBuilder
{
    private const byte Road = 0, Sidewalk = 1, Terrain = 9;
    private const float Far = 420;

    private readonly StreetWorld _world;
    private readonly StreetLayout _layout;
    private SceneRandom _random;

    private StreetBuilder(SceneRandom random, StreetWorld world)
    {
        _random = random;
        _world = world;
        _layout = StreetLayout.Draw(ref _random);
    }

    /// <summary>Draws a street into a world.</summary>
    public static void Build(SceneRandom random, StreetWorld world) => new StreetBuilder(random, world).Build();

    private void Build()
    {
        AddGround();
        RoadsideBuilder.Build(ref _random, _world, _layout);
        AddFurniture();
        new TrafficBuilder(_world, _layout).Build(ref _random);
        _world.CastBlocks();
    }

    private void AddGround()
    {
        StreetLayout street = _layout;
        uint seed = (uint)_random.Bits();
        RoadMarks marks = Marks();
        float curb = street.Curb, back = -4;
        AddFlat(new GrassSurface(-260, back, seed, street.Grass) { Label = Terrain }, -260, 260, back, Far, -0.03f);
        AddFlat(Asphalt(street.Left, back, marks), street.Left, street.Right, back, Far, 0);
        if (street.HasCross)
        {
            AddFlat(Asphalt(-120, street.CrossStart, marks), -120, street.Left, street.CrossStart, street.CrossEnd, 0);
            AddFlat(Asphalt(street.Right, street.CrossStart, marks), street.Right, 120, street.CrossStart, street.CrossEnd, 0);
        }

        foreach ((float from, float to) in street.Stretches(back, street.End))
        {
            AddPavement(street.Left - street.LeftWalk, street.Left, from, to, curb, seed + 1);
            AddPavement(street.Right, street.Right + street.RightWalk, from, to, curb, seed + 2);
        }
    }

    private RoadSurface Asphalt(float x, float z, RoadMarks marks) => new(x, z, 77 + (uint)(marks.Wear * 1e6f), marks)
    {
        Label = Road, Wet = _world.Conditions.Wet, Reflected = _world.Reflected, CameraMeters = _world.Camera.Meters,
    };

    private void AddFlat(Surface surface, float x1, float x2, float z1, float z2, float y) =>
        _world.Add(surface, new(x1, y, z1), new(x2 - x1, 0, 0), new(0, 0, z2 - z1));

    private void AddPavement(float x1, float x2, float from, float to, float curb, uint seed)
    {
        StreetLayout street = _layout;
        if (x2 - x1 < 0.3f) return;
        AddFlat(
            new PavementSurface(x1, from, seed, street.Pavement, street.Tile) { Label = Sidewalk, Wet = _world.Conditions.Wet * 0.6f, Reflected = _world.Reflected, CameraMeters = _world.Camera.Meters },
            x1, x2, from, to, curb);
        float edge = x1 < 0 ? x2 : x1;
        _world.Add(new CurbSurface(street.Pavement * 1.15f) { Label = Sidewalk }, new(edge, 0, from), new(0, 0, to - from), new(0, curb, 0), 0.5f);
        foreach (float end in (ReadOnlySpan<float>)[from, to])
            _world.Add(new CurbSurface(street.Pavement) { Label = Sidewalk }, new(x1, 0, end), new(x2 - x1, 0, 0), new(0, curb, 0), 0.5f);
    }

    private RoadMarks Marks()
    {
        StreetLayout street = _layout;
        float grey = _random.Between(0.06, 0.15);
        var marks = new RoadMarks
        {
            Asphalt = new Vector3(grey, grey * _random.Between(0.97, 1.02), grey * _random.Between(0.94, 1.06)),
            Paint = new Vector3(0.62f, 0.62f, 0.6f) * _random.Between(0.7, 1.1),
            Wear = _random.Between(0.1, 0.8),
        };
        if (_random.Chance(0.85))
        {
            for (int lane = 1; lane < street.Lanes; lane++)
            {
                float x = street.LanesLeft + lane * street.LaneWidth;
                bool center = lane == street.Oncoming;
                bool solid = center && _random.Chance(0.35);
                marks.Lines.Add((x, 0.14f, solid ? 1 : 3, solid ? 0 : center ? 4.5f : 6));
            }
        }

        if (_random.Chance(0.55))
        {
            bool solid = _random.Chance(0.7);
            foreach (float x in (ReadOnlySpan<float>)[street.LanesLeft + 0.12f, street.LanesRight - 0.12f]) marks.Lines.Add((x, 0.12f, solid ? 1 : 1.5f, solid ? 0 : 1.5f));
        }

        if (street.HasCross)
        {
            (marks.CrossStart, marks.CrossEnd) = (street.CrossStart - 5.5f, street.CrossEnd + 5);
            if (_random.Chance(0.7)) marks.Crosswalks.Add((street.CrossStart - 4.5f, street.CrossStart - 1));
            if (_random.Chance(0.5)) marks.Crosswalks.Add((street.CrossEnd + 1, street.CrossEnd + 4));
            marks.StopLines.Add((street.LanesLeft + street.Oncoming * street.LaneWidth, street.LanesRight, street.CrossStart - 5.5f, 0.4f));
        }
        else if (_random.Chance(0.15))
        {
            float z = _random.Between(8, 45);
            marks.Crosswalks.Add((z, z + 3.5f));
        }

        return marks;
    }

    private void AddFurniture()
    {
        StreetLayout street = _layout;
        bool lampsLeft = _random.Chance(0.7), lampsRight = !lampsLeft || _random.Chance(0.4);
        float gap = _random.Between(22, 38), tall = _random.Between(5, 9), arm = _random.Between(0.8, 2.2), start = _random.Between(4, gap);
        Vector3 color = new Vector3(0.2f, 0.21f, 0.21f) * _random.Between(0.4, 1.8);
        for (float z = start; z < MathF.Min(street.End, 160); z += gap)
        {
            if (street.InCross(z, 1)) continue;
            if (lampsLeft) FurnitureBuilder.AddLamp(_world, street.Left - 0.5f, street.Curb, z, arm, tall, color);
            if (lampsRight) FurnitureBuilder.AddLamp(_world, street.Right + 0.5f, street.Curb, z + gap / 2, -arm, tall, color);
        }

        AddTrees(street.Left - 0.9f, street.TreesLeft);
        AddTrees(street.Right + 0.9f, street.TreesRight);
        int signs = _random.Below(5);
        for (int i = 0; i < signs; i++)
        {
            float z = _random.Between(6, 60), x = _random.Chance(0.65) ? street.Right + 0.45f : street.Left - 0.45f;
            if (!street.InCross(z, 1)) FurnitureBuilder.AddSign(ref _random, _world, x, street.Curb, z);
        }

        if (street.HasCross && _random.Chance(0.65))
        {
            FurnitureBuilder.AddTrafficLight(ref _random, _world, street.Right + 0.6f, street.Curb, street.CrossStart - 5, _random.Chance(0.4) ? -3.5f : 0);
            FurnitureBuilder.AddTrafficLight(ref _random, _world, street.Left - 0.6f, street.Curb, street.CrossStart - 5, 0);
            if (_random.Chance(0.5)) FurnitureBuilder.AddTrafficLight(ref _random, _world, street.Right + 0.6f, street.Curb, street.CrossEnd + 4.5f, -3);
        }
    }

    private void AddTrees(float x, float gap)
    {
        if (gap <= 0) return;
        for (float z = _random.Between(3, gap); z < MathF.Min(_layout.End, 130); z += gap * _random.Between(0.8, 1.4))
            if (!_layout.InCross(z, 2)) FurnitureBuilder.AddTree(ref _random, _world, _layout.Leaves, x, _layout.Curb, z, 8.5f);
    }
}
