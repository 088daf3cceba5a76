namespace Coppice.Kernels.Attention;

/// <summary>Who reads a context that several branches share.</summary>
public enum AttentionMode
{
    /// <summary>It is read once for all of them.</summary>
    Bifurcated,

    /// <summary>Each reads all of it: the baseline that bifurcation is measured against.</summary>
    Repeated,
}

/// <summary>
/// Which rows attend to which tokens: built once a step, used by every layer.
/// <para>
/// Segments form a forest, and a row (a query) sees the tokens of its leaf's path from the root down to its own position. A path
/// lies on <i>grids</i>: a root starts one; a shared child that begins on a tile boundary continues its parent's, so that a
/// prompt is cut into the same tiles however it came to be cached; any other child (a branch) starts its own. On its grid a
/// path is cut into tiles of 64 and spans of 512 tokens. A span is reduced tile by tile into one partial (m, l, o) and a row's
/// partials are merged from the root down. Both orders follow from the path alone, never from the other rows, the threads
/// or the mode: that is why an answer's bits don't depend on them.
/// </para>
/// <para>
/// The plan deals the work out as <i>units</i>: a range of rows and the runs of tokens that are reduced for them. A whole unit
/// holds complete paths and gives finished outputs; where that leaves threads idle, a context is split into a unit per span,
/// whose partials are merged afterwards. Everything is reused from step to step: a build allocates only when it outgrows
/// all builds before.
/// </para>
/// </summary>
public sealed class AttentionPlan
{
    /// <summary>Tokens of a tile.</summary>
    public const int TileTokens = 64;

    /// <summary>Tokens of a span, 8 tiles.</summary>
    public const int SpanTokens = 512;

    /// <summary>A segment with more rows of its own than this is being prefilled: its rows are cut into blocks of this size.</summary>
    public const int BlockRows = 64;

    /// <summary>Items wanted for each thread, so that one late thread costs little.</summary>
    private const int ItemsPerThread = 4;

    /// <summary>Reading a token costs a unit about as much as computing this many query heads with it.</summary>
    private const int ReadCost = 8;

    private readonly PinnedList<PlanSegment> _segments = new();
    private readonly PinnedList<int> _pages = new();
    private readonly PinnedList<int> _rowSegment = new();
    private readonly PinnedList<int> _rowPosition = new();
    private readonly PinnedList<int> _firstSegmentAtRow = new();
    private readonly PinnedList<Block> _blocks = new();
    private readonly PinnedList<Piece> _pieces = new();
    private readonly PinnedList<Node> _nodes = new();
    private readonly PinnedList<int> _stack = new();
    private readonly PinnedList<PlanRun> _runs = new();
    private readonly PinnedList<PlanUnit> _units = new();
    private readonly PinnedList<int> _mergeRows = new();
    private readonly PinnedList<int> _slotStart = new();
    private readonly PinnedList<int> _slots = new();

    /// <summary>Number of rows.</summary>
    public int Rows => _rowSegment.Count;

    /// <summary>Number of units the last build made; items of work are units times KV heads.</summary>
    public int UnitCount => _units.Count;

    /// <summary>True once built since the last change.</summary>
    internal bool Built { get; private set; }

    internal int KvHeads { get; private set; }

    internal int HeadsPerGroup { get; private set; }

    internal int LargestUnitRows { get; private set; }

    internal int HighestPage { get; private set; } = -1;

    internal int SlotCount { get; private set; }

    internal PinnedList<PlanSegment> Segments => _segments;

    internal PinnedList<int> Pages => _pages;

    internal PinnedList<int> RowPosition => _rowPosition;

    internal PinnedList<PlanRun> Runs => _runs;

    internal PinnedList<PlanUnit> Units => _units;

    /// <summary>Rows whose partials lie in more than one unit.</summary>
    internal PinnedList<int> MergeRows => _mergeRows;

    /// <summary>[rows + 1]: where a row's slots begin in <see cref="Slots"/>.</summary>
    internal PinnedList<int> SlotStart => _slotStart;

    /// <summary>Slots of partials, row by row, from the root down.</summary>
    internal PinnedList<int> Slots => _slots;

    /// <summary>Forgets segments and rows, keeps the memory.</summary>
    public void Clear()
    {
        _segments.Clear();
        _pages.Clear();
        _rowSegment.Clear();
        _rowPosition.Clear();
        HighestPage = -1;
        Built = false;
    }

