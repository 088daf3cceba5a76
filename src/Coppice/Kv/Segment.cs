using Coppice.Kernels.Attention;

namespace Coppice.Kv;

/// <summary>
/// A run of tokens whose keys and values lie in pages of its own, under a parent (the tokens before it) or none. Positions are
/// half-open: this segment is to hold [Start, Start + Length) and holds [Start, Start + Written). It grows until it is sealed; a
/// sealed segment never changes, so any number of children can hang under it and no page is ever copied. A child starts on a
/// fresh page. A branch's segment hangs under a sealed one; a shared one may hang under one that still grows, and waits for it.
/// </summary>
internal sealed class Segment
{
    private readonly PagePool _pool;
    private int[] _pages;
    private int _pageCount;
    private int _references = 1;

    /// <summary>Makes an empty segment and holds its parent.</summary>
    /// <param name="pool">Where its pages come from.</param>
    /// <param name="parent">The tokens before it, or null.</param>
    /// <param name="isPrivate">Whether it belongs to one branch.</param>
    /// <param name="maxTokens">Tokens it can come to hold.</param>
    public Segment(PagePool pool, Segment? parent, bool isPrivate, int maxTokens)
    {
        if (isPrivate && parent is { IsSealed: false }) throw new InvalidOperationException("a branch under a segment that still grows");
        _pool = pool;
        Owner = pool.NewOwner();
        _pages = new int[PagesFor(maxTokens)];
        Parent = parent;
        IsPrivate = isPrivate;
        Length = maxTokens;
        Start = parent is null ? 0 : parent.Start + parent.Length;
        parent?.Hold();
    }

    /// <summary>Its number as an owner of pages.</summary>
    public int Owner { get; }

    /// <summary>The tokens before this segment's.</summary>
    public Segment? Parent { get; private set; }

    /// <summary>Whether it belongs to one branch.</summary>
    public bool IsPrivate { get; }

    /// <summary>Position of its first token.</summary>
    public int Start { get; private set; }

    /// <summary>Tokens it is to hold; a branch may end before.</summary>
    public int Length { get; private set; }

    /// <summary>Tokens whose keys and values exist (or are being written by the step that is under way).</summary>
    public int Written { get; private set; }

    /// <summary>Whether it can no longer change.</summary>
    public bool IsSealed => Written == Length;

    /// <summary>[Length]: its token ids, where it belongs to a prompt.</summary>
    public ReadOnlyMemory<int> Ids { get; set; }

    /// <summary>Its pages, in order.</summary>
    public ReadOnlySpan<int> Pages => _pages.AsSpan(0, _pageCount);

    /// <summary>Its index in the attention plan of the step that is being built.</summary>
    public int PlanIndex { get; set; } = -1;

    /// <summary>What the step that is being built does with it.</summary>
    public SegmentStep Step { get; } = new();

    /// <summary>Pages that so many tokens take.</summary>
    public static int PagesFor(int tokens) => (tokens + KvStore.PageTokens - 1) / KvStore.PageTokens;

    /// <summary>Pages that have to be taken for so many more tokens.</summary>
    public int PagesToAdd(int tokens) => PagesFor(Written + tokens) - _pageCount;

    /// <summary>Makes room for one more token, taking a reserved page where one begins.</summary>
    /// <param name="page">The page.</param>
    /// <param name="slot">The place in it.</param>
    /// <returns>Whether a page was taken.</returns>
    public bool Append(out int page, out int slot)
    {
        if (IsSealed) throw new InvalidOperationException("a sealed segment does not grow");
        slot = Written % KvStore.PageTokens;
        bool takes = slot == 0;
        if (takes) _pages[_pageCount++] = _pool.TakeReserved(Owner);
        page = _pages[_pageCount - 1];
        Written++;
        return takes;
    }

    /// <summary>Ends its growth.</summary>
    public void Seal() => Length = Written;

    /// <summary>Forgets tokens that a failed step wrote.</summary>
    /// <param name="written">Tokens that were written before it.</param>
    public void Rewind(int written)
    {
        Written = written;
        KeepPages(PagesFor(written));
    }

    /// <summary>Gives up the tokens after the first few, which nobody uses; it is sealed then.</summary>
    /// <param name="tokens">Whole pages of written tokens.</param>
    public void Shorten(int tokens)
    {
        if (tokens > Written || tokens % KvStore.PageTokens != 0) throw new InvalidOperationException($"{Written} tokens cut to {tokens}");
        (Length, Written) = (tokens, tokens);
        Ids = Ids[..tokens];
        KeepPages(tokens / KvStore.PageTokens);
    }

    /// <summary>
    /// Moves the first tokens, with their pages, into a new segment between this one and its parent. Nothing is copied; who hangs
    /// under this one hangs under both now.
    /// </summary>
    /// <param name="tokens">Whole pages of tokens, fewer than <see cref="Length"/>.</param>
    public Segment SplitOff(int tokens)
    {
        if (tokens <= 0 || tokens >= Length || tokens % KvStore.PageTokens != 0) throw new InvalidOperationException($"{Length} tokens split at {tokens}");
        var front = new Segment(_pool, Parent, isPrivate: false, tokens) { Ids = Ids[..tokens], Written = Math.Min(Written, tokens) };
        int moved = Math.Min(_pageCount, front._pages.Length);
        Pages[..moved].CopyTo(front._pages);
        front._pageCount = moved;
        _pool.Move(front.Pages, Owner, front.Owner);
        _pages.AsSpan(moved, _pageCount - moved).CopyTo(_pages);
        _pageCount -= moved;
        Parent?.Release(); // the front holds it now
        front.Hold();
        (Parent, Start, Length, Written, Ids) = (front, Start + tokens, Length - tokens, Written - front.Written, Ids[tokens..]);
        return front;
    }

    /// <summary>Adds an owner.</summary>
    public void Hold() => _references++;

    /// <summary>Drops an owner; the last one returns the pages and lets go of the parent.</summary>
    public void Release()
    {
        if (--_references > 0) return;
        if (_references < 0) throw new InvalidOperationException("a segment was released twice");
        KeepPages(0);
        _pages = [];
        // A segment that stays may still lead here from the last step that it was in: what lay beside this one in a later step is not kept by that.
        Step.Unlink();
        Ids = default;
        Parent?.Release();
    }

    private void KeepPages(int count)
    {
        if (count >= _pageCount) return;
        _pool.Return(_pages.AsSpan(count, _pageCount - count), Owner);
        _pageCount = count;
    }
}
