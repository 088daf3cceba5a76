using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Coppice.Kernels.Formats;

/// <summary>
/// The blocks of 256 codes in sub-blocks, each with its own small integer scale s (and minimum m). Bytes of a block:
/// <code>
/// Q2_K  scalesAndMinima(16) crumbs(64) d(2) dmin(2)                    16 x 16, w = (d s) q - (dmin m), s low and m high nibble
/// Q3_K  thirdBits(32) crumbs(64) scales(12) d(2)                       16 x 16, w = (d (s - 32)) (q - 4)
/// Q4_K  d(2) dmin(2) scalesAndMinima(12) nibbles(128)                   8 x 32, w = (d s) q - (dmin m)
/// Q5_K  d(2) dmin(2) scalesAndMinima(12) fifthBits(32) nibbles(128)     8 x 32, w = (d s) q - (dmin m)
/// Q6_K  nibbles(128) crumbs(64) scales(16, signed) d(2)                16 x 16, w = (d s) (q - 32)
/// </code>
/// Crumbs are 2-bit fields. Codes lie in <see cref="BitPlanes"/> with runs of 32 bytes, of 64 for the nibbles of Q6_K.
/// </summary>
internal static class SuperBlockCodec
{
    private const int Block = 256;

    public static void Decode(TensorType type, ReadOnlySpan<byte> blocks, Span<float> values)
    {
        int bytes = TensorTypes.BlockBytes(type);
        for (; !values.IsEmpty; blocks = blocks[bytes..], values = values[Block..])
            DecodeBlock(type, blocks[..bytes], values[..Block]);
    }

    public static void Encode(TensorType type, ReadOnlySpan<float> values, Span<byte> blocks)
    {
        int bytes = TensorTypes.BlockBytes(type);
        for (; !values.IsEmpty; values = values[Block..], blocks = blocks[bytes..])
        {
            if (type is TensorType.Q3_K or TensorType.Q6_K) EncodeCentred(type, values[..Block], blocks[..bytes]);
            else EncodeWithMinima(type, values[..Block], blocks[..bytes]);
        }
    }

    private static void DecodeBlock(TensorType type, ReadOnlySpan<byte> block, Span<float> values)
    {
        Span<byte> codes = stackalloc byte[Block];
        Span<int> scales = stackalloc int[16];
        Span<int> minima = stackalloc int[16];
        float d, dmin = 0;
        int subBlock = 16;
        int offset = 0;
        switch (type)
        {
            case TensorType.Q2_K:
                BitPlanes.Unpack(block[16..80], 2, 32, 0, codes);
                for (int s = 0; s < 16; s++) (scales[s], minima[s]) = (block[s] & 15, block[s] >> 4);
                d = ReadHalf(block, 80);
                dmin = ReadHalf(block, 82);
                break;
            case TensorType.Q3_K:
                BitPlanes.Unpack(block[32..96], 2, 32, 0, codes);
                BitPlanes.Unpack(block[..32], 1, 32, 2, codes);
                UnpackScales3(block[96..108], scales);
                d = ReadHalf(block, 108);
                offset = 4;
                break;
            case TensorType.Q6_K:
                BitPlanes.Unpack(block[..128], 4, 64, 0, codes);
                BitPlanes.Unpack(block[128..192], 2, 32, 4, codes);
                for (int s = 0; s < 16; s++) scales[s] = (sbyte)block[192 + s];
                d = ReadHalf(block, 208);
                offset = 32;
                break;
            default:
                BitPlanes.Unpack(block[^128..], 4, 32, 0, codes);
                if (type == TensorType.Q5_K) BitPlanes.Unpack(block[16..48], 1, 32, 4, codes);
                UnpackScales4(block[4..16], scales, minima);
                d = ReadHalf(block, 0);
                dmin = ReadHalf(block, 2);
                subBlock = 32;
                break;
        }

        for (int s = 0; s < Block / subBlock; s++)
            BitPlanes.Expand(codes.Slice(s * subBlock, subBlock), offset, d * scales[s], dmin * minima[s], values.Slice(s * subBlock, subBlock));
    }

