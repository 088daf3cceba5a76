using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Coppice.Kernels.Products;

namespace Coppice.Kernels.Emitted;

/// <summary>
/// The items of a product with quantized weights by <see cref="EmittedTiles"/>. A stretch of a panel's inputs stays in the first cache
/// while the rows of the item pass by from the second, twelve at a time; where codes are bytes, a stretch of two panels and six rows.
/// With many rows, codes that are less than bytes are unpacked first. While a stretch is multiplied the next one is fetched: 32 rows of
/// Q8_0 take 115 instead of 129 ms a step of the Llama-3.2-1B shape (Zen 5, two threads). Sums grow in a buffer of their own: in the
/// result, rows of 2^n outputs would meet in few sets of the caches (54 instead of 64% of the peak at 512 rows). In any case an
/// output's operations and their order are those of <see cref="IntegerTile{TFormat,TDot}"/>.
/// </summary>
internal static unsafe class EmittedProduct
{
    /// <summary>Rows from which unpacking pays, for codes that are not bytes already.</summary>
    private const int UnpackFrom = 49;

    private const int Lanes = 16;
    private const int StretchInputs = 1024;
    private const int PairStretchInputs = 512;
    private const int RowBytesToKeep = 32 << 10;

    /// <summary>Runs an item of a <see cref="PanelWork"/>.</summary>
    /// <param name="state">A <see cref="PanelWork"/> whose type has emitted tiles.</param>
    /// <param name="item">Which.</param>
    /// <param name="worker">Ignored.</param>
    [SkipLocalsInit]
    public static void Item(void* state, int item, int worker)
    {
        PanelWork* work = (PanelWork*)state;
        PanelWork.Tile tile = work->TileOf(item);
        EmittedTiles tiles = EmittedTiles.Of(work->Type)!;
        int count = (tile.EndPanel - tile.FirstPanel) * tile.Rows * Lanes;
        float* taken = stackalloc float[count + Lanes];
        float* sums = (float*)Align((byte*)taken);
        new Span<float>(sums, count).Clear();
        bool unpack = tile.Rows >= UnpackFrom && !tiles.HasPackedPairs;
        // Steps of 256 gain nothing from pairs: they have half as many multiply-adds, and twice the traffic from the second cache.
        var form = new Form(unpack, unpack ? tiles.StepInputs == 32 : tiles.HasPackedPairs);
        Multiply(tiles, form, work, tile, sums);
        Keep(work, form, tile, sums);
    }

    private static byte* Align(byte* p) => (byte*)(((nint)p + 63) & ~(nint)63);

    /// <summary>Stretch by stretch along one panel, or two, with all rows; then the next panels.</summary>
    [SkipLocalsInit]
    private static void Multiply(EmittedTiles tiles, Form form, PanelWork* work, PanelWork.Tile tile, float* sums)
    {
        // Mapped weights are packed into a buffer stretch by stretch, so a stretch is never a whole panel.
        bool mapped = work->Source.IsMapped, fits = !form.Unpacked && !mapped && tile.Rows * work->XStride <= RowBytesToKeep;
        int most = fits ? work->Steps : Math.Min(work->Steps, form.StretchInputs / tiles.StepInputs);
        nint packedBytes = mapped ? (nint)most * tiles.PackedStepBytes : 0, unpackedBytes = form.Unpacked ? (nint)most * tiles.UnpackedStepBytes : 0;
        byte* taken = stackalloc byte[(int)(2 * (packedBytes + unpackedBytes)) + 64];
        byte* buffer = Align(taken), unpacked = buffer + (2 * packedBytes);
        nint stride = mapped ? packedBytes : (nint)work->PanelBytes;
        for (int panel = tile.FirstPanel, together; panel < tile.EndPanel; panel += together)
        {
            together = form.InPairs && panel + 2 <= tile.EndPanel ? 2 : 1;
            for (int step = 0; step < work->Steps; step += most)
            {
                int steps = Math.Min(most, work->Steps - step);
                byte* packed = work->Stretch(panel, step, steps, buffer);
                if (mapped && together == 2) work->Stretch(panel + 1, step, steps, buffer + packedBytes);
                for (int i = 0; form.Unpacked && i < together; i++)
                    tiles.Unpack(packed + (i * stride), unpacked + (i * unpackedBytes), steps);
                var call = new TileCall
                {
                    Panel = form.Unpacked ? unpacked : packed,
                    PanelStride = form.Unpacked ? unpackedBytes : stride,
                    X = work->Row(tile.FirstRow) + ((nint)step * tiles.BlockBytes),
                    XStride = work->XStride,
                    Y = sums,
                    YStride = Lanes * sizeof(float),
                    Steps = steps,
                };
                // Where the rows take more than one tile, the stretch that comes next is fetched meanwhile.
                bool last = step + most >= work->Steps;
                byte* next = mapped ? null
                    : !last ? packed + ((nint)most * tiles.PackedStepBytes)
                    : panel + together < tile.EndPanel ? work->Stretch(panel + together, 0, 0, null) : null;
                Rows(tiles, form, tile, together, call, new Ahead(next, stride, (nint)most * tiles.PackedStepBytes));
            }

            sums += together * tile.Rows * Lanes;
        }
    }

