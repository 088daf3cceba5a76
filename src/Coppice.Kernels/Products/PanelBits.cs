using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels.Products;

/// <summary>
/// The moves of bits that <see cref="PanelPacking"/> makes after rows and lanes are exchanged. A group is 64 bytes: four
/// inputs of each of 16 lanes; <c>groups</c> are eight of them, the codes of 32 inputs. All moves are the same in every byte (or
/// dword), so they are made on half a group at a time.
/// </summary>
internal static unsafe class PanelBits
{
    private const int Group = 64;
    private const int Half = 32;

    private static Vector256<uint> LowNibbles => Vector256.Create(0x0F0F0F0Fu);

    /// <summary>The low nibbles of eight groups as one plane of fours, the high ones as another.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Nibbles(byte* groups, byte* low, byte* high)
    {
        for (int at = 0; at < 4 * Group; at += Half)
        {
            Vector256<uint> a = Load(groups + at), b = Load(groups + (4 * Group) + at);
            Swap(ref a, ref b, 4, LowNibbles);
            Store(a, low + at);
            Store(b, high + at);
        }
    }

    /// <summary>The four two-bit fields of eight groups as a plane of twos each.</summary>
    /// <param name="groups">The groups.</param>
    /// <param name="planes">The first field's plane.</param>
    /// <param name="stride">Bytes from one plane to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Twos(byte* groups, byte* planes, int stride)
    {
        for (int chunk = 0; chunk < 2; chunk++, groups += 4 * Group, planes += Group)
        {
            for (int at = 0; at < Group; at += Half)
            {
                Vector256<uint> a = Load(groups + at), b = Load(groups + Group + at);
                Vector256<uint> c = Load(groups + (2 * Group) + at), d = Load(groups + (3 * Group) + at);
                FourByFour(ref a, ref b, ref c, ref d);
                Store(a, planes + at);
                Store(b, planes + stride + at);
                Store(c, planes + (2 * stride) + at);
                Store(d, planes + (3 * stride) + at);
            }
        }
    }

    /// <summary>The eight bits of eight groups as a plane of ones each.</summary>
    /// <param name="groups">The groups.</param>
    /// <param name="planes">The lowest bit's plane.</param>
    /// <param name="stride">Bytes from one plane to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Ones(byte* groups, byte* planes, int stride)
    {
        Vector256<uint> evenBits = Vector256.Create(0x55555555u);
        for (int at = 0; at < Group; at += Half)
        {
            Vector256<uint> a = Load(groups + at), b = Load(groups + Group + at);
            Vector256<uint> c = Load(groups + (2 * Group) + at), d = Load(groups + (3 * Group) + at);
            Vector256<uint> e = Load(groups + (4 * Group) + at), f = Load(groups + (5 * Group) + at);
            Vector256<uint> g = Load(groups + (6 * Group) + at), h = Load(groups + (7 * Group) + at);
            Swap(ref a, ref b, 1, evenBits);
            Swap(ref c, ref d, 1, evenBits);
            Swap(ref e, ref f, 1, evenBits);
            Swap(ref g, ref h, 1, evenBits);
            FourByFour(ref a, ref c, ref e, ref g);
            FourByFour(ref b, ref d, ref f, ref h);
            Store(a, planes + at);
            Store(b, planes + stride + at);
            Store(c, planes + (2 * stride) + at);
            Store(d, planes + (3 * stride) + at);
            Store(e, planes + (4 * stride) + at);
            Store(f, planes + (5 * stride) + at);
            Store(g, planes + (6 * stride) + at);
            Store(h, planes + (7 * stride) + at);
        }
    }

    /// <summary>32 bits of each row, one an input, as a plane of ones: bit 4g + i of a dword becomes bit g of its byte i.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void FifthBits(byte* source, nint rowBytes, byte* plane)
    {
        for (int half = 0; half < 2; half++, source += 8 * rowBytes, plane += Half)
        {
            Vector256<uint> bits = Vector256.Create(FourRows(source, rowBytes), FourRows(source + (4 * rowBytes), rowBytes));
            // The places' numbers, as five bits g2 g1 g0 i1 i0, turn into i1 i0 g2 g1 g0: a rotation, made of four exchanges.
            ExchangePlaces(ref bits, 3, 0x0A0A0A0A);
            ExchangePlaces(ref bits, 6, 0x00CC00CC);
            ExchangePlaces(ref bits, 12, 0x0000F0F0);
            ExchangePlaces(ref bits, 8, 0x0000FF00);
            Store(bits, plane);
        }
    }

    /// <summary>Byte b of each lane of a group, to [b, 16 lanes].</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Bytes(byte* group, byte* target) => Bytes(Load(group), Load(group + Half), target);

    /// <summary>The lower and the upper half of each lane's dword, as 16 halves each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split(byte* group, byte* lower, byte* upper)
    {
        Vector256<int> a = Load(group).AsInt32(), b = Load(group + Half).AsInt32(), mask = Vector256.Create(0xFFFF);
        InOrder(Avx2.PackUnsignedSaturate(a & mask, b & mask)).Store((ushort*)lower);
        InOrder(Avx2.PackUnsignedSaturate(a >>> 16, b >>> 16)).Store((ushort*)upper);

        // Packing leaves lanes 0 to 3 and 8 to 11 in the lower 128 bits.
        static Vector256<ushort> InOrder(Vector256<ushort> v) => Avx2.Permute4x64(v.AsUInt64(), 0b11_01_10_00).AsUInt16();
    }

