using Coppice.Kernels.Attention;

namespace Coppice.Kv;

/// <summary>
/// A run of tokens whose keys and values lie in pages of its own, under a parent (the tokens before it) or none. Positions are
/// half-open: this segment holds [Start, Start + Written). It grows until it is sealed; a sealed segment never changes, so any
/// number of children can hang under it and no page is ever copied. A child starts on a fresh page.
/// </summary>
internal sealed class Segment
{
    private readonly PagePool _pool;
    private readonly int _owner;
    private int[] _pages;
    private int _pageCount;
    private int _references = 1;

    /// <summary>Makes an empty segment and holds its parent.</summary>
    /// <param name="pool">Where its pages come from.</param>
    /// <param name="parent">A sealed segment, or null.</param>
    /// <param name="isPrivate">Whether it belongs to one branch.</param>
    /// <param name="maxTokens">Tokens it can come to hold.</param>
    public Segment(PagePool pool, Segment? parent, bool isPrivate, int maxTokens)
    {
        if (parent is { IsSealed: false }) throw new InvalidOperationException("a segment under one that still grows");
        _pool = pool;
        _owner = pool.NewOwner();
        _pages = new int[PagesFor(maxTokens)];
        Parent = parent;
        IsPrivate = isPrivate;
        Start = parent is null ? 0 : parent.Start + parent.Written;
        parent?.Hold();
    }

    /// <summary>The tokens before this segment's.</summary>
    public Segment? Parent { get; }

    /// <summary>Whether it belongs to one branch.</summary>
    public bool IsPrivate { get; }

    /// <summary>Position of its first token.</summary>
    public int Start { get; }

    /// <summary>Tokens whose keys and values exist (or are being written by the step that is under way).</summary>
    public int Written { get; private set; }

    /// <summary>Whether it can no longer change.</summary>
    public bool IsSealed { get; private set; }

    /// <summary>Its pages, in order.</summary>
    public ReadOnlySpan<int> Pages => _pages.AsSpan(0, _pageCount);

    /// <summary>Its index in the attention plan of the step that is being built.</summary>
    public int PlanIndex { get; set; } = -1;

    /// <summary>Pages that so many tokens take.</summary>
    public static int PagesFor(int tokens) => (tokens + KvStore.PageTokens - 1) / KvStore.PageTokens;

    /// <summary>Makes room for one more token, taking a reserved page where one begins.</summary>
    /// <param name="page">The page.</param>
    /// <param name="slot">The place in it.</param>
    /// <returns>Whether a page was taken.</returns>
    public bool Append(out int page, out int slot)
    {
        if (IsSealed) throw new InvalidOperationException("a sealed segment does not grow");
        slot = Written % KvStore.PageTokens;
        bool takes = slot == 0;
        if (takes) _pages[_pageCount++] = _pool.TakeReserved(_owner);
        page = _pages[_pageCount - 1];
        Written++;
        return takes;
    }

    /// <summary>Ends its growth.</summary>
    public void Seal() => IsSealed = true;

    /// <summary>Adds an owner.</summary>
    public void Hold() => _references++;

    /// <summary>Drops an owner; the last one returns the pages and lets go of the parent.</summary>
    public void Release()
    {
        if (--_references > 0) return;
        if (_references < 0) throw new InvalidOperationException("a segment was released twice");
        _pool.Return(Pages, _owner);
        _pages = [];
        _pageCount = 0;
        Parent?.Release();
    }
}
