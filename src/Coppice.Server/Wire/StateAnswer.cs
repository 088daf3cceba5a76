namespace Coppice.Server.Wire;

/// <summary>What the page shows once a second.</summary>
internal sealed record StateAnswer(
    string Model, string Version, bool Draining, double UptimeSeconds, int ContextLength, RequestsState Requests, RatesState Rates,
    PagesState Pages, PrefixState Prefix, AttentionState Attention, TokensState Tokens, IReadOnlyList<PrefixNodeState> Tree);

/// <summary>Requests now; <paramref name="Http"/> counts those of HTTP clients.</summary>
internal sealed record RequestsState(int Http, int Queued, int Active, int Paused, int LiveBranches, long Steps, long Pauses);

/// <summary>Over about the last second.</summary>
internal sealed record RatesState(double GeneratedTokensPerSecond, double PromptTokensPerSecond, double StepsPerSecond);

internal sealed record PagesState(int Total, int Free, int Private, int Shared, int Cached, long PageBytes, long KvBytesLimit);

internal sealed record PrefixState(long Hits, long Misses, long Evictions);

internal sealed record AttentionState(long ContextBytesRead, long ContextBytesRepeated, long BranchBytesRead);

internal sealed record TokensState(long Prompt, long PromptReused, long Generated);

/// <summary>A run of tokens that is kept; its parent is 0 at the root.</summary>
internal sealed record PrefixNodeState(
    int Id, int ParentId, int Start, int TokenCount, string Text, int Pages, int Users, bool Pinned, double SecondsSinceUse);