    /// <summary>Q4_K's and Q5_K's part scales and minima, 6 bits each.</summary>
    /// <param name="packed">Three groups: the 12 bytes that hold them.</param>
    /// <param name="scales">[8, 16 lanes].</param>
    /// <param name="minima">[8, 16 lanes].</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ScalesAndMinima(byte* packed, byte* scales, byte* minima)
    {
        Vector256<uint> six = Vector256.Create(0x3F3F3F3Fu), top = Vector256.Create(0x30303030u), low = LowNibbles;
        Vector256<uint> s0 = Load(packed), s1 = Load(packed + Half), m0 = Load(packed + Group), m1 = Load(packed + Group + Half);
        Vector256<uint> r0 = Load(packed + (2 * Group)), r1 = Load(packed + (2 * Group) + Half);
        Bytes(s0 & six, s1 & six, scales);
        Bytes((r0 & low) | ((s0 >>> 2) & top), (r1 & low) | ((s1 >>> 2) & top), scales + Group);
        Bytes(m0 & six, m1 & six, minima);
        Bytes(((r0 >>> 4) & low) | ((m0 >>> 2) & top), ((r1 >>> 4) & low) | ((m1 >>> 2) & top), minima + Group);
    }

    /// <summary>Q3_K's part scales, 6 bits each, less 32.</summary>
    /// <param name="packed">Three groups: the 12 bytes that hold them.</param>
    /// <param name="scales">[16, 16 lanes].</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SixBitScales(byte* packed, byte* scales)
    {
        for (int i = 0; i < 4; i++, scales += Group)
        {
            byte* low = packed + ((i & 1) * Group), high = packed + (2 * Group);
            Bytes(Scale(Load(low), Load(high), i), Scale(Load(low + Half), Load(high + Half), i), scales);
        }

        static Vector256<uint> Scale(Vector256<uint> low, Vector256<uint> high, int i)
        {
            Vector256<uint> top = ((high >>> (2 * i)) & Vector256.Create(0x03030303u)) << 4;
            return (((low >>> (i >= 2 ? 4 : 0)) & LowNibbles | top).AsByte() - Vector256.Create((byte)32)).AsUInt32();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Load(byte* p) => Vector256.Load((uint*)p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<uint> v, byte* p) => v.Store((uint*)p);

    /// <summary>Exchanges the fields of <paramref name="a"/> that lie above the mask's with those of <paramref name="b"/> that the mask has.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Swap(ref Vector256<uint> a, ref Vector256<uint> b, int bits, Vector256<uint> mask)
    {
        Vector256<uint> changed = ((a >>> bits) ^ b) & mask;
        a ^= changed << bits;
        b ^= changed;
    }

    /// <summary>Transposes the two-bit fields of four vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FourByFour(ref Vector256<uint> a, ref Vector256<uint> b, ref Vector256<uint> c, ref Vector256<uint> d)
    {
        Vector256<uint> evenPairs = Vector256.Create(0x33333333u);
        Swap(ref a, ref b, 2, evenPairs);
        Swap(ref c, ref d, 2, evenPairs);
        Swap(ref a, ref c, 4, LowNibbles);
        Swap(ref b, ref d, 4, LowNibbles);
    }

    /// <summary>Exchanges the bits at <paramref name="mask"/> with those <paramref name="distance"/> above.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ExchangePlaces(ref Vector256<uint> v, int distance, uint mask)
    {
        Vector256<uint> changed = ((v >>> distance) ^ v) & Vector256.Create(mask);
        v ^= changed | (changed << distance);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> FourRows(byte* source, nint rowBytes) => Vector128.Create(
        *(uint*)source, *(uint*)(source + rowBytes), *(uint*)(source + (2 * rowBytes)), *(uint*)(source + (3 * rowBytes)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Bytes(Vector256<uint> lanes0, Vector256<uint> lanes8, byte* target)
    {
        Vector128<uint> a = ByByte(lanes0.GetLower()), b = ByByte(lanes0.GetUpper()), c = ByByte(lanes8.GetLower()), d = ByByte(lanes8.GetUpper());
        Vector128<ulong> ab01 = Sse2.UnpackLow(a, b).AsUInt64(), ab23 = Sse2.UnpackHigh(a, b).AsUInt64();
        Vector128<ulong> cd01 = Sse2.UnpackLow(c, d).AsUInt64(), cd23 = Sse2.UnpackHigh(c, d).AsUInt64();
        Sse2.UnpackLow(ab01, cd01).Store((ulong*)target);
        Sse2.UnpackHigh(ab01, cd01).Store((ulong*)(target + 16));
        Sse2.UnpackLow(ab23, cd23).Store((ulong*)(target + 32));
        Sse2.UnpackHigh(ab23, cd23).Store((ulong*)(target + 48));

        static Vector128<uint> ByByte(Vector128<uint> v) => Ssse3.Shuffle(
            v.AsByte(), Vector128.Create((byte)0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)).AsUInt32();
    }
}
