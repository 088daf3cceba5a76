// Which tokens the next step computes. Requests are served in the order in which they came; the oldest always goes on.
//
//   begin    the oldest waiting request begins when its prompt's new pages, and one page for each branch, are there besides
//            what those under way need soon. It need not be sure of all the pages it can come to own: see give way
//   decode   one token of each branch that is up to date. All branches of a group have their first token from the prompt's
//            logits; a branch without pages starts when there is a page and a place for it, so a group may run in part
//   prefill  what the budget leaves: chunks of prompts, and of branches whose pages were taken, the oldest request first.
//            A segment that two prompts share is computed for the older one; the other waits for it
//   give way when a page is missing: unused prefixes go first; then the youngest request gives up its branches, the last one
//            first, then its prompt. Tokens stay known and are computed again later, with the same bits
//
// Invariants: _begun is ordered by age, and its first _holding requests hold segments, the others are paused; waiting ones are
// younger than all of them. For each accepted request PagesNeeded + PinnedPages <= PageCount, so that the oldest, for which
// every other gives way, can always go on. A branch that gave way starts again only when all that it and those before it can
// come to own is there, so that it does not give way again and again.
using Coppice.Kv;

namespace Coppice;

/// <summary>Deals out pages and the rows of steps to requests. Not thread-safe.</summary>
internal sealed class Scheduler
{
    /// <summary>Rows of scored texts in one step: each has logits.</summary>
    public const int ScoringRows = 32;

    /// <summary>Rows that prompts get even where the branches alone take the whole budget.</summary>
    private const int LeastPrefill = 64;

    private readonly PagePool _pool;
    private readonly PrefixTree _tree;
    private readonly EngineOptions _options;
    private readonly PageOutlook _outlook;
    private readonly Action<int> _makeRoom;
    private readonly LinkedList<SampleGroup> _waiting = new();
    private readonly List<SampleGroup> _begun = [];
    private readonly List<StepWork> _work = [];
    private readonly List<Segment> _path = [];
    private int _holding;
    private int _rows, _budget, _scoringBudget;

    /// <summary>Makes an empty one.</summary>
    /// <param name="pool">The pages.</param>
    /// <param name="tree">The prefixes.</param>
    /// <param name="options">Limits.</param>
    /// <param name="makeRoom">Takes other memory for so many branches; called before a request begins.</param>
    public Scheduler(PagePool pool, PrefixTree tree, EngineOptions options, Action<int> makeRoom)
    {
        (_pool, _tree, _options, _makeRoom) = (pool, tree, options, makeRoom);
        _outlook = new PageOutlook(pool, tree);
    }

    /// <summary>The next step, after <see cref="Schedule"/>; entries whose segment has no rows any more are void.</summary>
    public List<StepWork> Work => _work;

    public int Queued => _waiting.Count;

    public int Begun => _begun.Count;

    public bool IsIdle => _waiting.Count == 0 && _begun.Count == 0;

    /// <summary>Branches that have a segment.</summary>
    public int LiveBranches { get; private set; }

    /// <summary>Pages promised to pins.</summary>
    public int PinnedPages { get; private set; }

    public long Pauses { get; private set; }

    public long PrefixHits { get; private set; }

    public long PrefixMisses { get; private set; }

    public long PromptTokens { get; private set; }

    public long ReusedPromptTokens { get; private set; }

    /// <summary>Requests that have begun, the oldest first.</summary>
    public IReadOnlyList<SampleGroup> Groups => _begun;

    /// <summary>Rows of the largest step.</summary>
    public static int MaxRows(EngineOptions options) => Math.Max(StepTokens(options), options.MaxBranches + Least(options));

    /// <summary>Requests that gave pages back and have not got them again.</summary>
    public int PausedRequests
    {
        get
        {
            int paused = _begun.Count - _holding;
            for (int i = 0; i < _holding; i++)
                if (Array.Exists(_begun[i].Branches, static b => b.IsParked && b.Segment is null && !b.Finished)) paused++;
            return paused;
        }
    }

    /// <summary>Queues a request; false where the queue is full.</summary>
    /// <exception cref="RequestRejectedException">It could not be served even alone.</exception>
    public bool TryAdd(SampleGroup group)
    {
        if (_waiting.Count >= _options.QueueCapacity) return false;
        int pinned = group.IsPin ? group.PagesNeeded : 0;
        int most = group.PagesNeeded - pinned;
        if (group.IsPin)
        {
            foreach (SampleGroup other in _begun) most = Math.Max(most, NeededBeside(other));
            foreach (SampleGroup other in _waiting) most = Math.Max(most, NeededBeside(other));
        }

        if (most + PinnedPages + pinned > _pool.PageCount)
        {
            throw new RequestRejectedException(
                "kv-tokens", $"at most {_pool.PageCount} pages of 16 tokens for the largest request and the pinned prefixes", $"{most} + {PinnedPages + pinned}");
        }

        PinnedPages += pinned;
        _waiting.AddLast(group);
        return true;

        static int NeededBeside(SampleGroup other) => other.IsPin ? 0 : other.PagesNeeded;
    }

