using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Coppice.Kernels.Products;

/// <summary>
/// Half-precision to single precision, exactly, without an instruction for it. Exponent and mantissa are moved into place and the
/// exponent's bias is corrected by an integer addition, which gives v. That is right unless the half is subnormal, (m / 1024) * 2^-14;
/// then v = (1 + m / 1024) * 2^-15 and the value is 2v - 2^-14. Since 2v - 2^-14 is below v exactly where v is below 2^-14, the
/// smaller of the two is right for both. Infinities and NaNs are patched. (Correcting the bias by a multiplication would be shorter,
/// but subnormal operands, frequent among the scales of models, cost some processors 100 cycles each.)
/// </summary>
internal static class HalfFloats
{
    private const int Rebias = 112 << 23;
    private const int LargestFinite = 0x7BFF;
    private const int Infinite = 0x7F800000;
    private const float SmallestNormal = 1f / (1 << 14);

    /// <summary>Widens halves that stand, zero-extended, in 32-bit lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Widen(Vector256<int> bits)
    {
        Vector256<int> patch = Vector256.GreaterThan(bits & Vector256.Create(0x7FFF), Vector256.Create(LargestFinite)) & Vector256.Create(Infinite);
        return (WidenFinite(bits).AsInt32() | patch).AsSingle();
    }

    /// <summary>The same for halves that are known to be finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> WidenFinite(Vector256<int> bits)
    {
        Vector256<int> magnitude = (bits << 13) & Vector256.Create(0x0FFFE000);
        Vector256<float> value = (magnitude + Vector256.Create(Rebias)).AsSingle();
        value = Vector256.MinNative(value, Vector256.FusedMultiplyAdd(value, Vector256.Create(2f), Vector256.Create(-SmallestNormal)));
        return (value.AsInt32() | ((bits << 16) & Vector256.Create(int.MinValue))).AsSingle();
    }

    /// <summary>Widens halves that stand, zero-extended, in 32-bit lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Widen(Vector512<int> bits)
    {
        Vector512<int> patch = Vector512.GreaterThan(bits & Vector512.Create(0x7FFF), Vector512.Create(LargestFinite)) & Vector512.Create(Infinite);
        return (WidenFinite(bits).AsInt32() | patch).AsSingle();
    }

    /// <summary>The same for halves that are known to be finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> WidenFinite(Vector512<int> bits)
    {
        Vector512<int> magnitude = (bits << 13) & Vector512.Create(0x0FFFE000);
        Vector512<float> value = (magnitude + Vector512.Create(Rebias)).AsSingle();
        value = Vector512.MinNative(value, Vector512.FusedMultiplyAdd(value, Vector512.Create(2f), Vector512.Create(-SmallestNormal)));
        return (value.AsInt32() | ((bits << 16) & Vector512.Create(int.MinValue))).AsSingle();
    }
}
