using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Coppice.Kernels;

namespace Coppice.KernelBench;

/// <summary>What the machine can do at this moment: plain loops that products are held against.</summary>
internal static unsafe class Calibration
{
    private const int ChunkBytes = 1 << 20;
    private const int DotRounds = 200_000;
    private const int FmaRounds = 200_000;

    /// <summary>Seconds to read memory once, 64 bytes at a time.</summary>
    public static double ReadSeconds(WorkerTeam team, AlignedBuffer<byte> memory)
    {
        byte* p = memory.Pointer;
        int chunks = (int)(memory.Bytes / ChunkBytes);
        return Clock.Best(5, () => team.Run(chunks, p, &ReadChunk));
    }

    /// <summary>Byte products and additions a second of 256-bit VNNI in registers; 0 where there is none.</summary>
    public static double VnniRate(WorkerTeam team)
    {
        if (!AvxVnni.IsSupported) return 0;
        int items = team.Threads;
        return items * (double)DotRounds * 12 * 64 / Clock.Best(5, () => team.Run(items, null, &Dots));
    }

    /// <summary>Float operations a second of the widest fused multiply-add in registers.</summary>
    public static double FmaRate(WorkerTeam team)
    {
        int items = team.Threads;
        double lanes = Avx512F.IsSupported ? 16 : 8;
        return items * (double)FmaRounds * 12 * lanes * 2 / Clock.Best(5, () => team.Run(items, null, &Fmas));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ReadChunk(void* state, int item, int worker)
    {
        byte* p = (byte*)state + ((long)item * ChunkBytes);
        Vector256<long> a = default, b = default, c = default, d = default;
        for (byte* end = p + ChunkBytes; p < end; p += 128)
        {
            a ^= Vector256.Load((long*)p);
            b ^= Vector256.Load((long*)(p + 32));
            c ^= Vector256.Load((long*)(p + 64));
            d ^= Vector256.Load((long*)(p + 96));
        }

        Keep(((a ^ b) ^ (c ^ d)).AsInt32());
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Dots(void* state, int item, int worker)
    {
        Vector256<int> a = default, b = default, c = default, d = default, e = default, f = default;
        Vector256<int> g = default, h = default, i = default, j = default, k = default, l = default;
        Vector256<byte> w = Vector256.Create((byte)item);
        Vector256<sbyte> x = Vector256.Create((sbyte)worker);
        for (int round = 0; round < DotRounds; round++)
        {
            a = AvxVnni.MultiplyWideningAndAdd(a, w, x);
            b = AvxVnni.MultiplyWideningAndAdd(b, w, x);
            c = AvxVnni.MultiplyWideningAndAdd(c, w, x);
            d = AvxVnni.MultiplyWideningAndAdd(d, w, x);
            e = AvxVnni.MultiplyWideningAndAdd(e, w, x);
            f = AvxVnni.MultiplyWideningAndAdd(f, w, x);
            g = AvxVnni.MultiplyWideningAndAdd(g, w, x);
            h = AvxVnni.MultiplyWideningAndAdd(h, w, x);
            i = AvxVnni.MultiplyWideningAndAdd(i, w, x);
            j = AvxVnni.MultiplyWideningAndAdd(j, w, x);
            k = AvxVnni.MultiplyWideningAndAdd(k, w, x);
            l = AvxVnni.MultiplyWideningAndAdd(l, w, x);
        }

        Keep(a + b + c + d + e + f + g + h + i + j + k + l);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Fmas(void* state, int item, int worker)
    {
        Keep(Avx512F.IsSupported ? Fmas512(item) : Fmas256(item));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Vector256<int> Fmas512(int seed)
    {
        Vector512<float> a = default, b = default, c = default, d = default, e = default, f = default;
        Vector512<float> g = default, h = default, i = default, j = default, k = default, l = default;
        Vector512<float> x = Vector512.Create((float)seed);
        for (int round = 0; round < FmaRounds; round++)
        {
            a = Avx512F.FusedMultiplyAdd(x, x, a);
            b = Avx512F.FusedMultiplyAdd(x, x, b);
            c = Avx512F.FusedMultiplyAdd(x, x, c);
            d = Avx512F.FusedMultiplyAdd(x, x, d);
            e = Avx512F.FusedMultiplyAdd(x, x, e);
            f = Avx512F.FusedMultiplyAdd(x, x, f);
            g = Avx512F.FusedMultiplyAdd(x, x, g);
            h = Avx512F.FusedMultiplyAdd(x, x, h);
            i = Avx512F.FusedMultiplyAdd(x, x, i);
            j = Avx512F.FusedMultiplyAdd(x, x, j);
            k = Avx512F.FusedMultiplyAdd(x, x, k);
            l = Avx512F.FusedMultiplyAdd(x, x, l);
        }

        return (a + b + c + d + e + f + g + h + i + j + k + l).GetLower().AsInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Vector256<int> Fmas256(int seed)
    {
        Vector256<float> a = default, b = default, c = default, d = default, e = default, f = default;
        Vector256<float> g = default, h = default, i = default, j = default, k = default, l = default;
        Vector256<float> x = Vector256.Create((float)seed);
        for (int round = 0; round < FmaRounds; round++)
        {
            a = Fma.MultiplyAdd(x, x, a);
            b = Fma.MultiplyAdd(x, x, b);
            c = Fma.MultiplyAdd(x, x, c);
            d = Fma.MultiplyAdd(x, x, d);
            e = Fma.MultiplyAdd(x, x, e);
            f = Fma.MultiplyAdd(x, x, f);
            g = Fma.MultiplyAdd(x, x, g);
            h = Fma.MultiplyAdd(x, x, h);
            i = Fma.MultiplyAdd(x, x, i);
            j = Fma.MultiplyAdd(x, x, j);
            k = Fma.MultiplyAdd(x, x, k);
            l = Fma.MultiplyAdd(x, x, l);
        }

        return (a + b + c + d + e + f + g + h + i + j + k + l).AsInt32();
    }

    /// <summary>Keeps a result alive.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Keep(Vector256<int> v)
    {
        if (v[0] == int.MinValue + 12345) Console.Error.Write(' ');
    }
}
