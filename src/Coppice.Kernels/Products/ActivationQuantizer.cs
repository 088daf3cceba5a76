using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels.Products;

/// <summary>Offsets in a quantized block of 32 activations.</summary>
internal static class Block32
{
    public const int Bytes = 48;
    /// <summary>float: x is about scale * code.</summary>
    public const int Scale = 0;
    /// <summary>float: scale * sum of the codes.</summary>
    public const int ScaledSum = 4;
    /// <summary>int: sum of the codes.</summary>
    public const int Sum = 8;
    /// <summary>32 signed bytes.</summary>
    public const int Codes = 16;
}

/// <summary>Offsets in a quantized block of 256 activations.</summary>
internal static class Block256
{
    public const int Bytes = 432;
    /// <summary>float: x is about scale * code.</summary>
    public const int Scale = 0;
    /// <summary>16 ints: sums of 16 codes each.</summary>
    public const int Sums = 16;
    /// <summary>16 floats: the same.</summary>
    public const int FloatSums16 = 80;
    /// <summary>8 floats: sums of 32 codes each.</summary>
    public const int FloatSums32 = 144;
    /// <summary>256 signed bytes.</summary>
    public const int Codes = 176;
}

/// <summary>
/// Floats to signed bytes, block by block: scale = max|x| / 127, code = x * (127 / max|x|) rounded to the nearest, ties to even.
/// The maximum is taken over the bit patterns, so its order does not matter. A block below 2^-100 counts as zeros; a block with
/// an infinity or a NaN gets the scale NaN, which every product with it then shows.
/// </summary>
internal static unsafe class ActivationQuantizer
{
    private const uint Tiny = (127 - 100) << 23;
    private const uint Infinite = 0x7F800000;
    private const int BlocksOf32AnItem = 256;

    public static void Quantize32(KernelPath path, WorkerTeam team, float* x, byte* blocks, long count)
        => Run(team, new Work(path, x, blocks, count, BlocksOf32AnItem), &Item32);

    public static void Quantize256(KernelPath path, WorkerTeam team, float* x, byte* blocks, long count)
        => Run(team, new Work(path, x, blocks, count, BlocksOf32AnItem / 8), &Item256);

    private static void Run(WorkerTeam team, Work work, delegate*<void*, int, int, void> body)
    {
        int items = (int)((work.Count + work.PerItem - 1) / work.PerItem);
        // Waking the team costs more than quantizing a row or two.
        if (items > 2) team.Run(items, &work, body);
        else for (int i = 0; i < items; i++) body(&work, i, 0);
    }

    private static void Item32(void* state, int item, int worker)
    {
        Work* work = (Work*)state;
        long end = Math.Min(work->Count, (item + 1L) * work->PerItem);
        for (long i = (long)item * work->PerItem; i < end; i++)
            Block(work->Path, work->X + (i * 32), work->Blocks + (i * Block32.Bytes));
    }

    private static void Item256(void* state, int item, int worker)
    {
        Work* work = (Work*)state;
        long end = Math.Min(work->Count, (item + 1L) * work->PerItem);
        for (long i = (long)item * work->PerItem; i < end; i++)
            BigBlock(work->Path, work->X + (i * 256), work->Blocks + (i * Block256.Bytes));
    }

    private static void Block(KernelPath path, float* x, byte* block)
    {
        uint largest = path == KernelPath.Scalar ? LargestScalar(x, 32) : LargestVector(x, 32);
        float inverse = Inverse(largest, out *(float*)(block + Block32.Scale));
        sbyte* codes = (sbyte*)(block + Block32.Codes);
        int sum;
        if (path == KernelPath.Scalar)
        {
            sum = CodesScalar(x, inverse, codes) + CodesScalar(x + 16, inverse, codes + 16);
        }
        else
        {
            Codes32Vector(x, inverse, codes, out int first, out int second);
            sum = first + second;
        }

        *(int*)(block + Block32.Sum) = sum;
        *(float*)(block + Block32.ScaledSum) = *(float*)(block + Block32.Scale) * sum;
    }

