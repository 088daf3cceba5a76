using System.Text.Json;
using System.Text.Json.Serialization;

namespace Coppice.LoadBench;

/// <summary>Values in short. A percentile is the smallest value that at least so many percent of the values do not exceed (nearest rank, nothing interpolated).</summary>
internal sealed record Distribution(int Count, double Mean, double P50, double P95, double P99, double Max)
{
    /// <summary>Sums values up; null if there are none.</summary>
    public static Distribution? Of(IEnumerable<double?> values)
    {
        double[] sorted = [.. values.OfType<double>().Order()];
        if (sorted.Length == 0) return null;
        return new Distribution(sorted.Length, sorted.Average(), Percentile(sorted, 50), Percentile(sorted, 95), Percentile(sorted, 99), sorted[^1]);
    }

    /// <summary>A percentile by the nearest rank.</summary>
    /// <param name="sorted">The values in ascending order; at least one.</param>
    /// <param name="percent">From above 0 to 100.</param>
    public static double Percentile(ReadOnlySpan<double> sorted, int percent) => sorted[(int)((((long)percent * sorted.Length) + 99) / 100) - 1];
}

/// <summary>The times of some of the requests, in milliseconds.</summary>
/// <param name="Name">Which ones.</param>
/// <param name="Requests">How many there are.</param>
/// <param name="FirstToken">Of all that got a first token, also those whose client then vanished.</param>
/// <param name="Token">Time per output token, of complete answers.</param>
/// <param name="Total">End to end, of complete answers.</param>
internal sealed record Cohort(string Name, int Requests, Distribution? FirstToken, Distribution? Token, Distribution? Total);

/// <summary>How often a failure happened, and the first message.</summary>
internal sealed record FailureCount(string Kind, int Count, string Example);

/// <summary>Answers within the limits.</summary>
/// <param name="Slo">The limits in milliseconds.</param>
/// <param name="Requests">Complete answers within all of them.</param>
/// <param name="Share">Their share of the requests that were due and whose clients stayed.</param>
/// <param name="PerSecond">Of such answers.</param>
internal sealed record Goodput(Slo Slo, int Requests, double Share, double PerSecond);

/// <summary>One request in the JSON document; times in milliseconds.</summary>
internal sealed record RequestRow(
    int Index, double DueSeconds, string Ending, string? Failure, int Context, int Samples, int MaxTokens, double Late, double? FirstToken, double? Token,
    double? Total, int PromptTokens, int CachedTokens, int OutputTokens);

/// <summary>What a run was asked for.</summary>
internal sealed record RunDescription(
    string Server, string Model, string Api, bool Stream, string Arrivals, double Rate, int? Requests, double? DurationSeconds, int Contexts, double SharedShare,
    string SharedSize, string PrivateSize, string SizeUnit, string Samples, string MaxTokens, double VanishShare, int Seed, int Warmup, double TimeoutSeconds);

/// <summary>A run in numbers.</summary>
internal sealed record LoadReport
{
    public required RunDescription Run { get; init; }

    /// <summary>From the first moment to the last answer.</summary>
    public required double Seconds { get; init; }

    /// <summary>Whether the run was ended before its time.</summary>
    public required bool Interrupted { get; init; }

    /// <summary>Requests that were due.</summary>
    public required int Due { get; init; }

    public required int Completed { get; init; }

    public required int Vanished { get; init; }

    public required int Failed { get; init; }

    /// <summary>Requests still open when the run was ended.</summary>
    public required int Unfinished { get; init; }

    /// <summary>Arrivals a second until the last one; what the server had to bear.</summary>
    public required double OfferedPerSecond { get; init; }

    /// <summary>Complete answers a second.</summary>
    public required double CompletedPerSecond { get; init; }

    /// <summary>Tokens of all choices a second, also those of clients that vanished.</summary>
    public required double OutputTokensPerSecond { get; init; }

    public required long PromptTokens { get; init; }

    /// <summary>Prompt tokens that the server did not have to compute, by its own count.</summary>
    public required long CachedTokens { get; init; }

    public required long OutputTokens { get; init; }

    /// <summary>How much later than due requests were sent, in milliseconds: the generator's own doing.</summary>
    public required Distribution? Late { get; init; }

    /// <summary>All requests, then by number of choices, and by first or later use of a shared context.</summary>
    public required IReadOnlyList<Cohort> Cohorts { get; init; }

    /// <summary>Null where no limit was given.</summary>
    public required Goodput? Goodput { get; init; }

    public required IReadOnlyList<FailureCount> Failures { get; init; }

    public required IReadOnlyList<RequestRow> Requests { get; init; }

