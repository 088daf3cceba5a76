// Who owns which page. Invariants (the page law), with P = PageCount:
//
//   free + owned = P            a page is in the free list or owned by exactly one segment, never both, never neither
//   owned = sum over live segments of ceil(Written / 16)   live: of branches, of prompts, of the prefix tree
//   reserved <= free            pages promised to the step that is being built; 0 between steps
//
// In Debug builds and in tests freed pages are filled with NaN, so that a read of one shows.
using Coppice.Kernels.Attention;

namespace Coppice.Kv;

/// <summary>Hands out the pages of a <see cref="KvStore"/>. A full pool is a result (<see cref="TryReserve"/>), not an exception.</summary>
internal sealed class PagePool
{
    private readonly KvStore _store;
    private readonly bool _poison;
    private readonly int[] _free;
    private readonly int[] _owner;
    private int _freeCount;
    private int _nextSegment = 1;

    public PagePool(KvStore store, bool poison)
    {
        _store = store;
        _poison = poison;
        _free = new int[store.PageCount];
        _owner = new int[store.PageCount];
        // The lowest page is on top, so that a prompt's pages follow each other in memory.
        for (int i = 0; i < _free.Length; i++) _free[i] = _free.Length - 1 - i;
        _freeCount = _free.Length;
    }

    /// <summary>All pages.</summary>
    public int PageCount => _free.Length;

    /// <summary>Pages that nobody owns.</summary>
    public int FreePages => _freeCount;

    /// <summary>Pages that a segment owns.</summary>
    public int OwnedPages => PageCount - _freeCount;

    /// <summary>Free pages that are promised to somebody.</summary>
    public int ReservedPages { get; private set; }

    /// <summary>Bytes of one page in all layers.</summary>
    public long PageBytes => _store.PageBytes;

    /// <summary>Promises pages: later takes of as many cannot fail.</summary>
    /// <returns>False where too few pages are free and not promised.</returns>
    public bool TryReserve(int pages)
    {
        if (pages > _freeCount - ReservedPages) return false;
        ReservedPages += pages;
        return true;
    }

    /// <summary>Gives back what was promised and not taken.</summary>
    public void Unreserve(int pages) => ReservedPages -= pages;

    /// <summary>A number for a new segment.</summary>
    public int NewOwner() => _nextSegment++;

    /// <summary>Takes one promised page.</summary>
    public int TakeReserved(int owner)
    {
        if (ReservedPages == 0 || _freeCount == 0) throw new InvalidOperationException("a page was taken that was not reserved");
        ReservedPages--;
        int page = _free[--_freeCount];
        if (_owner[page] != 0) throw new InvalidOperationException($"page {page} is free and owned");
        _owner[page] = owner;
        return page;
    }

    /// <summary>Gives back a segment's pages.</summary>
    public void Return(ReadOnlySpan<int> pages, int owner)
    {
        // Last taken goes back first, so that the free list keeps its order.
        for (int i = pages.Length - 1; i >= 0; i--)
        {
            int page = pages[i];
            if (_owner[page] != owner) throw new InvalidOperationException($"page {page} belongs to {_owner[page]}, not {owner}");
            _owner[page] = 0;
            if (_poison) _store.Poison(page);
            _free[_freeCount++] = page;
        }
    }

    /// <summary>Passes pages on to another owner.</summary>
    public void Move(ReadOnlySpan<int> pages, int from, int to)
    {
        foreach (int page in pages)
        {
            if (_owner[page] != from) throw new InvalidOperationException($"page {page} belongs to {_owner[page]}, not {from}");
            _owner[page] = to;
        }
    }

    /// <summary>The owner of a page, 0: none.</summary>
    public int OwnerOf(int page) => _owner[page];
}
