using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Coppice.Kernels.Formats;

/// <summary>The unquantized types. Both narrowings round to nearest even; NaN stays NaN.</summary>
internal static class FloatCodec
{
    public static void Decode(TensorType type, ReadOnlySpan<byte> blocks, Span<float> values)
    {
        switch (type)
        {
            case TensorType.F32:
                blocks.CopyTo(MemoryMarshal.AsBytes(values));
                break;
            case TensorType.F16:
                for (int i = 0; i < values.Length; i++) values[i] = (float)BinaryPrimitives.ReadHalfLittleEndian(blocks[(2 * i)..]);
                break;
            default:
                for (int i = 0; i < values.Length; i++)
                    values[i] = FromBrainFloat(BinaryPrimitives.ReadUInt16LittleEndian(blocks[(2 * i)..]));
                break;
        }
    }

    public static void Encode(TensorType type, ReadOnlySpan<float> values, Span<byte> blocks)
    {
        switch (type)
        {
            case TensorType.F32:
                MemoryMarshal.AsBytes(values).CopyTo(blocks);
                break;
            case TensorType.F16:
                for (int i = 0; i < values.Length; i++) BinaryPrimitives.WriteHalfLittleEndian(blocks[(2 * i)..], (Half)values[i]);
                break;
            default:
                for (int i = 0; i < values.Length; i++)
                    BinaryPrimitives.WriteUInt16LittleEndian(blocks[(2 * i)..], ToBrainFloat(values[i]));
                break;
        }
    }

    private static float FromBrainFloat(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    private static ushort ToBrainFloat(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        // A NaN whose payload lies in the lower half would become infinity: its quiet bit is set instead of rounding.
        if (float.IsNaN(value)) return (ushort)((bits >> 16) | 0x40);
        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
