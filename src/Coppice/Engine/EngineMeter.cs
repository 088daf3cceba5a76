using System.Diagnostics.Metrics;

namespace Coppice;

/// <summary>An engine's metrics, the meter <c>Coppice</c>: what it holds is observed, what happens is counted.</summary>
internal sealed class EngineMeter : IDisposable
{
    private static readonly KeyValuePair<string, object?> s_private = new("state", "private"), s_shared = new("state", "shared");
    private static readonly KeyValuePair<string, object?> s_cached = new("state", "cached"), s_free = new("state", "free");
    private readonly Meter _meter = new("Coppice");
    private readonly Histogram<int> _stepRows;
    private readonly Histogram<double> _firstToken, _perToken;

    /// <summary>Makes the instruments.</summary>
    /// <param name="statistics">What is observed; from any thread.</param>
    public EngineMeter(Func<EngineStatistics> statistics)
    {
        _stepRows = _meter.CreateHistogram<int>("coppice.step.rows", "{row}", "Tokens computed in a step");
        _firstToken = _meter.CreateHistogram<double>("coppice.time_to_first_token", "s", "From a request's submission to its first tokens");
        _perToken = _meter.CreateHistogram<double>("coppice.time_per_token", "s", "Mean time between the tokens of a branch of a request that ended");
        Gauge("coppice.requests.queued", "{request}", "Requests that wait to begin", s => s.QueuedRequests);
        Gauge("coppice.requests.active", "{request}", "Requests that have begun and not ended", s => s.ActiveRequests);
        Gauge("coppice.requests.paused", "{request}", "Requests that gave pages back and wait for them", s => s.PausedRequests);
        Gauge("coppice.branches.live", "{branch}", "Branches that are being decoded", s => s.LiveBranches);
        Count("coppice.steps", "{step}", "Steps", s => s.Steps);
        Count("coppice.tokens.prompt", "{token}", "Tokens of prompts", s => s.PromptTokens);
        Count("coppice.tokens.reused", "{token}", "Tokens of prompts that were not computed again", s => s.ReusedPromptTokens);
        Count("coppice.tokens.generated", "{token}", "Tokens drawn", s => s.GeneratedTokens);
        Count("coppice.prefix.hits", "{request}", "Requests that found a prefix", s => s.PrefixHits);
        Count("coppice.prefix.misses", "{request}", "Requests that found none", s => s.PrefixMisses);
        Count("coppice.prefix.evictions", "{eviction}", "Prefixes freed or shortened to make room", s => s.Evictions);
        Count("coppice.pauses", "{pause}", "Times that a request gave pages back", s => s.Pauses);
        Count("coppice.attention.context_read", "By", "Bytes of contexts read", s => s.ContextBytesRead);
        Count("coppice.attention.context_repeated", "By", "Bytes of contexts that repeated attention would have read", s => s.ContextBytesRepeated);
        Count("coppice.attention.branch_read", "By", "Bytes of branches' own tokens read", s => s.BranchBytesRead);
        _meter.CreateObservableGauge("coppice.kv.pages", () => Pages(statistics()), "{page}", "Pages of keys and values");

        void Gauge(string name, string unit, string what, Func<EngineStatistics, int> of) =>
            _meter.CreateObservableGauge(name, () => of(statistics()), unit, what);
        void Count(string name, string unit, string what, Func<EngineStatistics, long> of) =>
            _meter.CreateObservableCounter(name, () => of(statistics()), unit, what);
    }

    /// <summary>A step was taken.</summary>
    public void CountStep(int rows) => _stepRows.Record(rows);

    /// <summary>A request has its first tokens.</summary>
    public void CountFirstToken(TimeSpan since) => _firstToken.Record(since.TotalSeconds);

    /// <summary>A request has ended.</summary>
    public void CountDecode(TimeSpan perToken) => _perToken.Record(perToken.TotalSeconds);

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private static Measurement<int>[] Pages(EngineStatistics s) =>
    [
        new(s.PagesPrivate, s_private), new(s.PagesShared, s_shared), new(s.PagesCached, s_cached), new(s.PagesFree, s_free),
    ];
}
