using Coppice.Kernels.Elementwise;
using Coppice.Kernels.Emitted;

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
    private const int TilePages = AttentionCall.TilePages;

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
            Reduce(job, unit, run, kvHead, ref scratch);
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

    /// <summary>Reduces a run's tiles in ascending order.</summary>
    private static void Reduce(AttentionJob* job, PlanUnit unit, PlanRun run, int kvHead, ref AttentionScratch scratch)
    {
        int* pages = job->PageNumbers + job->Segments[run.Segment].FirstPage;
        byte* head = job->Pages + kvHead * job->HeadBytes;
        long read = 0;
        var tile = default(AttentionTile);
        // Products of 2 x 64 steps for each 32 elements fetch a tile line by line; half as many for one row.
        tile.NextStep = (nint)(job->BlockBytes / job->HeadDim) * (run.RowEnd - run.RowBegin == 1 && job->HeadsPerGroup == 1 ? 2 : 1);
        for (int token = run.TokenBegin; token < run.TokenEnd; token += TileTokens)
        {
            tile.Tokens = Math.Min(TileTokens, run.TokenEnd - token);
            tile.Position = run.Start + token - run.TokenBegin;
            if (tile.Position > run.HighestPosition) break;
            if (job->Window > 0 && tile.Position + tile.Tokens - 1 <= run.LowestPosition - job->Window) continue;
            int* own = pages + token / KvStore.PageTokens;
            int left = Math.Clamp(run.TokenEnd - token - TileTokens, 0, TileTokens);
            if (job->Functions != null)
            {
                tile.Locate(head, job->BlockBytes, own, own + TilePages, (left + KvStore.PageTokens - 1) / KvStore.PageTokens);
            }
            else
            {
                Widen(job, head, own, tile.Tokens, ref scratch);
                tile.Next = left == TileTokens ? Following(job, head, own + TilePages) : null;
            }

            read += tile.Tokens;
            ReduceTile(job, unit, run, ref tile, ref scratch);
        }

        long bytes = read * job->TokenBytes;
        Interlocked.Add(ref job->SegmentBytes[run.Segment], bytes);
        if (run.IsPrivate) scratch.PrivateBytes += bytes;
        else scratch.SharedBytes += bytes;
    }

    private static void Widen(AttentionJob* job, byte* head, int* pages, int tokens, ref AttentionScratch scratch)
    {
        for (int t = 0; t < tokens; t += KvStore.PageTokens)
        {
            byte* page = head + pages[t / KvStore.PageTokens] * job->BlockBytes;
            int onPage = Math.Min(KvStore.PageTokens, tokens - t);
            TMath.LoadKeys(job->Type, page, job->HeadDim, onPage, scratch.Keys + t);
            byte* values = page + job->BlockBytes / 2;
            TMath.LoadValues(job->Type, values, onPage * job->HeadDim, scratch.Values + t * job->HeadDim);
        }
    }

    /// <summary>A tile whose pages lie one after another, else null: what is worth fetching early.</summary>
    private static byte* Following(AttentionJob* job, byte* head, int* pages) =>
        pages[TilePages - 1] - pages[0] == TilePages - 1 ? head + pages[0] * job->BlockBytes : null;

    /// <summary>Takes the rows by 8: scores, weights, outputs. The first 8 fetch the next tile.</summary>
    private static void ReduceTile(AttentionJob* job, PlanUnit unit, in PlanRun run, ref AttentionTile tile, ref AttentionScratch scratch)
    {
        float* rescale = stackalloc float[2 * ScoreBlock.Rows];
        int rowsEnd = (run.RowEnd - unit.RowBegin) * job->HeadsPerGroup;
        for (int first = (run.RowBegin - unit.RowBegin) * job->HeadsPerGroup; first < rowsEnd; first += ScoreBlock.Rows)
        {
            var rows = new TileRows
            {
                Count = Math.Min(ScoreBlock.Rows, rowsEnd - first), Positions = scratch.Positions + first,
                Queries = scratch.Queries + (long)first * job->HeadDim, Outputs = scratch.Span + (long)first * job->HeadDim,
                Max = scratch.SpanMax + first, Sum = scratch.SpanSum + first, Rescale = rescale,
            };
            if (job->Functions != null && job->SoftCap == 0 && SeeAll(job, tile, rows)) ReduceWhole(job, ref tile, rows, scratch.Scores);
            else if (!ReducePartly(job, ref tile, rows, scratch)) continue;
            tile.Fetched();
        }
    }

    private static bool SeeAll(AttentionJob* job, in AttentionTile tile, in TileRows rows)
    {
        // Positions ascend within a segment and are those of the samples' last tokens across segments, in any order.
        (int lowest, int highest) = (int.MaxValue, int.MinValue);
        for (int i = 0; i < rows.Count; i++) (lowest, highest) = (Math.Min(lowest, rows.Positions[i]), Math.Max(highest, rows.Positions[i]));
        return tile.Tokens == TileTokens && lowest >= tile.Position + TileTokens - 1
            && (job->Window == 0 || highest - job->Window < tile.Position);
    }

    private static void ReduceWhole(AttentionJob* job, ref AttentionTile tile, in TileRows rows, float* scores)
    {
        tile.Call.Queries = rows.Queries;
        tile.Call.Scores = scores;
        tile.Call.Outputs = rows.Outputs;
        tile.Call.Max = rows.Max;
        tile.Call.Sum = rows.Sum;
        tile.Call.Rescale = rows.Rescale;
        tile.Call.Scale = job->Scale;
        fixed (AttentionCall* call = &tile.Call) EmittedAttention.WholeTile(job->Functions, rows.Count, call);
    }

    /// <summary>Each row over exactly the columns it sees; false where no row sees any.</summary>
    private static bool ReducePartly(AttentionJob* job, ref AttentionTile tile, in TileRows rows, in AttentionScratch scratch)
    {
        int* begin = stackalloc int[ScoreBlock.Rows];
        int* end = stackalloc int[ScoreBlock.Rows];
        int columns = FindColumns(job, rows.Positions, rows.Count, tile.Position, tile.Tokens, begin, end);
        if (columns == 0) return false;
        Score(job, ref tile, scratch, rows, columns);
        TMath.Softmax(new ScoreBlock
        {
            Scores = scratch.Scores, Begin = begin, End = end, Max = rows.Max, Sum = rows.Sum,
            Rescale = rows.Rescale, Count = rows.Count, Scale = job->Scale, SoftCap = job->SoftCap,
        });
        for (int i = 0; i < rows.Count; i++)
            if (rows.Rescale[i] != 1f) TMath.Scale(rows.Outputs + i * job->HeadDim, rows.Rescale[i], job->HeadDim);
        AddValues(job, ref tile, scratch, rows.Outputs, rows.Count, begin, end);
        return true;
    }

    /// <summary>scores = queries x keys over the first columns at least.</summary>
    private static void Score(AttentionJob* job, ref AttentionTile tile, in AttentionScratch scratch, in TileRows rows, int columns)
    {
        if (job->Functions != null)
        {
            tile.Call.Queries = rows.Queries;
            tile.Call.Scores = scratch.Scores;
            fixed (AttentionCall* call = &tile.Call)
                EmittedAttention.Scores(job->Functions, rows.Count, (columns + KvStore.PageTokens - 1) / KvStore.PageTokens, call);
            return;
        }

        TMath.Multiply(new Panel
        {
            A = rows.Queries, AStride = job->HeadDim, B = scratch.Keys, BStride = TileTokens, C = scratch.Scores, CStride = TileTokens,
            Rows = rows.Count, K = job->HeadDim, N = (columns + 15) & ~15, Next = tile.Next, NextStep = tile.NextStep,
        });
        if (tile.Next != null) tile.Next += 2 * job->BlockBytes;
    }

    /// <summary>The columns [begin, end) each row sees of a tile. Returns the highest end, 0 where none sees any.</summary>
    private static int FindColumns(AttentionJob* job, int* positions, int count, int position, int tokens, int* begin, int* end)
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
        AttentionJob* job, ref AttentionTile tile, in AttentionScratch scratch, float* outputs, int count, int* begin, int* end)
    {
        (int from, int to) = (begin[0], end[0]);
        for (int i = 1; i < count; i++) (from, to) = (Math.Max(from, begin[i]), Math.Min(to, end[i]));
        if (from >= to) (from, to) = (TileTokens, TileTokens);
        for (int i = 0; i < count; i++) AddRange(job, ref tile, scratch, outputs, i, 1, begin[i], Math.Min(from, end[i]), null);
        AddRange(job, ref tile, scratch, outputs, 0, count, from, to, tile.Next);
        for (int i = 0; i < count; i++) AddRange(job, ref tile, scratch, outputs, i, 1, to, end[i], null);
    }

    private static void AddRange(
        AttentionJob* job, ref AttentionTile tile, in AttentionScratch scratch, float* outputs, int row, int rows, int from, int to,
        byte* next)
    {
        if (from >= to) return;
        float* weights = scratch.Scores + row * TileTokens;
        outputs += row * job->HeadDim;
        if (job->Functions != null)
        {
            tile.Call.Scores = weights;
            tile.Call.Outputs = outputs;
            (tile.Call.Begin, tile.Call.End) = (from, to);
            fixed (AttentionCall* call = &tile.Call) EmittedAttention.Outputs(job->Functions, rows, call);
            return;
        }

        TMath.Multiply(new Panel
        {
            A = weights + from, AStride = TileTokens, B = scratch.Values + from * job->HeadDim, BStride = job->HeadDim,
            C = outputs, CStride = job->HeadDim, Rows = rows, K = to - from, N = job->HeadDim, Accumulate = true,
            Next = next, NextStep = tile.NextStep,
        });
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

    /// <summary>Up to 8 of a unit's query heads. Arrays as in <see cref="AttentionScratch"/>, from the first row on; Rescale is [16].</summary>
    private struct TileRows
    {
        public int Count;
        public int* Positions;
        public float* Queries, Outputs, Max, Sum, Rescale;
    }
}
