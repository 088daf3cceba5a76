using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels.Elementwise;

/// <summary>Which elements of a head form a pair.</summary>
public enum RotaryStyle
{
    /// <summary>Elements 2i and 2i + 1 (llama in GGUF).</summary>
    Interleaved,

    /// <summary>Elements i and i + rotaryDims / 2 (GPT-NeoX, Qwen).</summary>
    Halves,
}

/// <summary>Where the heads of a matrix of rows lie.</summary>
/// <param name="Heads">Heads in a row, one after the other from the row's start.</param>
/// <param name="HeadDim">Elements of a head; those from the table's rotary dimensions on stay as they are.</param>
/// <param name="RowStride">Elements from one row to the next, at least Heads * HeadDim.</param>
/// <param name="Style">Which elements form a pair.</param>
public readonly record struct RotaryShape(int Heads, int HeadDim, int RowStride, RotaryStyle Style);

/// <summary>
/// Rotary position embedding in place (RoFormer, arXiv 2104.09864): (a, b) becomes (a cos - b sin, b cos + a sin), each with one
/// product rounded and one fused: fma(a, cos, -(b sin)), fma(b, cos, a sin), on every path.
/// </summary>
public static unsafe class Rotary
{
    /// <summary>Rotates the heads of each row to the row's position.</summary>
    /// <param name="path">Instruction set; all give the same bits.</param>
    /// <param name="values">[rows, heads, headDim] with <see cref="RotaryShape.RowStride"/> elements from row to row; changed in place.</param>
    /// <param name="shape">Where the heads lie.</param>
    /// <param name="positions">[rows]; each in [0, table.Positions).</param>
    /// <param name="table">Cosines and sines.</param>
    /// <param name="team">Shares the rows where there are several; the result is the same without.</param>
    /// <exception cref="ArgumentException">The shape does not fit the values or the table.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A position is not in the table.</exception>
    public static void Rotate(
        KernelPath path, Span<float> values, RotaryShape shape, ReadOnlySpan<int> positions, RotaryTable table, WorkerTeam? team = null)
    {
        Check(values.Length, shape, positions, table);
        fixed (float* pv = values)
        fixed (int* pp = positions)
        {
            // The table is not touched by workers: only its address is, which a class reference keeps alive here.
            var work = new Work { Path = path, Values = pv, Shape = shape, Positions = pp, Table = table.Row(0), RotaryDims = table.RotaryDims };
            work.Split = new RowSplit(positions.Length, shape.Heads * shape.HeadDim);
            if (team is null) RotateRows(in work, 0, positions.Length);
            else team.Run(work.Split.Items, &work, &RunItem);
        }

        GC.KeepAlive(table);
    }

    private static void Check(int length, RotaryShape shape, ReadOnlySpan<int> positions, RotaryTable table)
    {
        if (table.RotaryDims > shape.HeadDim)
            throw new ArgumentException($"{table.RotaryDims} rotary dimensions do not fit a head of {shape.HeadDim}", nameof(shape));
        long rowElements = (long)shape.Heads * shape.HeadDim;
        if (shape.Heads < 0 || shape.RowStride < rowElements)
            throw new ArgumentException($"a row of {rowElements} elements does not fit a stride of {shape.RowStride}", nameof(shape));
        if (positions.Length > 0 && (positions.Length - 1L) * shape.RowStride + rowElements > length)
            throw new ArgumentException($"{positions.Length} rows do not fit {length} values", nameof(length));
        foreach (int position in positions)
        {
            if ((uint)position >= (uint)table.Positions)
                throw new ArgumentOutOfRangeException(nameof(positions), position, $"the table holds positions [0, {table.Positions})");
        }
    }

    private static void RunItem(void* state, int item, int worker)
    {
        ref Work work = ref Unsafe.AsRef<Work>(state);
        RotateRows(in work, work.Split.First(item), work.Split.End(item));
    }

