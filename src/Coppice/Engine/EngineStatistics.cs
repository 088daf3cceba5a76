namespace Coppice;

/// <summary>What an engine holds now and has done since it was loaded: counted by the step loop, as of its last step.</summary>
public sealed record EngineStatistics
{
    /// <summary>Requests that wait to begin.</summary>
    public int QueuedRequests { get; init; }

    /// <summary>Requests that have begun and not ended, paused ones included.</summary>
    public int ActiveRequests { get; init; }

    /// <summary>Of them, those that had to give pages back and wait for others to end.</summary>
    public int PausedRequests { get; init; }

    /// <summary>Branches that are being decoded.</summary>
    public int LiveBranches { get; init; }

    /// <summary>Steps taken.</summary>
    public long Steps { get; init; }

    /// <summary>Tokens of all prompts that have begun.</summary>
    public long PromptTokens { get; init; }

    /// <summary>Of them, those whose keys and values another prompt had or was about to have.</summary>
    public long ReusedPromptTokens { get; init; }

    /// <summary>Tokens drawn.</summary>
    public long GeneratedTokens { get; init; }

    /// <summary>All pages of keys and values.</summary>
    public int PagesTotal { get; init; }

    /// <summary>Pages that nobody owns.</summary>
    public int PagesFree { get; init; }

    /// <summary>Pages of branches.</summary>
    public int PagesPrivate { get; init; }

    /// <summary>Pages of prompts that are in use.</summary>
    public int PagesShared { get; init; }

    /// <summary>Pages of prefixes that are kept and not in use: what is freed first.</summary>
    public int PagesCached { get; init; }

    /// <summary>Bytes of one page.</summary>
    public long PageBytes { get; init; }

    /// <summary>Bytes of all pages.</summary>
    public long KvBytesLimit { get; init; }

    /// <summary>Bytes of contexts that attention has read.</summary>
    public long ContextBytesRead { get; init; }

    /// <summary>What it would have read if each branch had read its whole context itself.</summary>
    public long ContextBytesRepeated { get; init; }

    /// <summary>Bytes of branches' own tokens that attention has read.</summary>
    public long BranchBytesRead { get; init; }

    /// <summary>Requests that found a prefix of their prompt.</summary>
    public long PrefixHits { get; init; }

    /// <summary>Requests that looked for one and found none.</summary>
    public long PrefixMisses { get; init; }

    /// <summary>Kept prefixes that were freed, or shortened, to make room.</summary>
    public long Evictions { get; init; }

    /// <summary>Times that a request had to give a branch's pages, or its prompt's, back to an older one.</summary>
    public long Pauses { get; init; }
}
