using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Coppice.Kernels.Products;

namespace Coppice.Kernels.Emitted;

/// <summary>
/// The items of a product with quantized weights by <see cref="EmittedTiles"/>. The inputs are walked in stretches: the rows of a tile
/// stay in the first cache while the stretches of all panels of the item pass by from the second. Where there are many rows,
/// the panels are unpacked first. Sums grow in a buffer of their own: in the result, rows of 2^n outputs would meet in few sets of
/// the caches (54 instead of 64% of the peak at 512 rows). In any case an output's operations and their order are those of
/// <see cref="IntegerTile{TFormat,TDot}"/>.
/// </summary>
internal static unsafe class EmittedProduct
{
    /// <summary>Rows from which unpacking pays: five tiles.</summary>
    private const int UnpackFrom = 49;

    private const int Lanes = 16;
    private const int StretchInputs = 1024;
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
        if (tile.Rows >= UnpackFrom) Unpacked(tiles, work, tile, sums);
        else Packed(tiles, work, tile, sums);
        Keep(work, tile, sums);
    }

    private static byte* Align(byte* p) => (byte*)(((nint)p + 63) & ~(nint)63);

    [SkipLocalsInit]
    private static void Packed(EmittedTiles tiles, PanelWork* work, PanelWork.Tile tile, float* sums)
    {
        bool mapped = work->Source.IsMapped, fits = !mapped && tile.Rows * work->XStride <= RowBytesToKeep;
        int most = fits ? work->Steps : StretchInputs / tiles.StepInputs;
        byte* buffer = stackalloc byte[mapped ? (tile.EndPanel - tile.FirstPanel) * most * tiles.PackedStepBytes : 0];
        for (int step = 0; step < work->Steps; step += most)
        {
            var stretch = new Stretch(step, Math.Min(most, work->Steps - step));
            byte* panels = work->Stretches(tile, step, stretch.Steps, buffer, out nint panelBytes);
            Multiply(tiles, unpacked: false, work, tile, stretch, panels, panelBytes, sums);
        }
    }

    [SkipLocalsInit]
    private static void Unpacked(EmittedTiles tiles, PanelWork* work, PanelWork.Tile tile, float* sums)
    {
        int most = StretchInputs / tiles.StepInputs, panelBytes = most * tiles.UnpackedStepBytes;
        byte* taken = stackalloc byte[((tile.EndPanel - tile.FirstPanel) * panelBytes) + 64];
        byte* panels = Align(taken);
        byte* buffer = stackalloc byte[most * tiles.PackedStepBytes];
        for (int step = 0; step < work->Steps; step += most)
        {
            var stretch = new Stretch(step, Math.Min(most, work->Steps - step));
            for (int panel = tile.FirstPanel; panel < tile.EndPanel; panel++)
            {
                byte* packed = work->Stretch(panel, step, stretch.Steps, buffer);
                tiles.Unpack(packed, panels + ((panel - tile.FirstPanel) * panelBytes), stretch.Steps);
            }

            Multiply(tiles, unpacked: true, work, tile, stretch, panels, panelBytes, sums);
        }
    }

    /// <summary>All rows, cut into even tiles, times a stretch of all panels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply(
        EmittedTiles tiles, bool unpacked, PanelWork* work, PanelWork.Tile tile, Stretch stretch, byte* panels, nint panelBytes, float* sums)
    {
        int count = (tile.Rows + EmittedTiles.MaxRows - 1) / EmittedTiles.MaxRows, panelCount = tile.EndPanel - tile.FirstPanel;
        var call = new TileCall
        {
            X = work->Row(tile.FirstRow) + ((nint)stretch.First * tiles.BlockBytes),
            XStride = work->XStride,
            Y = sums,
            YStride = Lanes * sizeof(float),
            Steps = stretch.Steps,
        };
        for (int i = 0, row = 0; i < count; i++)
        {
            int rows = (tile.Rows - row) / (count - i);
            for (int panel = 0; panel < panelCount; panel++)
            {
                call.Panel = panels + (panel * panelBytes);
                if (unpacked) tiles.Unpacked(rows, &call);
                else tiles.Packed(rows, &call);
                call.Y += rows * Lanes;
            }

            row += rows;
            call.X += rows * call.XStride;
        }
    }

    /// <summary>Copies the sums, [tiles, panels, rows of the tile, lanes], into the result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Keep(PanelWork* work, PanelWork.Tile tile, float* sums)
    {
        int count = (tile.Rows + EmittedTiles.MaxRows - 1) / EmittedTiles.MaxRows;
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
}
