using Coppice.Perception.Data;

namespace Coppice.Perception.Training;

/// <summary>
/// Cuts a training image out of a scene with labels of pixels: random scale, aspect, place and side, changed colours. Written straight into
/// a batch's memory; what lies outside the scene has the mean colour and no label.
/// </summary>
/// <param name="width">Width of a crop, even.</param>
/// <param name="height">Height of a crop, even.</param>
/// <param name="minScale">The least factor on the scene's size.</param>
/// <param name="maxScale">The greatest.</param>
/// <param name="jitter">How far factors on colours are from 1 at most.</param>
internal sealed class PixelAugmentation(int width, int height, double minScale, double maxScale, double jitter)
{
    private const double AspectRange = 0.1;

    private static readonly float[] s_mean = [123, 117, 104];

    /// <summary>Writes one crop.</summary>
    /// <param name="scene">Picture and labels.</param>
    /// <param name="random">What is drawn.</param>
    /// <param name="phase">Which pixel of each 2x2 block has a label, see <see cref="PixelPhases"/>.</param>
    /// <param name="image">[3, height, width], 0 to 255.</param>
    /// <param name="labels">[height / 2, width / 2].</param>
    public void Write(Scene scene, SceneRandom random, (int Row, int Column) phase, Span<float> image, Span<int> labels)
    {
        double scale = minScale * Math.Pow(maxScale / minScale, random.Uniform());
        double aspect = minScale == maxScale ? 1 : Math.Pow(1 + AspectRange, (2 * random.Uniform()) - 1);
        bool flip = random.Chance(0.5);
        Axis x = Axis.Random(ref random, width, scene.Image.Width, scale * aspect, flip);
        Axis y = Axis.Random(ref random, height, scene.Image.Height, scale / aspect, flip: false);
        Colors(scene.Image, new ColorChange(ref random, jitter), x, y, image);
        Labels(scene, x, y, phase, labels);
    }

    private static void Colors(RgbImage from, ColorChange change, Axis x, Axis y, Span<float> to)
    {
        int width = x.Length, plane = width * y.Length;
        Span<float> red = to[..plane], green = to.Slice(plane, plane), blue = to.Slice(2 * plane, plane);
        for (int row = 0; row < y.Length; row++)
        {
            int at = row * width;
            if (!y.Inside[row])
            {
                red.Slice(at, width).Fill(s_mean[0]);
                green.Slice(at, width).Fill(s_mean[1]);
                blue.Slice(at, width).Fill(s_mean[2]);
                continue;
            }

            ReadOnlySpan<byte> upper = from.Pixels.AsSpan(y.Low[row] * from.Width * 3, from.Width * 3);
            ReadOnlySpan<byte> lower = from.Pixels.AsSpan(y.High[row] * from.Width * 3, from.Width * 3);
            float down = y.Part[row];
            for (int i = 0; i < width; i++, at++)
            {
                if (!x.Inside[i])
                {
                    (red[at], green[at], blue[at]) = (s_mean[0], s_mean[1], s_mean[2]);
                    continue;
                }

                int low = 3 * x.Low[i], high = 3 * x.High[i];
                float right = x.Part[i];
                float r = Between(upper[low], upper[high], lower[low], lower[high], right, down);
                float g = Between(upper[low + 1], upper[high + 1], lower[low + 1], lower[high + 1], right, down);
                float b = Between(upper[low + 2], upper[high + 2], lower[low + 2], lower[high + 2], right, down);
                (red[at], green[at], blue[at]) = change.Apply(r, g, b);
            }
        }
    }

    private static float Between(float a, float b, float c, float d, float right, float down)
    {
        float above = a + ((b - a) * right), below = c + ((d - c) * right);
        return above + ((below - above) * down);
    }

    private static void Labels(Scene scene, Axis x, Axis y, (int Row, int Column) phase, Span<int> to)
    {
        byte[] labels = scene.Labels ?? throw new ArgumentException("a scene without labels", nameof(scene));
        int at = 0;
        for (int row = phase.Row; row < y.Length; row += 2)
        {
            int line = (y.Part[row] < 0.5f ? y.Low[row] : y.High[row]) * scene.Image.Width;
            for (int i = phase.Column; i < x.Length; i += 2, at++)
            {
                bool inside = y.Inside[row] && x.Inside[i];
                to[at] = inside ? labels[line + (x.Part[i] < 0.5f ? x.Low[i] : x.High[i])] : SceneClasses.Ignored;
            }
        }
    }

    /// <summary>For each pixel of the crop along an axis, the two of the scene that it lies between, and how near it is to the second.</summary>
    private sealed record Axis(int[] Low, int[] High, float[] Part, bool[] Inside)
    {
        public int Length => Low.Length;

        public static Axis Random(ref SceneRandom random, int length, int sceneLength, double scale, bool flip)
        {
            double room = (sceneLength * scale) - length;
            return Make(length, sceneLength, scale, room * random.Uniform(), flip);
        }

        private static Axis Make(int length, int sceneLength, double scale, double offset, bool flip)
        {
            var axis = new Axis(new int[length], new int[length], new float[length], new bool[length]);
            for (int i = 0; i < length; i++)
            {
                double at = (((flip ? length - 1 - i : i) + offset + 0.5) / scale) - 0.5;
                axis.Inside[i] = at > -0.5 && at < sceneLength - 0.5;
                at = Math.Clamp(at, 0, sceneLength - 1);
                axis.Low[i] = (int)at;
                axis.High[i] = Math.Min(axis.Low[i] + 1, sceneLength - 1);
                axis.Part[i] = (float)(at - axis.Low[i]);
            }

            return axis;
        }
    }

    /// <summary>Factors on brightness and channels, contrast about the middle, saturation about grey.</summary>
    private readonly struct ColorChange
    {
        private readonly float _red;
        private readonly float _green;
        private readonly float _blue;
        private readonly float _offset;
        private readonly float _saturation;

        public ColorChange(ref SceneRandom random, double jitter)
        {
            if (jitter <= 0)
            {
                (_red, _green, _blue, _offset, _saturation) = (1, 1, 1, 0, 1);
                return;
            }

            float contrast = Factor(ref random, jitter), brightness = Factor(ref random, jitter);
            _saturation = Factor(ref random, jitter);
            _red = contrast * brightness * Factor(ref random, jitter / 4);
            _green = contrast * brightness * Factor(ref random, jitter / 4);
            _blue = contrast * brightness * Factor(ref random, jitter / 4);
            _offset = 110 * brightness * (1 - contrast);
        }

        public (float Red, float Green, float Blue) Apply(float r, float g, float b)
        {
            float grey = (0.299f * r) + (0.587f * g) + (0.114f * b);
            return (
                Math.Clamp(((grey + ((r - grey) * _saturation)) * _red) + _offset, 0, 255),
                Math.Clamp(((grey + ((g - grey) * _saturation)) * _green) + _offset, 0, 255),
                Math.Clamp(((grey + ((b - grey) * _saturation)) * _blue) + _offset, 0, 255));
        }

        private static float Factor(ref SceneRandom random, double jitter) => random.Between(1 - jitter, 1 + jitter);
    }
}
