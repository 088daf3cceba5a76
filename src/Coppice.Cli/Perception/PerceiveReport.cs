using Coppice.Perception.Detection;
using Coppice.Perception.Inference;
using Coppice.Perception.Networks;

namespace Coppice.Cli.Perception;

/// <summary>What <c>perceive FILE --json</c> writes for a picture.</summary>
internal sealed record PerceiveReport(string Image, int Width, int Height, IReadOnlyList<PerceivedObject> Objects, PerceivedSegmentation? Segmentation)
{
    public static PerceiveReport Of(string image, PerceivedScene scene, PerceptionConfig config)
    {
        bool measures = config.Tasks.HasFlag(PerceptionTasks.Distance);
        PerceivedObject[] objects = [.. scene.Objects.Select(o => ObjectOf(o, scene, config, measures))];
        return new(image, scene.Width, scene.Height, objects, scene.HasLabels ? PerceivedSegmentation.Of(scene.Labels, config.LabelClasses) : null);
    }

    private static PerceivedObject ObjectOf(in DetectedObject o, PerceivedScene scene, PerceptionConfig config, bool measures) => new(
        config.ObjectClasses[o.Class],
        MathF.Round(o.Score, 4),
        MathF.Round(o.X1 * scene.Width, 1),
        MathF.Round(o.Y1 * scene.Height, 1),
        MathF.Round(o.X2 * scene.Width, 1),
        MathF.Round(o.Y2 * scene.Height, 1),
        measures ? MathF.Round(o.DistanceMeters, 2) : null);
}

/// <summary>An object; its box in pixels, and its distance in metres if the network tells one.</summary>
internal sealed record PerceivedObject(string Class, float Score, float X1, float Y1, float X2, float Y2, float? DistanceM);

/// <summary>Classes of pixels by rows, from the top: class and number of pixels in turn.</summary>
internal sealed record PerceivedSegmentation(IReadOnlyList<string> Classes, string Encoding, IReadOnlyList<int> Runs)
{
    public static PerceivedSegmentation Of(ReadOnlySpan<byte> labels, IReadOnlyList<string> classes)
    {
        var runs = new List<int>();
        for (int start = 0, i = 1; i <= labels.Length; i++)
        {
            if (i < labels.Length && labels[i] == labels[start]) continue;
            runs.Add(labels[start]);
            runs.Add(i - start);
            start = i;
        }

        return new(classes, "runs", runs);
    }
}

/// <summary>What <c>perceive --bench</c> writes.</summary>
internal sealed record PerceiveBenchReport(
    string Variant, string Precision, int Width, int Height, int Threads, double FramesPerSecond, double MsPerFrame, double MedianMsPerFrame, long PeakRssBytes);