    /// <summary>Adds a segment; parents before children.</summary>
    /// <param name="parent">Index of the segment whose end this one continues, or -1 for a root.</param>
    /// <param name="startPosition">Position of its first token; where the parent ends.</param>
    /// <param name="tokens">Tokens whose keys and values exist when attention runs, those of this step included.</param>
    /// <param name="pages">[at least tokens / 16, rounded up]: the pages that hold them, in order.</param>
    /// <param name="isPrivate">True for a branch's own segment: it starts a grid, and its reads count as private.</param>
    /// <returns>The segment's index.</returns>
    public int AddSegment(int parent, int startPosition, int tokens, ReadOnlySpan<int> pages, bool isPrivate)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(parent, -1);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(parent, _segments.Count);
        ArgumentOutOfRangeException.ThrowIfNegative(startPosition);
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        int pageCount = (tokens + KvStore.PageTokens - 1) / KvStore.PageTokens;
        if (pages.Length < pageCount) throw new ArgumentException($"{tokens} tokens need {pageCount} pages, found {pages.Length}", nameof(pages));
        int origin = startPosition;
        if (parent >= 0)
        {
            ref PlanSegment above = ref _segments[parent];
            int end = above.Start + above.Tokens;
            if (end != startPosition) throw new ArgumentException($"expected the parent's end, {end}, found {startPosition}", nameof(startPosition));
            if (!isPrivate && (startPosition - above.Origin) % TileTokens == 0) origin = above.Origin;
        }

        foreach (int page in pages[..pageCount])
        {
            ArgumentOutOfRangeException.ThrowIfNegative(page, nameof(pages));
            HighestPage = Math.Max(HighestPage, page);
        }

