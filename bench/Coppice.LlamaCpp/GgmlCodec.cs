using System.Runtime.InteropServices;
using Coppice.Kernels.Formats;

namespace Coppice.LlamaCpp;

/// <summary>ggml's own encoders and decoders of weights, the reference of ours.</summary>
public static unsafe class GgmlCodec
{
    /// <summary>Bytes that a row of elements takes.</summary>
    /// <param name="type">The format.</param>
    /// <param name="elements">A multiple of its block.</param>
    /// <exception cref="LlamaCppException">The libraries are missing.</exception>
    public static int RowBytes(TensorType type, int elements)
    {
        CheckBlocks(type, elements);
        return checked((int)NativeMethods.RowBytes((int)type, elements));
    }

    /// <summary>Encodes rows.</summary>
    /// <param name="type">The format.</param>
    /// <param name="source">Elements [rows, rowElements], row-major.</param>
    /// <param name="rowElements">Elements of a row; a multiple of the format's block.</param>
    /// <param name="destination">Where the blocks go: rows times <see cref="RowBytes"/>.</param>
    /// <exception cref="ArgumentException">The lengths do not fit.</exception>
    /// <exception cref="LlamaCppException">The libraries are missing.</exception>
    public static void Quantize(TensorType type, ReadOnlySpan<float> source, int rowElements, Span<byte> destination)
    {
        CheckBlocks(type, rowElements);
        int rows = Math.DivRem(source.Length, rowElements, out int rest);
        if (rest != 0) throw new ArgumentException($"{source.Length} elements are no rows of {rowElements}", nameof(source));
        int bytes = rows * RowBytes(type, rowElements);
        if (destination.Length != bytes) throw new ArgumentException($"the blocks take {bytes} bytes, not {destination.Length}", nameof(destination));
        fixed (float* from = source)
        fixed (byte* to = destination)
        {
            nuint written = NativeMethods.QuantizeChunk((int)type, from, to, 0, rows, rowElements, null);
            if ((int)written != bytes) throw new LlamaCppException($"ggml wrote {written} bytes of {type}, not {bytes}");
        }
    }

    /// <summary>Decodes blocks.</summary>
    /// <param name="type">The format.</param>
    /// <param name="source">Whole blocks.</param>
    /// <param name="destination">Their elements.</param>
    /// <exception cref="ArgumentException">The lengths do not fit.</exception>
    /// <exception cref="LlamaCppException">The libraries are missing.</exception>
    public static void Dequantize(TensorType type, ReadOnlySpan<byte> source, Span<float> destination)
    {
        int bytes = RowBytes(type, destination.Length);
        if (source.Length != bytes) throw new ArgumentException($"{destination.Length} elements take {bytes} bytes, not {source.Length}", nameof(source));
        NativeTypeTraits* traits = NativeMethods.TypeTraits((int)type);
        if (traits->ToFloat == null)
        {
            // Plain floats have no decoder.
            MemoryMarshal.Cast<byte, float>(source).CopyTo(destination);
            return;
        }

        fixed (byte* from = source)
        fixed (float* to = destination)
        {
            traits->ToFloat(from, to, destination.Length);
        }
    }

    // ggml ends the process on a row that is no whole number of blocks.
    private static void CheckBlocks(TensorType type, int elements)
    {
        LlamaCppLibrary.Require();
        _ = TensorTypes.Bytes(type, elements);
    }
}
