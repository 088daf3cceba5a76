using System.Runtime.CompilerServices;
using Coppice.Kernels.Products;

namespace Coppice.Kernels.Emitted;

/// <summary>
/// The items of a product with quantized weights by <see cref="EmittedTiles"/>. The inputs are walked in stretches, so that the rows
/// of a tile stay in the first cache while all panels of the item pass by. Rows of one tile meet packed panels; more rows meet
/// panels that were unpacked once, into the second cache. Either way an output's operations and their order are those of
/// <see cref="IntegerTile{TFormat,TDot}"/>.
/// </summary>
internal static unsafe class EmittedProduct
{
    private const int PackedStretchInputs = 1024;
    private const int UnpackedStretchInputs = 512;
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
        float* edge = stackalloc float[PanelWork.RowsPerItem * 16];
        EmittedTiles tiles = EmittedTiles.Of(work->Type)!;
        for (int panel = tile.FirstPanel; panel < tile.EndPanel; panel++) work->Clear(panel, tile, edge);
        if (tile.Rows <= EmittedTiles.MaxRows) Packed(tiles, work, tile, edge);
        else Unpacked(tiles, work, tile, edge);
        for (int panel = tile.FirstPanel; panel < tile.EndPanel; panel++) work->Keep(panel, tile, edge);
    }

    private static void Packed(EmittedTiles tiles, PanelWork* work, PanelWork.Tile tile, float* edge)
    {
        bool fits = tile.Rows * work->XStride <= RowBytesToKeep;
        int stretch = fits ? work->Steps : PackedStretchInputs / tiles.StepInputs;
        for (int step = 0; step < work->Steps; step += stretch)
        {
            for (int panel = tile.FirstPanel; panel < tile.EndPanel; panel++)
            {
                byte* packed = work->Panel(panel) + ((nint)step * tiles.PackedStepBytes);
                TileCall call = Call(tiles, work, tile, panel, step, stretch, packed, edge);
                tiles.Packed(tile.Rows, &call);
            }
        }
    }

    [SkipLocalsInit]
    private static void Unpacked(EmittedTiles tiles, PanelWork* work, PanelWork.Tile tile, float* edge)
    {
        int stretch = UnpackedStretchInputs / tiles.StepInputs, panelBytes = stretch * tiles.UnpackedStepBytes;
        byte* taken = stackalloc byte[((tile.EndPanel - tile.FirstPanel) * panelBytes) + 64];
        byte* unpacked = (byte*)(((nint)taken + 63) & ~(nint)63);
        int count = (tile.Rows + EmittedTiles.MaxRows - 1) / EmittedTiles.MaxRows;
        for (int step = 0; step < work->Steps; step += stretch)
        {
            for (int panel = tile.FirstPanel; panel < tile.EndPanel; panel++)
            {
                byte* packed = work->Panel(panel) + ((nint)step * tiles.PackedStepBytes);
                byte* target = unpacked + ((panel - tile.FirstPanel) * panelBytes);
                tiles.Unpack(packed, target, Math.Min(stretch, work->Steps - step));
            }

            for (int i = 0, row = 0; i < count; i++)
            {
                int rows = (tile.Rows - row) / (count - i);
                for (int panel = tile.FirstPanel; panel < tile.EndPanel; panel++)
                {
                    byte* source = unpacked + ((panel - tile.FirstPanel) * panelBytes);
                    TileCall call = Call(tiles, work, tile, panel, step, stretch, source, edge);
                    call.X += row * work->XStride;
                    call.Y = (float*)((byte*)call.Y + (row * call.YStride));
                    tiles.Unpacked(rows, &call);
                }

                row += rows;
            }
        }
    }

    private static TileCall Call(
        EmittedTiles tiles, PanelWork* work, PanelWork.Tile tile, int panel, int step, int stretch, byte* source, float* edge)
    {
        float* y = work->Sums(panel, tile, edge, out nint yStride);
        return new TileCall
        {
            Panel = source,
            X = work->Row(tile.FirstRow) + ((nint)step * tiles.BlockBytes),
            XStride = work->XStride,
            Y = y,
            YStride = yStride * sizeof(float),
            Steps = Math.Min(stretch, work->Steps - step),
        };
    }
}
