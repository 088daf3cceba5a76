using System.Text.Json;

namespace Coppice.PerceptionBench;

/// <summary>What a training reached on held-out streets; null where a task was not asked for.</summary>
internal sealed record Learned(
    string Tasks,
    int Seed,
    int Width,
    int Height,
    int LeastHeight,
    int Steps,
    int Batch,
    int Scenes,
    int HeldOut,
    double Minutes,
    Measured Running,
    Measured OfImage);

/// <summary>Percentages.</summary>
internal sealed record Measured(double? MeanAveragePrecision, double? DistanceError, double? MeanIou);

/// <summary>What a network costs for an image: mean time by the clock and of the processor, and what the machine could do in registers, billions a second.</summary>
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
    double ProcessorMilliseconds,
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
