using Coppice.Perception.Data;
using Coppice.Perception.Detection;
using Coppice.Perception.Evaluation;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Training;

/// <summary>What answers to scenes at the network's size are worth; not a number where a task was not asked for.</summary>
/// <param name="MeanAveragePrecision">At an overlap of a half, see <see cref="DetectionScores"/>.</param>
/// <param name="DistanceErrorPercent">Mean of |found - true| / true, in percent.</param>
/// <param name="DistanceErrorMeters">Mean of |found - true|.</param>
/// <param name="MeanIou">Mean over the classes of pixels.</param>
/// <param name="PixelAccuracy">Share of the pixels that are right.</param>
public sealed record SceneScore(
    double MeanAveragePrecision, double DistanceErrorPercent, double DistanceErrorMeters, double MeanIou, double PixelAccuracy)
{
    /// <summary>The mean of mAP and mIoU, of those that there are.</summary>
    public double Summary => ((double[])[MeanAveragePrecision, MeanIou]).Where(double.IsFinite).DefaultIfEmpty(double.NaN).Average();

    internal static SceneScore Of(SceneAnswers answers, PerceptionConfig config, ISceneSet set)
    {
        var detection = new DetectionScores(Math.Max(1, config.ObjectClasses.Count));
        var pixels = new ConfusionMatrix(Math.Max(1, config.LabelClasses.Count));
        var labels = new byte[config.Width * config.Height];
        var objects = new List<DetectedObject>();
        for (int i = 0; i < set.Count; i++)
        {
            Scene scene = SceneChanges.Sized(set.Read(i), config);
            answers.Answer(scene.Image, objects, labels);
            if (config.Detects) detection.Add(scene.Objects, objects);
            if (config.Segments && scene.Labels is { } truth) pixels.Add(truth, labels);
        }

        bool measures = config.Tasks.HasFlag(PerceptionTasks.Distance);
        return new SceneScore(
            config.Detects ? detection.MeanAveragePrecision : double.NaN,
            measures ? detection.DistanceErrorPercent : double.NaN,
            measures ? detection.DistanceErrorMeters : double.NaN,
            config.Segments ? pixels.MeanIou : double.NaN,
            config.Segments ? pixels.PixelAccuracy : double.NaN);
    }
}
