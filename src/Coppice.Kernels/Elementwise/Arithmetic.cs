using System.Runtime.Intrinsics;

namespace Coppice.Kernels.Elementwise;

/// <summary>Sums and products of arrays. The output may be one of the inputs; all paths give the same bits.</summary>
public static unsafe class Arithmetic
{
    /// <summary>output = a + b.</summary>
    /// <param name="path">Instruction set.</param>
    /// <param name="a">[n].</param>
    /// <param name="b">[n].</param>
    /// <param name="output">[n].</param>
    /// <param name="team">Shares large arrays.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Add(KernelPath path, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> output, WorkerTeam? team = null) =>
        ElementLoop.Run<Sum>(path, a, b, 0, output, team);

    /// <summary>output[row, column] = x[row, column] + bias[column].</summary>
    /// <param name="path">Instruction set.</param>
    /// <param name="x">[rows, width], row-major.</param>
    /// <param name="bias">[width].</param>
    /// <param name="output">[rows, width].</param>
    /// <exception cref="ArgumentException">The lengths do not belong together.</exception>
    public static void AddBias(KernelPath path, ReadOnlySpan<float> x, ReadOnlySpan<float> bias, Span<float> output)
    {
        int rows = KernelArguments.Rows(x.Length, bias.Length);
        KernelArguments.CheckSameLength(x.Length, output.Length);
        KernelArguments.CheckOverlap(x, output);
        fixed (float* px = x, pb = bias, po = output)
        {
            for (int row = 0; row < rows; row++)
            {
                long start = (long)row * bias.Length;
                ElementLoop.Run<Sum>(path, px + start, pb, 0, po + start, bias.Length);
            }
        }
    }

    /// <summary>output = x * factor.</summary>
    /// <param name="path">Instruction set.</param>
    /// <param name="x">[n].</param>
    /// <param name="factor">The factor.</param>
    /// <param name="output">[n].</param>
    /// <param name="team">Shares large arrays.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Scale(KernelPath path, ReadOnlySpan<float> x, float factor, Span<float> output, WorkerTeam? team = null) =>
        ElementLoop.Run<Multiply>(path, x, x, factor, output, team);
}

/// <summary>a + b.</summary>
internal readonly struct Sum : IElementOperation
{
    public static float Apply(float a, float b, float k) => a + b;

    public static Vector256<float> Apply(Vector256<float> a, Vector256<float> b, Vector256<float> k) => a + b;

    public static Vector512<float> Apply(Vector512<float> a, Vector512<float> b, Vector512<float> k) => a + b;
}

/// <summary>a * k.</summary>
internal readonly struct Multiply : IElementOperation
{
    public static float Apply(float a, float b, float k) => a * k;

    public static Vector256<float> Apply(Vector256<float> a, Vector256<float> b, Vector256<float> k) => a * k;

    public static Vector512<float> Apply(Vector512<float> a, Vector512<float> b, Vector512<float> k) => a * k;
}
