using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels.Products;

/// <summary>
/// Four products of an unsigned weight byte and a signed activation byte, summed into each of 8 lanes, exactly. One
/// implementation per instruction set; all give the same integers.
/// </summary>
internal interface IByteDot
{
    /// <summary>Whether <see cref="Add"/> takes code - 128 for code, so that no offset is left to correct.</summary>
    static abstract bool TakesOffset { get; }

    /// <summary>sums + weights . activations, per lane of 4 bytes.</summary>
    static abstract Vector256<int> Add(Vector256<int> sums, Vector256<byte> weights, Vector256<sbyte> activations);
}

/// <summary><c>vpdpbusd</c>: any bytes.</summary>
internal readonly struct VnniDot : IByteDot
{
    public static bool TakesOffset => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sums, Vector256<byte> weights, Vector256<sbyte> activations)
        => AvxVnni.MultiplyWideningAndAdd(sums, weights, activations);
}

/// <summary>AVX2 for codes up to 6 bits: a pair of products stays below 2 * 63 * 127 and fits 16 bits.</summary>
internal readonly struct PairDot : IByteDot
{
    public static bool TakesOffset => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sums, Vector256<byte> weights, Vector256<sbyte> activations)
        => sums + Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(weights, activations), Vector256.Create((short)1));
}

/// <summary>
/// AVX2 for 8-bit codes with offset 128: |code - 128| times the activation with the sign of code - 128. A pair of products is
/// at most 2 * 128 * 127 and fits 16 bits, because activations stay within 127.
/// </summary>
internal readonly struct SignDot : IByteDot
{
    public static bool TakesOffset => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sums, Vector256<byte> weights, Vector256<sbyte> activations)
    {
        Vector256<sbyte> signed = (weights ^ Vector256.Create((byte)0x80)).AsSByte();
        Vector256<short> pairs = Avx2.MultiplyAddAdjacent(Avx2.Abs(signed), Avx2.Sign(activations, signed));
        return sums + Avx2.MultiplyAddAdjacent(pairs, Vector256.Create((short)1));
    }
}
