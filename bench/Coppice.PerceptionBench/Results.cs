using System.Text.Json;

namespace Coppice.PerceptionBench;

/// <summary>What a training reached on held-out streets; null where a task was not asked for. The weight is that of the pixels' loss beside the others' 1; 0 in results that do not say means 2.</summary>
internal sealed record Learned(
    string Tasks,
    int Seed,
    int Width,
    int Height,
    int LeastHeight,
    int SegmentationWeight,
    int Steps,
    int Batch,
    int Scenes,
    int HeldOut,
    double Minutes,
    Measured Running,
    Measured OfImage);

/// <summary>Percentages.</summary>
internal sealed record Measured(double? MeanAveragePrecision, double? DistanceError, double? MeanIou);

/// <summary>What a network costs for an image: time of the best block of frames, greatest memory, and what the machine could do in registers, billions a second.</summary>
internal sealed record Cost(
    string Variant,
    string Tasks,
    string Precision,
    int Width,
    int Height,
    int Threads,
    double Millions,
    double GigaMultiplyAdds,
    double Milliseconds,
    double PeakMiB,
    double LimitGiga);

/// <summary>Results as JSON files in a folder.</summary>
internal static class Results
{
    private static readonly JsonSerializerOptions s_options = new() { WriteIndented = true };

    public static void Write<T>(string path, T result) => File.WriteAllText(path, JsonSerializer.Serialize(result, s_options));

    public static IReadOnlyList<T> Read<T>(string folder, string pattern) =>
        [.. Directory.GetFiles(folder, pattern).Order(StringComparer.Ordinal).Select(f => JsonSerializer.Deserialize<T>(File.ReadAllText(f))!)];
}
