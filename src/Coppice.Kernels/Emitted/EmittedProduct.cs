using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Coppice.Kernels.Products;

namespace Coppice.Kernels.Emitted;

/// <summary>
/// The items of a product with quantized weights by <see cref="EmittedTiles"/>. The inputs are walked in stretches: the rows of a tile
/// stay in the first cache while the stretches of all panels of the item pass by from the second. Where there are many rows,
/// the panels are unpacked first, and wherever codes are bytes two panels are taken at a time. Sums grow in a buffer of their own: in the result, rows of 2^n outputs would meet in few sets of
/// the caches (54 instead of 64% of the peak at 512 rows). In any case an output's operations and their order are those of
/// <see cref="IntegerTile{TFormat,TDot}"/>.
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
        if (unpack) Unpacked(tiles, form, work, tile, sums);
        else Packed(tiles, form, work, tile, sums);
        Keep(work, form, tile, sums);
    }

    private static byte* Align(byte* p) => (byte*)(((nint)p + 63) & ~(nint)63);

    private static void Packed(EmittedTiles tiles, Form form, PanelWork* work, PanelWork.Tile tile, float* sums)
    {
        bool fits = tile.Rows * work->XStride <= RowBytesToKeep;
        int most = fits ? work->Steps : form.StretchInputs / tiles.StepInputs;
        for (int step = 0; step < work->Steps; step += most)
        {
            var stretch = new Stretch(step, Math.Min(most, work->Steps - step));
            byte* panels = work->Panel(tile.FirstPanel) + ((nint)step * tiles.PackedStepBytes);
            Multiply(tiles, form, work, tile, stretch, panels, (nint)work->PanelBytes, sums);
        }
    }

    [SkipLocalsInit]
    private static void Unpacked(EmittedTiles tiles, Form form, PanelWork* work, PanelWork.Tile tile, float* sums)
    {
        int most = form.StretchInputs / tiles.StepInputs, panelBytes = most * tiles.UnpackedStepBytes;
        byte* taken = stackalloc byte[((tile.EndPanel - tile.FirstPanel) * panelBytes) + 64];
        byte* panels = Align(taken);
        for (int step = 0; step < work->Steps; step += most)
        {
            var stretch = new Stretch(step, Math.Min(most, work->Steps - step));
            for (int panel = tile.FirstPanel; panel < tile.EndPanel; panel++)
            {
                byte* packed = work->Panel(panel) + ((nint)step * tiles.PackedStepBytes);
                tiles.Unpack(packed, panels + ((panel - tile.FirstPanel) * panelBytes), stretch.Steps);
            }

            Multiply(tiles, form, work, tile, stretch, panels, panelBytes, sums);
        }
    }

    /// <summary>All rows, cut into even tiles, times a stretch of all panels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply(
        EmittedTiles tiles, Form form, PanelWork* work, PanelWork.Tile tile, Stretch stretch, byte* panels, nint panelBytes, float* sums)
    {
        int count = form.Tiles(tile.Rows), panelCount = tile.EndPanel - tile.FirstPanel;
        var call = new TileCall
        {
            X = work->Row(tile.FirstRow) + ((nint)stretch.First * tiles.BlockBytes),
            XStride = work->XStride,
            Y = sums,
            YStride = Lanes * sizeof(float),
            Steps = stretch.Steps,
            PanelStride = panelBytes,
        };
        // In pairs: the panels stay in the first cache and the rows pass by. Else: the rows of a tile stay and the panels pass by.
        byte* x = call.X;
        int wide = form.InPairs ? 2 : panelCount;
        for (int first = 0; first < panelCount; first += wide)
        {
            int end = Math.Min(panelCount, first + wide);
            call.X = x;
            for (int i = 0, row = 0; i < count; i++)
            {
                int rows = (tile.Rows - row) / (count - i);
                bool pair = form.InPairs && end - first == 2;
                for (int panel = first; panel < end; panel += pair ? 2 : 1)
                {
                    call.Panel = panels + (panel * panelBytes);
                    call.Y = sums + ((nint)Lanes * ((row * panelCount) + (panel * rows)));
                    if (pair) tiles.Pair(form.Unpacked, rows, &call);
                    else if (form.Unpacked) tiles.Unpacked(rows, &call);
                    else tiles.Packed(rows, &call);
                }

                row += rows;
                call.X += rows * call.XStride;
            }
        }
    }

    /// <summary>Copies the sums, [tiles, panels, rows of the tile, lanes], into the result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Keep(PanelWork* work, Form form, PanelWork.Tile tile, float* sums)
    {
        int count = form.Tiles(tile.Rows);
        for (int i = 0, row = 0; i < count; i++)
        {
            int rows = (tile.Rows - row) / (count - i);
            for (int panel = tile.FirstPanel; panel < tile.EndPanel; panel++)
            {
                int lanes = Math.Min(Lanes, work->Outputs - (panel * Lanes));
                float* y = work->Y + ((nint)(tile.FirstRow + row) * work->Outputs) + (panel * Lanes);
                for (int r = 0; r < rows; r++, sums += Lanes, y += work->Outputs)
                {
                    if (lanes == Lanes) Vector512.Load(sums).Store(y);
                    else new Span<float>(sums, lanes).CopyTo(new Span<float>(y, lanes));
                }
            }

            row += rows;
        }
    }

    private readonly record struct Stretch(int First, int Steps);

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
