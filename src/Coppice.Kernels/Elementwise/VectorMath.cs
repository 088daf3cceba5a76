using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels.Elementwise;

/// <summary>
/// exp, tanh and the logistic function, and the fixed-order sums, written with the same operations in the same order for one
/// float, 8 lanes and 16 lanes, so that a kernel's result has the same bits on every path.
/// <para>
/// exp(x) = 2^n * p(r) with n = round(x / ln 2), r = x - n ln 2 in two steps (Cody and Waite) and p the polynomial of the
/// Cephes library's expf. Relative error below 2e-7 over [-87, 88]; above 88.73 infinity, below -103.97 zero, between -87.33
/// and that subnormal, correctly rounded once. NaN stays NaN.
/// </para>
/// </summary>
internal static class VectorMath
{
    internal const float ExpLow = -104f;
    internal const float ExpHigh = 89f;
    internal const float Log2E = 1.44269504088896341f;
    internal const float Ln2High = 0.693359375f;
    internal const float Ln2Low = -2.12194440e-4f;

    // Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits of the mantissa.
    internal const float RoundMagic = 12582912f;
    private const int RoundMagicBits = 0x4B400000;

    internal const float E0 = 1.9875691500e-4f;
    internal const float E1 = 1.3981999507e-3f;
    internal const float E2 = 8.3334519073e-3f;
    internal const float E3 = 4.1665795894e-2f;
    internal const float E4 = 1.6666665459e-1f;
    internal const float E5 = 5.0000001201e-1f;

    // tanh(x) = x + x^3 q(x^2) below this bound, 1 - 2 / (exp(2x) + 1) above.
    private const float TanhBound = 0.625f;
    private const float T0 = -5.70498872745e-3f;
    private const float T1 = 2.06390887954e-2f;
    private const float T2 = -5.37397155531e-2f;
    private const float T3 = 1.33314422036e-1f;
    private const float T4 = -3.33332819422e-1f;

    /// <summary>e^x of one float; same bits as a lane of the vector forms.</summary>
    public static float Exp(float x)
    {
        // Written so that NaN passes: a comparison with NaN is false.
        x = x < ExpLow ? ExpLow : x;
        x = x > ExpHigh ? ExpHigh : x;
        float t = MathF.FusedMultiplyAdd(x, Log2E, RoundMagic);
        float n = t - RoundMagic;
        float r = MathF.FusedMultiplyAdd(n, -Ln2High, x);
        r = MathF.FusedMultiplyAdd(n, -Ln2Low, r);
        float p = MathF.FusedMultiplyAdd(E0, r, E1);
        p = MathF.FusedMultiplyAdd(p, r, E2);
        p = MathF.FusedMultiplyAdd(p, r, E3);
        p = MathF.FusedMultiplyAdd(p, r, E4);
        p = MathF.FusedMultiplyAdd(p, r, E5);
        p = MathF.FusedMultiplyAdd(p, r * r, r) + 1f;
        // 2^n may lie outside the floats (n in [-150, 128]); its two halves do not, and only the second product rounds.
        int whole = BitConverter.SingleToInt32Bits(t) - RoundMagicBits;
        int half = whole >> 1;
        return p * BitConverter.Int32BitsToSingle((half + 127) << 23) * BitConverter.Int32BitsToSingle((whole - half + 127) << 23);
    }

    /// <summary>e^x of 8 lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Exp(Vector256<float> x)
    {
        // MINPS and MAXPS return their second operand where one is NaN.
        x = Avx.Min(Vector256.Create(ExpHigh), Avx.Max(Vector256.Create(ExpLow), x));
        Vector256<float> t = Fma.MultiplyAdd(x, Vector256.Create(Log2E), Vector256.Create(RoundMagic));
        Vector256<float> n = t - Vector256.Create(RoundMagic);
        Vector256<float> r = Fma.MultiplyAdd(n, Vector256.Create(-Ln2High), x);
        r = Fma.MultiplyAdd(n, Vector256.Create(-Ln2Low), r);
        Vector256<float> p = Fma.MultiplyAdd(Vector256.Create(E0), r, Vector256.Create(E1));
        p = Fma.MultiplyAdd(p, r, Vector256.Create(E2));
        p = Fma.MultiplyAdd(p, r, Vector256.Create(E3));
        p = Fma.MultiplyAdd(p, r, Vector256.Create(E4));
        p = Fma.MultiplyAdd(p, r, Vector256.Create(E5));
        p = Fma.MultiplyAdd(p, r * r, r) + Vector256.Create(1f);
        Vector256<int> whole = t.AsInt32() - Vector256.Create(RoundMagicBits);
        Vector256<int> half = Avx2.ShiftRightArithmetic(whole, 1);
        Vector256<int> bias = Vector256.Create(127);
        return p * Avx2.ShiftLeftLogical(half + bias, 23).AsSingle() * Avx2.ShiftLeftLogical(whole - half + bias, 23).AsSingle();
    }

