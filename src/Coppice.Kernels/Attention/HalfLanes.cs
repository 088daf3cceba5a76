using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels.Attention;

/// <summary>
/// Conversions between 32-bit and 16-bit floats by integer operations (the platform exposes no F16C), the same bits on every path.
/// Narrowing rounds to nearest even and stores what is out of range as the largest finite value; NaN stays NaN. Widening is
/// exact, subnormals included.
/// </summary>
internal static unsafe class HalfLanes
{
    private const int LargestFinite = 0x477FE000; // 65504f
    private const int SmallestNormal = 0x38800000; // 2^-14
    private const int Infinity = 0x7F800000;
    private const int Magnitude = 0x7FFFFFFF;

    // 0.5f has a unit in the last place of 2^-24, which is the step of the 16-bit subnormals: adding it rounds to them.
    private const int Half = 0x3F000000;

    // A 16-bit float's bits shifted left by 13 stand in a float's places, their exponent 112 too low. A subnormal becomes
    // (1 + fraction) 2^-15 that way and needs 2 x - 2^-14. (Multiplying by 2^112 would be shorter and right for both, but a
    // subnormal operand costs over a hundred cycles, and small values are full of them.)
    private const int WideMagnitude = 0x0FFFE000;
    private const int WideNormal = 0x00800000;
    private const int WideSpecial = 0x0F800000;
    private const int Rebias = 112 << 23;
    private const float HalfSmallest = 6.103515625e-5f;
    private const int Sign = int.MinValue;

    /// <summary>Narrows <paramref name="count"/> floats.</summary>
    public static void Narrow(KernelPath path, float* source, ushort* target, int count)
    {
        int i = 0;
        if (path != KernelPath.Scalar)
            for (; i + 8 <= count; i += 8) Narrow(Vector256.Load(source + i)).Store(target + i);
        for (; i < count; i++) target[i] = Narrow(source[i]);
    }

    /// <summary>Narrows one float.</summary>
    public static ushort Narrow(float value)
    {
        int bits = BitConverter.SingleToInt32Bits(value);
        int sign = (int)((uint)bits >> 16) & 0x8000;
        int magnitude = bits & Magnitude;
        if (magnitude > Infinity) return (ushort)(sign | 0x7E00);
        magnitude = Math.Min(magnitude, LargestFinite);
        int small = BitConverter.SingleToInt32Bits(BitConverter.Int32BitsToSingle(magnitude) + 0.5f) - Half;
        int rounded = (magnitude - (112 << 23) + 0xFFF + ((magnitude >> 13) & 1)) >> 13;
        return (ushort)(sign | (magnitude < SmallestNormal ? small : rounded));
    }

    /// <summary>Widens one 16-bit float.</summary>
    public static float Widen(ushort value)
    {
        int shifted = (short)value << 13;
        int magnitude = shifted & WideMagnitude;
        int bits = magnitude + Rebias;
        if (magnitude >= WideSpecial) bits += Rebias;
        if (magnitude < WideNormal) bits = BitConverter.SingleToInt32Bits(MathF.FusedMultiplyAdd(BitConverter.Int32BitsToSingle(bits), 2f, -HalfSmallest));
        return BitConverter.Int32BitsToSingle(bits | (shifted & Sign));
    }

    /// <summary>Widens 8 lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Widen(Vector128<ushort> values)
    {
        Vector256<int> shifted = Avx2.ShiftLeftLogical(Avx2.ConvertToVector256Int32(values.AsInt16()), 13);
        Vector256<int> magnitude = shifted & Vector256.Create(WideMagnitude);
        Vector256<int> special = Vector256.GreaterThan(magnitude, Vector256.Create(WideSpecial - 1)) & Vector256.Create(Rebias);
        Vector256<float> wide = (magnitude + Vector256.Create(Rebias) + special).AsSingle();
        Vector256<float> small = Fma.MultiplyAdd(wide, Vector256.Create(2f), Vector256.Create(-HalfSmallest));
        Vector256<int> isSmall = Vector256.LessThan(magnitude, Vector256.Create(WideNormal));
        return Vector256.ConditionalSelect(isSmall.AsSingle(), small, wide) | (shifted & Vector256.Create(Sign)).AsSingle();
    }

    /// <summary>Widens 16 lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Widen(Vector256<ushort> values)
    {
        Vector512<int> shifted = Avx512F.ShiftLeftLogical(Avx512F.ConvertToVector512Int32(values.AsInt16()), 13);
        Vector512<int> magnitude = shifted & Vector512.Create(WideMagnitude);
        Vector512<int> bits = magnitude + Vector512.Create(Rebias);
        Vector512<int> isSpecial = Vector512.GreaterThan(magnitude, Vector512.Create(WideSpecial - 1));
        Vector512<float> wide = Vector512.ConditionalSelect(isSpecial, bits + Vector512.Create(Rebias), bits).AsSingle();
        Vector512<float> small = Avx512F.FusedMultiplyAdd(wide, Vector512.Create(2f), Vector512.Create(-HalfSmallest));
        Vector512<int> isSmall = Vector512.LessThan(magnitude, Vector512.Create(WideNormal));
        wide = Vector512.ConditionalSelect(isSmall.AsSingle(), small, wide);
        return Vector512.ConditionalSelect(Vector512.Create(Sign), shifted, wide.AsInt32()).AsSingle();
    }

    private static Vector128<ushort> Narrow(Vector256<float> values)
    {
        Vector256<int> bits = values.AsInt32();
        Vector256<int> sign = Avx2.ShiftRightLogical(bits, 16) & Vector256.Create(0x8000);
        Vector256<int> magnitude = bits & Vector256.Create(Magnitude);
        Vector256<int> notANumber = Vector256.GreaterThan(magnitude, Vector256.Create(Infinity));
        magnitude = Avx2.Min(magnitude, Vector256.Create(LargestFinite));
        Vector256<int> small = (magnitude.AsSingle() + Vector256.Create(0.5f)).AsInt32() - Vector256.Create(Half);
        Vector256<int> odd = Avx2.ShiftRightLogical(magnitude, 13) & Vector256.Create(1);
        Vector256<int> rounded = Avx2.ShiftRightLogical(magnitude + Vector256.Create(0xFFF - (112 << 23)) + odd, 13);
        Vector256<int> result = Vector256.ConditionalSelect(
            Vector256.LessThan(magnitude, Vector256.Create(SmallestNormal)), small, rounded);
        result = Vector256.ConditionalSelect(notANumber, Vector256.Create(0x7E00), result) | sign;
        return Sse41.PackUnsignedSaturate(result.GetLower(), result.GetUpper());
    }
}