    /// <summary>A stretch of one panel, or two, times all rows, cut into even tiles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows(EmittedTiles tiles, Form form, PanelWork.Tile tile, int together, TileCall call, Ahead ahead)
    {
        int count = form.Tiles(tile.Rows);
        nint share = count == 1 || ahead.Panel == null ? 0 : (ahead.Bytes + count - 1) / count;
        for (int i = 0, row = 0; i < count; i++)
        {
            for (int p = 0; share > 0 && p < together; p++)
            {
                byte* from = ahead.Panel + (p * ahead.PanelStride) + (i * share);
                for (byte* end = from + share; from < end; from += 64) Sse.Prefetch1(from);
            }

            int rows = (tile.Rows - row) / (count - i);
            if (together == 2) tiles.Pair(form.Unpacked, rows, &call);
            else if (form.Unpacked) tiles.Unpacked(rows, &call);
            else tiles.Packed(rows, &call);
            row += rows;
            call.X += rows * call.XStride;
            call.Y += together * rows * Lanes;
        }
    }

    /// <summary>Copies the sums, [panels or pairs, tiles, panels of a pair, rows of the tile, lanes], into the result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Keep(PanelWork* work, Form form, PanelWork.Tile tile, float* sums)
    {
        int count = form.Tiles(tile.Rows);
        for (int first = tile.FirstPanel, together; first < tile.EndPanel; first += together)
        {
            together = form.InPairs && first + 2 <= tile.EndPanel ? 2 : 1;
            for (int i = 0, row = 0; i < count; i++)
            {
                int rows = (tile.Rows - row) / (count - i);
                for (int panel = first; panel < first + together; panel++, sums += rows * Lanes) Keep(work, panel, tile.FirstRow + row, rows, sums);
                row += rows;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Keep(PanelWork* work, int panel, int row, int rows, float* sums)
    {
        int lanes = Math.Min(Lanes, work->Outputs - (panel * Lanes));
        float* y = work->Y + ((nint)row * work->Outputs) + (panel * Lanes);
        for (int r = 0; r < rows; r++, sums += Lanes, y += work->Outputs)
        {
            if (lanes == Lanes) Vector512.Load(sums).Store(y);
            else new Span<float>(sums, lanes).CopyTo(new Span<float>(y, lanes));
        }
    }

    /// <summary>Packed weights to fetch early: so many bytes of a panel and of each that follows in strides.</summary>
    private readonly struct Ahead(byte* panel, nint panelStride, nint bytes)
    {
        public readonly byte* Panel = panel;
        public readonly nint PanelStride = panelStride;
        public readonly nint Bytes = bytes;
    }

    /// <summary>How an item is done.</summary>
    /// <param name="Unpacked">Whether the panels are unpacked first.</param>
    /// <param name="InPairs">Whether two panels share what is read of the rows.</param>
    private readonly record struct Form(bool Unpacked, bool InPairs)
    {
        /// <summary>Inputs of a stretch where the rows do not fit the first cache whole.</summary>
        public int StretchInputs => InPairs ? PairStretchInputs : EmittedProduct.StretchInputs;

        /// <summary>Tiles that some rows are cut into.</summary>
        public int Tiles(int rows)
        {
            int most = InPairs ? EmittedTiles.MaxPairRows : EmittedTiles.MaxRows;
            return (rows + most - 1) / most;
        }
    }
}