    private static void BigBlock(KernelPath path, float* x, byte* block)
    {
        uint largest = path == KernelPath.Scalar ? LargestScalar(x, 256) : LargestVector(x, 256);
        float inverse = Inverse(largest, out *(float*)(block + Block256.Scale));
        sbyte* codes = (sbyte*)(block + Block256.Codes);
        int* sums = (int*)(block + Block256.Sums);
        float* sums16 = (float*)(block + Block256.FloatSums16);
        float* sums32 = (float*)(block + Block256.FloatSums32);
        for (int i = 0; i < 8; i++)
        {
            if (path == KernelPath.Scalar)
            {
                sums[2 * i] = CodesScalar(x + (32 * i), inverse, codes + (32 * i));
                sums[(2 * i) + 1] = CodesScalar(x + (32 * i) + 16, inverse, codes + (32 * i) + 16);
            }
            else
            {
                Codes32Vector(x + (32 * i), inverse, codes + (32 * i), out sums[2 * i], out sums[(2 * i) + 1]);
            }

            sums16[2 * i] = sums[2 * i];
            sums16[(2 * i) + 1] = sums[(2 * i) + 1];
            sums32[i] = sums[2 * i] + sums[(2 * i) + 1];
        }
    }

    private static float Inverse(uint largest, out float scale)
    {
        float value = BitConverter.UInt32BitsToSingle(largest);
        scale = largest >= Infinite ? float.NaN : largest < Tiny ? 0 : value / 127;
        return largest >= Infinite || largest < Tiny ? 0 : 127 / value;
    }

    private static uint LargestScalar(float* x, int count)
    {
        uint largest = 0;
        for (int i = 0; i < count; i++) largest = Math.Max(largest, BitConverter.SingleToUInt32Bits(x[i]) & 0x7FFFFFFF);
        return largest;
    }

    /// <summary>16 codes and their sum.</summary>
    private static int CodesScalar(float* x, float inverse, sbyte* codes)
    {
        int sum = 0;
        for (int i = 0; i < 16; i++)
        {
            // Without a scale all codes are zero, also those of infinities and NaNs.
            int code = inverse == 0 ? 0 : (int)MathF.Round(x[i] * inverse, MidpointRounding.ToEven);
            codes[i] = (sbyte)code;
            sum += code;
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint LargestVector(float* x, int count)
    {
        var mask = Vector256.Create(0x7FFFFFFFu);
        Vector256<uint> a = Vector256<uint>.Zero, b = Vector256<uint>.Zero;
        for (int i = 0; i < count; i += 16)
        {
            a = Avx2.Max(a, Vector256.Load((uint*)x + i) & mask);
            b = Avx2.Max(b, Vector256.Load((uint*)x + i + 8) & mask);
        }

        a = Avx2.Max(a, b);
        Vector128<uint> c = Sse41.Max(a.GetLower(), a.GetUpper());
        c = Sse41.Max(c, Vector128.Shuffle(c, Vector128.Create(2u, 3, 0, 1)));
        return Math.Max(c[0], c[1]);
    }

    /// <summary>32 codes and the sums of each 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Codes32Vector(float* x, float inverse, sbyte* codes, out int first, out int second)
    {
        if (inverse == 0)
        {
            Vector256<sbyte>.Zero.Store(codes);
            first = second = 0;
            return;
        }

        var factor = Vector256.Create(inverse);
        Vector256<int> a = Avx.ConvertToVector256Int32(Vector256.Load(x) * factor);
        Vector256<int> b = Avx.ConvertToVector256Int32(Vector256.Load(x + 8) * factor);
        Vector256<int> c = Avx.ConvertToVector256Int32(Vector256.Load(x + 16) * factor);
        Vector256<int> d = Avx.ConvertToVector256Int32(Vector256.Load(x + 24) * factor);
        first = Vector256.Sum(a + b);
        second = Vector256.Sum(c + d);
        // Packing works within 128-bit halves: dwords come out as a0 b0 c0 d0 a1 b1 c1 d1.
        Vector256<sbyte> packed = Avx2.PackSignedSaturate(Avx2.PackSignedSaturate(a, b), Avx2.PackSignedSaturate(c, d));
        Avx2.PermuteVar8x32(packed.AsInt32(), Vector256.Create(0, 4, 1, 5, 2, 6, 3, 7)).AsSByte().Store(codes);
    }

    private readonly struct Work(KernelPath path, float* x, byte* blocks, long count, int perItem)
    {
        public readonly KernelPath Path = path;
        public readonly float* X = x;
        public readonly byte* Blocks = blocks;
        public readonly long Count = count;
        public readonly int PerItem = perItem;
    }
}
