namespace Coppice.Kernels.Formats;

/// <summary>
/// The specification of every tensor type: what a block's bytes mean, and how floats become blocks. Plain C#, the same on
/// every machine; the matrix kernels are tested against it.
/// <para>
/// A block holds integer codes and says how to scale them: w = scale * (code - offset) - minimum, rounded after the product and
/// after the difference. The small blocks (Q8_0, Q4_0, Q4_1, Q5_0, Q5_1) have 32 codes under one scale. The super-blocks
/// (the "K" types) have 256 codes in sub-blocks of 16 or 32; a sub-block's scale and minimum are small integers times the
/// super-block's d and dmin. Layouts and arithmetic are those of GGUF files (ggml).
/// </para>
/// </summary>
public static class BlockCodec
{
    /// <summary>Expands blocks to floats; the values are exact by the definition of the type, bit for bit.</summary>
    /// <param name="type">A supported type.</param>
    /// <param name="blocks">[values / blockSize] blocks of the type.</param>
    /// <param name="values">[n], n a multiple of the block size.</param>
    /// <exception cref="ArgumentException">The type is unsupported or the lengths do not belong together.</exception>
    public static void Decode(TensorType type, ReadOnlySpan<byte> blocks, Span<float> values)
    {
        CheckLengths(type, blocks.Length, values.Length);
        switch (type)
        {
            case TensorType.F32 or TensorType.F16 or TensorType.BF16:
                FloatCodec.Decode(type, blocks, values);
                break;
            case TensorType.Q2_K or TensorType.Q3_K or TensorType.Q4_K or TensorType.Q5_K or TensorType.Q6_K:
                SuperBlockCodec.Decode(type, blocks, values);
                break;
            default:
                SmallBlockCodec.Decode(type, blocks, values);
                break;
        }
    }

    /// <summary>
    /// Quantizes floats to the nearest codes. The small blocks are those of ggml's reference quantizer; the super-blocks come
    /// from a search of scale and minimum (<see cref="ScaleSearch"/>). The floats are expected to be finite.
    /// </summary>
    /// <param name="type">A supported type.</param>
    /// <param name="values">[n], n a multiple of the block size.</param>
    /// <param name="blocks">[values / blockSize] blocks of the type; every byte is written.</param>
    /// <exception cref="ArgumentException">The type is unsupported or the lengths do not belong together.</exception>
    public static void Encode(TensorType type, ReadOnlySpan<float> values, Span<byte> blocks)
    {
        CheckLengths(type, blocks.Length, values.Length);
        switch (type)
        {
            case TensorType.F32 or TensorType.F16 or TensorType.BF16:
                FloatCodec.Encode(type, values, blocks);
                break;
            case TensorType.Q2_K or TensorType.Q3_K or TensorType.Q4_K or TensorType.Q5_K or TensorType.Q6_K:
                SuperBlockCodec.Encode(type, values, blocks);
                break;
            default:
                SmallBlockCodec.Encode(type, values, blocks);
                break;
        }
    }

    private static void CheckLengths(TensorType type, int bytes, int elements)
    {
        long expected = TensorTypes.Bytes(type, elements);
        if (bytes != expected)
            throw new ArgumentException($"{elements} elements of {type} take {expected} bytes, found {bytes}", nameof(bytes));
    }
}
