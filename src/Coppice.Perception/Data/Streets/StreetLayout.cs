using System.Numerics;

namespace Coppice.Perception.Data.Streets;

/// <summary>Where things are across a street and along it, in metres; the camera drives at x = 0 towards growing z.</summary>
internal sealed record StreetLayout
{
    public required float LaneWidth { get; init; }

    public required int Lanes { get; init; }

    /// <summary>How many lanes, from the left, come towards the camera.</summary>
    public required int Oncoming { get; init; }

    public required float LanesLeft { get; init; }

    public float LanesRight => LanesLeft + Lanes * LaneWidth;

    /// <summary>Width of the strip where cars are parked; 0 for none.</summary>
    public required float ParkLeft { get; init; }

    public required float ParkRight { get; init; }

    /// <summary>Left edge of the road.</summary>
    public float Left => LanesLeft - ParkLeft;

    public float Right => LanesRight + ParkRight;

    /// <summary>Widths of the pavements.</summary>
    public required float LeftWalk { get; init; }

    public required float RightWalk { get; init; }

    /// <summary>Height of the kerb.</summary>
    public required float Curb { get; init; }

    /// <summary>Where the street ends, or is too far to matter.</summary>
    public required float End { get; init; }

    public required float CrossStart { get; init; }

    public required float CrossEnd { get; init; }

    public bool HasCross => CrossEnd > CrossStart;

    /// <summary>Distance between trees; 0 for none.</summary>
    public required float TreesLeft { get; init; }

    public required float TreesRight { get; init; }

    public required Vector3 Leaves { get; init; }

    public required Vector3 Grass { get; init; }

    public required Vector3 Pavement { get; init; }

    /// <summary>Size of the pavement's flagstones; 0 for none.</summary>
    public required float Tile { get; init; }

    /// <summary>Share of the roadside that is built on.</summary>
    public required float Built { get; init; }

    /// <summary>Between the pavement and the buildings.</summary>
    public required float Setback { get; init; }

    /// <summary>How much traffic there is, 0 to 1.</summary>
    public required float Traffic { get; init; }

    public required float People { get; init; }

    public static StreetLayout Draw(ref SceneRandom random)
    {
        bool open = random.Chance(0.14);
        int oncoming = random.Chance(0.12) ? 0 : random.Chance(0.75) ? 1 : 2, ahead = random.Chance(0.7) ? 1 : 2;
        float lane = random.Between(2.8, 3.6);
        // The camera's lane is any of those that go its way.
        int mine = oncoming + random.Below(ahead);
        float left = -(mine + 0.5f) * lane + random.Between(-0.45, 0.45);
        bool cross = random.Chance(0.45);
        float start = random.Between(14, 70), autumn = random.Uniform() < 0.15 ? random.Between(0.3, 1) : 0;
        return new()
        {
            LaneWidth = lane,
            Lanes = oncoming + ahead,
            Oncoming = oncoming,
            LanesLeft = left,
            ParkLeft = !open && random.Chance(0.55) ? random.Between(2, 2.4) : 0.3f,
            ParkRight = !open && random.Chance(0.6) ? random.Between(2, 2.4) : 0.3f,
            LeftWalk = open && random.Chance(0.7) ? 0 : random.Between(1.6, 4.5),
            RightWalk = open && random.Chance(0.7) ? 0 : random.Between(1.6, 4.5),
            Curb = random.Between(0.08, 0.15),
            End = random.Chance(0.4) ? random.Between(60, 150) : 260,
            CrossStart = cross ? start : 0,
            CrossEnd = cross ? start + random.Between(7, 12) : 0,
            TreesLeft = random.Chance(0.4) ? random.Between(6, 14) : 0,
            TreesRight = random.Chance(0.4) ? random.Between(6, 14) : 0,
            Leaves = Vector3.Lerp(new(0.07f, 0.15f, 0.035f), new(0.32f, 0.18f, 0.03f), autumn) * random.Between(0.7, 1.4),
            Grass = new Vector3(0.09f, 0.16f, 0.04f) * random.Between(0.7, 1.4),
            Pavement = new Vector3(0.26f, 0.25f, 0.24f) * random.Between(0.55, 1.3) * new Vector3(random.Between(0.95, 1.1), 1, random.Between(0.85, 1.05)),
            Tile = random.Chance(0.7) ? random.Between(0.3, 0.9) : 0,
            Built = open ? 0.12f : random.Between(0.7, 1),
            Setback = random.Chance(0.55) ? 0 : random.Between(1.5, 7),
            Traffic = random.Between(0.1, 1),
            People = random.Between(0, 1),
        };
    }

    /// <summary>Whether another street crosses here.</summary>
    /// <param name="z">Metres along the street.</param>
    /// <param name="margin">Metres to keep from it.</param>
    public bool InCross(float z, float margin) => HasCross && z > CrossStart - margin && z < CrossEnd + margin;

    /// <summary>A stretch of the street without the crossing.</summary>
    public IEnumerable<(float From, float To)> Stretches(float from, float to)
    {
        if (!HasCross || CrossEnd <= from || CrossStart >= to)
        {
            yield return (from, to);
            yield break;
        }

        if (CrossStart > from) yield return (from, CrossStart);
        if (CrossEnd < to) yield return (CrossEnd, to);
    }
}
