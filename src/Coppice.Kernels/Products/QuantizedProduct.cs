using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Coppice.Kernels.Emitted;
using Coppice.Kernels.Formats;

namespace Coppice.Kernels.Products;

/// <summary>
/// A product with quantized weights. Few rows take the packed panels as they stream in from memory. From
/// <see cref="UnpackFrom"/> rows on, a stretch of a panel is unpacked into a buffer that stays in the first cache and multiplied
/// with all rows of the item, which stay in the second: whole rows where they fit, otherwise the stretch of them.
/// Where code can be emitted, <see cref="EmittedProduct"/> runs the items. All ways do the same operations in the same order.
/// </summary>
internal static unsafe class QuantizedProduct<TFormat>
    where TFormat : struct, IPanelFormat
{
    private const int UnpackFrom = 8;
    private const int StretchInputs = 1024;
    private const int RowBytesToKeep = 512 << 10;

    private static int StepsPerStretch => StretchInputs / TFormat.StepInputs;

    private static int BlockBytes => TFormat.StepInputs == 32 ? Block32.Bytes : Block256.Bytes;

    /// <summary>y = x * weights^T.</summary>
    /// <param name="path">How.</param>
    /// <param name="vnni">Whether to use VNNI where there is any.</param>
    /// <param name="team">Who.</param>
    /// <param name="weights">Packed as <typeparamref name="TFormat"/>.</param>
    /// <param name="x">[rows, inputs].</param>
    /// <param name="y">[rows, outputs].</param>
    public static void Multiply(KernelPath path, bool vnni, WorkerTeam team, WeightMatrix weights, ActivationRows x, float* y)
    {
        byte* blocks = TFormat.StepInputs == 32 ? x.Blocks32(path, team) : x.Blocks256(path, team);
        nint stride = x.BlockStride(TFormat.StepInputs);
        var work = new PanelWork(path, weights, blocks, stride, x.Rows, y);
        // 512-bit VNNI is not to be had as an intrinsic.
        bool emitted = path == KernelPath.Avx512 && vnni && EmittedTiles.Of(weights.Type) is not null;
        if (emitted && x.Rows == 1 && !work.Source.IsMapped) RowStreams.Run(team, work);
        else PanelWork.Run(team, work, reuse: x.Rows >= UnpackFrom, emitted ? &EmittedProduct.Item : Body(path, vnni));
    }

    private static delegate*<void*, int, int, void> Body(KernelPath path, bool vnni)
    {
        if (path == KernelPath.Scalar) return &ScalarItem;
        if (vnni && AvxVnni.IsSupported) return &Item<VnniDot>;
        return TFormat.FullBytes ? &Item<SignDot> : &Item<PairDot>;
    }

    [SkipLocalsInit]
    private static void ScalarItem(void* state, int item, int worker)
    {
        PanelWork* work = (PanelWork*)state;
        PanelWork.Tile tile = work->TileOf(item);
        float* edge = stackalloc float[PanelWork.RowsPerItem * 16];
        byte* buffer = stackalloc byte[StepsPerStretch * TFormat.StepBytes];
        int most = work->Source.IsMapped ? StepsPerStretch : work->Steps;
        byte* x = work->Row(tile.FirstRow);
        for (int panel = tile.FirstPanel; panel < tile.EndPanel; panel++)
        {
            work->Clear(panel, tile, edge);
            float* y = work->Sums(panel, tile, edge, out nint yStride);
            for (int step = 0; step < work->Steps; step += most)
            {
                int steps = Math.Min(most, work->Steps - step);
                byte* stretch = work->Stretch(panel, step, steps, buffer);
                ScalarTile<TFormat>.Rows(stretch, steps, x + ((nint)step * BlockBytes), work->XStride, tile.Rows, y, yStride);
            }

            work->Keep(panel, tile, edge);
        }
    }

    [SkipLocalsInit]
    private static void Item<TDot>(void* state, int item, int worker)
        where TDot : struct, IByteDot
    {
        PanelWork* work = (PanelWork*)state;
        PanelWork.Tile tile = work->TileOf(item);
        float* edge = stackalloc float[PanelWork.RowsPerItem * 16];
        for (int panel = tile.FirstPanel; panel < tile.EndPanel; panel++) work->Clear(panel, tile, edge);
        if (tile.Rows < UnpackFrom) Packed<TDot>(work, tile, edge);
        else Unpacked<TDot>(work, tile, edge);
        for (int panel = tile.FirstPanel; panel < tile.EndPanel; panel++) work->Keep(panel, tile, edge);
    }

    [SkipLocalsInit]
    private static void Packed<TDot>(PanelWork* work, PanelWork.Tile tile, float* edge)
        where TDot : struct, IByteDot
    {
        byte* buffer = stackalloc byte[StepsPerStretch * TFormat.StepBytes];
        int most = work->Source.IsMapped ? StepsPerStretch : work->Steps;
        byte* x = work->Row(tile.FirstRow);
        for (int panel = tile.FirstPanel; panel < tile.EndPanel; panel++)
        {
            float* y = work->Sums(panel, tile, edge, out nint yStride);
            for (int step = 0; step < work->Steps; step += most)
            {
                int steps = Math.Min(most, work->Steps - step);
                byte* stretch = work->Stretch(panel, step, steps, buffer);
                LastRows<TFormat, TDot>(stretch, steps, x + ((nint)step * BlockBytes), work->XStride, tile.Rows, y, yStride);
            }
        }
    }

    [SkipLocalsInit]
    private static void Unpacked<TDot>(PanelWork* work, PanelWork.Tile tile, float* edge)
        where TDot : struct, IByteDot
    {
        byte* taken = stackalloc byte[(UnpackedPanel<TFormat>.StepBytes * StepsPerStretch) + 64];
        byte* stretch = (byte*)(((nint)taken + 63) & ~(nint)63);
        if (tile.Rows * work->XStride <= RowBytesToKeep)
        {
            for (int panel = tile.FirstPanel; panel < tile.EndPanel; panel++)
                for (int step = 0; step < work->Steps; step += StepsPerStretch)
                    Stretch<TDot>(work, tile, panel, step, edge, stretch);
        }
        else
        {
            for (int step = 0; step < work->Steps; step += StepsPerStretch)
                for (int panel = tile.FirstPanel; panel < tile.EndPanel; panel++)
                    Stretch<TDot>(work, tile, panel, step, edge, stretch);
        }
    }

    [SkipLocalsInit]
    private static void Stretch<TDot>(PanelWork* work, PanelWork.Tile tile, int panel, int step, float* edge, byte* stretch)
        where TDot : struct, IByteDot
    {
        int steps = Math.Min(StepsPerStretch, work->Steps - step);
        nint stride = work->XStride;
        byte* x = work->Row(tile.FirstRow) + ((nint)step * BlockBytes);
        float* y = work->Sums(panel, tile, edge, out nint yStride);
        byte* buffer = stackalloc byte[StepsPerStretch * TFormat.StepBytes];
        UnpackedPanel<TFormat>.Unpack(work->Stretch(panel, step, steps, buffer), steps, stretch);
        int row = 0;
        for (; row + 4 <= tile.Rows; row += 4, x += 4 * stride, y += 4 * yStride)
            UnpackedTile<TFormat, TDot>.Row4(stretch, steps, x, stride, y, yStride);
        LastRows<UnpackedPanel<TFormat>, TDot>(stretch, steps, x, stride, tile.Rows - row, y, yStride);
    }

    /// <summary>Rows that no larger tile took.</summary>
    private static void LastRows<TLayout, TDot>(byte* panel, int steps, byte* x, nint xStride, int rows, float* y, nint yStride)
        where TLayout : struct, IPanelFormat
        where TDot : struct, IByteDot
    {
        if (rows >= 4)
        {
            IntegerTile<TLayout, TDot>.Row4(panel, steps, x, xStride, y, yStride);
            x += 4 * xStride;
            y += 4 * yStride;
        }

        if ((rows & 2) != 0)
        {
            IntegerTile<TLayout, TDot>.Row2(panel, steps, x, xStride, y, yStride);
            x += 2 * xStride;
            y += 2 * yStride;
        }

        if ((rows & 1) != 0) IntegerTile<TLayout, TDot>.Row1(panel, steps, x, y);
    }
}
