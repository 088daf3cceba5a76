using System.Numerics;

namespace Coppice.Perception.Data.Streets;

/// <summary>Light and weather of one scene. Colours are linear; 1 is white in full daylight.</summary>
internal sealed class StreetConditions
{
    private readonly uint _seed;
    private readonly float _cloudScale;

    private StreetConditions(ref SceneRandom random)
    {
        _seed = (uint)random.Bits();
        _cloudScale = random.Between(0.5, 1.6);
        double kind = random.Uniform();
        if (kind < 0.42) Clear(ref random);
        else if (kind < 0.68) Overcast(ref random);
        else if (kind < 0.77) Dusk(ref random);
        else if (kind < 0.85) Dark(ref random);
        else if (kind < 0.92) Foggy(ref random);
        else Raining(ref random);
        Exposure = random.Between(0.75, 1.35);
        Balance = new Vector3(random.Between(0.92, 1.08), 1, random.Between(0.92, 1.08));
        Saturation = random.Between(0.7, 1.1);
        Grain = random.Chance(0.5) ? random.Between(0, 0.012) : random.Between(0.01, 0.035);
        if (Night > 0) Grain += random.Between(0.005, 0.03);
        Blur = random.Chance(0.7) ? random.Between(0, 0.5) : random.Between(0.4, 1);
        Vignette = random.Between(0, 0.25);
    }

    public Vector3 SunDirection { get; private set; }

    public Vector3 SunLight { get; private set; }

    public Vector3 Ambient { get; private set; }

    public Vector3 Zenith { get; private set; }

    public Vector3 Horizon { get; private set; }

    /// <summary>Share of the sky that clouds cover.</summary>
    public float Clouds { get; private set; }

    /// <summary>Share of light lost in a metre of air.</summary>
    public float Fog { get; private set; }

    public float Night { get; private set; }

    public float Wet { get; private set; }

    public float Rain { get; private set; }

    public float Exposure { get; }

    public Vector3 Balance { get; }

    public float Saturation { get; }

    /// <summary>Standard deviation of the sensor's noise, of a range of 1.</summary>
    public float Grain { get; }

    /// <summary>Softness of the lens, 0 to 1.</summary>
    public float Blur { get; }

    public float Vignette { get; }

    /// <summary>Whether the sun casts shadows.</summary>
    public bool HasSun => SunLight.X > 0.05f;

    public static StreetConditions Draw(ref SceneRandom random) => new(ref random);

    /// <summary>The light on a surface that looks in a direction.</summary>
    /// <param name="normal">Direction of the surface, of length 1.</param>
    /// <param name="sunShare">How much of the sun reaches it, 0 to 1.</param>
    public Vector3 LightOn(Vector3 normal, float sunShare)
    {
        float sky = 0.7f + 0.3f * normal.Y;
        return Ambient * sky + SunLight * (sunShare * MathF.Max(0, Vector3.Dot(normal, SunDirection)));
    }

    /// <summary>The sky in a direction; the air's colour where the direction is level.</summary>
    public Vector3 Sky(Vector3 ray)
    {
        Vector3 direction = Vector3.Normalize(ray);
        float up = MathF.Max(direction.Y, 0.0f);
        Vector3 color = Vector3.Lerp(Horizon, Zenith, MathF.Sqrt(Math.Min(1, up * 1.4f)));
        if (HasSun)
        {
            float toSun = MathF.Max(0, Vector3.Dot(direction, SunDirection));
            float glow = toSun * toSun;
            glow *= glow;
            glow *= glow;
            color += SunLight * (0.12f * glow + (toSun > 0.9990f ? 3 : 0));
        }

        if (Clouds > 0.02f && up > 0.01f)
        {
            float scale = _cloudScale / (up + 0.12f);
            float density = Noise.Fractal(direction.X * scale, direction.Z * scale, _seed);
            float cover = Noise.Step(0.78f - 0.6f * Clouds, 0.98f - 0.5f * Clouds, density) * Noise.Step(0.01f, 0.12f, up);
            Vector3 cloud = (Ambient * 0.85f + SunLight * 0.35f) * (1.15f - 0.45f * density);
            color = Vector3.Lerp(color, cloud, cover * 0.9f);
        }

        return color;
    }