    /// <summary>Q2_K, Q4_K, Q5_K: scales and minima are fitted per sub-block, quantized to integers, and the codes chosen for those.</summary>
    [SkipLocalsInit]
    private static void EncodeWithMinima(TensorType type, ReadOnlySpan<float> values, Span<byte> block)
    {
        int subBlock = type == TensorType.Q2_K ? 16 : 32;
        int highest = type switch { TensorType.Q2_K => 3, TensorType.Q4_K => 15, _ => 31 };
        int highestScale = type == TensorType.Q2_K ? 15 : 63;
        int count = Block / subBlock;
        Span<float> fittedScales = stackalloc float[count];
        Span<float> fittedMinima = stackalloc float[count];
        for (int s = 0; s < count; s++)
            (fittedScales[s], fittedMinima[s]) = ScaleSearch.FitWithMinimum(values.Slice(s * subBlock, subBlock), highest);

        Span<int> scales = stackalloc int[count];
        Span<int> minima = stackalloc int[count];
        Half d = ToIntegers(fittedScales, highestScale, scales);
        Half dmin = ToIntegers(fittedMinima, highestScale, minima);
        Span<byte> codes = stackalloc byte[Block];
        for (int s = 0; s < count; s++)
        {
            float scale = (float)d * scales[s];
            NearestCodes(values.Slice(s * subBlock, subBlock), scale, (float)dmin * minima[s], 0, highest, codes.Slice(s * subBlock, subBlock));
        }

        int halves = type == TensorType.Q2_K ? 80 : 0;
        BinaryPrimitives.WriteHalfLittleEndian(block[halves..], d);
        BinaryPrimitives.WriteHalfLittleEndian(block[(halves + 2)..], dmin);
        if (type == TensorType.Q2_K)
        {
            for (int s = 0; s < 16; s++) block[s] = (byte)(scales[s] | (minima[s] << 4));
            BitPlanes.Pack(codes, 2, 32, 0, block[16..80]);
            return;
        }

        PackScales4(scales, minima, block[4..16]);
        if (type == TensorType.Q5_K) BitPlanes.Pack(codes, 1, 32, 4, block[16..48]);
        BitPlanes.Pack(codes, 4, 32, 0, block[^128..]);
    }

    /// <summary>Q3_K, Q6_K: as above without minima; the scale of largest magnitude becomes the most negative integer.</summary>
    [SkipLocalsInit]
    private static void EncodeCentred(TensorType type, ReadOnlySpan<float> values, Span<byte> block)
    {
        (int offset, int scaleLimit) = type == TensorType.Q3_K ? (4, 32) : (32, 128);
        Span<float> fitted = stackalloc float[16];
        float extreme = 0;
        for (int s = 0; s < 16; s++)
        {
            fitted[s] = ScaleSearch.FitCentred(values.Slice(s * 16, 16), offset);
            if (MathF.Abs(fitted[s]) > MathF.Abs(extreme)) extreme = fitted[s];
        }

        var d = (Half)(extreme / -scaleLimit);
        float inverse = d != Half.Zero ? 1 / (float)d : 0;
        Span<int> scales = stackalloc int[16];
        Span<byte> codes = stackalloc byte[Block];
        for (int s = 0; s < 16; s++)
        {
            scales[s] = Math.Clamp((int)MathF.Round(fitted[s] * inverse), -scaleLimit, scaleLimit - 1);
            NearestCodes(values.Slice(s * 16, 16), (float)d * scales[s], 0, offset, 2 * offset - 1, codes.Slice(s * 16, 16));
        }

        BinaryPrimitives.WriteHalfLittleEndian(block[^2..], d);
        if (type == TensorType.Q3_K)
        {
            BitPlanes.Pack(codes, 1, 32, 2, block[..32]);
            BitPlanes.Pack(codes, 2, 32, 0, block[32..96]);
            PackScales3(scales, block[96..108]);
            return;
        }

        BitPlanes.Pack(codes, 4, 64, 0, block[..128]);
        BitPlanes.Pack(codes, 2, 32, 4, block[128..192]);
        for (int s = 0; s < 16; s++) block[192 + s] = (byte)(sbyte)scales[s];
    }

