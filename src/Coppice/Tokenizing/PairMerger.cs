namespace Coppice.Tokenizing;

/// <summary>Says which neighbours join, into what and in which order.</summary>
internal interface IPairRule
{
    /// <summary>Whether two neighbours join.</summary>
    /// <param name="left">The piece on the left.</param>
    /// <param name="right">The piece that starts where <paramref name="left"/> ends.</param>
    /// <param name="priority">Lower joins earlier.</param>
    /// <param name="symbol">The symbol of the joined piece.</param>
    bool TryJoin(in Piece left, in Piece right, out uint priority, out int symbol);
}

/// <summary>A stretch of bytes with its symbol, linked to its neighbours; a length of 0 means it was joined to the left.</summary>
internal struct Piece
{
    public int Start;
    public int Length;
    public int Symbol;
    public int Previous;
    public int Next;
}

/// <summary>
/// Byte-pair encoding (Sennrich et al. 2016) of one word: of all neighbours that may join, the pair of lowest priority joins, the
/// leftmost first among equals, until none may. The pairs wait in a binary heap, so n pieces take O(n log n). A pair is stale once
/// either side has grown or is gone, which shows in the sum of their lengths.
/// </summary>
internal sealed class PairMerger
{
    private readonly record struct Pair(ulong Order, int Right, int Length, int Symbol);

    private Piece[] _pieces = new Piece[64];
    private Pair[] _heap = new Pair[64];
    private int _heapCount;

    /// <summary>Pieces added since the last <see cref="Clear"/>.</summary>
    public int Count { get; private set; }

    /// <summary>Forgets all pieces.</summary>
    public void Clear() => Count = 0;

    /// <summary>Adds a piece on the right. Pieces follow each other without gaps.</summary>
    public void Add(int start, int length, int symbol)
    {
        if (Count == _pieces.Length) Array.Resize(ref _pieces, Count * 2);
        if (Count > 0) _pieces[Count - 1].Next = Count;
        _pieces[Count] = new Piece { Start = start, Length = length, Symbol = symbol, Previous = Count - 1, Next = -1 };
        Count++;
    }

    /// <summary>Joins until nothing joins. The pieces left are those with a length, in order of their index.</summary>
    public void Merge<TRule>(in TRule rule)
        where TRule : struct, IPairRule
    {
        _heapCount = 0;
        for (int right = 1; right < Count; right++) Offer(rule, right - 1, right);
        while (_heapCount > 0)
        {
            Pair pair = Pop();
            int leftIndex = (int)(uint)pair.Order;
            ref Piece left = ref _pieces[leftIndex];
            ref Piece right = ref _pieces[pair.Right];
            if (left.Length == 0 || right.Length == 0 || left.Length + right.Length != pair.Length) continue;
            left.Length = pair.Length;
            left.Symbol = pair.Symbol;
            left.Next = right.Next;
            right.Length = 0;
            if (left.Next >= 0) _pieces[left.Next].Previous = leftIndex;
            Offer(rule, left.Previous, leftIndex);
            Offer(rule, leftIndex, left.Next);
        }
    }

    /// <summary>The piece at an index in [0, <see cref="Count"/>).</summary>
    public ref readonly Piece this[int index] => ref _pieces[index];

    private void Offer<TRule>(in TRule rule, int left, int right)
        where TRule : struct, IPairRule
    {
        if (left < 0 || right < 0 || !rule.TryJoin(_pieces[left], _pieces[right], out uint priority, out int symbol)) return;
        Push(new Pair(((ulong)priority << 32) | (uint)left, right, _pieces[left].Length + _pieces[right].Length, symbol));
    }

    private void Push(Pair pair)
    {
        if (_heapCount == _heap.Length) Array.Resize(ref _heap, _heapCount * 2);
        int hole = _heapCount++;
        while (hole > 0)
        {
            int parent = (hole - 1) / 2;
            if (_heap[parent].Order <= pair.Order) break;
            _heap[hole] = _heap[parent];
            hole = parent;
        }
        _heap[hole] = pair;
    }

    private Pair Pop()
    {
        Pair top = _heap[0];
        Pair last = _heap[--_heapCount];
        int hole = 0;
        for (int child = 1; child < _heapCount; child = (2 * hole) + 1)
        {
            if (child + 1 < _heapCount && _heap[child + 1].Order < _heap[child].Order) child++;
            if (last.Order <= _heap[child].Order) break;
            _heap[hole] = _heap[child];
            hole = child;
        }
        _heap[hole] = last;
        return top;
    }
}
