using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Coppice.Kernels.Products;

/// <summary>
/// A product with float weights in panels of 32 outputs. Many rows of half or brain floats meet a chunk of the panel that was
/// widened once; the operations and their order are those of <see cref="FloatTile{TFormat}"/> either way.
/// </summary>
internal static unsafe class FloatProduct<TFormat>
    where TFormat : struct, IFloatFormat
{
    private const int WidenFrom = 16;
    private const int Lanes = FloatPanels.Lanes;

    /// <summary>y = x * weights^T.</summary>
    /// <param name="path">How.</param>
    /// <param name="team">Who.</param>
    /// <param name="weights">Packed as <typeparamref name="TFormat"/>.</param>
    /// <param name="x">[rows, inputs].</param>
    /// <param name="y">[rows, outputs].</param>
    public static void Multiply(KernelPath path, WorkerTeam team, WeightMatrix weights, ActivationRows x, float* y)
    {
        nint stride = (nint)x.Inputs * sizeof(float);
        var work = new PanelWork(path, weights, (byte*)x.FloatsFor(path, team, weights.Type), stride, x.Rows, y);
        delegate*<void*, int, int, void> body = path switch
        {
            KernelPath.Scalar => &ScalarItem,
            KernelPath.Avx2 => &Avx2Item,
            _ => &Avx512Item,
        };
        PanelWork.Run(team, work, reuse: x.Rows >= WidenFrom, body);
    }

    private static void ScalarItem(void* state, int item, int worker) => Item((PanelWork*)state, item, KernelPath.Scalar);

    private static void Avx2Item(void* state, int item, int worker) => Item((PanelWork*)state, item, KernelPath.Avx2);

    private static void Avx512Item(void* state, int item, int worker) => Item((PanelWork*)state, item, KernelPath.Avx512);

    [SkipLocalsInit]
    private static void Item(PanelWork* work, int item, KernelPath path)
    {
        PanelWork.Tile tile = work->TileOf(item);
        float* edge = stackalloc float[PanelWork.RowsPerItem * Lanes];
        float* taken = stackalloc float[(FloatPanels.ChunkInputs * Lanes) + 16];
        float* wide = (float*)(((nint)taken + 63) & ~(nint)63);
        bool widen = path != KernelPath.Scalar && TFormat.ElementBytes < sizeof(float) && tile.Rows >= WidenFrom;
        for (int panel = tile.FirstPanel; panel < tile.EndPanel; panel++) work->Clear(panel, tile, edge);
        if (tile.Rows < WidenFrom)
        {
            for (int panel = tile.FirstPanel; panel < tile.EndPanel; panel++)
                for (int first = 0; first < work->Steps; first += FloatPanels.ChunkInputs)
                    Chunk(work, tile, panel, first, edge, null, path);
        }
        else
        {
            for (int first = 0; first < work->Steps; first += FloatPanels.ChunkInputs)
                for (int panel = tile.FirstPanel; panel < tile.EndPanel; panel++)
                    Chunk(work, tile, panel, first, edge, widen ? wide : null, path);
        }

        for (int panel = tile.FirstPanel; panel < tile.EndPanel; panel++) work->Keep(panel, tile, edge);
    }

    [SkipLocalsInit]
    private static void Chunk(
        PanelWork* work, PanelWork.Tile tile, int panel, int first, float* edge, float* wide, KernelPath path)
    {
        int inputs = Math.Min(FloatPanels.ChunkInputs, work->Steps - first);
        float* y = work->Sums(panel, tile, edge, out nint yStride);
        byte* buffer = stackalloc byte[FloatPanels.ChunkInputs * Lanes * TFormat.ElementBytes];
        byte* w = work->Stretch(panel, first, inputs, buffer);
        float* x = (float*)work->Row(tile.FirstRow) + first;
        nint xStride = work->XStride / sizeof(float);
        if (wide == null)
        {
            Rows<TFormat>(path, w, inputs, x, xStride, tile.Rows, y, yStride);
            return;
        }

        Widen(path, w, inputs * Lanes, wide);
        Rows<PanelF32>(path, (byte*)wide, inputs, x, xStride, tile.Rows, y, yStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Widen(KernelPath path, byte* w, int count, float* wide)
    {
        if (path == KernelPath.Avx512)
            for (int i = 0; i < count; i += 16) Vector512.Store(TFormat.Load16(w, i), wide + i);
        else
            for (int i = 0; i < count; i += 8) Vector256.Store(TFormat.Load8(w, i), wide + i);
    }

    private static void Rows<TWeights>(
        KernelPath path, byte* w, int inputs, float* x, nint xStride, int rows, float* y, nint yStride)
        where TWeights : struct, IFloatFormat
    {
        int row = 0;
        switch (path)
        {
            case KernelPath.Scalar:
                for (; row < rows; row++) FloatTile<TWeights>.ScalarRow(w, inputs, x + (row * xStride), y + (row * yStride));
                break;
            case KernelPath.Avx2:
                for (; row + 3 <= rows; row += 3)
                    FloatTile<TWeights>.Row3Avx2(w, inputs, x + (row * xStride), xStride, y + (row * yStride), yStride);
                for (; row < rows; row++) FloatTile<TWeights>.Row1Avx2(w, inputs, x + (row * xStride), y + (row * yStride));
                break;
            default:
                for (; row + 8 <= rows; row += 8)
                    FloatTile<TWeights>.Row8Avx512(w, inputs, x + (row * xStride), xStride, y + (row * yStride), yStride);
                for (; row + 4 <= rows; row += 4)
                    FloatTile<TWeights>.Row4Avx512(w, inputs, x + (row * xStride), xStride, y + (row * yStride), yStride);
                if (row + 2 <= rows)
                {
                    FloatTile<TWeights>.Row2Avx512(w, inputs, x + (row * xStride), xStride, y + (row * yStride), yStride);
                    row += 2;
                }

                if (row < rows) FloatTile<TWeights>.Row1Avx512(w, inputs, x + (row * xStride), y + (row * yStride));
                break;
        }
    }
}
