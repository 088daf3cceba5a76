using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Coppice.Kernels.Formats;

/// <summary>
/// The blocks of 32 codes under one f16 scale. Bytes of a block:
/// <code>
/// Q8_0  scale(2) codes(32, signed)                          w = d q
/// Q4_0  scale(2) nibbles(16)                                w = d (q - 8)
/// Q4_1  scale(2) minimum(2) nibbles(16)                     w = d q + m
/// Q5_0  scale(2) fifthBits(4) nibbles(16)                   w = d (q - 16)
/// Q5_1  scale(2) minimum(2) fifthBits(4) nibbles(16)        w = d q + m
/// </code>
/// Byte l of the nibbles holds code l in its low and code l + 16 in its high half; bit i of the fifth bits belongs to code i.
/// Codes are found with the scale before its rounding to f16.
/// </summary>
internal static class SmallBlockCodec
{
    private const int Block = 32;

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
            switch (type)
            {
                case TensorType.Q8_0: EncodeSigned8(values[..Block], blocks[..bytes]); break;
                case TensorType.Q4_0: EncodeCentred(values[..Block], 8, blocks[..bytes]); break;
                case TensorType.Q5_0: EncodeCentred(values[..Block], 16, blocks[..bytes]); break;
                case TensorType.Q4_1: EncodeFromMinimum(values[..Block], 15, blocks[..bytes]); break;
                default: EncodeFromMinimum(values[..Block], 31, blocks[..bytes]); break;
            }
        }
    }

    [SkipLocalsInit]
    private static void DecodeBlock(TensorType type, ReadOnlySpan<byte> block, Span<float> values)
    {
        float scale = (float)BinaryPrimitives.ReadHalfLittleEndian(block);
        if (type == TensorType.Q8_0)
        {
            ReadOnlySpan<sbyte> signed = MemoryMarshal.Cast<byte, sbyte>(block[2..]);
            for (int i = 0; i < Block; i++) values[i] = signed[i] * scale;
            return;
        }

        bool hasMinimum = type is TensorType.Q4_1 or TensorType.Q5_1;
        bool hasFifthBits = type is TensorType.Q5_0 or TensorType.Q5_1;
        float minimum = hasMinimum ? -(float)BinaryPrimitives.ReadHalfLittleEndian(block[2..]) : 0f;
        Span<byte> codes = stackalloc byte[Block];
        codes.Clear();
        BitPlanes.Unpack(block[^16..], 4, 16, 0, codes);
        if (hasFifthBits) BitPlanes.Unpack(block[^20..^16], 1, 1, 4, codes);
        BitPlanes.Expand(codes, hasMinimum ? 0 : hasFifthBits ? 16 : 8, scale, minimum, values);
    }

    /// <summary>Q8_0: the largest magnitude becomes 127; halves round away from zero.</summary>
    private static void EncodeSigned8(ReadOnlySpan<float> values, Span<byte> block)
    {
        float largest = 0;
        for (int i = 0; i < values.Length; i++)
        {
            float magnitude = MathF.Abs(values[i]);
            if (magnitude > largest) largest = magnitude;
        }

        float scale = largest / 127;
        float inverse = scale != 0 ? 1 / scale : 0;
        BinaryPrimitives.WriteHalfLittleEndian(block, (Half)scale);
        Span<sbyte> codes = MemoryMarshal.Cast<byte, sbyte>(block[2..]);
        for (int i = 0; i < values.Length; i++)
            codes[i] = (sbyte)Math.Clamp((int)MathF.Round(values[i] * inverse, MidpointRounding.AwayFromZero), -127, 127);
    }

    /// <summary>Q4_0, Q5_0: the (first) value of largest magnitude becomes code 0, that is -offset, whatever its sign.</summary>
    [SkipLocalsInit]
    private static void EncodeCentred(ReadOnlySpan<float> values, int offset, Span<byte> block)
    {
        float largest = 0;
        float extreme = 0;
        for (int i = 0; i < values.Length; i++)
        {
            float magnitude = MathF.Abs(values[i]);
            if (magnitude > largest) (largest, extreme) = (magnitude, values[i]);
        }

        float scale = extreme / -offset;
        float inverse = scale != 0 ? 1 / scale : 0;
        float half = offset + 0.5f;
        int highest = 2 * offset - 1;
        Span<byte> codes = stackalloc byte[Block];
        for (int i = 0; i < codes.Length; i++) codes[i] = (byte)Math.Clamp((int)(values[i] * inverse + half), 0, highest);
        BinaryPrimitives.WriteHalfLittleEndian(block, (Half)scale);
        PackCodes(codes, highest, block);
    }

    /// <summary>Q4_1, Q5_1: the least value becomes code 0, the greatest the highest code.</summary>
    [SkipLocalsInit]
    private static void EncodeFromMinimum(ReadOnlySpan<float> values, int highest, Span<byte> block)
    {
        float least = float.MaxValue;
        float greatest = -float.MaxValue;
        for (int i = 0; i < values.Length; i++)
        {
            float value = values[i];
            if (value < least) least = value;
            if (value > greatest) greatest = value;
        }

        float scale = (greatest - least) / highest;
        float inverse = scale != 0 ? 1 / scale : 0;
        Span<byte> codes = stackalloc byte[Block];
        for (int i = 0; i < codes.Length; i++) codes[i] = (byte)Math.Clamp((int)((values[i] - least) * inverse + 0.5f), 0, highest);
        BinaryPrimitives.WriteHalfLittleEndian(block, (Half)scale);
        BinaryPrimitives.WriteHalfLittleEndian(block[2..], (Half)least);
        PackCodes(codes, highest, block);
    }

    private static void PackCodes(ReadOnlySpan<byte> codes, int highest, Span<byte> block)
    {
        BitPlanes.Pack(codes, 4, 16, 0, block[^16..]);
        if (highest > 15) BitPlanes.Pack(codes, 1, 1, 4, block[^20..^16]);
    }
}
