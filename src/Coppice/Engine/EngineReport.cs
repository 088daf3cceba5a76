using System.Diagnostics;
using Coppice.Kv;

namespace Coppice;

/// <summary>What can be seen of an engine from outside. The caller sees to it that nothing changes meanwhile.</summary>
internal static class EngineReport
{
    private const int TokensShown = 64;

    public static EngineStatistics Statistics(Scheduler scheduler, PagePool pool, PrefixTree tree, StepCounters counters)
    {
        int branchPages = 0;
        foreach (SampleGroup group in scheduler.Groups)
            foreach (Branch branch in group.Branches) branchPages += branch.Segment?.Pages.Length ?? 0;
        return new EngineStatistics
        {
            QueuedRequests = scheduler.Queued, ActiveRequests = scheduler.Groups.Count, PausedRequests = scheduler.PausedRequests,
            LiveBranches = scheduler.LiveBranches, Steps = counters.Steps, PromptTokens = scheduler.PromptTokens,
            ReusedPromptTokens = scheduler.ReusedPromptTokens, GeneratedTokens = counters.GeneratedTokens,
            PagesTotal = pool.PageCount, PagesFree = pool.FreePages, PagesPrivate = branchPages, PagesCached = tree.CachedPages,
            PagesShared = pool.OwnedPages - branchPages - tree.CachedPages,
            PageBytes = pool.PageBytes, KvBytesLimit = pool.PageCount * pool.PageBytes,
            ContextBytesRead = counters.ContextBytesRead, ContextBytesRepeated = counters.ContextBytesRepeated,
            BranchBytesRead = counters.BranchBytesRead, PrefixHits = scheduler.PrefixHits, PrefixMisses = scheduler.PrefixMisses,
            Evictions = tree.Evictions, Pauses = scheduler.Pauses,
        };
    }

    public static IReadOnlyList<PrefixNode> PrefixNodes(PrefixTree tree) =>
    [
        .. tree.Nodes().Select(node => new PrefixNode(
            node.Id, node.Parent?.Id ?? 0, node.Segment.Start, node.Segment.Length,
            node.Segment.Ids[..Math.Min(TokensShown, node.Segment.Length)].ToArray(), node.Segment.Pages.Length,
            node.Uses - node.Pins, node.Pins > 0, Stopwatch.GetElapsedTime(node.LastUse))),
    ];

    /// <summary>The page law: every page is free or has one owner, and every owner is a segment of the tree or of a request.</summary>
    public static void CheckPages(Scheduler scheduler, PagePool pool, PrefixTree tree)
    {
        var uses = new Dictionary<PrefixTreeNode, int>();
        var seen = new HashSet<int>();
        int cached = 0, owned = 0, live = 0;
        foreach (SampleGroup group in scheduler.Groups)
        {
            if (group.Context is { } context) Own(context);
            for (PrefixTreeNode? node = group.Leaf; node is not null; node = node.Parent) uses[node] = uses.GetValueOrDefault(node) + 1;
            foreach (Branch branch in group.Branches)
            {
                if (branch.Segment is not { } segment) continue;
                live++;
                Own(segment);
            }
        }

        foreach (PrefixTreeNode node in tree.Nodes())
        {
            Own(node.Segment);
            if (node.Uses == 0) cached += node.Segment.Pages.Length;
            Expect("uses of a prefix", uses.GetValueOrDefault(node) + node.Pins, node.Uses);
            Expect("the parent of a prefix", node.Parent?.Segment.Owner ?? 0, node.Segment.Parent?.Owner ?? 0);
            Expect("the start of a prefix", (node.Parent?.Segment.Start + node.Parent?.Segment.Length) ?? 0, node.Segment.Start);
            uses.Remove(node);
        }

        Expect("prefixes in use that are not in the tree", 0, uses.Count);
        Expect("cached pages", cached, tree.CachedPages);
        Expect("owned pages", owned, pool.OwnedPages);
        Expect("pages", pool.PageCount, pool.FreePages + owned);
        Expect("reserved pages between steps", 0, pool.ReservedPages);
        Expect("live branches", live, scheduler.LiveBranches);

        void Own(Segment segment)
        {
            Expect($"pages of {segment.Written} tokens", Segment.PagesFor(segment.Written), segment.Pages.Length);
            owned += segment.Pages.Length;
            foreach (int page in segment.Pages)
            {
                Expect($"owner of page {page}", segment.Owner, pool.OwnerOf(page));
                if (!seen.Add(page)) throw new InvalidOperationException($"page {page} has two owners");
            }
        }
    }

    private static void Expect(string what, int expected, int found)
    {
        if (expected != found) throw new InvalidOperationException($"page law: {what}: expected {expected}, found {found}");
    }
}
