using System.Numerics;

namespace Coppice.Perception.Data.Streets;

/// <summary>Turns a world into a picture, labels and boxes. One renderer serves one scene at a time and keeps its buffers.</summary>
internal sealed class StreetRenderer(int width, int height)
{
    private const byte SkyLabel = 10;

    private readonly StreetPixels _pixels = new(width, height);
    private readonly float[] _light = new float[width * height * 3];
    private readonly float[] _row = new float[width * 3];
    private readonly float[] _above = new float[width * 3];

    /// <summary>Draws a scene.</summary>
    /// <param name="world">The scene.</param>
    /// <param name="samples">Rays a pixel; the first goes through its middle and decides the label.</param>
    /// <param name="limits">Which objects are boxes.</param>
    /// <param name="random">Draws rain and the sensor's noise.</param>
    public Scene Draw(StreetWorld world, int samples, StreetLimits limits, ref SceneRandom random)
    {
        byte[] labels = new byte[width * height];
        Span<int> covered = new int[world.Objects.Count], unused = new int[world.Objects.Count];
        IReadOnlyList<SceneObject> objects = [];
        Array.Clear(_light);
        for (int sample = 0; sample < samples; sample++)
        {
            // A grid of points that does not line up with rows and columns (a lattice of the plastic number).
            float offsetX = sample == 0 ? 0 : (0.7548777f * sample + 0.5f) % 1 - 0.5f, offsetY = sample == 0 ? 0 : (0.5698403f * sample + 0.5f) % 1 - 0.5f;
            unused.Clear();
            _pixels.Draw(world.Camera, world.Surfaces, sample == 0 ? covered : unused, offsetX, offsetY);
            if (sample == 0)
            {
                Array.Fill(_pixels.SunShare, 1);
                foreach (GroundLight light in world.Lights) _pixels.Cast(world.Camera, world.Surfaces, light);
                objects = Label(world, labels, covered, limits);
            }

            Shade(world, 1f / samples, offsetX, offsetY);
        }

        return new(StreetLens.Expose(_light, width, height, world.Conditions, _row, _above, ref random), objects, labels);
    }

    private List<SceneObject> Label(StreetWorld world, byte[] labels, Span<int> covered, StreetLimits limits)
    {
        Span<int> seen = new int[world.Objects.Count];
        var boxes = new (int Left, int Top, int Right, int Bottom)[world.Objects.Count];
        Array.Fill(boxes, (int.MaxValue, int.MaxValue, -1, -1));
        for (int y = 0, pixel = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++, pixel++)
            {
                int nearest = _pixels.Nearest[pixel];
                labels[pixel] = nearest < 0 ? SkyLabel : world.Surfaces[nearest].Label;
                int found = nearest < 0 ? -1 : world.Surfaces[nearest].Object;
                if (found < 0) continue;
                seen[found]++;
                var box = boxes[found];
                boxes[found] = (Math.Min(box.Left, x), Math.Min(box.Top, y), Math.Max(box.Right, x), Math.Max(box.Bottom, y));
            }
        }

        var objects = new List<SceneObject>();
        for (int i = 0; i < world.Objects.Count; i++)
        {
            (int left, int top, int right, int bottom) = boxes[i];
            if (seen[i] == 0 || seen[i] < limits.Visible * covered[i]) continue;
            if (right - left + 1 < limits.Side || bottom - top + 1 < limits.Height || seen[i] < limits.Pixels) continue;
            (int kind, float meters) = world.Objects[i];
            objects.Add(new(kind, (float)left / width, (float)top / height, (right + 1f) / width, (bottom + 1f) / height, meters));
        }

        return objects;
    }

    private void Shade(StreetWorld world, float weight, float offsetX, float offsetY)
    {
        StreetConditions conditions = world.Conditions;
        StreetCamera camera = world.Camera;
        float headlights = conditions.Night > 0.3f ? 0.5f * conditions.Night : 0, fog = conditions.Fog;
        for (int y = 0, pixel = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++, pixel++)
            {
                int nearest = _pixels.Nearest[pixel];
                Vector3 color;
                if (nearest < 0)
                {
                    color = conditions.Sky(camera.Ray(x + 0.5f + offsetX, y + 0.5f + offsetY));
                }
                else
                {
                    Surface surface = world.Surfaces[nearest];
                    float depth = _pixels.Depth[pixel];
                    Vector3 light = surface.Light;
                    if (surface.IsGround) light *= _pixels.SunShare[pixel];
                    if (headlights > 0) light += new Vector3(1, 0.93f, 0.8f) * (headlights * 14 / (10 + depth * depth * 0.12f));
                    color = surface.Shade(_pixels.X[pixel], _pixels.Y[pixel], depth, depth / camera.Focal, light);
                    float lost = 1 - MathF.Exp(-fog * depth);
                    color += (conditions.Horizon - color) * lost;
                }

                _light[3 * pixel] += color.X * weight;
                _light[3 * pixel + 1] += color.Y * weight;
                _light[3 * pixel + 2] += color.Z * weight;
            }
        }
    }
}

/// <summary>Which objects get boxes.</summary>
/// <param name="Visible">Share of an object's pixels within the picture that must be seen.</param>
/// <param name="Side">Fewest columns of a box.</param>
/// <param name="Height">Fewest rows of a box.</param>
/// <param name="Pixels">Fewest pixels that are seen.</param>
internal readonly record struct StreetLimits(float Visible, int Side, int Height, int Pixels);