    /// <summary>Sums a run up.</summary>
    public static LoadReport Of(LoadOptions options, string model, IReadOnlyList<RequestOutcome> outcomes, TimeSpan elapsed, bool interrupted)
    {
        double seconds = elapsed.TotalSeconds;
        int completed = outcomes.Count(outcome => outcome.Ending == Ending.Completed);
        long output = outcomes.Sum(outcome => (long)outcome.OutputTokens);
        double last = outcomes.Count > 0 ? outcomes[^1].Request.Due.TotalSeconds : 0;
        return new LoadReport
        {
            Run = Describe(options, model),
            Seconds = seconds,
            Interrupted = interrupted,
            Due = outcomes.Count,
            Completed = completed,
            Vanished = outcomes.Count(outcome => outcome.Ending == Ending.Vanished),
            Failed = outcomes.Count(outcome => outcome.Ending == Ending.Failed),
            Unfinished = outcomes.Count(outcome => outcome.Ending == Ending.Interrupted),
            OfferedPerSecond = Rate(outcomes.Count - 1, last),
            CompletedPerSecond = Rate(completed, seconds),
            OutputTokensPerSecond = Rate(output, seconds),
            PromptTokens = outcomes.Sum(outcome => (long)outcome.PromptTokens),
            CachedTokens = outcomes.Sum(outcome => (long)outcome.CachedTokens),
            OutputTokens = output,
            Late = Distribution.Of(outcomes.Where(outcome => outcome.Failure?.Kind != FailureKind.NotSent).Select(outcome => (double?)outcome.Late)),
            Cohorts = CohortsOf(outcomes),
            Goodput = options.Slo.IsGiven ? GoodputOf(options.Slo, outcomes, seconds) : null,
            Failures = FailuresOf(outcomes),
            Requests = [.. outcomes.Select(Row)],
        };
    }

    private static double Rate(long count, double seconds) => count > 0 && seconds > 0 ? count / seconds : 0;

    private static RunDescription Describe(LoadOptions options, string model) => new(
        options.Server.ToString(),
        model,
        options.Chat ? "chat" : "completions",
        options.Stream,
        options.Arrivals == ArrivalKind.Poisson ? "poisson" : "fixed",
        options.Rate,
        options.Requests,
        options.Duration?.TotalSeconds,
        options.Contexts,
        options.SharedShare,
        options.SharedSize.ToString(),
        options.PrivateSize.ToString(),
        options.TokenIds is null ? "words" : "tokens",
        options.Samples.ToString(),
        options.MaxTokens.ToString(),
        options.VanishShare,
        options.Seed,
        options.Warmup,
        options.Timeout.TotalSeconds);

    private static List<Cohort> CohortsOf(IReadOnlyList<RequestOutcome> outcomes)
    {
        var cohorts = new List<Cohort> { CohortOf("all", outcomes) };
        var bySamples = outcomes.GroupBy(outcome => outcome.Request.Samples).OrderBy(group => group.Key).ToList();
        if (bySamples.Count > 1) cohorts.AddRange(bySamples.Select(group => CohortOf($"n={group.Key}", group)));
        if (outcomes.Any(outcome => outcome.Request.Context >= 0))
        {
            cohorts.Add(CohortOf("context, first", outcomes.Where(outcome => outcome.Request.FirstOfContext)));
            cohorts.Add(CohortOf("context, later", outcomes.Where(outcome => outcome.Request is { Context: >= 0, FirstOfContext: false })));
            cohorts.Add(CohortOf("no context", outcomes.Where(outcome => outcome.Request.Context < 0)));
        }

        return [.. cohorts.Where(cohort => cohort.Requests > 0 || cohort.Name == "all")];
    }

    private static Cohort CohortOf(string name, IEnumerable<RequestOutcome> outcomes)
    {
        RequestOutcome[] all = [.. outcomes];
        RequestOutcome[] whole = [.. all.Where(outcome => outcome.Ending == Ending.Completed)];
        return new Cohort(
            name,
            all.Length,
            Distribution.Of(all.Where(outcome => outcome.Ending is Ending.Completed or Ending.Vanished).Select(outcome => outcome.FirstToken)),
            Distribution.Of(whole.Select(outcome => outcome.Token)),
            Distribution.Of(whole.Select(outcome => outcome.Total)));
    }

    private static Goodput GoodputOf(Slo slo, IReadOnlyList<RequestOutcome> outcomes, double seconds)
    {
        int good = outcomes.Count(outcome => outcome.Meets(slo));
        int stayed = outcomes.Count(outcome => outcome.Ending is Ending.Completed or Ending.Failed);
        return new Goodput(slo, good, stayed > 0 ? (double)good / stayed : 0, Rate(good, seconds));
    }

    private static List<FailureCount> FailuresOf(IReadOnlyList<RequestOutcome> outcomes) =>
    [
        .. outcomes.Select(outcome => outcome.Failure).OfType<Failure>()
            .GroupBy(failure => failure.Name, StringComparer.Ordinal)
            .OrderByDescending(group => group.Count()).ThenBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => new FailureCount(group.Key, group.Count(), group.First().Message)),
    ];

    private static RequestRow Row(RequestOutcome outcome) => new(
        outcome.Request.Index, outcome.Request.Due.TotalSeconds, outcome.Ending.ToString().ToLowerInvariant(), outcome.Failure?.Name, outcome.Request.Context,
        outcome.Request.Samples, outcome.Request.MaxTokens, outcome.Late, outcome.FirstToken, outcome.Token, outcome.Total, outcome.PromptTokens,
        outcome.CachedTokens, outcome.OutputTokens);
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(LoadReport))]
internal sealed partial class LoadJson : JsonSerializerContext;
