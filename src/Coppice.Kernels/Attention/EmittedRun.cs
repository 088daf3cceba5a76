using Coppice.Kernels.Emitted;

namespace Coppice.Kernels.Attention;

/// <summary>
/// A run by emitted code: for each output what <see cref="UnitWork{TMath}"/> does with <see cref="Avx512TileMath"/>, in the same
/// order. As nothing is widened ahead, 8 rows take all tiles of the run before the next 8 come: queries and outputs stay in the
/// first cache, a run's keys and values (at most 512 tokens) in the second, from where each tile is fetched while the one
/// before it is computed. With 8 rows or fewer memory is what is waited for: there the next run's first tiles are fetched, too.
/// </summary>
internal static unsafe class EmittedRun
{
    private const int TileTokens = AttentionPlan.TileTokens;
    private const int TilePages = AttentionCall.TilePages;
    private const int MostTiles = AttentionPlan.SpanTokens / TileTokens;

    /// <summary>Tiles from one that is computed to the one that is fetched from memory.</summary>
    private const int MemoryDistance = 2;

    /// <summary>Reduces a run's tiles in ascending order. Returns the tokens read.</summary>
    public static long Reduce(AttentionJob* job, PlanUnit unit, int runIndex, int kvHead, ref AttentionScratch scratch)
    {
        PlanRun run = job->Runs[runIndex];
        byte* head = job->Pages + kvHead * job->HeadBytes;
        Tile* tiles = stackalloc Tile[MostTiles];
        int count = Locate(job, run, head, tiles);
        if (count == 0) return 0;
        int rowsEnd = (run.RowEnd - unit.RowBegin) * job->HeadsPerGroup;
        int rowsBegin = (run.RowBegin - unit.RowBegin) * job->HeadsPerGroup;
        if (rowsEnd - rowsBegin > ScoreBlock.Rows)
        {
            for (int i = 0; i < count; i++) tiles[i].WantHalf(tiles[(i + 1) % count]);
        }
        else
        {
            WantFromMemory(job, head, tiles, count, runIndex + 1 < unit.RunEnd ? &job->Runs[runIndex + 1] : null);
        }

        float* rescale = stackalloc float[2 * ScoreBlock.Rows];
        for (int first = rowsBegin; first < rowsEnd; first += ScoreBlock.Rows)
        {
            var rows = new Rows(job, scratch, first, Math.Min(ScoreBlock.Rows, rowsEnd - first), rescale);
            for (int i = 0; i < count; i++) ReduceTile(job, ref tiles[i], rows, scratch.Scores);
        }

        long read = 0;
        for (int i = 0; i < count; i++) read += tiles[i].Tokens;
        return read;
    }

    /// <summary>Lists the tiles that a row of the run sees.</summary>
    private static int Locate(AttentionJob* job, in PlanRun run, byte* head, Tile* tiles)
    {
        int count = 0;
        int* pages = job->PageNumbers + job->Segments[run.Segment].FirstPage;
        for (int token = run.TokenBegin; token < run.TokenEnd; token += TileTokens)
        {
            int tokens = Math.Min(TileTokens, run.TokenEnd - token);
            int position = run.Start + token - run.TokenBegin;
            if (position > run.HighestPosition) break;
            if (job->Window > 0 && position + tokens - 1 <= run.LowestPosition - job->Window) continue;
            ref Tile tile = ref tiles[count++];
            (tile.Position, tile.Tokens) = (position, tokens);
            tile.Call.Scale = job->Scale;
            int last = (tokens - 1) / KvStore.PageTokens;
            for (int page = 0; page < TilePages; page++)
            {
                byte* block = head + (pages[(token / KvStore.PageTokens) + Math.Min(page, last)] * job->BlockBytes);
                tile.Call.Keys[page] = (long)block;
                tile.Call.Values[page] = (long)(block + (job->BlockBytes / 2));
            }
        }

        return count;
    }

    private static void WantFromMemory(AttentionJob* job, byte* head, Tile* tiles, int count, PlanRun* next)
    {
        for (int i = 0; i < count; i++)
        {
            int wanted = i + MemoryDistance;
            if (wanted < count)
            {
                tiles[i].Want(tiles[wanted]);
                continue;
            }

            tiles[i].Want(tiles[i]);
            if (next == null) continue;
            int* pages = job->PageNumbers + job->Segments[next->Segment].FirstPage;
            int first = (next->TokenBegin / KvStore.PageTokens) + ((wanted - count) * TilePages);
            int end = (next->TokenEnd + KvStore.PageTokens - 1) / KvStore.PageTokens;
            for (int page = 0; page < TilePages && first + page < end; page++)
            {
                byte* block = head + (pages[first + page] * job->BlockBytes);
                tiles[i].Call.NextKeys[page] = (long)block;
                tiles[i].Call.NextValues[page] = (long)(block + (job->BlockBytes / 2));
            }
        }
    }

