using Coppice.Perception.Detection;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Inference;

/// <summary>What was perceived in a picture, as a document: <c>perceive FILE --json</c> writes it, and <c>/v1/perceive</c> answers with it.</summary>
/// <param name="Image">What the picture is called.</param>
/// <param name="Width">Its width, pixels.</param>
/// <param name="Height">Its height, pixels.</param>
/// <param name="Objects">The objects, highest score first.</param>
/// <param name="Segmentation">Classes of the pixels; null where the network tells none.</param>
public sealed record PerceiveReport(string Image, int Width, int Height, IReadOnlyList<PerceivedObject> Objects, PerceivedSegmentation? Segmentation)
{
    /// <summary>The document of a scene, which keeps nothing of the scene's memory.</summary>
    /// <param name="image">What the picture is called.</param>
    /// <param name="scene">What was perceived in it.</param>
    /// <param name="config">Names of the classes.</param>
    /// <param name="leastScore">The least score of an object that is listed.</param>
    public static PerceiveReport Of(string image, PerceivedScene scene, PerceptionConfig config, float leastScore = 0)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(scene);
        ArgumentNullException.ThrowIfNull(config);
        bool measures = config.Tasks.HasFlag(PerceptionTasks.Distance);
        PerceivedObject[] objects = [.. scene.Objects.Where(o => o.Score >= leastScore).Select(o => ObjectOf(o, scene, config, measures))];
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

/// <summary>An object.</summary>
/// <param name="Class">Its class.</param>
/// <param name="Score">Probability of the class, 0 to 1.</param>
/// <param name="X1">Left, pixels.</param>
/// <param name="Y1">Top, pixels.</param>
/// <param name="X2">Right, pixels.</param>
/// <param name="Y2">Bottom, pixels.</param>
/// <param name="DistanceM">How far it is, metres; null where the network does not tell.</param>
public sealed record PerceivedObject(string Class, float Score, float X1, float Y1, float X2, float Y2, float? DistanceM);

/// <summary>Classes of pixels by rows, from the top.</summary>
/// <param name="Classes">Names of the classes.</param>
/// <param name="Encoding"><c>runs</c>.</param>
/// <param name="Runs">Index of a class and number of pixels in turn; a run goes on over the end of a row.</param>
public sealed record PerceivedSegmentation(IReadOnlyList<string> Classes, string Encoding, IReadOnlyList<int> Runs)
{
    /// <summary>Labels as runs.</summary>
    /// <param name="labels">[height, width]: the class of each pixel.</param>
    /// <param name="classes">Names of the classes.</param>
    public static PerceivedSegmentation Of(ReadOnlySpan<byte> labels, IReadOnlyList<string> classes)
    {
        ArgumentNullException.ThrowIfNull(classes);
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
