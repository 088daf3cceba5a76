using Coppice.Kv;

namespace Coppice;

/// <summary>How many pages there are for requests, and how many they still need.</summary>
internal sealed class PageOutlook(PagePool pool, PrefixTree tree)
{
    /// <summary>Pages that are free, or would be once unused prefixes go.</summary>
    public int Available => pool.FreePages - pool.ReservedPages + tree.CachedPages;

    /// <summary>Pages that a group's prompt takes out of the available ones when it begins.</summary>
    public int OfPrompt(SampleGroup group)
    {
        (int tokens, int cached) = tree.Match(group.Prompt.AsMemory(0, group.SharedTokens));
        return Segment.PagesFor(group.Prompt.Length - tokens) + cached;
    }

    /// <summary>Pages that the rest of a group's prompt takes; what it shares counts for each group.</summary>
    public static int Unwritten(SampleGroup group)
    {
        int pages = 0;
        for (Segment? s = group.PromptEnd; s is { IsSealed: false }; s = s.Parent) pages += s.PagesToAdd(s.Length - s.Written);
        return pages;
    }

    /// <summary>Pages that a group can still come to take.</summary>
    public static int Outstanding(SampleGroup group)
    {
        int pages = Unwritten(group);
        foreach (Branch branch in group.Branches)
            if (!branch.Finished) pages += group.PagesOfBranch - (branch.Segment?.Pages.Length ?? 0);
        return pages;
    }
}
