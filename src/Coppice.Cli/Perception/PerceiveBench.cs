using System.Diagnostics;
using System.Globalization;
using Coppice.Perception.Data;
using Coppice.Perception.Inference;

namespace Coppice.Cli.Perception;

/// <summary>Measures a perceiver: from a decoded picture to boxes, metres and labels.</summary>
internal static class PerceiveBench
{
    private const int LeastFrames = 20, MostFrames = 100_000, PictureCount = 4;

    public static PerceiveBenchReport Run(Perceiver perceiver, int width, int height, int threads, double seconds, CancellationToken cancel)
    {
        RgbImage[] pictures = [.. Enumerable.Range(0, PictureCount).Select(i => Picture(width, height, (ulong)i))];
        var clock = Stopwatch.StartNew();
        for (int i = 0; i < 3 || clock.Elapsed.TotalSeconds < seconds / 6; i++)
        {
            cancel.ThrowIfCancellationRequested();
            perceiver.Perceive(pictures[i % PictureCount]);
        }

        var frames = new List<double>();
        clock.Restart();
        while (frames.Count < MostFrames && (frames.Count < LeastFrames || clock.Elapsed.TotalSeconds < seconds))
        {
            cancel.ThrowIfCancellationRequested();
            long start = Stopwatch.GetTimestamp();
            perceiver.Perceive(pictures[frames.Count % PictureCount]);
            frames.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        double mean = clock.Elapsed.TotalMilliseconds / frames.Count;
        frames.Sort();
        return new(
            Name(perceiver.Config.Variant), Name(perceiver.Precision), width, height, threads, 1000 / mean, mean, frames[frames.Count / 2], PeakMemory.Bytes());
    }

    public static string Line(PerceiveBenchReport report) => string.Create(
        CultureInfo.InvariantCulture,
        $"{report.Variant}, {report.Precision}, {report.Width}x{report.Height}, {report.Threads} threads: {report.FramesPerSecond:0.0} frames a second, {report.MsPerFrame:0.0} ms a frame (median {report.MedianMsPerFrame:0.0}), peak memory {SizeText.Bytes(report.PeakRssBytes)}");

    private static string Name<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    /// <summary>Sky above a road, and blocks of colour: what is in it changes the work of boxes and labels a little.</summary>
    private static RgbImage Picture(int width, int height, ulong seed)
    {
        var image = new RgbImage(width, height);
        var random = new SceneRandom(seed, 0);
        for (int y = 0; y < height; y++)
        {
            int shade = y < height / 2 ? 220 - (60 * y / height) : 90 + (20 * y / height);
            for (int x = 0; x < width * 3; x++) image.Pixels[(y * width * 3) + x] = (byte)(shade + random.Below(8));
        }

        for (int block = 0; block < 12; block++)
        {
            int left = random.Below(width), top = random.Below(height), right = Math.Min(width, left + (width / 10)), bottom = Math.Min(height, top + (height / 5));
            byte[] color = [(byte)random.Below(256), (byte)random.Below(256), (byte)random.Below(256)];
            for (int y = top; y < bottom; y++)
            {
                for (int x = left; x < right; x++) color.CopyTo(image.Pixels, 3 * ((y * width) + x));
            }
        }

        return image;
    }
}