    /// <summary>e^x of 16 lanes. VSCALEFPS multiplies by 2^n with one rounding, as the two halves do.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        x = Avx512F.Min(Vector512.Create(ExpHigh), Avx512F.Max(Vector512.Create(ExpLow), x));
        Vector512<float> t = Avx512F.FusedMultiplyAdd(x, Vector512.Create(Log2E), Vector512.Create(RoundMagic));
        Vector512<float> n = t - Vector512.Create(RoundMagic);
        Vector512<float> r = Avx512F.FusedMultiplyAdd(n, Vector512.Create(-Ln2High), x);
        r = Avx512F.FusedMultiplyAdd(n, Vector512.Create(-Ln2Low), r);
        Vector512<float> p = Avx512F.FusedMultiplyAdd(Vector512.Create(E0), r, Vector512.Create(E1));
        p = Avx512F.FusedMultiplyAdd(p, r, Vector512.Create(E2));
        p = Avx512F.FusedMultiplyAdd(p, r, Vector512.Create(E3));
        p = Avx512F.FusedMultiplyAdd(p, r, Vector512.Create(E4));
        p = Avx512F.FusedMultiplyAdd(p, r, Vector512.Create(E5));
        p = Avx512F.FusedMultiplyAdd(p, r * r, r) + Vector512.Create(1f);
        return Avx512F.Scale(p, n);
    }

    /// <summary>1 / (1 + e^-x).</summary>
    public static float Sigmoid(float x) => 1f / (1f + Exp(-x));

    /// <summary>1 / (1 + e^-x) of 8 lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Sigmoid(Vector256<float> x) =>
        Vector256.Create(1f) / (Vector256.Create(1f) + Exp(x ^ Vector256.Create(-0f)));

    /// <summary>1 / (1 + e^-x) of 16 lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sigmoid(Vector512<float> x) =>
        Vector512.Create(1f) / (Vector512.Create(1f) + Exp(x ^ Vector512.Create(-0f)));

    /// <summary>Hyperbolic tangent, relative error below 3e-7.</summary>
    public static float Tanh(float x)
    {
        float a = MathF.Abs(x);
        float z = x * x;
        float q = MathF.FusedMultiplyAdd(T0, z, T1);
        q = MathF.FusedMultiplyAdd(q, z, T2);
        q = MathF.FusedMultiplyAdd(q, z, T3);
        q = MathF.FusedMultiplyAdd(q, z, T4);
        float near = MathF.FusedMultiplyAdd(q * z, x, x);
        float far = 1f - 2f / (Exp(a + a) + 1f);
        return a < TanhBound ? near : MathF.CopySign(far, x);
    }

    /// <summary>Hyperbolic tangent of 8 lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Tanh(Vector256<float> x)
    {
        Vector256<float> sign = x & Vector256.Create(-0f);
        Vector256<float> a = x ^ sign;
        Vector256<float> z = x * x;
        Vector256<float> q = Fma.MultiplyAdd(Vector256.Create(T0), z, Vector256.Create(T1));
        q = Fma.MultiplyAdd(q, z, Vector256.Create(T2));
        q = Fma.MultiplyAdd(q, z, Vector256.Create(T3));
        q = Fma.MultiplyAdd(q, z, Vector256.Create(T4));
        Vector256<float> near = Fma.MultiplyAdd(q * z, x, x);
        Vector256<float> far = Vector256.Create(1f) - Vector256.Create(2f) / (Exp(a + a) + Vector256.Create(1f));
        return Vector256.ConditionalSelect(Vector256.LessThan(a, Vector256.Create(TanhBound)), near, far | sign);
    }

    /// <summary>Hyperbolic tangent of 16 lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Tanh(Vector512<float> x)
    {
        Vector512<float> sign = x & Vector512.Create(-0f);
        Vector512<float> a = x ^ sign;
        Vector512<float> z = x * x;
        Vector512<float> q = Avx512F.FusedMultiplyAdd(Vector512.Create(T0), z, Vector512.Create(T1));
        q = Avx512F.FusedMultiplyAdd(q, z, Vector512.Create(T2));
        q = Avx512F.FusedMultiplyAdd(q, z, Vector512.Create(T3));
        q = Avx512F.FusedMultiplyAdd(q, z, Vector512.Create(T4));
        Vector512<float> near = Avx512F.FusedMultiplyAdd(q * z, x, x);
        Vector512<float> far = Vector512.Create(1f) - Vector512.Create(2f) / (Exp(a + a) + Vector512.Create(1f));
        return Vector512.ConditionalSelect(Vector512.LessThan(a, Vector512.Create(TanhBound)), near, far | sign);
    }

    /// <summary>Sum of 16 lanes in the fixed tree 8+8, 4+4, 2+2, 1+1.</summary>
    /// <param name="lanes">[16]; overwritten.</param>
    public static float Sum(Span<float> lanes)
    {
        for (int half = 8; half > 0; half >>= 1)
            for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
        return lanes[0];
    }

    /// <summary>Sum of 16 lanes held as two halves, in the fixed tree.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector256<float> low, Vector256<float> high)
    {
        Vector256<float> eight = low + high;
        Vector128<float> four = eight.GetLower() + eight.GetUpper();
        Vector128<float> two = four + Sse.MoveHighToLow(four, four);
        return two.ToScalar() + two.GetElement(1);
    }

    /// <summary>Sum of 16 lanes in the fixed tree.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector512<float> lanes) => Sum(lanes.GetLower(), lanes.GetUpper());
}