    /// <summary>Gives back the promise of a pin.</summary>
    public void Unpin(PrefixTreeNode leaf, int pages)
    {
        PinnedPages -= pages;
        PrefixTree.Pin(leaf, pins: false);
        _tree.Detach(leaf);
    }

    /// <summary>Ends the requests whose readers have gone.</summary>
    public void EndCancelled()
    {
        for (int i = _begun.Count - 1; i >= 0; i--)
            if (_begun[i].Cancelled) End(_begun[i], new OperationCanceledException());
        for (LinkedListNode<SampleGroup>? node = _waiting.First, next; node is not null; node = next)
        {
            next = node.Next;
            if (!node.Value.Cancelled) continue;
            _waiting.Remove(node);
            Finish(node.Value, new OperationCanceledException());
        }
    }

    /// <summary>Ends a request that has begun; its pages are free then.</summary>
    public void End(SampleGroup group, Exception? failure)
    {
        int at = _begun.IndexOf(group);
        if (at < 0) return;
        _begun.RemoveAt(at);
        if (at < _holding) _holding--;
        foreach (Branch branch in group.Branches) Stop(branch);
        Finish(group, failure);
    }

    /// <summary>Ends every request.</summary>
    public void EndAll(Exception failure)
    {
        while (_begun.Count > 0) End(_begun[^1], failure);
        foreach (SampleGroup group in _waiting) Finish(group, failure);
        _waiting.Clear();
    }

    /// <summary>Returns the pages of branches that have ended.</summary>
    public void StopFinished(SampleGroup group)
    {
        foreach (Branch branch in group.Branches)
            if (branch.Finished) Stop(branch);
    }

    /// <summary>Takes a step back that failed: what it wrote can't be told.</summary>
    public void Rewind()
    {
        foreach (StepWork work in _work)
        {
            if (work.Segment.Written > work.From) work.Segment.Rewind(work.From);
            (work.Segment.Step.Rows, work.Segment.Step.Pages) = (0, 0);
        }

        _pool.Unreserve(_pool.ReservedPages);
    }

    /// <summary>Decides what the next step computes, and reserves the pages for it.</summary>
    public void Schedule()
    {
        _work.Clear();
        _rows = 0;
        do Admit();
        while (EndWholePins());
        for (int i = 0; i < _holding; i++) Decode(i);
        int most = StepTokens(_options);
        _budget = Math.Clamp(most - _rows, Least(_options), most);
        _scoringBudget = ScoringRows;
        for (int i = 0; i < _holding && _budget > 0; i++) Prefill(i);
    }

    private static int StepTokens(EngineOptions options) => options.StepTokens ?? options.MaxBranches + options.PrefillChunk;

    private static int Least(EngineOptions options) => Math.Min(Math.Min(options.PrefillChunk, LeastPrefill), StepTokens(options));

    private void Admit()
    {
        while (_holding < _begun.Count && _outlook.CanResume(_begun, _holding)) _begun[_holding++].Enter(_pool, _tree);
        while (_holding == _begun.Count && _waiting.First is { Value: { } group } && CanBegin(group))
        {
            _waiting.RemoveFirst();
            Begin(group);
        }
    }

    /// <summary>Ends the pins whose prefix is there. False where there are none.</summary>
    private bool EndWholePins()
    {
        bool any = false;
        for (int i = _holding - 1; i >= 0; i--)
        {
            if (!_begun[i].IsPin || !_begun[i].IsPromptWritten) continue;
            End(_begun[i], null);
            any = true;
        }

        return any;
    }

    private void Begin(SampleGroup group)
    {
        try
        {
            _makeRoom(Math.Min(_options.MaxBranches, UnfinishedBranches() + group.Branches.Length) + _begun.Count + 1);
            group.Enter(_pool, _tree);
        }
        catch (OutOfMemoryException e)
        {
            Finish(group, e);
            return;
        }

        _begun.Add(group);
        _holding++;
        PromptTokens += group.Prompt.Length;
        ReusedPromptTokens += group.ReusedTokens;
        if (group.SharedTokens == 0) return;
        if (group.ReusedTokens > 0) PrefixHits++;
        else PrefixMisses++;
    }

    private bool CanBegin(SampleGroup group)
    {
        if (_holding == 0) return true;
        if (PausedRequests > 0) return false; // they are older
        int places = _options.MaxBranches - UnfinishedBranches();
        return _holding < _options.MaxBranches && places > 0 && _outlook.CanBegin(group, Math.Min(group.Branches.Length, places) + LiveBranches, _begun);
    }

