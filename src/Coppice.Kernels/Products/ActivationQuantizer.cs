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
        var run = new BlockRun(work, item, Block32.Bytes);
        while (run.Left > 0)
        {
            float* x = work->X + (run.Index * 32);
            bool four = run.Left >= 4 && work->Path != KernelPath.Scalar;
            if (four) Blocks4(x, run.Block);
            else Block(work->Path, x, run.Block);
            run.Next(four ? 4 : 1, Block32.Bytes);
        }
    }

    private static void Item256(void* state, int item, int worker)
    {
        Work* work = (Work*)state;
        for (var run = new BlockRun(work, item, Block256.Bytes); run.Left > 0; run.Next(1, Block256.Bytes))
            BigBlock(work->Path, work->X + (run.Index * 256), run.Block);
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

        float scale = *(float*)(block + Block32.Scale);
        *(float*)(block + Block32.Scale) = Half16(scale);
        *(float*)(block + Block32.ScaledSum) = Half16(scale * sum);
        *(int*)(block + Block32.Start(3)) = Activations.Magic - (sum << 3);
        *(int*)(block + Block32.Start(4)) = Activations.Magic - (sum << 4);
        *(int*)(block + Block32.Start(7)) = Activations.Magic - (sum << 7);
    }

    /// <summary>Four blocks at once: a lane a block for all that a block has one of (38 to 11 ns a block with what follows it, Zen 5).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Blocks4(float* x, byte* block)
    {
        Vector128<uint> largest = Fold(LargestOf8(x), LargestOf8(x + 32), LargestOf8(x + 64), LargestOf8(x + 96));
        Vector128<float> value = largest.AsSingle();
        // Bit patterns of magnitudes: their order as signed numbers is that of the floats.
        Vector128<float> infinite = Vector128.GreaterThan(largest.AsInt32(), Vector128.Create((int)Infinite - 1)).AsSingle();
        Vector128<float> tiny = Vector128.LessThan(largest.AsInt32(), Vector128.Create((int)Tiny)).AsSingle();
        Vector128<float> scale = Vector128.AndNot(value / Vector128.Create(127f), tiny);
        scale = Vector128.ConditionalSelect(infinite, Vector128.Create(float.NaN), scale);
        Vector128<float> usable = Vector128.OnesComplement(infinite | tiny);
        Vector128<float> inverse = (Vector128.Create(127f) / value) & usable;
        Vector128<int> sum = Vector128.Create(
            Codes32Masked(x, inverse[0], usable.AsInt32()[0], (sbyte*)(block + Block32.Codes)),
            Codes32Masked(x + 32, inverse[1], usable.AsInt32()[1], (sbyte*)(block + Block32.Bytes + Block32.Codes)),
            Codes32Masked(x + 64, inverse[2], usable.AsInt32()[2], (sbyte*)(block + (2 * Block32.Bytes) + Block32.Codes)),
            Codes32Masked(x + 96, inverse[3], usable.AsInt32()[3], (sbyte*)(block + (3 * Block32.Bytes) + Block32.Codes)));
        Vector128<int> magic = Vector128.Create(Activations.Magic);
        // The six values of each block, in the order of their places, from a lane each.
        Vector128<int> scales = Half16(scale).AsInt32(), sums = Half16(scale * Vector128.ConvertToSingle(sum)).AsInt32();
        Vector128<int> start3 = magic - (sum << 3), start4 = magic - (sum << 4), start7 = magic - (sum << 7);
        for (int i = 0; i < 4; i++, block += Block32.Bytes)
        {
            *(int*)(block + Block32.Scale) = scales[i];
            *(int*)(block + Block32.ScaledSum) = sums[i];
            *(int*)(block + Block32.Start(3)) = start3[i];
            *(int*)(block + Block32.Start(4)) = start4[i];
            *(int*)(block + Block32.Start(7)) = start7[i];
            *(int*)(block + Activations.MagicAt) = Activations.Magic;
        }
    }

    /// <summary>As the scalar <see cref="Half16(float)"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Half16(Vector128<float> value)
    {
        Vector128<float> magnitude = Vector128.Abs(value);
        Vector128<float> normal = Vector128.GreaterThanOrEqual(magnitude, Vector128.Create(6.1035156e-5f))
            & Vector128.LessThanOrEqual(magnitude, Vector128.Create(65504f));
        Vector128<uint> bits = value.AsUInt32();
        Vector128<uint> rounded = (bits + Vector128.Create(0xFFFu) + ((bits >>> 13) & Vector128<uint>.One)) & Vector128.Create(~0x1FFFu);
        return Vector128.ConditionalSelect(normal, rounded.AsSingle(), value);
    }

    /// <summary>
    /// Rounded to an F16, where that is a normal number: ggml keeps the scales of its Q8_0 and Q8_1 activations so, and with the same
    /// rounding the two agree to the order of their sums; otherwise their activations drift apart by whole codes.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Half16(float value)
    {
        if (MathF.Abs(value) is not (>= 6.1035156e-5f and <= 65504f)) return value;
        // 13 bits off the mantissa, to the nearest, ties to even: the conversions to Half and back take 8 ns, this takes 1.
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return BitConverter.UInt32BitsToSingle((bits + 0xFFF + ((bits >> 13) & 1)) & ~0x1FFFu);
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

    /// <summary>The largest bit patterns of magnitudes among 32 floats, of each place of 8.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> LargestOf8(float* x)
    {
        var mask = Vector256.Create(0x7FFFFFFFu);
        Vector256<uint> a = Avx2.Max(Vector256.Load((uint*)x) & mask, Vector256.Load((uint*)x + 8) & mask);
        return Avx2.Max(a, Avx2.Max(Vector256.Load((uint*)x + 16) & mask, Vector256.Load((uint*)x + 24) & mask));
    }

    /// <summary>The maximum of each of four vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Fold(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c, Vector256<uint> d)
    {
        Vector256<uint> ab = Avx2.Max(Avx2.UnpackLow(a, b), Avx2.UnpackHigh(a, b)); // a b a b | a b a b
        Vector256<uint> cd = Avx2.Max(Avx2.UnpackLow(c, d), Avx2.UnpackHigh(c, d));
        Vector256<uint> all = Avx2.Max(
            Avx2.UnpackLow(ab.AsUInt64(), cd.AsUInt64()).AsUInt32(), Avx2.UnpackHigh(ab.AsUInt64(), cd.AsUInt64()).AsUInt32());
        return Sse41.Max(all.GetLower(), all.GetUpper());
    }

    /// <summary>32 codes, zeros where the mask is zero, and their sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Codes32Masked(float* x, float inverse, int mask, sbyte* codes)
    {
        var factor = Vector256.Create(inverse);
        Vector256<int> keep = Vector256.Create(mask);
        Vector256<int> a = Avx.ConvertToVector256Int32(Vector256.Load(x) * factor) & keep;
        Vector256<int> b = Avx.ConvertToVector256Int32(Vector256.Load(x + 8) * factor) & keep;
        Vector256<int> c = Avx.ConvertToVector256Int32(Vector256.Load(x + 16) * factor) & keep;
        Vector256<int> d = Avx.ConvertToVector256Int32(Vector256.Load(x + 24) * factor) & keep;
        Pack(a, b, c, d, codes);
        return Vector256.Sum((a + b) + (c + d));
    }

    // Packing works within 128-bit halves: dwords come out as a0 b0 c0 d0 a1 b1 c1 d1.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Pack(Vector256<int> a, Vector256<int> b, Vector256<int> c, Vector256<int> d, sbyte* codes)
    {
        Vector256<sbyte> packed = Avx2.PackSignedSaturate(Avx2.PackSignedSaturate(a, b), Avx2.PackSignedSaturate(c, d));
        Avx2.PermuteVar8x32(packed.AsInt32(), Vector256.Create(0, 4, 1, 5, 2, 6, 3, 7)).AsSByte().Store(codes);
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
        Pack(a, b, c, d, codes);
    }

    private readonly struct Work(
        KernelPath path, float* x, int rows, int blocksPerRow, byte* blocks, nint stride, int perItem)
    {
        public readonly KernelPath Path = path;
        public readonly float* X = x;
        public readonly long Count = (long)rows * blocksPerRow;
        public readonly int PerItem = perItem;
        public readonly int BlocksPerRow = blocksPerRow;
        public readonly byte* Blocks = blocks;
        public readonly nint Stride = stride;
    }

    /// <summary>The blocks of an item in turn, row by row.</summary>
    private struct BlockRun
    {
        private readonly long _end;
        private readonly int _blocksPerRow;
        private readonly nint _gap;
        private int _column;

        public BlockRun(Work* work, int item, int blockBytes)
        {
            Index = (long)item * work->PerItem;
            _end = Math.Min(work->Count, Index + work->PerItem);
            _blocksPerRow = work->BlocksPerRow;
            _gap = work->Stride - ((nint)_blocksPerRow * blockBytes);
            (long row, long column) = Math.DivRem(Index, _blocksPerRow);
            _column = (int)column;
            Block = work->Blocks + ((nint)row * work->Stride) + (_column * blockBytes);
        }

        /// <summary>The block's number, counted through all rows.</summary>
        public long Index { get; private set; }

        public byte* Block { get; private set; }

        /// <summary>Blocks of the item that are left of this row.</summary>
        public readonly int Left => (int)Math.Min(_end - Index, _blocksPerRow - _column);

        /// <summary>Goes on by <paramref name="count"/> blocks, at most <see cref="Left"/>.</summary>
        public void Next(int count, int blockBytes)
        {
            Index += count;
            Block += count * blockBytes;
            _column += count;
            if (_column < _blocksPerRow) return;
            _column = 0;
            Block += _gap;
        }
    }
}
