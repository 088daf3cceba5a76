using System.Numerics;

namespace Coppice.Perception.Data.Streets;

/// <summary>What a camera makes of the light that reaches it: softness, exposure, colour, rain, noise.</summary>
internal static class StreetLens
{
    /// <summary>Turns linear light into a picture.</summary>
    /// <param name="light"><c>[height, width, 3]</c>; changed.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="conditions">Light and weather.</param>
    /// <param name="row">Room for a row of light.</param>
    /// <param name="above">Room for a row of light.</param>
    /// <param name="random">Draws rain and noise.</param>
    public static RgbImage Expose(float[] light, int width, int height, StreetConditions conditions, float[] row, float[] above, ref SceneRandom random)
    {
        if (conditions.Rain > 0) AddRain(light, width, height, conditions, ref random);
        if (conditions.Blur > 0.05f) Soften(light, width, height, conditions.Blur * 0.25f, row, above);
        var image = new RgbImage(width, height);
        uint seed = (uint)random.Bits();
        float grain = conditions.Grain * 255 * 1.2f;
        Vector3 gain = conditions.Balance * conditions.Exposure * (conditions.Night > 0.5f ? 1.8f : 1);
        for (int y = 0, i = 0; y < height; y++)
        {
            float v = (2f * y / height - 1) * 0.6f;
            for (int x = 0; x < width; x++, i += 3)
            {
                float u = 2f * x / width - 1, dark = 1 - conditions.Vignette * 0.5f * (u * u + v * v);
                Vector3 color = new Vector3(light[i], light[i + 1], light[i + 2]) * gain * dark;
                float grey = Vector3.Dot(color, new(0.3f, 0.59f, 0.11f));
                color = Vector3.Max(Vector3.Lerp(new(grey), color, conditions.Saturation), Vector3.Zero);
                // A soft shoulder keeps bright places from clipping at once; the root stands for the usual gamma.
                color = Vector3.SquareRoot(color / (Vector3.One + color * 0.22f)) * 262;
                uint noise = Hash((uint)(y * width + x), seed);
                float shared = ((noise & 0xFF) - 127.5f) * (grain / 255);
                image.Pixels[i] = Byte(color.X + shared + (((noise >> 8) & 0xFF) - 127.5f) * (grain / 510));
                image.Pixels[i + 1] = Byte(color.Y + shared + (((noise >> 16) & 0xFF) - 127.5f) * (grain / 510));
                image.Pixels[i + 2] = Byte(color.Z + shared + ((noise >> 24) - 127.5f) * (grain / 510));
            }
        }

        return image;
    }

    private static byte Byte(float value) => (byte)Math.Clamp(value + 0.5f, 0, 255);

    private static uint Hash(uint at, uint seed)
    {
        uint h = at * 0x9E3779B1u ^ seed;
        h = (h ^ (h >> 15)) * 0x2C1B3C6Du;
        h = (h ^ (h >> 12)) * 0x297A2D39u;
        return h ^ (h >> 15);
    }

    /// <summary>A binomial filter of three taps each way, mixed in by a weight: (w, 1 - 2w, w).</summary>
    private static void Soften(float[] light, int width, int height, float weight, float[] row, float[] above)
    {
        int stride = 3 * width;
        float middle = 1 - 2 * weight;
        for (int y = 0; y < height; y++)
        {
            Span<float> line = light.AsSpan(y * stride, stride);
            line.CopyTo(row);
            for (int i = 3; i < stride - 3; i++) line[i] = row[i] * middle + (row[i - 3] + row[i + 3]) * weight;
        }

        light.AsSpan(0, stride).CopyTo(above);
        for (int y = 1; y < height - 1; y++)
        {
            Span<float> line = light.AsSpan(y * stride, stride), below = light.AsSpan((y + 1) * stride, stride);
            line.CopyTo(row);
            for (int i = 0; i < stride; i++) line[i] = row[i] * middle + (above[i] + below[i]) * weight;
            row.CopyTo(above, 0);
        }
    }

    private static void AddRain(float[] light, int width, int height, StreetConditions conditions, ref SceneRandom random)
    {
        int drops = (int)(conditions.Rain * width * 0.7f);
        float slant = random.Between(-0.25, 0.25);
        Vector3 color = conditions.Horizon * 0.9f;
        for (int drop = 0; drop < drops; drop++)
        {
            float x = random.Between(0, width), length = height * random.Between(0.02, 0.12), share = random.Between(0.05, 0.22);
            int top = (int)random.Between(-length, height);
            for (int y = Math.Max(top, 0); y < Math.Min(top + (int)length, height); y++)
            {
                int column = (int)(x + (y - top) * slant);
                if ((uint)column >= (uint)width) continue;
                int at = 3 * (y * width + column);
                light[at] += (color.X - light[at]) * share;
                light[at + 1] += (color.Y - light[at + 1]) * share;
                light[at + 2] += (color.Z - light[at + 2]) * share;
            }
        }
    }
}
