using System.Numerics;

namespace Coppice.Perception.Data.Streets;

/// <summary>How a front is divided: storeys, windows, a ground floor of its own.</summary>
internal sealed record FacadeStyle
{
    public required Vector3 Wall { get; init; }

    public required Vector3 Frame { get; init; }

    public required Vector3 GroundFloor { get; init; }

    /// <summary>What glass reflects.</summary>
    public required Vector3 Reflected { get; init; }

    public required float Storey { get; init; }

    public required float Bay { get; init; }

    /// <summary>Share of a bay that is window.</summary>
    public required float WindowWidth { get; init; }

    /// <summary>Share of a storey that is window.</summary>
    public required float WindowHeight { get; init; }

    public required bool Shops { get; init; }

    public required bool Bricks { get; init; }

    public required bool Balconies { get; init; }

    /// <summary>Share of windows with light behind them, and how bright it is.</summary>
    public required float Lit { get; init; }

    public required uint Seed { get; init; }
}

/// <summary>A building's front.</summary>
internal sealed class FacadeSurface(FacadeStyle style) : Surface
{
    public override Vector3 Shade(float x, float y, float depth, float pixel, Vector3 light)
    {
        int storey = (int)MathF.Floor(y / style.Storey);
        float up = y - storey * style.Storey;
        if (storey == 0 && style.Shops) return Shop(x, up, pixel, light);
        float bays = MathF.Max(1, MathF.Floor(Width / style.Bay)), bay = Width / bays;
        int column = (int)MathF.Floor(x / bay);
        float across = MathF.Abs(x - (column + 0.5f) * bay), windowWidth = bay * style.WindowWidth, windowHeight = style.Storey * style.WindowHeight;
        float middle = style.Storey * 0.52f, above = up - middle;
        bool roof = y > Height - 0.5f;
        Vector3 wall = Wall(x, y, pixel) * light;
        if (roof) return wall * (y > Height - 0.12f ? 0.6f : 1.1f);
        float frame = 0.09f;
        if (style.Balconies && storey > 0 && column % 3 == 1 && up < 1.05f)
            return style.Frame * light * (up > 0.95f || Noise.Around(x, 0.14f) < 0.02f ? 0.9f : 0.35f);
        if (across > windowWidth / 2 + frame || MathF.Abs(above) > windowHeight / 2 + frame)
        {
            // A sill throws a thin shadow, storeys are marked by a ledge.
            bool below = across < windowWidth / 2 + 0.15f && above < 0 && above > -windowHeight / 2 - frame - 0.18f;
            if (below) return wall * (1 - 0.35f * Noise.Detail(0.18f, pixel));
            return up < 0.12f ? wall * (1 + 0.12f * Noise.Detail(0.12f, pixel)) : wall;
        }

        Vector3 glass = Glass(column, storey, above / windowHeight + 0.5f, light);
        bool isFrame = across > windowWidth / 2 || MathF.Abs(above) > windowHeight / 2 || (windowWidth > 1 && across < 0.035f);
        return isFrame ? Vector3.Lerp(glass, style.Frame * light, Noise.Detail(frame, pixel) * 0.9f) : glass;
    }

    private Vector3 Wall(float x, float y, float pixel)
    {
        float shade = 0.88f + 0.24f * Noise.Fractal(x * 0.4f, y * 0.25f, style.Seed);
        shade *= 1 - 0.18f * Noise.Step(1.2f, 0, y);
        if (style.Bricks)
        {
            float detail = Noise.Detail(0.12f, pixel);
            if (detail > 0)
            {
                int course = (int)MathF.Floor(y / 0.08f);
                float joint = MathF.Max(Noise.Stripe(Noise.Around(y, 0.08f), 0.012f, pixel), Noise.Stripe(Noise.Around(x + (course & 1) * 0.12f, 0.24f), 0.012f, pixel));
                shade *= 1 + detail * (0.5f * joint + 0.25f * (Noise.Cell((int)MathF.Floor(x / 0.24f), course, style.Seed) - 0.5f));
            }
        }

        float pipe = Noise.Stripe(x - 0.35f, 0.12f, pixel);
        return Vector3.Lerp(style.Wall * shade, style.Frame * 0.5f, pipe * 0.7f);
    }

    private Vector3 Glass(int column, int storey, float up, Vector3 light)
    {
        float kind = Noise.Cell(column, storey, style.Seed + 11);
        if (Noise.Cell(column, storey, style.Seed + 12) < style.Lit)
            return new Vector3(1, 0.72f, 0.38f) * (0.35f + 0.5f * kind);
        Vector3 dark = new Vector3(0.03f, 0.035f, 0.04f) * light;
        Vector3 glass = Vector3.Lerp(dark, style.Reflected, 0.10f + 0.22f * kind * up);
        if (kind < 0.28f && up > 0.55f - kind) return new Vector3(0.55f, 0.53f, 0.48f) * light * 0.8f; // A blind.
        return glass;
    }

