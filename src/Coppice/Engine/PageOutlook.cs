using Coppice.Kv;

namespace Coppice;

/// <summary>
/// Whether there are pages for what a request wants to do. A request that begins has to find its prompt's pages and a few for its
/// branches; one that gave way has to find all that it can come to own, so that it does not give way again and again.
/// Below, begun is all requests that have begun, the oldest first; the first so many of them hold segments.
/// </summary>
internal sealed class PageOutlook(PagePool pool, PrefixTree tree)
{
    /// <summary>Pages that are free, or would be once unused prefixes go.</summary>
    private int Available => pool.FreePages - pool.ReservedPages + tree.CachedPages;

    /// <summary>Whether a new request can begin beside those under way.</summary>
    /// <param name="group">The request.</param>
    /// <param name="branches">Branches that will soon need a page each, its own and others.</param>
    /// <param name="begun">None of them paused.</param>
    public bool CanBegin(SampleGroup group, int branches, List<SampleGroup> begun)
    {
        long needed = OfPrompt(group) + branches;
        foreach (SampleGroup other in begun) needed += Unwritten(other);
        return needed <= Available;
    }

    /// <summary>Whether the oldest paused request can get its prompt back, and one branch.</summary>
    public bool CanResume(List<SampleGroup> begun, int holding)
    {
        if (holding == 0) return true;
        long needed = OfPrompt(begun[holding]) + begun[holding].PagesOfBranch;
        for (int i = 0; i < holding; i++) needed += Outstanding(begun[i]);
        return needed <= Available;
    }

    /// <summary>Whether a branch that gave way can start again beside its group's running ones and older groups.</summary>
    public bool CanRestart(List<SampleGroup> begun, int holding, int index)
    {
        SampleGroup group = begun[index];
        long needed = group.PagesOfBranch, available = Available;
        foreach (Branch branch in group.Branches)
            if (branch.Segment is { } segment) needed += group.PagesOfBranch - segment.Pages.Length - segment.Step.Pages;
        for (int i = 0; i < index; i++) needed += Outstanding(begun[i]);
        for (int i = index + 1; i < holding; i++)
            foreach (Branch branch in begun[i].Branches) available += branch.Segment?.Pages.Length ?? 0;
        return needed <= available;
    }

    /// <summary>Pages that a group's prompt takes out of the available ones when it begins.</summary>
    private int OfPrompt(SampleGroup group)
    {
        (int tokens, int cached) = tree.Match(group.Prompt.AsMemory(0, group.SharedTokens));
        return Segment.PagesFor(group.Prompt.Length - tokens) + cached;
    }

    /// <summary>Pages that the rest of a group's prompt takes; what it shares counts for each group.</summary>
    private static int Unwritten(SampleGroup group)
    {
        int pages = 0;
        for (Segment? s = group.PromptEnd; s is { IsSealed: false }; s = s.Parent) pages += s.PagesToAdd(s.Length - s.Written);
        return pages;
    }

    /// <summary>Pages that a group can still come to take.</summary>
    private static int Outstanding(SampleGroup group)
    {
        int pages = Unwritten(group);
        foreach (Branch branch in group.Branches)
            if (!branch.Finished) pages += group.PagesOfBranch - (branch.Segment?.Pages.Length ?? 0);
        return pages;
    }
}
