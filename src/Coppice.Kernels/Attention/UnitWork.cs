using Coppice.Kernels.Elementwise;

namespace Coppice.Kernels.Attention;

/// <summary>
/// One item of work: a unit's runs for one KV head. Each tile of keys and values is read from memory once and used for all the
/// rows that see it and all the heads of the group, the bifurcated attention of arXiv 2403.08845, section 4, carried over from
/// two levels to a tree. The softmax is the online one (arXiv 2205.14135): a row keeps its maximum m, the sum l of
/// exp(s - m) and the output o = sum exp(s - m) v, and
/// <code>merge((m1, l1, o1), (m2, l2, o2)) = (m, l1 a + l2 b, o1 a + o2 b), m = max(m1, m2), a = exp(m1 - m), b = exp(m2 - m)</code>
/// with the natural exponential. Nothing seen is (-inf, 0, 0); merging with it changes nothing.
/// </summary>
internal static unsafe class UnitWork<TMath>
    where TMath : struct, ITileMath
{
    private const int TileTokens = AttentionPlan.TileTokens;

    /// <summary>Runs item unit * kvHeads + kvHead.</summary>
    public static void Run(AttentionJob* job, int item, int worker)
    {
        PlanUnit unit = job->Units[item / job->KvHeads];
        int kvHead = item % job->KvHeads;
        ref AttentionScratch scratch = ref job->Workers[worker];
        Begin(job, unit, kvHead, ref scratch);
        for (int r = unit.RunBegin; r < unit.RunEnd; r++)
        {
            PlanRun run = job->Runs[r];
            int first = (run.RowBegin - unit.RowBegin) * job->HeadsPerGroup;
            int end = (run.RowEnd - unit.RowBegin) * job->HeadsPerGroup;
            if (run.BeginsSpan)
                for (int i = first; i < end; i++) EndSpan(job, ref scratch, i);
            long read = job->Functions == null
                ? Reduce(job, unit, run, kvHead, ref scratch)
                : EmittedRun.Reduce(job, unit, r, kvHead, ref scratch);
            Count(job, run, read * job->TokenBytes, ref scratch);
        }

        if (unit.FirstSlot < 0) Finish(job, unit, kvHead, ref scratch);
        else StorePartials(job, unit, kvHead, ref scratch);
    }

    /// <summary>Merges a split row's partials from the root down: item merge row * kvHeads + kvHead.</summary>
    public static void Merge(AttentionJob* job, int item, int worker)
    {
        int row = job->MergeRows[item / job->KvHeads];
        int firstHead = item % job->KvHeads * job->HeadsPerGroup;
        ref AttentionScratch scratch = ref job->Workers[worker];
        for (int head = firstHead; head < firstHead + job->HeadsPerGroup; head++)
        {
            scratch.PathMax[0] = float.NegativeInfinity;
            for (int i = job->SlotStart[row]; i < job->SlotStart[row + 1]; i++)
            {
                long partial = (long)job->Slots[i] * job->Heads + head;
                float* sums = job->PartialSums + 2 * partial;
                MergeInto(job, ref scratch, 0, job->Partials + partial * job->HeadDim, sums[0], sums[1]);
            }

            float* output = job->Output + ((long)row * job->Heads + head) * job->HeadDim;
            WriteOutput(job, scratch.Path, scratch.PathMax[0], scratch.PathSum[0], output);
        }
    }

    private static void Begin(AttentionJob* job, PlanUnit unit, int kvHead, ref AttentionScratch scratch)
    {
        int rowFloats = job->HeadsPerGroup * job->HeadDim;
        for (int row = unit.RowBegin; row < unit.RowEnd; row++)
        {
            float* queries = job->Queries + ((long)row * job->Heads + kvHead * job->HeadsPerGroup) * job->HeadDim;
            long at = (long)(row - unit.RowBegin) * rowFloats;
            Buffer.MemoryCopy(queries, scratch.Queries + at, rowFloats * sizeof(float), rowFloats * sizeof(float));
            new Span<int>(scratch.Positions + (row - unit.RowBegin) * job->HeadsPerGroup, job->HeadsPerGroup).Fill(job->RowPosition[row]);
        }

        int count = (unit.RowEnd - unit.RowBegin) * job->HeadsPerGroup;
        new Span<float>(scratch.SpanMax, count).Fill(float.NegativeInfinity);
        new Span<float>(scratch.PathMax, count).Fill(float.NegativeInfinity);
        new Span<float>(scratch.SpanSum, count).Clear();
        System.Runtime.InteropServices.NativeMemory.Clear(scratch.Span, (nuint)((long)count * job->HeadDim * sizeof(float)));
    }

    private static void Count(AttentionJob* job, in PlanRun run, long bytes, ref AttentionScratch scratch)
    {
        Interlocked.Add(ref job->SegmentBytes[2 * run.Segment], bytes);
        if (run.IsCut) Interlocked.Add(ref job->SegmentBytes[2 * run.Segment + 1], bytes);
        if (run.IsPrivate) scratch.PrivateBytes += bytes;
        else scratch.SharedBytes += bytes;
    }

    /// <summary>Reduces a run's tiles in ascending order. Returns the tokens read.</summary>
    private static long Reduce(AttentionJob* job, PlanUnit unit, PlanRun run, int kvHead, ref AttentionScratch scratch)
    {
        int* pages = job->PageNumbers + job->Segments[run.Segment].FirstPage;
        byte* head = job->Pages + kvHead * job->HeadBytes;
        long read = 0;
        for (int token = run.TokenBegin; token < run.TokenEnd; token += TileTokens)
        {
            int tokens = Math.Min(TileTokens, run.TokenEnd - token);
            int position = run.Start + token - run.TokenBegin;
            if (position > run.HighestPosition) break;
            if (job->Window > 0 && position + tokens - 1 <= run.LowestPosition - job->Window) continue;
            for (int t = 0; t < tokens; t += KvStore.PageTokens)
            {
                byte* page = head + pages[(token + t) / KvStore.PageTokens] * job->BlockBytes;
                int onPage = Math.Min(KvStore.PageTokens, tokens - t);
                TMath.LoadKeys(job->Type, page, job->HeadDim, onPage, scratch.Keys + t);
                byte* values = page + job->BlockBytes / 2;
                TMath.LoadValues(job->Type, values, onPage * job->HeadDim, scratch.Values + t * job->HeadDim);
            }

            read += tokens;
            byte* next = NextTile(job, run, head, pages, token + TileTokens);
            ReduceTile(job, unit, run, position, tokens, next, ref scratch);
        }

        return read;
    }

    /// <summary>The run's next tile where it is whole and its pages lie one after another, else null: what is worth fetching early.</summary>
    private static byte* NextTile(AttentionJob* job, in PlanRun run, byte* head, int* pages, int token)
    {
        const int TilePages = TileTokens / KvStore.PageTokens;
        if (token + TileTokens > run.TokenEnd) return null;
        int first = pages[token / KvStore.PageTokens];
        int last = pages[token / KvStore.PageTokens + TilePages - 1];
        return last - first == TilePages - 1 ? head + first * job->BlockBytes : null;
    }

    /// <summary>Takes the rows by 8: scores, weights, outputs. The first 8 fetch <paramref name="next"/>.</summary>
    private static void ReduceTile(
        AttentionJob* job, PlanUnit unit, in PlanRun run, int position, int tokens, byte* next, ref AttentionScratch scratch)
    {
        // Products of 2 x 64 steps for each 32 elements fetch a tile line by line; half as many for one row.
        nint step = (nint)(job->BlockBytes / job->HeadDim) * (run.RowEnd - run.RowBegin == 1 && job->HeadsPerGroup == 1 ? 2 : 1);
        int* begin = stackalloc int[ScoreBlock.Rows];
        int* end = stackalloc int[ScoreBlock.Rows];
        float* rescale = stackalloc float[ScoreBlock.Rows];
        int rowsEnd = (run.RowEnd - unit.RowBegin) * job->HeadsPerGroup;
        for (int first = (run.RowBegin - unit.RowBegin) * job->HeadsPerGroup; first < rowsEnd; first += ScoreBlock.Rows)
        {
            int count = Math.Min(ScoreBlock.Rows, rowsEnd - first);
            int columns = FindColumns(job, scratch.Positions + first, count, position, tokens, begin, end);
            if (columns == 0) continue;
            float* queries = scratch.Queries + (long)first * job->HeadDim;
            TMath.Multiply(new Panel
            {
                A = queries, AStride = job->HeadDim, B = scratch.Keys, BStride = TileTokens, C = scratch.Scores, CStride = TileTokens,
                Rows = count, K = job->HeadDim, N = (columns + 15) & ~15, Next = next, NextStep = step,
            });
            TMath.Softmax(new ScoreBlock
            {
                Scores = scratch.Scores, Begin = begin, End = end, Max = scratch.SpanMax + first, Sum = scratch.SpanSum + first,
                Rescale = rescale, Count = count, Scale = job->Scale, SoftCap = job->SoftCap,
            });
            float* outputs = scratch.Span + (long)first * job->HeadDim;
            for (int i = 0; i < count; i++)
                if (rescale[i] != 1f) TMath.Scale(outputs + i * job->HeadDim, rescale[i], job->HeadDim);
            byte* rest = next == null ? null : next + 2 * job->BlockBytes;
            AddValues(job, scratch, outputs, count, begin, end, rest, step);
            next = null;
        }
    }

    /// <summary>The columns [begin, end) each row sees of a tile. Returns the highest end, 0 where none sees any.</summary>
    internal static int FindColumns(AttentionJob* job, int* positions, int count, int position, int tokens, int* begin, int* end)
    {
        int columns = 0;
        for (int i = 0; i < count; i++)
        {
            int own = positions[i];
            begin[i] = job->Window > 0 ? Math.Clamp(own - job->Window + 1 - position, 0, tokens) : 0;
            end[i] = Math.Clamp(own + 1 - position, 0, tokens);
            if (end[i] <= begin[i]) (begin[i], end[i]) = (0, 0);
            columns = Math.Max(columns, end[i]);
        }

        return columns;
    }

    /// <summary>
    /// outputs += weights x values, each row over exactly the columns it sees: together where all rows see them, one by one
    /// before and after, which leaves each row's chain in ascending order.
    /// </summary>
    private static void AddValues(
        AttentionJob* job, in AttentionScratch scratch, float* outputs, int count, int* begin, int* end, byte* next, nint step)
    {
        (int from, int to) = (begin[0], end[0]);
        for (int i = 1; i < count; i++) (from, to) = (Math.Max(from, begin[i]), Math.Min(to, end[i]));
        var panel = new Panel { AStride = TileTokens, BStride = job->HeadDim, CStride = job->HeadDim, N = job->HeadDim, Accumulate = true };
        float* weights = scratch.Scores;
        float* values = scratch.Values;
        if (from >= to) (from, to) = (TileTokens, TileTokens);
        for (int i = 0; i < count; i++) AddRange(ref panel, weights, values, outputs, i, 1, begin[i], Math.Min(from, end[i]));
        Panel common = panel with { Next = next, NextStep = step };
        AddRange(ref common, weights, values, outputs, 0, count, from, to);
        for (int i = 0; i < count; i++) AddRange(ref panel, weights, values, outputs, i, 1, to, end[i]);
    }

    private static void AddRange(ref Panel panel, float* weights, float* values, float* outputs, int row, int rows, int from, int to)
    {
        if (from >= to) return;
        panel.A = weights + row * panel.AStride + from;
        panel.B = values + from * panel.BStride;
        panel.C = outputs + row * panel.CStride;
        (panel.Rows, panel.K) = (rows, to - from);
        TMath.Multiply(panel);
    }

    /// <summary>Merges a row's span into its path and leaves the span empty.</summary>
    private static void EndSpan(AttentionJob* job, ref AttentionScratch scratch, int row)
    {
        if (scratch.SpanMax[row] == float.NegativeInfinity) return;
        float* span = scratch.Span + (long)row * job->HeadDim;
        MergeInto(job, ref scratch, row, span, scratch.SpanMax[row], scratch.SpanSum[row]);
        (scratch.SpanMax[row], scratch.SpanSum[row]) = (float.NegativeInfinity, 0f);
        new Span<float>(span, job->HeadDim).Clear();
    }

    private static void MergeInto(AttentionJob* job, ref AttentionScratch scratch, int row, float* span, float spanMax, float spanSum)
    {
        if (spanMax == float.NegativeInfinity) return;
        float* path = scratch.Path + (long)row * job->HeadDim;
        float pathMax = scratch.PathMax[row];
        if (pathMax == float.NegativeInfinity)
        {
            (scratch.PathMax[row], scratch.PathSum[row]) = (spanMax, spanSum);
            Buffer.MemoryCopy(span, path, job->HeadDim * sizeof(float), job->HeadDim * sizeof(float));
            return;
        }

        float max = spanMax > pathMax ? spanMax : pathMax;
        (float a, float b) = (VectorMath.Exp(pathMax - max), VectorMath.Exp(spanMax - max));
        scratch.PathMax[row] = max;
        scratch.PathSum[row] = MathF.FusedMultiplyAdd(spanSum, b, scratch.PathSum[row] * a);
        TMath.Merge(path, a, span, b, job->HeadDim);
    }

    private static void Finish(AttentionJob* job, PlanUnit unit, int kvHead, ref AttentionScratch scratch)
    {
        int count = (unit.RowEnd - unit.RowBegin) * job->HeadsPerGroup;
        for (int i = 0; i < count; i++)
        {
            long row = unit.RowBegin + i / job->HeadsPerGroup;
            long head = kvHead * job->HeadsPerGroup + i % job->HeadsPerGroup;
            float* output = job->Output + (row * job->Heads + head) * job->HeadDim;
            if (scratch.PathMax[i] == float.NegativeInfinity)
            {
                WriteOutput(job, scratch.Span + (long)i * job->HeadDim, scratch.SpanMax[i], scratch.SpanSum[i], output);
                continue;
            }

            EndSpan(job, ref scratch, i);
            WriteOutput(job, scratch.Path + (long)i * job->HeadDim, scratch.PathMax[i], scratch.PathSum[i], output);
        }
    }

    private static void WriteOutput(AttentionJob* job, float* source, float max, float sum, float* output)
    {
        if (max == float.NegativeInfinity) new Span<float>(output, job->HeadDim).Clear();
        else TMath.Divide(source, sum, output, job->HeadDim);
    }

    private static void StorePartials(AttentionJob* job, PlanUnit unit, int kvHead, ref AttentionScratch scratch)
    {
        int rowFloats = job->HeadsPerGroup * job->HeadDim;
        for (int row = 0; row < unit.RowEnd - unit.RowBegin; row++)
        {
            long partial = (long)(unit.FirstSlot + row) * job->Heads + kvHead * job->HeadsPerGroup;
            float* source = scratch.Span + (long)row * rowFloats;
            Buffer.MemoryCopy(source, job->Partials + partial * job->HeadDim, rowFloats * sizeof(float), rowFloats * sizeof(float));
            for (int h = 0; h < job->HeadsPerGroup; h++)
            {
                int i = row * job->HeadsPerGroup + h;
                job->PartialSums[2 * (partial + h)] = scratch.SpanMax[i];
                job->PartialSums[2 * (partial + h) + 1] = scratch.SpanSum[i];
            }
        }
    }
}
