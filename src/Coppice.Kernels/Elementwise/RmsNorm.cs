using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels.Elementwise;

/// <summary>
/// Root-mean-square normalization (Zhang and Sennrich, arXiv 1910.07467): y = x / sqrt(mean(x^2) + epsilon) * weight, per row.
/// A norm per head is the same with a row for each head.
/// </summary>
public static unsafe class RmsNorm
{
    /// <summary>Normalizes each row; rows are independent of each other.</summary>
    /// <param name="path">Instruction set; all give the same bits.</param>
    /// <param name="x">[rows, width], row-major.</param>
    /// <param name="weight">[width]: the model's width, or the head's for a norm per head.</param>
    /// <param name="epsilon">Added to the mean of squares.</param>
    /// <param name="output">[rows, width]; may be <paramref name="x"/> itself.</param>
    /// <param name="team">Shares the rows where there are several; the result is the same without.</param>
    /// <exception cref="ArgumentException">The lengths do not belong together.</exception>
    public static void Normalize(
        KernelPath path, ReadOnlySpan<float> x, ReadOnlySpan<float> weight, float epsilon, Span<float> output, WorkerTeam? team = null)
    {
        int width = weight.Length;
        int rows = KernelArguments.Rows(x.Length, width);
        KernelArguments.CheckSameLength(x.Length, output.Length);
        KernelArguments.CheckOverlap(x, output);
        fixed (float* px = x, pw = weight, po = output)
        {
            var work = new Work { Path = path, X = px, Weight = pw, Output = po, Width = width, Epsilon = epsilon };
            work.Split = new RowSplit(rows, width);
            if (team is null) NormalizeRows(in work, 0, rows);
            else team.Run(work.Split.Items, &work, &RunItem);
        }
    }

    private static void RunItem(void* state, int item, int worker)
    {
        ref Work work = ref Unsafe.AsRef<Work>(state);
        NormalizeRows(in work, work.Split.First(item), work.Split.End(item));
    }

    private static void NormalizeRows(in Work work, int first, int end)
    {
        for (int row = first; row < end; row++)
        {
            float* x = work.X + (long)row * work.Width;
            float* output = work.Output + (long)row * work.Width;
            float meanSquare = LaneSum.Run<Square>(work.Path, x, work.Width, 0) / work.Width;
            float inverse = 1f / MathF.Sqrt(meanSquare + work.Epsilon);
            ElementLoop.Run<MultiplyWeighted>(work.Path, x, work.Weight, inverse, output, work.Width);
        }
    }

    private struct Work
    {
        public KernelPath Path;
        public float* X;
        public float* Weight;
        public float* Output;
        public int Width;
        public float Epsilon;
        public RowSplit Split;
    }

    private readonly struct Square : ILaneTerm
    {
        public static float Add(float lane, float x, float k) => MathF.FusedMultiplyAdd(x, x, lane);

        public static Vector256<float> Add(Vector256<float> lane, Vector256<float> x, Vector256<float> k) => Fma.MultiplyAdd(x, x, lane);

        public static Vector512<float> Add(Vector512<float> lane, Vector512<float> x, Vector512<float> k) => Avx512F.FusedMultiplyAdd(x, x, lane);
    }

    internal readonly struct MultiplyWeighted : IElementOperation
    {
        public static float Apply(float x, float weight, float inverse) => x * inverse * weight;

        public static Vector256<float> Apply(Vector256<float> x, Vector256<float> weight, Vector256<float> inverse) => x * inverse * weight;

        public static Vector512<float> Apply(Vector512<float> x, Vector512<float> weight, Vector512<float> inverse) => x * inverse * weight;
    }
}
