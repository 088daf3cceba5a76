using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels.Elementwise;

/// <summary>
/// Layer normalization (Ba et al., arXiv 1607.06450): y = (x - mean) / sqrt(mean((x - mean)^2) + epsilon) * weight + bias, per
/// row. The variance is summed in a second pass from the differences, which stays exact where the mean is large.
/// </summary>
public static unsafe class LayerNorm
{
    /// <summary>Normalizes each row; rows are independent of each other.</summary>
    /// <param name="path">Instruction set; all give the same bits.</param>
    /// <param name="x">[rows, width], row-major.</param>
    /// <param name="weight">[width].</param>
    /// <param name="bias">[width], or empty for none.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="output">[rows, width]; may be <paramref name="x"/> itself.</param>
    /// <param name="team">Shares the rows where there are several; the result is the same without.</param>
    /// <exception cref="ArgumentException">The lengths do not belong together.</exception>
    public static void Normalize(
        KernelPath path,
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias,
        float epsilon,
        Span<float> output,
        WorkerTeam? team = null)
    {
        int width = weight.Length;
        int rows = KernelArguments.Rows(x.Length, width);
        if (!bias.IsEmpty) KernelArguments.CheckSameLength(width, bias.Length);
        KernelArguments.CheckSameLength(x.Length, output.Length);
        KernelArguments.CheckOverlap(x, output);
        fixed (float* px = x, pw = weight, pb = bias, po = output)
        {
            var work = new Work { Path = path, X = px, Weight = pw, Bias = pb, Output = po, Width = width, Epsilon = epsilon };
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
        int width = work.Width;
        for (int row = first; row < end; row++)
        {
            float* x = work.X + (long)row * width;
            float* output = work.Output + (long)row * width;
            float mean = LaneSum.Run<Value>(work.Path, x, width, 0) / width;
            float variance = LaneSum.Run<SquaredDifference>(work.Path, x, width, mean) / width;
            float inverse = 1f / MathF.Sqrt(variance + work.Epsilon);
            ElementLoop.Run<Difference>(work.Path, x, x, mean, output, width);
            ElementLoop.Run<RmsNorm.MultiplyWeighted>(work.Path, output, work.Weight, inverse, output, width);
            if (work.Bias != null) ElementLoop.Run<Sum>(work.Path, output, work.Bias, 0, output, width);
        }
    }

    private struct Work
    {
        public KernelPath Path;
        public float* X;
        public float* Weight;
        public float* Bias;
        public float* Output;
        public int Width;
        public float Epsilon;
        public RowSplit Split;
    }

    private readonly struct Value : ILaneTerm
    {
        public static float Add(float lane, float x, float k) => lane + x;

        public static Vector256<float> Add(Vector256<float> lane, Vector256<float> x, Vector256<float> k) => lane + x;

        public static Vector512<float> Add(Vector512<float> lane, Vector512<float> x, Vector512<float> k) => lane + x;
    }

    private readonly struct SquaredDifference : ILaneTerm
    {
        public static float Add(float lane, float x, float mean) => MathF.FusedMultiplyAdd(x - mean, x - mean, lane);

        public static Vector256<float> Add(Vector256<float> lane, Vector256<float> x, Vector256<float> mean) =>
            Fma.MultiplyAdd(x - mean, x - mean, lane);

        public static Vector512<float> Add(Vector512<float> lane, Vector512<float> x, Vector512<float> mean) =>
            Avx512F.FusedMultiplyAdd(x - mean, x - mean, lane);
    }

    private readonly struct Difference : IElementOperation
    {
        public static float Apply(float x, float unused, float mean) => x - mean;

        public static Vector256<float> Apply(Vector256<float> x, Vector256<float> unused, Vector256<float> mean) => x - mean;

        public static Vector512<float> Apply(Vector512<float> x, Vector512<float> unused, Vector512<float> mean) => x - mean;
    }
}
