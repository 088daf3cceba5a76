using System.Diagnostics.Metrics;

namespace Coppice.Server;

/// <summary>An engine's statistics as instruments that are read when somebody collects.</summary>
internal static class EngineInstruments
{
    /// <summary>Adds them to a meter.</summary>
    public static void Add(Meter meter, Engine engine)
    {
        Gauge("coppice.queue.requests", "{request}", "Requests that wait to begin.", s => s.QueuedRequests);
        Gauge("coppice.batch.requests", "{request}", "Requests that have begun and not ended.", s => s.ActiveRequests);
        Gauge("coppice.batch.paused", "{request}", "Requests that gave their pages back and wait.", s => s.PausedRequests);
        Gauge("coppice.batch.branches", "{branch}", "Branches that are being decoded.", s => s.LiveBranches);
        Counter("coppice.steps", "{step}", "Steps taken.", s => s.Steps);
        Counter("coppice.prompt.tokens", "{token}", "Tokens of prompts.", s => s.PromptTokens);
        Counter("coppice.prompt.reused_tokens", "{token}", "Of them, those whose keys and values were there already.", s => s.ReusedPromptTokens);
        Counter("coppice.generated.tokens", "{token}", "Tokens drawn.", s => s.GeneratedTokens);
        meter.CreateObservableGauge("coppice.kv.pages", () => Pages(engine.Statistics), "{page}", "Pages of keys and values by state.");
        Gauge("coppice.kv.page_size", "By", "Bytes of one page.", s => s.PageBytes);
        Counter("coppice.prefix.hits", "{request}", "Requests that found a prefix of their prompt.", s => s.PrefixHits);
        Counter("coppice.prefix.misses", "{request}", "Requests that found none.", s => s.PrefixMisses);
        Counter("coppice.prefix.evictions", "{prefix}", "Kept prefixes that were freed to make room.", s => s.Evictions);
        Counter("coppice.pauses", "{pause}", "Times that a request gave its pages back to an older one.", s => s.Pauses);
        Counter("coppice.attention.context_read", "By", "Bytes of contexts that attention has read.", s => s.ContextBytesRead);
        Counter("coppice.attention.context_repeated", "By", "Bytes that it would have read had each branch read its context itself.", s => s.ContextBytesRepeated);
        Counter("coppice.attention.branch_read", "By", "Bytes of branches' own tokens that attention has read.", s => s.BranchBytesRead);

        void Gauge(string name, string unit, string description, Func<EngineStatistics, long> value) =>
            meter.CreateObservableGauge(name, () => value(engine.Statistics), unit, description);

        void Counter(string name, string unit, string description, Func<EngineStatistics, long> value) =>
            meter.CreateObservableCounter(name, () => value(engine.Statistics), unit, description);
    }

    private static Measurement<long>[] Pages(EngineStatistics now) =>
    [
        InState(now.PagesFree, "free"), InState(now.PagesPrivate, "private"), InState(now.PagesShared, "shared"), InState(now.PagesCached, "cached"),
    ];

    private static Measurement<long> InState(long pages, string state) => new(pages, new KeyValuePair<string, object?>("state", state));
}
