using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels.Products;

/// <summary>
/// The bit planes that codes of fewer than 8 bits are stored in, for 16 outputs and 32 inputs (8 groups of 64 bytes):
/// <list type="bullet">
/// <item>fours, 256 bytes: chunk c of 64 bytes holds group c in its low and group c + 4 in its high nibbles;</item>
/// <item>twos, 128 bytes: chunk c of 64 bytes holds groups 4c to 4c + 3, the first in the lowest bits;</item>
/// <item>ones, 64 bytes: bit g is group g.</item>
/// </list>
/// </summary>
internal static unsafe class Planes
{
    public const int FoursBytes = 256;
    public const int TwosBytes = 128;
    public const int OnesBytes = 64;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Fours(byte* plane, int group, int half)
    {
        Vector256<byte> v = Vector256.Load(plane + ((group & 3) * 64) + (half * 32));
        if (group >= 4) v = (v.AsUInt16() >>> 4).AsByte();
        return v & Vector256.Create((byte)0x0F);
    }

    /// <summary>The two bits, moved up to <paramref name="position"/> (0 or 4).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Twos(byte* plane, int group, int half, int position)
    {
        Vector256<byte> v = Vector256.Load(plane + ((group >> 2) * 64) + (half * 32));
        return Move(v, 2 * (group & 3), position) & Vector256.Create((byte)(3 << position));
    }

    /// <summary>The bit, moved up to <paramref name="position"/> (2 or 4).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Ones(byte* plane, int group, int half, int position)
    {
        Vector256<byte> v = Vector256.Load(plane + (half * 32));
        return Move(v, group, position) & Vector256.Create((byte)(1 << position));
    }

    public static int Four(byte* plane, int group, int index) => (plane[((group & 3) * 64) + index] >> (group & 4)) & 15;

    public static int Two(byte* plane, int group, int index) => (plane[((group >> 2) * 64) + index] >> (2 * (group & 3))) & 3;

    public static int One(byte* plane, int group, int index) => (plane[index] >> group) & 1;

    /// <summary>8 halves as floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Halves(byte* p, int half)
        => HalfFloats.Widen(Avx2.ConvertToVector256Int32((ushort*)p + (half * 8)));

    public static float Half(byte* p, int lane) => (float)BitConverter.UInt16BitsToHalf(((ushort*)p)[lane]);

    /// <summary>8 unsigned bytes as floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Bytes(byte* p, int half)
        => Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(p + (half * 8)));

    /// <summary>8 signed bytes as floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> SignedBytes(byte* p, int half)
        => Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32((sbyte*)p + (half * 8)));

    /// <summary>The low nibbles of 8 bytes as floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LowNibbles(byte* p, int half)
        => Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(p + (half * 8)) & Vector256.Create(15));

    /// <summary>The high nibbles of 8 bytes as floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> HighNibbles(byte* p, int half)
        => Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(p + (half * 8)) >>> 4);

    // 16-bit shifts carry bits between neighbours; the mask that follows removes them.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Move(Vector256<byte> v, int from, int to)
    {
        if (from < to) return (v.AsUInt16() << (to - from)).AsByte();
        return from > to ? (v.AsUInt16() >>> (from - to)).AsByte() : v;
    }
}