    private void Sun(ref SceneRandom random, double lowest, double highest, Vector3 light)
    {
        float azimuth = random.Between(-Math.PI, Math.PI), elevation = random.Between(lowest, highest);
        SunDirection = new(MathF.Sin(azimuth) * MathF.Cos(elevation), MathF.Sin(elevation), MathF.Cos(azimuth) * MathF.Cos(elevation));
        SunLight = light;
    }

    private void Clear(ref SceneRandom random)
    {
        float power = random.Between(0.75, 1.1);
        Sun(ref random, 0.35, 1.1, new Vector3(1, 0.93f, 0.82f) * power);
        Ambient = new Vector3(0.30f, 0.34f, 0.40f) * random.Between(0.8, 1.3);
        Zenith = new Vector3(0.16f, 0.32f, 0.66f) * random.Between(0.7, 1.3);
        Horizon = new Vector3(0.62f, 0.74f, 0.88f) * random.Between(0.8, 1.15);
        Clouds = random.Chance(0.6) ? random.Between(0.05, 0.6) : 0;
        Fog = random.Between(0.0004, 0.002);
    }

    private void Overcast(ref SceneRandom random)
    {
        SunDirection = Vector3.UnitY;
        SunLight = new Vector3(0.03f);
        Ambient = new Vector3(0.62f, 0.65f, 0.70f) * random.Between(0.7, 1.15);
        Zenith = new Vector3(0.62f, 0.66f, 0.72f) * random.Between(0.8, 1.2);
        Horizon = new Vector3(0.82f, 0.84f, 0.87f) * random.Between(0.85, 1.2);
        Clouds = random.Between(0.3, 1);
        Fog = random.Between(0.0006, 0.003);
    }

    private void Dusk(ref SceneRandom random)
    {
        Sun(ref random, 0.04, 0.22, new Vector3(0.75f, 0.48f, 0.26f) * random.Between(0.6, 1));
        Ambient = new Vector3(0.22f, 0.20f, 0.26f) * random.Between(0.7, 1.3);
        Zenith = new Vector3(0.16f, 0.20f, 0.38f);
        Horizon = new Vector3(0.85f, 0.55f, 0.34f) * random.Between(0.6, 1);
        Clouds = random.Between(0, 0.5);
        Fog = random.Between(0.001, 0.004);
        Night = random.Between(0, 0.4);
    }

    private void Dark(ref SceneRandom random)
    {
        SunDirection = Vector3.UnitY;
        Ambient = new Vector3(0.045f, 0.05f, 0.07f) * random.Between(0.8, 2);
        Zenith = new Vector3(0.006f, 0.008f, 0.018f);
        Horizon = new Vector3(0.03f, 0.028f, 0.035f) * random.Between(0.6, 2);
        Fog = random.Between(0.001, 0.004);
        Night = 1;
        Wet = random.Chance(0.3) ? random.Between(0.3, 0.9) : 0;
    }

    private void Foggy(ref SceneRandom random)
    {
        SunDirection = Vector3.UnitY;
        float power = random.Between(0.7, 1.2);
        Ambient = new Vector3(0.60f, 0.62f, 0.65f) * power;
        Zenith = Horizon = new Vector3(0.66f, 0.69f, 0.72f) * power;
        Fog = random.Between(0.008, 0.035);
    }

    private void Raining(ref SceneRandom random)
    {
        Overcast(ref random);
        Ambient *= 0.7f;
        Zenith *= 0.7f;
        Horizon *= 0.75f;
        Clouds = 0.6f;
        Wet = random.Between(0.5, 1);
        Rain = random.Between(0.2, 1);
        Fog = random.Between(0.003, 0.012);
    }
}