    private Vector3 Shop(float x, float up, float pixel, Vector3 light)
    {
        const float front = 4.2f;
        int shop = (int)MathF.Floor(x / front);
        float kind = Noise.Cell(shop, 0, style.Seed + 21), within = x - shop * front;
        var sign = new Vector3(Noise.Cell(shop, 1, style.Seed), Noise.Cell(shop, 2, style.Seed), Noise.Cell(shop, 3, style.Seed));
        if (up > style.Storey - 0.75f)
        {
            bool letters = MathF.Abs(up - (style.Storey - 0.42f)) < 0.15f && within is > 0.8f and < 3.4f && Noise.Cell((int)(within / 0.16f), shop, style.Seed + 5) < 0.65f;
            Vector3 board = (letters ? new Vector3(0.8f) : (sign * sign * 0.4f + new Vector3(0.06f))) * light;
            return style.Lit > 0.2f && letters ? board + new Vector3(0.6f, 0.55f, 0.4f) : board;
        }

        bool door = kind < 0.5f && within is > 3f and < 4f;
        bool post = within is < 0.22f or > front - 0.22f || (door && within is < 3.1f or > 3.92f);
        if (post || (up < 0.5f && !door)) return style.GroundFloor * light * (0.9f + 0.1f * Noise.Smooth(x, up * 3, style.Seed));
        Vector3 inside = new Vector3(0.045f, 0.042f, 0.04f) * light + style.Reflected * (0.12f + 0.1f * kind) * (up / style.Storey);
        float goods = Noise.Smooth(within * 2.5f + shop * 17, up * 2.2f, style.Seed + 8);
        if (!door && up < 1.7f) inside += sign * 0.16f * light * Noise.Step(0.45f, 0.75f, goods) * Noise.Detail(0.4f, pixel);
        return style.Lit > 0.2f ? inside + new Vector3(0.5f, 0.42f, 0.28f) * (0.3f + 0.5f * goods) : inside;
    }
}

/// <summary>A roof of tiles, or a bare wall.</summary>
internal sealed class RoofSurface(Vector3 color, uint seed) : Surface
{
    public override Vector3 Shade(float x, float y, float depth, float pixel, Vector3 light)
    {
        float rows = Noise.Detail(0.3f, pixel) * 0.25f * (Noise.Around(y, 0.35f) < -0.1f ? 1 : 0);
        return color * light * (0.85f + 0.3f * Noise.Smooth(x * 0.6f, y * 0.6f, seed) - rows);
    }
}

/// <summary>A low wall of plaster or stones.</summary>
internal sealed class WallSurface(Vector3 color, bool stones, uint seed) : Surface
{
    public override Vector3 Shade(float x, float y, float depth, float pixel, Vector3 light)
    {
        float shade = 0.8f + 0.35f * Noise.Fractal(x * 0.7f, y * 0.7f, seed);
        if (y > Height - 0.1f) shade *= 1.15f;
        float detail = Noise.Detail(0.3f, pixel);
        if (stones && detail > 0)
        {
            int course = (int)MathF.Floor(y / 0.28f);
            float joint = MathF.Max(Noise.Stripe(Noise.Around(y, 0.28f), 0.03f, pixel), Noise.Stripe(Noise.Around(x + (course & 1) * 0.3f, 0.6f), 0.03f, pixel));
            shade *= 1 - detail * (0.4f * joint + 0.3f * (Noise.Cell((int)MathF.Floor(x / 0.6f), course, seed) - 0.5f));
        }

        return color * light * shade;
    }
}

/// <summary>Bars or boards; between bars one sees what is behind, but the label is the fence's, as in hand-made labels.</summary>
internal sealed class FenceSurface(Vector3 color, Vector3 behind, bool boards) : Surface
{
    public override Vector3 Shade(float x, float y, float depth, float pixel, Vector3 light)
    {
        float period = boards ? 0.16f : 0.13f, bar = boards ? 0.145f : 0.035f;
        float share = MathF.Max(Noise.Stripe(Noise.Around(x, period), bar, pixel), boards ? 0 : MathF.Max(Noise.Stripe(y - Height + 0.12f, 0.05f, pixel), Noise.Stripe(y - 0.15f, 0.05f, pixel)));
        share = MathF.Max(share, Noise.Stripe(Noise.Around(x, 2.4f), 0.1f, pixel));
        return Vector3.Lerp(behind * light * 0.55f, color * light, share);
    }
}

/// <summary>The triangle of wall below a roof's end.</summary>
internal sealed class GableSurface(Vector3 color) : Surface
{
    public override bool HasHoles => true;

    public override bool Covers(float x, float y) => y / Height <= 1 - MathF.Abs(2 * x / Width - 1);

    public override Vector3 Shade(float x, float y, float depth, float pixel, Vector3 light) => color * light * 0.95f;
}
