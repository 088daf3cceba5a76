using Coppice.Kernels.Emitted;

namespace Coppice.Kernels.Attention;

/// <summary>
/// softmax(scale Q K^T) V of a step's rows over the paths of an <see cref="AttentionPlan"/>. Owns its workers' scratch and the
/// partials of split contexts; both grow to the largest plan seen, and a call allocates nothing on the managed heap.
/// </summary>
public sealed unsafe class AttentionKernel : IDisposable
{
    /// <summary>The largest head.</summary>
    public const int MaxHeadDim = 256;

    private const int LineFloats = 16;

    private readonly KvStore _store;
    private readonly WorkerTeam _team;
    private readonly KernelPath _path;
    private readonly int _heads;
    private readonly EmittedAttention? _code;
    private readonly AlignedBuffer<AttentionScratch> _workers;
    private AlignedBuffer<float> _scratch = new(0);
    private AlignedBuffer<float> _partials = new(0);
    private AlignedBuffer<long> _segmentBytes = new(64);
    private int _scratchRows = -1;

    /// <summary>Makes a kernel.</summary>
    /// <param name="store">Keys and values.</param>
    /// <param name="heads">Query heads, a multiple of the store's KV heads.</param>
    /// <param name="team">The threads that run it.</param>
    /// <param name="path">The instruction set.</param>
    public AttentionKernel(KvStore store, int heads, WorkerTeam team, KernelPath path)
        : this(store, heads, team, path, path == KernelPath.Avx512 && store is not null ? EmittedAttention.Of(store.Layout) : null)
    {
    }

