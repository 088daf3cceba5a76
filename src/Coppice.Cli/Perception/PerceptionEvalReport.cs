using Coppice.Perception.Evaluation;
using Coppice.Perception.Inference;
using Coppice.Perception.Networks;

namespace Coppice.Cli.Perception;

/// <summary>
/// What <c>eval perception --json</c> writes. Shares are from 0 to 1; null is what the data or the network does not tell, and the IoU of a
/// class that is neither true nor told anywhere.
/// </summary>
internal sealed record PerceptionEvalReport(
    double? Miou,
    IReadOnlyDictionary<string, double?>? Iou,
    double? PixelAccuracy,
    int Images,
    double? Map,
    double? MapElevenPoints,
    IReadOnlyDictionary<string, double?>? Ap,
    double? DistanceErrorPercent,
    double? DistanceErrorM,
    int? Distances,
    string Data,
    string Weights,
    string Variant,
    string Tasks,
    string Precision,
    int Width,
    int Height,
    double MsPerImage,
    IReadOnlyList<PerceptionEvalReport>? Compared)
{
    public static PerceptionEvalReport Of(MeasuredNetwork network)
    {
        SceneEvaluation evaluation = network.Evaluation;
        PerceptionConfig config = network.Perceiver.Config;
        ConfusionMatrix? pixels = evaluation.Pixels;
        DetectionScores? boxes = evaluation.Detection;
        bool metres = boxes is not null && config.Tasks.HasFlag(PerceptionTasks.Distance);
        return new(
            Finite(pixels?.MeanIou),
            pixels is null ? null : ByName(network.Set.LabelClasses, pixels.Iou),
            Finite(pixels?.PixelAccuracy),
            evaluation.Frames.Count,
            Finite(boxes?.MeanAveragePrecision),
            Finite(boxes?.MeanElevenPoints),
            boxes is null ? null : ByName(network.Set.ObjectClasses, i => boxes.Of(i).Area),
            metres ? Finite(boxes!.DistanceErrorPercent) : null,
            metres ? Finite(boxes!.DistanceErrorMeters) : null,
            metres ? boxes!.Distances : null,
            network.Set.Name,
            network.File,
            Lower(config.Variant),
            string.Join(',', Names(config.Tasks)),
            network.Perceiver.Precision == PerceptionPrecision.Int8 ? "int8" : "fp32",
            config.Width,
            config.Height,
            network.MsPerImage,
            null);
    }

    private static IEnumerable<string> Names(PerceptionTasks tasks)
    {
        if (tasks.HasFlag(PerceptionTasks.Detection)) yield return "det";
        if (tasks.HasFlag(PerceptionTasks.Distance)) yield return "distance";
        if (tasks.HasFlag(PerceptionTasks.Segmentation)) yield return "seg";
    }

    private static string Lower(PerceptionVariant variant) => variant.ToString().ToLowerInvariant();

    private static double? Finite(double? number) => number is { } found && double.IsFinite(found) ? found : null;

    private static Dictionary<string, double?> ByName(IReadOnlyList<string> names, Func<int, double> of) =>
        names.Index().ToDictionary(name => name.Item, name => Finite(of(name.Index)), StringComparer.Ordinal);
}