    private static void RotateRows(in Work work, int first, int end)
    {
        int half = work.RotaryDims / 2;
        for (int row = first; row < end; row++)
        {
            float* cos = work.Table + (long)work.Positions[row] * work.RotaryDims;
            float* head = work.Values + (long)row * work.Shape.RowStride;
            for (int h = 0; h < work.Shape.Heads; h++, head += work.Shape.HeadDim)
            {
                if (work.Shape.Style == RotaryStyle.Halves) RotateHalves(work.Path, head, cos, cos + half, half);
                else RotateInterleaved(work.Path, head, cos, cos + half, half);
            }
        }
    }

    private static void RotateHalves(KernelPath path, float* head, float* cos, float* sin, int pairs)
    {
        float* upper = head + pairs;
        int i = 0;
        if (path == KernelPath.Avx512)
        {
            for (; i <= pairs - 16; i += 16)
            {
                Vector512<float> a = Vector512.Load(head + i), b = Vector512.Load(upper + i);
                Vector512<float> c = Vector512.Load(cos + i), s = Vector512.Load(sin + i);
                Avx512F.FusedMultiplySubtract(a, c, b * s).Store(head + i);
                Avx512F.FusedMultiplyAdd(b, c, a * s).Store(upper + i);
            }
        }

        if (path != KernelPath.Scalar)
        {
            for (; i <= pairs - 8; i += 8)
            {
                Vector256<float> a = Vector256.Load(head + i), b = Vector256.Load(upper + i);
                Vector256<float> c = Vector256.Load(cos + i), s = Vector256.Load(sin + i);
                Fma.MultiplySubtract(a, c, b * s).Store(head + i);
                Fma.MultiplyAdd(b, c, a * s).Store(upper + i);
            }
        }

        for (; i < pairs; i++) RotatePair(ref head[i], ref upper[i], cos[i], sin[i]);
    }

    /// <summary>
    /// A vector holds whole pairs a, b, a, b, ...; cosines and sines are doubled to c, c, ..., the pairs swapped, and one
    /// multiply-add-subtract gives a c - b s in the even and b c + a s in the odd lanes.
    /// </summary>
    private static void RotateInterleaved(KernelPath path, float* head, float* cos, float* sin, int pairs)
    {
        int i = 0;
        if (path == KernelPath.Avx512)
        {
            Vector512<int> twice = Vector512.Create(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
            for (; i <= pairs - 8; i += 8)
            {
                Vector512<float> c = Avx512F.PermuteVar16x32(Vector256.Load(cos + i).ToVector512Unsafe(), twice);
                Vector512<float> s = Avx512F.PermuteVar16x32(Vector256.Load(sin + i).ToVector512Unsafe(), twice);
                Vector512<float> v = Vector512.Load(head + 2 * i);
                Vector512<float> swapped = Avx512F.Permute4x32(v, 0b10_11_00_01);
                Avx512F.FusedMultiplyAddSubtract(v, c, swapped * s).Store(head + 2 * i);
            }
        }

        if (path != KernelPath.Scalar)
        {
            Vector256<int> twice = Vector256.Create(0, 0, 1, 1, 2, 2, 3, 3);
            for (; i <= pairs - 4; i += 4)
            {
                Vector256<float> c = Avx2.PermuteVar8x32(Vector128.Load(cos + i).ToVector256Unsafe(), twice);
                Vector256<float> s = Avx2.PermuteVar8x32(Vector128.Load(sin + i).ToVector256Unsafe(), twice);
                Vector256<float> v = Vector256.Load(head + 2 * i);
                Vector256<float> swapped = Avx.Permute(v, 0b10_11_00_01);
                Fma.MultiplyAddSubtract(v, c, swapped * s).Store(head + 2 * i);
            }
        }

        for (; i < pairs; i++) RotatePair(ref head[2 * i], ref head[2 * i + 1], cos[i], sin[i]);
    }

    private static void RotatePair(ref float a, ref float b, float cos, float sin)
    {
        float first = MathF.FusedMultiplyAdd(a, cos, -(b * sin));
        b = MathF.FusedMultiplyAdd(b, cos, a * sin);
        a = first;
    }

    private struct Work
    {
        public KernelPath Path;
        public float* Values;
        public RotaryShape Shape;
        public int* Positions;
        public float* Table;
        public int RotaryDims;
        public RowSplit Split;
    }
}