    private static void ReduceTile(AttentionJob* job, ref Tile tile, in Rows rows, float* scores)
    {
        fixed (AttentionCall* call = &tile.Call)
        {
            call->Queries = rows.Queries;
            call->Scores = scores;
            call->Outputs = rows.Outputs;
            call->Max = rows.Max;
            call->Sum = rows.Sum;
            call->Rescale = rows.Rescale;
            bool all = tile.Tokens == TileTokens && rows.Lowest >= tile.Position + TileTokens - 1
                && (job->Window == 0 || rows.Highest - job->Window < tile.Position);
            if (all && job->SoftCap == 0) EmittedAttention.WholeTile(job->Functions, rows.Count, call);
            else ReducePartly(job, tile.Position, tile.Tokens, rows, call);
        }
    }

    /// <summary>Each row over exactly the columns it sees.</summary>
    private static void ReducePartly(AttentionJob* job, int position, int tokens, in Rows rows, AttentionCall* call)
    {
        int* begin = stackalloc int[ScoreBlock.Rows];
        int* end = stackalloc int[ScoreBlock.Rows];
        int columns = UnitWork<Avx512TileMath>.FindColumns(job, rows.Positions, rows.Count, position, tokens, begin, end);
        if (columns == 0) return;
        EmittedAttention.Scores(job->Functions, rows.Count, (columns + KvStore.PageTokens - 1) / KvStore.PageTokens, call);
        Avx512TileMath.Softmax(new ScoreBlock
        {
            Scores = call->Scores, Begin = begin, End = end, Max = rows.Max, Sum = rows.Sum,
            Rescale = rows.Rescale, Count = rows.Count, Scale = job->Scale, SoftCap = job->SoftCap,
        });
        for (int i = 0; i < rows.Count; i++)
            if (rows.Rescale[i] != 1f) Avx512TileMath.Scale(rows.Outputs + (i * job->HeadDim), rows.Rescale[i], job->HeadDim);

        // Together where all rows see the columns, one by one before and after: each row's chain ascends.
        (int from, int to) = (begin[0], end[0]);
        for (int i = 1; i < rows.Count; i++) (from, to) = (Math.Max(from, begin[i]), Math.Min(to, end[i]));
        if (from >= to) (from, to) = (TileTokens, TileTokens);
        float* scores = call->Scores;
        for (int i = 0; i < rows.Count; i++) AddRange(i, 1, begin[i], Math.Min(from, end[i]), rows);
        AddRange(0, rows.Count, from, to, rows);
        for (int i = 0; i < rows.Count; i++) AddRange(i, 1, to, end[i], rows);

        void AddRange(int row, int count, int first, int afterLast, in Rows all)
        {
            if (first >= afterLast) return;
            call->Scores = scores + (row * TileTokens);
            call->Outputs = all.Outputs + (row * job->HeadDim);
            (call->Begin, call->End) = (first, afterLast);
            EmittedAttention.Outputs(job->Functions, count, call);
        }
    }

    private struct Tile
    {
        /// <summary>Of its first token.</summary>
        public int Position;

        public int Tokens;

        public AttentionCall Call;

        /// <summary>Has this tile's values fetched with its keys and the next one's keys with its values: two tiles may exceed the first cache.</summary>
        public void WantHalf(in Tile next)
        {
            for (int page = 0; page < TilePages; page++)
            {
                Call.NextKeys[page] = Call.Values[page];
                Call.NextValues[page] = next.Call.Keys[page];
            }
        }

        /// <summary>Has another tile's keys fetched with this one's and its values with this one's.</summary>
        public void Want(in Tile other)
        {
            for (int page = 0; page < TilePages; page++)
            {
                Call.NextKeys[page] = other.Call.Keys[page];
                Call.NextValues[page] = other.Call.Values[page];
            }
        }
    }

    /// <summary>Up to 8 of a unit's query heads: arrays of <see cref="AttentionScratch"/> from the first row on. Rescale is [16].</summary>
    private readonly struct Rows
    {
        public readonly int Count, Lowest, Highest;
        public readonly int* Positions;
        public readonly float* Queries, Outputs, Max, Sum, Rescale;

        public Rows(AttentionJob* job, in AttentionScratch scratch, int first, int count, float* rescale)
        {
            Positions = scratch.Positions + first;
            (Count, Lowest, Highest) = (count, int.MaxValue, int.MinValue);
            for (int i = 0; i < count; i++) (Lowest, Highest) = (Math.Min(Lowest, Positions[i]), Math.Max(Highest, Positions[i]));
            Queries = scratch.Queries + ((long)first * job->HeadDim);
            Outputs = scratch.Span + ((long)first * job->HeadDim);
            Max = scratch.SpanMax + first;
            Sum = scratch.SpanSum + first;
            Rescale = rescale;
        }
    }
}