    private int UnfinishedBranches()
    {
        int count = 0;
        foreach (SampleGroup group in _begun)
            foreach (Branch branch in group.Branches)
                if (!branch.Finished) count++;
        return count;
    }

    /// <summary>A row for each branch of a group that is up to date; branches without a segment start where they can.</summary>
    private void Decode(int index)
    {
        SampleGroup group = _begun[index];
        if (!group.IsForked || !group.IsPromptWritten) return;
        bool starts = true;
        foreach (Branch branch in group.Branches)
        {
            if (branch.Finished) continue;
            starts = starts && (branch.Segment is not null || TryStart(index, branch));
            if (branch.Segment is not null && branch.Pending == 1) TryMark(index, branch, branch.Segment, 1);
        }
    }

    private bool TryStart(int index, Branch branch)
    {
        SampleGroup group = _begun[index];
        if (index == 0 && !Array.Exists(group.Branches, static b => b.Segment is not null))
        {
            // The oldest goes on whatever the others hold.
            while (LiveBranches >= _options.MaxBranches && GiveWay(index)) { }
        }
        else if (branch.IsParked && !_outlook.CanRestart(_begun, _holding, index))
        {
            return false;
        }

        if (LiveBranches >= _options.MaxBranches) return false;
        group.Start(_pool, branch);
        LiveBranches++;
        return true;
    }

    /// <summary>A chunk of a group's prompt, or of its branches' tokens after a pause.</summary>
    private void Prefill(int index)
    {
        SampleGroup group = _begun[index];
        int chunk = Math.Min(_options.PrefillChunk, _budget);
        if (!group.IsPromptWritten)
        {
            PrefillPrompt(index, chunk);
            return;
        }

        foreach (Branch branch in group.Branches)
        {
            if (chunk == 0) return;
            if (branch.Segment is not { } segment || branch.Finished || segment.Step.Rows > 0 || branch.Pending < 2) continue;
            int rows = Math.Min(branch.Pending, chunk);
            if (!TryMark(index, branch, segment, rows)) return;
            chunk -= rows;
            _budget -= rows;
        }
    }

    private void PrefillPrompt(int index, int chunk)
    {
        SampleGroup group = _begun[index];
        _path.Clear();
        for (Segment? s = group.PromptEnd; s is not null && s.Written + s.Step.Rows < s.Length; s = s.Parent) _path.Add(s);
        for (int i = _path.Count - 1; i >= 0 && chunk > 0; i--)
        {
            Segment segment = _path[i];
            if (segment.Step.Rows > 0) return; // an older request's chunk of what they share
            int missing = segment.Length - segment.Written;
            int rows = Math.Min(missing, chunk);
            if (group.Scores is not null) rows = Math.Min(rows, _scoringBudget);
            if (rows == 0 || !TryMark(index, null, segment, rows)) return;
            if (group.Scores is not null) _scoringBudget -= rows;
            chunk -= rows;
            _budget -= rows;
            if (rows < missing) return;
        }
    }

    /// <summary>Gives a segment rows of the step and reserves their pages. False where there are none to be had.</summary>
    private bool TryMark(int index, Branch? branch, Segment segment, int rows)
    {
        int pages = segment.PagesToAdd(rows);
        while (!_pool.TryReserve(pages))
        {
            if (!_tree.Evict(pages - (_pool.FreePages - _pool.ReservedPages)) && !GiveWay(index)) return false;
        }

        (segment.Step.Rows, segment.Step.Pages) = (rows, pages);
        _work.Add(new StepWork(_begun[index], branch, segment, segment.Written, rows));
        _rows += rows;
        return true;
    }

    /// <summary>Takes pages from the youngest group, if it is younger than the one that needs them.</summary>
    private bool GiveWay(int index)
    {
        if (_holding - 1 <= index) return false;
        SampleGroup youngest = _begun[_holding - 1];
        for (int i = youngest.Branches.Length - 1; i >= 0; i--)
        {
            if (youngest.Branches[i].Segment is not { } segment) continue;
            _pool.Unreserve(segment.Step.Pages);
            _rows -= segment.Step.Rows;
            (segment.Step.Rows, segment.Step.Pages) = (0, 0);
            LiveBranches--;
            if (youngest.Park(youngest.Branches[i])) Pauses++;
            return true;
        }

        Pauses++;
        youngest.Leave(_tree);
        _holding--;
        return true;
    }

    private void Stop(Branch branch)
    {
        if (branch.Segment is null) return;
        LiveBranches--;
        SampleGroup.Release(branch);
    }

    private void Finish(SampleGroup group, Exception? failure)
    {
        if (group.IsPin && failure is null) group.Pin();
        else if (group.IsPin) PinnedPages -= group.PagesNeeded;
        group.End(_pool, _tree, failure);
    }
}