        Built = false;
        var segment = new PlanSegment
        {
            Parent = parent, Start = startPosition, Tokens = tokens, Origin = origin, FirstPage = _pages.Count, IsPrivate = isPrivate,
        };
        _pages.Add(pages[..pageCount]);
        return _segments.Add(segment);
    }

    /// <summary>
    /// Adds a query. Rows come in depth-first order: those of one segment together, and those under any segment together,
    /// the segment's own before its children's.
    /// </summary>
    /// <param name="segment">The last segment of the row's path.</param>
    /// <param name="position">The row's position: it sees the tokens of its path up to and including it.</param>
    public void AddRow(int segment, int position)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)segment, (uint)_segments.Count, nameof(segment));
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        Built = false;
        _rowSegment.Add(segment);
        _rowPosition.Add(position);
    }

    /// <summary>Deals the work out.</summary>
    /// <param name="mode">Who reads a shared context.</param>
    /// <param name="threads">Threads that will run the kernel.</param>
    /// <param name="kvHeads">Key/value heads of a layer.</param>
    /// <param name="headsPerGroup">Query heads of a KV head.</param>
    /// <exception cref="InvalidOperationException">The rows are not in depth-first order.</exception>
    public void Build(AttentionMode mode, int threads, int kvHeads, int headsPerGroup)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(kvHeads, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(headsPerGroup, 1);
        (KvHeads, HeadsPerGroup) = (kvHeads, headsPerGroup);
        FindRowRanges();
        CutIntoBlocks(mode);
        MakeUnits(threads);
        ListSlots();
        Built = true;
    }

    private void FindRowRanges()
    {
        for (int s = 0; s < _segments.Count; s++) (_segments[s].RowBegin, _segments[s].RowEnd, _segments[s].RowCount) = (int.MaxValue, 0, 0);
        for (int row = 0; row < Rows; row++)
        {
            for (int s = _rowSegment[row]; s >= 0; s = _segments[s].Parent)
            {
                ref PlanSegment segment = ref _segments[s];
                segment.RowBegin = Math.Min(segment.RowBegin, row);
                segment.RowEnd = row + 1;
                segment.RowCount++;
            }
        }

        // Segments that begin at one row lie on one path; walking backwards lists the parent before its child.
        _firstSegmentAtRow.Fill(Rows, -1);
        for (int s = _segments.Count - 1; s >= 0; s--)
        {
            ref PlanSegment segment = ref _segments[s];
            if (segment.RowCount == 0) continue;
            if (segment.RowEnd - segment.RowBegin != segment.RowCount)
                throw new InvalidOperationException($"rows are not in depth-first order: those under segment {s} do not lie together");
            segment.NextAtRow = _firstSegmentAtRow[segment.RowBegin];
            _firstSegmentAtRow[segment.RowBegin] = s;
        }
    }

    /// <summary>
    /// A block is a range of rows that is computed together: a prefilled segment's rows by 64, else (bifurcated) all rows under
    /// one root that lie together or (repeated) those of one leaf.
    /// </summary>
    private void CutIntoBlocks(AttentionMode mode)
    {
        _blocks.Clear();
        _pieces.Clear();
        _nodes.Clear();
        int row = 0;
        while (row < Rows)
        {
            int leafEnd = LeafEnd(row);
            if (leafEnd - row > BlockRows)
            {
                for (; row < leafEnd; row += BlockRows) AddBlock(row, Math.Min(row + BlockRows, leafEnd), isCut: true);
                row = leafEnd;
                continue;
            }

            int end = leafEnd;
            int root = RootOf(row);
            while (mode == AttentionMode.Bifurcated && end < Rows && RootOf(end) == root)
            {
                leafEnd = LeafEnd(end);
                if (leafEnd - end > BlockRows) break;
                end = leafEnd;
            }

            AddBlock(row, end, isCut: false);
            row = end;
        }
    }

    private int LeafEnd(int row)
    {
        int end = row + 1;
        while (end < Rows && _rowSegment[end] == _rowSegment[row]) end++;
        return end;
    }

    private int RootOf(int row)
    {
        int s = _rowSegment[row];
        while (_segments[s].Parent >= 0) s = _segments[s].Parent;
        return s;
    }

    private void AddBlock(int rowBegin, int rowEnd, bool isCut)
    {
        var block = new Block { RowBegin = rowBegin, RowEnd = rowEnd, PieceBegin = _pieces.Count, NodeBegin = _nodes.Count };
        _stack.Clear();
        for (int s = _rowSegment[rowBegin]; s >= 0; s = _segments[s].Parent) _stack.Add(s);
        for (int i = _stack.Count - 1; i >= 0; i--) AddPieces(_stack[i], rowBegin, rowEnd, isCut);
        for (int row = rowBegin + 1; row < rowEnd; row++)
            for (int s = _firstSegmentAtRow[row]; s >= 0; s = _segments[s].NextAtRow) AddPieces(s, rowBegin, rowEnd, isCut);
        (block.PieceEnd, block.NodeEnd) = (_pieces.Count, _nodes.Count);
        _blocks.Add(block);
    }

    /// <summary>Cuts what the block's rows see of a segment at span boundaries; each piece joins its span's node.</summary>
    private void AddPieces(int index, int rowBegin, int rowEnd, bool isCut)
    {
        ref PlanSegment segment = ref _segments[index];
        (int begin, int end) = (Math.Max(rowBegin, segment.RowBegin), Math.Min(rowEnd, segment.RowEnd));
        (int lowest, int highest) = (int.MaxValue, int.MinValue);
        for (int row = begin; row < end; row++)
        {
            lowest = Math.Min(lowest, _rowPosition[row]);
            highest = Math.Max(highest, _rowPosition[row]);
        }

        int node = segment.Parent >= 0 ? _segments[segment.Parent].LastNode : -1;
        int visible = Math.Min(segment.Tokens, highest - segment.Start + 1);
        int tokenEnd;
        for (int token = 0; token < visible; token = tokenEnd)
        {
            int onGrid = segment.Start - segment.Origin + token;
            tokenEnd = Math.Min(visible, token + SpanTokens - onGrid % SpanTokens);
            bool beginsSpan = onGrid % SpanTokens == 0;
            if (beginsSpan) node = _nodes.Add(new Node { FirstPiece = -1, RowBegin = begin, RowEnd = end });
            var run = new PlanRun
            {
                Segment = index, Start = segment.Start + token, TokenBegin = token, TokenEnd = tokenEnd, RowBegin = begin, RowEnd = end,
                LowestPosition = lowest, HighestPosition = highest, BeginsSpan = beginsSpan, IsPrivate = segment.IsPrivate, IsCut = isCut,
            };
            Append(node, new Piece { Run = run, Next = -1 });
        }

        segment.LastNode = node;
    }

    private void Append(int node, Piece piece)
    {
        ref Node to = ref _nodes[node];
        int added = _pieces.Add(piece);
        if (to.FirstPiece < 0) to.FirstPiece = added;
        else _pieces[to.LastPiece].Next = added;
        to.LastPiece = added;
        to.Cost += (long)(piece.Run.TokenEnd - piece.Run.TokenBegin) * ((piece.Run.RowEnd - piece.Run.RowBegin) * HeadsPerGroup + ReadCost);
    }

    private void MakeUnits(int threads)
    {
        _runs.Clear();
        _units.Clear();
        _mergeRows.Clear();
        (SlotCount, LargestUnitRows) = (0, 0);
        long total = 0;
        foreach (Node node in _nodes.Items) total += node.Cost;
        long fair = total * KvHeads / ((long)threads * ItemsPerThread);
        foreach (Block block in _blocks.Items)
        {
            long cost = 0;
            for (int n = block.NodeBegin; n < block.NodeEnd; n++) cost += _nodes[n].Cost;
            if (threads == 1 || cost <= fair || block.NodeEnd - block.NodeBegin < 2) AddWholeUnit(block);
            else SplitBySpan(block, fair);
        }
    }

    private void AddWholeUnit(Block block)
    {
        int first = _runs.Count;
        for (int p = block.PieceBegin; p < block.PieceEnd; p++) _runs.Add(_pieces[p].Run);
        AddUnit(new PlanUnit { RunBegin = first, RunEnd = _runs.Count, RowBegin = block.RowBegin, RowEnd = block.RowEnd, FirstSlot = -1 });
    }

    /// <summary>A unit per span; small spans of neighbouring rows share one, which still gives one partial for each row.</summary>
    private void SplitBySpan(Block block, long fair)
    {
        for (int row = block.RowBegin; row < block.RowEnd; row++) _mergeRows.Add(row);
        int n = block.NodeBegin;
        while (n < block.NodeEnd)
        {
            Node node = _nodes[n];
            (int first, int rowEnd, long cost) = (_runs.Count, node.RowEnd, node.Cost);
            AddRuns(node);
            while (++n < block.NodeEnd && _nodes[n].RowBegin == rowEnd && cost + _nodes[n].Cost <= fair)
            {
                AddRuns(_nodes[n]);
                (rowEnd, cost) = (_nodes[n].RowEnd, cost + _nodes[n].Cost);
            }

            AddUnit(new PlanUnit { RunBegin = first, RunEnd = _runs.Count, RowBegin = node.RowBegin, RowEnd = rowEnd, FirstSlot = SlotCount });
            SlotCount += rowEnd - node.RowBegin;
        }
    }

    private void AddRuns(Node node)
    {
        for (int p = node.FirstPiece; p >= 0; p = _pieces[p].Next) _runs.Add(_pieces[p].Run);
    }

    private void AddUnit(PlanUnit unit)
    {
        LargestUnitRows = Math.Max(LargestUnitRows, unit.RowEnd - unit.RowBegin);
        _units.Add(unit);
    }

    /// <summary>A block's units are in depth-first order, so filling in that order lists each row's slots from the root down.</summary>
    private void ListSlots()
    {
        _slotStart.Fill(Rows + 1, 0);
        _slots.Fill(SlotCount, 0);
        foreach (PlanUnit unit in _units.Items)
            for (int row = unit.RowBegin; unit.FirstSlot >= 0 && row < unit.RowEnd; row++) _slotStart[row + 1]++;
        for (int row = 0; row < Rows; row++) _slotStart[row + 1] += _slotStart[row];
        _stack.Fill(Rows, 0);
        foreach (PlanUnit unit in _units.Items)
            for (int row = unit.RowBegin; unit.FirstSlot >= 0 && row < unit.RowEnd; row++)
                _slots[_slotStart[row] + _stack[row]++] = unit.FirstSlot + row - unit.RowBegin;
    }

    private struct Block
    {
        public int RowBegin, RowEnd, PieceBegin, PieceEnd, NodeBegin, NodeEnd;
    }

    private struct Piece
    {
        public PlanRun Run;
        public int Next;
    }

    /// <summary>One span of all paths that share its beginning: a piece where it begins, more where the paths part within it.</summary>
    private struct Node
    {
        public int FirstPiece, LastPiece, RowBegin, RowEnd;
        public long Cost;
    }
}
