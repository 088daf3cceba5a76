using System.Numerics;

namespace Coppice.Perception.Data.Streets;

/// <summary>Who is on the street: parked and moving vehicles, cycles, people.</summary>
internal sealed class TrafficBuilder(StreetWorld world, StreetLayout street)
{
    private const float Farthest = 130;

    public void Build(ref SceneRandom random)
    {
        if (street.ParkLeft > 1) Park(ref random, street.Left + street.ParkLeft / 2, MathF.PI);
        if (street.ParkRight > 1) Park(ref random, street.Right - street.ParkRight / 2, 0);
        for (int lane = 0; lane < street.Lanes; lane++) Drive(ref random, lane);
        if (street.HasCross) Cross(ref random);
        Ride(ref random);
        Walk(ref random);
        ParkCycles(ref random);
    }

    private static int Kind(ref SceneRandom random)
    {
        double kind = random.Uniform();
        return kind < 0.82 ? VehicleBuilder.Car : kind < 0.92 ? VehicleBuilder.Truck : VehicleBuilder.Bus;
    }

    private void Park(ref SceneRandom random, float x, float heading)
    {
        float share = random.Between(0.2, 0.95);
        for (float z = random.Between(1.5, 6); z < MathF.Min(street.End - 5, 110);)
        {
            int kind = random.Chance(0.94) ? VehicleBuilder.Car : VehicleBuilder.Truck;
            VehicleStyle style = VehicleBuilder.Draw(ref random, kind, world) with { Lamps = 0, Brakes = false };
            float middle = z + style.Length / 2;
            if (random.Chance(share) && !street.InCross(middle, 7 + style.Length / 2))
                VehicleBuilder.Add(world, kind, style, x + random.Between(-0.15, 0.15), middle, (random.Chance(0.85) ? heading : heading + MathF.PI) + random.Between(-0.03, 0.03));
            z += style.Length + random.Between(0.5, 1.6);
        }
    }

    private void Drive(ref SceneRandom random, int lane)
    {
        bool oncoming = lane < street.Oncoming;
        float x = street.LanesLeft + (lane + 0.5f) * street.LaneWidth;
        bool mine = MathF.Abs(x) < street.LaneWidth / 2;
        float gap = 60 - 48 * street.Traffic;
        float z = mine ? 5 + gap * random.Between(0.1, 1.3) : random.Between(-2, gap * 1.3f);
        while (z < MathF.Min(street.End - 8, Farthest))
        {
            int kind = Kind(ref random);
            VehicleStyle style = VehicleBuilder.Draw(ref random, kind, world);
            float middle = z + style.Length / 2;
            if (!street.InCross(middle, 0) || random.Chance(0.6))
                VehicleBuilder.Add(world, kind, style, x + random.Between(-0.35, 0.35), middle, (oncoming ? MathF.PI : 0) + random.Between(-0.05, 0.05));
            z += style.Length + random.Between(2.5, 2.5 + gap * 1.6f);
        }
    }

    private void Cross(ref SceneRandom random)
    {
        int count = random.Below(4);
        float free = -40;
        for (int i = 0; i < count; i++)
        {
            int kind = Kind(ref random);
            VehicleStyle style = VehicleBuilder.Draw(ref random, kind, world);
            bool left = random.Chance(0.5);
            float x = free + style.Length / 2 + random.Between(1, 25), z = left ? street.CrossStart + (street.CrossEnd - street.CrossStart) * 0.72f : street.CrossStart + (street.CrossEnd - street.CrossStart) * 0.28f;
            if (x > 45) return;
            VehicleBuilder.Add(world, kind, style, x, z, (left ? -1 : 1) * MathF.PI / 2 + random.Between(-0.04, 0.04));
            free = x + style.Length / 2;
        }
    }

    private void Ride(ref SceneRandom random)
    {
        int count = random.Chance(0.5) ? 0 : 1 + random.Below(4);
        for (int i = 0; i < count; i++)
        {
            bool motor = random.Chance(0.3), right = random.Chance(0.65);
            float z = random.Between(5, 60), x = right ? street.LanesRight - random.Between(0.3, 1.1) : street.LanesLeft + random.Between(0.3, 1.1);
            if (MathF.Abs(x) < 0.6f && z < 6) continue;
            FigureBuilder.AddCycle(ref random, world, motor, true, x, 0, z, 0);
        }

        if (street.HasCross && random.Chance(0.3))
            FigureBuilder.AddCycle(ref random, world, random.Chance(0.3), true, random.Between(street.Left - 4, street.Right + 4), 0, random.Between(street.CrossStart, street.CrossEnd), random.Chance(0.5) ? 1 : -1);
        if (random.Chance(0.12)) FigureBuilder.AddCycle(ref random, world, random.Chance(0.3), true, random.Between(street.LanesLeft, street.LanesRight), 0, random.Between(9, 30), random.Chance(0.5) ? 1 : -1);
    }

    private void Walk(ref SceneRandom random)
    {
        int count = (int)(street.People * street.People * 16);
        for (int i = 0; i < count; i++)
        {
            bool left = random.Chance(0.5);
            float walk = left ? street.LeftWalk : street.RightWalk;
            if (walk < 1) continue;
            float off = random.Between(0.4, MathF.Max(0.5f, walk - 0.4f)), x = left ? street.Left - off : street.Right + off, z = random.Between(4, 70);
            bool raised = !street.InCross(z, 0);
            FigureBuilder.AddPerson(ref random, world, x, raised ? street.Curb : 0, z);
            if (!random.Chance(0.3)) continue;
            FigureBuilder.AddPerson(ref random, world, x + random.Between(0.5, 0.8), raised ? street.Curb : 0, z + random.Between(-0.4, 0.4));
            i++;
        }

        // Some cross the road, at a crossing or anywhere.
        int crossing = random.Chance(0.35) ? 1 + random.Below(3) : 0;
        for (int i = 0; i < crossing; i++)
        {
            float z = street.HasCross && random.Chance(0.7) ? street.CrossStart - random.Between(1.5, 4) : random.Between(7, 45);
            FigureBuilder.AddPerson(ref random, world, random.Between(street.Left, street.Right), 0, z);
        }
    }

    private void ParkCycles(ref SceneRandom random)
    {
        int groups = random.Chance(0.35) ? 1 + random.Below(3) : 0;
        for (int i = 0; i < groups; i++)
        {
            bool left = random.Chance(0.5), motor = random.Chance(0.2);
            float walk = left ? street.LeftWalk : street.RightWalk;
            if (walk < 1.5f) continue;
            float x = left ? street.Left - 0.7f : street.Right + 0.7f, z = random.Between(5, 40);
            int count = 1 + random.Below(3), aside = random.Chance(0.6) ? random.Chance(0.5) ? 1 : -1 : 0;
            for (int k = 0; k < count; k++, z += 0.7f)
                if (!street.InCross(z, 1)) FigureBuilder.AddCycle(ref random, world, motor, false, x, street.Curb, z, aside);
        }
    }
}