    /// <summary>Integers in [0, highest] and their f16 unit, for numbers that are not negative.</summary>
    private static Half ToIntegers(ReadOnlySpan<float> numbers, int highest, Span<int> integers)
    {
        float greatest = 0;
        foreach (float number in numbers) greatest = MathF.Max(greatest, number);
        var unit = (Half)(greatest / highest);
        float inverse = unit != Half.Zero ? 1 / (float)unit : 0;
        for (int i = 0; i < numbers.Length; i++) integers[i] = Math.Clamp((int)MathF.Round(numbers[i] * inverse), 0, highest);
        return unit;
    }

    private static void NearestCodes(ReadOnlySpan<float> values, float scale, float minimum, int offset, int highest, Span<byte> codes)
    {
        float inverse = scale != 0 ? 1 / scale : 0;
        for (int i = 0; i < values.Length; i++)
            codes[i] = (byte)Math.Clamp((int)MathF.Round((values[i] + minimum) * inverse) + offset, 0, highest);
    }

    private static float ReadHalf(ReadOnlySpan<byte> block, int position) => (float)BinaryPrimitives.ReadHalfLittleEndian(block[position..]);

    /// <summary>
    /// Q3_K: 16 scales of 6 bits. Bytes 0-7 hold the low nibbles (scale s and s + 8), bytes 8-11 the upper two bits of the
    /// scales b, b + 4, b + 8, b + 12. Stored with 32 added.
    /// </summary>
    private static void UnpackScales3(ReadOnlySpan<byte> packed, Span<int> scales)
    {
        for (int s = 0; s < 16; s++)
        {
            int low = (packed[s & 7] >> (4 * (s >> 3))) & 15;
            int high = (packed[8 + (s & 3)] >> (2 * (s >> 2))) & 3;
            scales[s] = (low | (high << 4)) - 32;
        }
    }

    private static void PackScales3(ReadOnlySpan<int> scales, Span<byte> packed)
    {
        packed.Clear();
        for (int s = 0; s < 16; s++)
        {
            int stored = scales[s] + 32;
            packed[s & 7] |= (byte)((stored & 15) << (4 * (s >> 3)));
            packed[8 + (s & 3)] |= (byte)((stored >> 4) << (2 * (s >> 2)));
        }
    }

    /// <summary>
    /// Q4_K, Q5_K: 8 scales and 8 minima of 6 bits. Bytes 0-3 are the scales 0-3, bytes 4-7 the minima 0-3, in their low 6 bits;
    /// bytes 8-11 hold the low nibbles of the scales (low) and minima (high) 4-7, whose upper two bits top the bytes 0-3 and 4-7.
    /// </summary>
    private static void UnpackScales4(ReadOnlySpan<byte> packed, Span<int> scales, Span<int> minima)
    {
        for (int s = 0; s < 4; s++)
        {
            (scales[s], minima[s]) = (packed[s] & 63, packed[s + 4] & 63);
            scales[s + 4] = (packed[s + 8] & 15) | ((packed[s] >> 6) << 4);
            minima[s + 4] = (packed[s + 8] >> 4) | ((packed[s + 4] >> 6) << 4);
        }
    }

    private static void PackScales4(ReadOnlySpan<int> scales, ReadOnlySpan<int> minima, Span<byte> packed)
    {
        for (int s = 0; s < 4; s++)
        {
            packed[s] = (byte)(scales[s] | ((scales[s + 4] >> 4) << 6));
            packed[s + 4] = (byte)(minima[s] | ((minima[s + 4] >> 4) << 6));
            packed[s + 8] = (byte)((scales[s + 4] & 15) | ((minima[s + 4] & 15) << 4));
        }
    }
}
