using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels.Elementwise;

/// <summary>
/// The feed-forward network's nonlinearities. silu(x) = x / (1 + e^-x); gelu(x) = x / (1 + e^-2u) with
/// u = sqrt(2/pi) (x + 0.044715 x^3), which is the tanh approximation 0.5 x (1 + tanh u) of Hendrycks and Gimpel
/// (arXiv 1606.08415) without its cancellation. The gated forms are those of Shazeer (arXiv 2002.05202). The output may be one of
/// the inputs; all paths give the same bits. Inputs are finite or +infinity; NaN stays NaN.
/// </summary>
public static class Activations
{
    /// <summary>output = silu(gate) * up.</summary>
    /// <param name="path">Instruction set.</param>
    /// <param name="gate">[n].</param>
    /// <param name="up">[n].</param>
    /// <param name="output">[n].</param>
    /// <param name="team">Shares large arrays.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void SwiGlu(KernelPath path, ReadOnlySpan<float> gate, ReadOnlySpan<float> up, Span<float> output, WorkerTeam? team = null) =>
        ElementLoop.Run<SiluTimes>(path, gate, up, 0, output, team);

    /// <summary>output = gelu(gate) * up.</summary>
    /// <param name="path">Instruction set.</param>
    /// <param name="gate">[n].</param>
    /// <param name="up">[n].</param>
    /// <param name="output">[n].</param>
    /// <param name="team">Shares large arrays.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void GeGlu(KernelPath path, ReadOnlySpan<float> gate, ReadOnlySpan<float> up, Span<float> output, WorkerTeam? team = null) =>
        ElementLoop.Run<GeluTimes>(path, gate, up, 0, output, team);

    /// <summary>output = gelu(x).</summary>
    /// <param name="path">Instruction set.</param>
    /// <param name="x">[n].</param>
    /// <param name="output">[n].</param>
    /// <param name="team">Shares large arrays.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Gelu(KernelPath path, ReadOnlySpan<float> x, Span<float> output, WorkerTeam? team = null) =>
        ElementLoop.Run<GeluAlone>(path, x, x, 0, output, team);

    /// <summary>output = cap * tanh(x / cap): near x for small values, never beyond the cap.</summary>
    /// <param name="path">Instruction set.</param>
    /// <param name="x">[n].</param>
    /// <param name="cap">The bound, positive.</param>
    /// <param name="output">[n].</param>
    /// <param name="team">Shares large arrays.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void SoftCap(KernelPath path, ReadOnlySpan<float> x, float cap, Span<float> output, WorkerTeam? team = null) =>
        ElementLoop.Run<CappedTanh>(path, x, x, cap, output, team);

    private readonly struct SiluTimes : IElementOperation
    {
        public static float Apply(float gate, float up, float k) => gate / (1f + VectorMath.Exp(-gate)) * up;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<float> Apply(Vector256<float> gate, Vector256<float> up, Vector256<float> k) =>
            gate / (Vector256.Create(1f) + VectorMath.Exp(gate ^ Vector256.Create(-0f))) * up;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Apply(Vector512<float> gate, Vector512<float> up, Vector512<float> k) =>
            gate / (Vector512.Create(1f) + VectorMath.Exp(gate ^ Vector512.Create(-0f))) * up;
    }

    private readonly struct GeluAlone : IElementOperation
    {
        // -2 sqrt(2/pi) and that times 0.044715: the exponent is x (linear + cubic x^2).
        private const float Linear = -1.5957691216057308f;
        private const float Cubic = -0.07135481627159806f;

        public static float Apply(float x, float unused, float k) =>
            x / (1f + VectorMath.Exp(x * MathF.FusedMultiplyAdd(x * x, Cubic, Linear)));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<float> Apply(Vector256<float> x, Vector256<float> unused, Vector256<float> k) =>
            x / (Vector256.Create(1f) + VectorMath.Exp(x * Fma.MultiplyAdd(x * x, Vector256.Create(Cubic), Vector256.Create(Linear))));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Apply(Vector512<float> x, Vector512<float> unused, Vector512<float> k) =>
            x / (Vector512.Create(1f) + VectorMath.Exp(x * Avx512F.FusedMultiplyAdd(x * x, Vector512.Create(Cubic), Vector512.Create(Linear))));
    }

    private readonly struct GeluTimes : IElementOperation
    {
        public static float Apply(float gate, float up, float k) => GeluAlone.Apply(gate, gate, k) * up;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<float> Apply(Vector256<float> gate, Vector256<float> up, Vector256<float> k) => GeluAlone.Apply(gate, gate, k) * up;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Apply(Vector512<float> gate, Vector512<float> up, Vector512<float> k) => GeluAlone.Apply(gate, gate, k) * up;
    }

    private readonly struct CappedTanh : IElementOperation
    {
        public static float Apply(float x, float unused, float cap) => cap * VectorMath.Tanh(x / cap);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<float> Apply(Vector256<float> x, Vector256<float> unused, Vector256<float> cap) => cap * VectorMath.Tanh(x / cap);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Apply(Vector512<float> x, Vector512<float> unused, Vector512<float> cap) => cap * VectorMath.Tanh(x / cap);
    }
}