    /// <summary>Makes a kernel that uses some emitted code, or none.</summary>
    internal AttentionKernel(KvStore store, int heads, WorkerTeam team, KernelPath path, EmittedAttention? code)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(team);
        ArgumentOutOfRangeException.ThrowIfLessThan(heads, 1);
        if (heads % store.KvHeads != 0) throw new ArgumentException($"expected a multiple of {store.KvHeads} KV heads, found {heads}", nameof(heads));
        (_store, _heads, _team, _path, _code) = (store, heads, team, path, code);
        _workers = new AlignedBuffer<AttentionScratch>(team.Threads);
    }

    /// <summary>Bytes of keys and values read from shared segments since the last reset.</summary>
    public long SharedBytesRead
    {
        get
        {
            long bytes = 0;
            foreach (ref readonly AttentionScratch worker in _workers.Span) bytes += worker.SharedBytes;
            return bytes;
        }
    }

    /// <summary>Bytes of keys and values read from private segments since the last reset.</summary>
    public long PrivateBytesRead
    {
        get
        {
            long bytes = 0;
            foreach (ref readonly AttentionScratch worker in _workers.Span) bytes += worker.PrivateBytes;
            return bytes;
        }
    }

    /// <summary>Bytes of keys and values read from one segment of the current plan since the last reset.</summary>
    /// <param name="segment">What <see cref="AttentionPlan.AddSegment"/> returned.</param>
    /// <returns>0 where no layer attended.</returns>
    public long BytesRead(int segment) => Counted(2 * segment);

    /// <summary>Of <see cref="BytesRead"/>, what was not read for blocks of a run of more than <see cref="AttentionPlan.BlockRows"/> rows.</summary>
    /// <param name="segment">What <see cref="AttentionPlan.AddSegment"/> returned.</param>
    public long BytesReadTogether(int segment) => BytesRead(segment) - Counted((2 * segment) + 1);

    /// <summary>Sets the byte counters to zero. Those of single segments mean something only if this is called for each plan.</summary>
    public void ResetCounters()
    {
        _segmentBytes.Span.Clear();
        foreach (ref AttentionScratch worker in _workers.Span) (worker.SharedBytes, worker.PrivateBytes) = (0, 0);
    }

    /// <summary>Computes the attention of one layer.</summary>
    /// <param name="plan">A built plan for the store's KV heads and this kernel's groups.</param>
    /// <param name="layer">The layer whose keys and values are read.</param>
    /// <param name="queries">[rows, heads, headDim], rotated.</param>
    /// <param name="output">[rows, heads, headDim]; zero for a row that sees nothing.</param>
    /// <param name="options">Scale, cap and window of the layer.</param>
    /// <exception cref="InvalidOperationException">The plan was not built, or for other heads.</exception>
    public void Attend(AttentionPlan plan, int layer, ReadOnlySpan<float> queries, Span<float> output, in AttentionOptions options)
    {
        ArgumentNullException.ThrowIfNull(plan);
        Check(plan, layer, queries.Length, output.Length);
        if (plan.Rows == 0) return;
        Reserve(plan);
        fixed (float* q = queries, o = output)
        {
            var job = new AttentionJob
            {
                Path = _path, Type = _store.Type,
                Heads = _heads, KvHeads = _store.KvHeads, HeadsPerGroup = plan.HeadsPerGroup, HeadDim = _store.HeadDim,
                TokenBytes = _store.BlockBytes / KvStore.PageTokens, Functions = _code == null ? null : _code.Functions,
                Window = options.Window, Scale = options.Scale, SoftCap = options.SoftCap,
                Pages = _store.Block(layer, 0, 0), BlockBytes = _store.BlockBytes, HeadBytes = _store.BlockBytes * _store.PageCount,
                Queries = q, Output = o,
                Partials = _partials.Pointer, PartialSums = _partials.Pointer + (long)plan.SlotCount * _heads * _store.HeadDim,
                Units = plan.Units.Pointer, Runs = plan.Runs.Pointer, Segments = plan.Segments.Pointer, PageNumbers = plan.Pages.Pointer,
                RowPosition = plan.RowPosition.Pointer, MergeRows = plan.MergeRows.Pointer,
                SlotStart = plan.SlotStart.Pointer, Slots = plan.Slots.Pointer,
                Workers = _workers.Pointer, SegmentBytes = _segmentBytes.Pointer,
            };
            _team.Run(plan.Units.Count * job.KvHeads, &job, &RunUnit);
            _team.Run(plan.MergeRows.Count * job.KvHeads, &job, &RunMerge);
        }

        // The job holds addresses into the plan's arrays.
        GC.KeepAlive(plan);
    }

    /// <summary>Returns the scratch.</summary>
    public void Dispose()
    {
        _workers.Dispose();
        _scratch.Dispose();
        _partials.Dispose();
        _segmentBytes.Dispose();
    }

    /// <summary>The counters grow with the plans that are attended to; a step whose outputs nobody wants may come before.</summary>
    private long Counted(int counter) => counter < _segmentBytes.Length ? _segmentBytes.Slice(counter, 1)[0] : 0;

    private static void RunUnit(void* state, int item, int worker)
    {
        var job = (AttentionJob*)state;
        switch (job->Path)
        {
            case KernelPath.Avx512: UnitWork<Avx512TileMath>.Run(job, item, worker); break;
            case KernelPath.Avx2: UnitWork<Avx2TileMath>.Run(job, item, worker); break;
            default: UnitWork<ScalarTileMath>.Run(job, item, worker); break;
        }
    }

    private static void RunMerge(void* state, int item, int worker)
    {
        var job = (AttentionJob*)state;
        switch (job->Path)
        {
            case KernelPath.Avx512: UnitWork<Avx512TileMath>.Merge(job, item, worker); break;
            case KernelPath.Avx2: UnitWork<Avx2TileMath>.Merge(job, item, worker); break;
            default: UnitWork<ScalarTileMath>.Merge(job, item, worker); break;
        }
    }

    private void Check(AttentionPlan plan, int layer, int queries, int output)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)layer, (uint)_store.Layers, nameof(layer));
        if (!plan.Built) throw new InvalidOperationException("the plan has changed since it was built");
        if (plan.KvHeads != _store.KvHeads || plan.KvHeads * plan.HeadsPerGroup != _heads)
        {
            throw new InvalidOperationException(
                $"expected a plan for {_store.KvHeads} KV heads and {_heads} heads, found {plan.KvHeads} and {plan.KvHeads * plan.HeadsPerGroup}");
        }

        if (plan.HighestPage >= _store.PageCount)
            throw new InvalidOperationException($"the plan names page {plan.HighestPage} of {_store.PageCount}");
        long floats = (long)plan.Rows * _heads * _store.HeadDim;
        ArgumentOutOfRangeException.ThrowIfNotEqual(queries, floats, nameof(queries));
        ArgumentOutOfRangeException.ThrowIfNotEqual(output, floats, nameof(output));
    }

    private void Reserve(AttentionPlan plan)
    {
        long partials = (long)plan.SlotCount * _heads * (_store.HeadDim + 2);
        if (partials > _partials.Length)
        {
            var larger = AlignedBuffer<float>.Uninitialized(partials + partials / 2);
            _partials.Dispose();
            _partials = larger;
        }

        if (2 * plan.Segments.Count > _segmentBytes.Length)
        {
            var larger = new AlignedBuffer<long>(plan.Segments.Count * 4L);
            _segmentBytes.Span.CopyTo(larger.Span);
            _segmentBytes.Dispose();
            _segmentBytes = larger;
        }

        int rows = plan.LargestUnitRows * plan.HeadsPerGroup;
        if (rows <= _scratchRows) return;
        ShareScratch(rows + rows / 2);
    }

    private void ShareScratch(int rows)
    {
        int headDim = _store.HeadDim;
        long tile = (long)AttentionPlan.TileTokens * headDim;
        long scores = ScoreBlock.Rows * AttentionPlan.TileTokens;
        long matrix = ((long)rows * headDim + LineFloats - 1) / LineFloats * LineFloats;
        long vector = ((long)rows + LineFloats - 1) / LineFloats * LineFloats;
        long each = 2 * tile + scores + 3 * matrix + 5 * vector + LineFloats;
        // Taken before the old one is returned: where it is not to be had, the old one still fits its rows.
        var larger = AlignedBuffer<float>.Uninitialized(each * _team.Threads);
        _scratch.Dispose();
        _scratch = larger;
        _scratchRows = rows;
        for (int w = 0; w < _team.Threads; w++)
        {
            ref AttentionScratch scratch = ref _workers.Span[w];
            float* next = _scratch.Pointer + w * each;
            scratch.Keys = Take(ref next, tile);
            scratch.Values = Take(ref next, tile);
            scratch.Scores = Take(ref next, scores);
            scratch.Queries = Take(ref next, matrix);
            scratch.Span = Take(ref next, matrix);
            scratch.Path = Take(ref next, matrix);
            scratch.SpanMax = Take(ref next, vector);
            scratch.SpanSum = Take(ref next, vector);
            scratch.PathMax = Take(ref next, vector);
            scratch.PathSum = Take(ref next, vector);
            scratch.Positions = (int*)Take(ref next, vector);
        }
    }

    private static float* Take(ref float* next, long count)
    {
        float* taken = next;
        next += count;
        return taken;
    }
}
