using Coppice.Perception.Data;
using Coppice.Perception.Detection;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Training;

/// <summary>What answers to scenes are worth; not a number where a task was not asked for.</summary>
/// <param name="MeanAveragePrecision">Mean over the classes that occur of the area under the curve of precision at an overlap of 0.5.</param>
/// <param name="DistanceErrorPercent">Mean of |found - true| / true over found objects that are true, in percent.</param>
/// <param name="MeanIou">Mean over the classes of pixels that occur.</param>
public sealed record SceneScore(double MeanAveragePrecision, double DistanceErrorPercent, double MeanIou)
{
    /// <summary>The mean of mAP and mIoU, of those that there are.</summary>
    public double Summary => ((double[])[MeanAveragePrecision, MeanIou]).Where(double.IsFinite).DefaultIfEmpty(double.NaN).Average();

    internal static SceneScore Of(SceneAnswers answers, PerceptionConfig config, IReadOnlyList<Scene> scenes)
    {
        var detection = new DetectionScore(config.ObjectClasses.Count);
        var pixels = new PixelScore(Math.Max(1, config.LabelClasses.Count));
        var labels = new byte[config.Width * config.Height];
        var objects = new List<DetectedObject>();
        foreach (Scene scene in scenes)
        {
            answers.Answer(scene.Image, objects, labels);
            if (config.Detects) detection.Add(scene.Objects, objects);
            if (config.Segments) pixels.Add(scene.Labels, labels);
        }

        return new SceneScore(
            config.Detects ? detection.MeanAveragePrecision : double.NaN,
            config.Tasks.HasFlag(PerceptionTasks.Distance) ? detection.DistanceErrorPercent : double.NaN,
            config.Segments ? pixels.MeanIou : double.NaN);
    }
}

/// <summary>Collects found objects, and measures them against the true ones.</summary>
internal sealed class DetectionScore(int classes)
{
    private const float LeastOverlap = 0.5f, LeastScoreForDistance = 0.25f;

    private readonly List<(float Score, bool IsTrue)>[] _found = [.. Enumerable.Range(0, classes).Select(_ => new List<(float, bool)>())];
    private readonly int[] _true = new int[classes];
    private double _distanceErrors;
    private int _distances;

    /// <summary>Adds an image. Each true object is found once, by the highest score that overlaps it most.</summary>
    public void Add(IReadOnlyList<SceneObject> truth, IReadOnlyList<DetectedObject> found)
    {
        foreach (SceneObject o in truth) _true[o.Class]++;
        var taken = new bool[truth.Count];
        foreach (DetectedObject f in found.OrderByDescending(f => f.Score))
        {
            int best = -1;
            float most = LeastOverlap;
            for (int t = 0; t < truth.Count; t++)
            {
                SceneObject o = truth[t];
                if (o.Class != f.Class) continue;
                float overlap = BoxCoding.Overlap(f, new(o.Class, 1, o.X1, o.Y1, o.X2, o.Y2, 0));
                if (overlap >= most) (best, most) = (t, overlap);
            }

            bool isTrue = best >= 0 && !taken[best];
            _found[f.Class].Add((f.Score, isTrue));
            if (!isTrue) continue;
            taken[best] = true;
            float distance = truth[best].DistanceMeters;
            if (f.Score < LeastScoreForDistance || !(distance > 0)) continue;
            _distanceErrors += Math.Abs(f.DistanceMeters - distance) / distance;
            _distances++;
        }
    }

    /// <summary>Mean over classes that occur.</summary>
    public double MeanAveragePrecision => Enumerable.Range(0, classes).Where(c => _true[c] > 0).Select(AveragePrecision).DefaultIfEmpty(0).Average();

    /// <summary>Over true finds with a score above 0.25.</summary>
    public double DistanceErrorPercent => 100 * _distanceErrors / _distances;

    /// <summary>Area under precision by recall, precision made falling (PASCAL VOC from 2010 on).</summary>
    private double AveragePrecision(int c)
    {
        (float Score, bool IsTrue)[] sorted = [.. _found[c].OrderByDescending(f => f.Score)];
        var precision = new double[sorted.Length];
        int hits = 0;
        for (int i = 0; i < sorted.Length; i++)
        {
            if (sorted[i].IsTrue) hits++;
            precision[i] = (double)hits / (i + 1);
        }

        for (int i = sorted.Length - 2; i >= 0; i--) precision[i] = Math.Max(precision[i], precision[i + 1]);
        return sorted.Select((f, i) => f.IsTrue ? precision[i] : 0).Sum() / _true[c];
    }
}
