using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels.Products;

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

    /// <summary>Rows to <see cref="Block32"/>s.</summary>
    /// <param name="path">How.</param>
    /// <param name="team">Who.</param>
    /// <param name="x">[rows, 32 * blocksPerRow].</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="blocksPerRow">Blocks of a row.</param>
    /// <param name="blocks">[rows, blocksPerRow], rows <paramref name="stride"/> bytes apart.</param>
    /// <param name="stride">Bytes.</param>
    public static void Quantize32(
        KernelPath path, WorkerTeam team, float* x, int rows, int blocksPerRow, byte* blocks, nint stride)
        => Run(team, new Work(path, x, rows, blocksPerRow, blocks, stride, BlocksOf32AnItem), &Item32);

    /// <summary>Rows to <see cref="Block256"/>s; parameters as for <see cref="Quantize32"/>.</summary>
    public static void Quantize256(
        KernelPath path, WorkerTeam team, float* x, int rows, int blocksPerRow, byte* blocks, nint stride)
        => Run(team, new Work(path, x, rows, blocksPerRow, blocks, stride, BlocksOf32AnItem / 8), &Item256);

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
            Block(work->Path, work->X + (i * 32), work->Block(i, Block32.Bytes));
    }

    private static void Item256(void* state, int item, int worker)
    {
        Work* work = (Work*)state;
        long end = Math.Min(work->Count, (item + 1L) * work->PerItem);
        for (long i = (long)item * work->PerItem; i < end; i++)
            BigBlock(work->Path, work->X + (i * 256), work->Block(i, Block256.Bytes));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Block(KernelPath path, float* x, byte* block)
    {
        uint largest = path == KernelPath.Scalar ? LargestScalar(x, 32) : LargestVector(x, 32);
        float inverse = Inverse(largest, out *(float*)(block + Block32.Scale));
        *(int*)(block + Activations.MagicAt) = Activations.Magic;
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

        *(float*)(block + Block32.ScaledSum) = *(float*)(block + Block32.Scale) * sum;
        *(int*)(block + Block32.Start(3)) = Activations.Magic - (sum << 3);
        *(int*)(block + Block32.Start(4)) = Activations.Magic - (sum << 4);
        *(int*)(block + Block32.Start(7)) = Activations.Magic - (sum << 7);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BigBlock(KernelPath path, float* x, byte* block)
    {
        uint largest = path == KernelPath.Scalar ? LargestScalar(x, 256) : LargestVector(x, 256);
        float inverse = Inverse(largest, out *(float*)(block + Block256.Scale));
        *(int*)(block + Activations.MagicAt) = Activations.Magic;
        sbyte* codes = (sbyte*)(block + Block256.Codes);
        float* sums32 = (float*)(block + Block256.Sums32);
        for (int i = 0; i < 8; i++, x += 32, codes += 32)
        {
            int first, second;
            if (path == KernelPath.Scalar)
            {
                first = CodesScalar(x, inverse, codes);
                second = CodesScalar(x + 16, inverse, codes + 16);
            }
            else
            {
                Codes32Vector(x, inverse, codes, out first, out second);
            }

            Keep(block, 2 * i, first);
            Keep(block, (2 * i) + 1, second);
            sums32[i] = first + second;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Keep(byte* block, int index, int sum)
    {
        ((float*)(block + Block256.Sums16))[index] = sum;
        ((int*)(block + Block256.Starts(2)))[index] = Activations.Magic - (sum << 2);
        ((int*)(block + Block256.Starts(5)))[index] = Activations.Magic - (sum << 5);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
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

    private readonly struct Work(
        KernelPath path, float* x, int rows, int blocksPerRow, byte* blocks, nint stride, int perItem)
    {
        public readonly KernelPath Path = path;
        public readonly float* X = x;
        public readonly long Count = (long)rows * blocksPerRow;
        public readonly int PerItem = perItem;

        public byte* Block(long index, int bytes) => blocks + (index / blocksPerRow * stride) + (index % blocksPerRow * bytes);
    }
}
