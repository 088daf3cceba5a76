namespace Coppice.Kernels.Attention;

/// <summary>
/// Where the elements of one page of one KV head lie. Keys are transposed: 16 tokens of one element lie side by side.
/// <code>
/// F16, F32  keys [headDim][16 tokens]                                    values [16 tokens][headDim]
/// Q8_0      keys [headDim / 32][scale of 16 tokens | code [32][16]]      values [16 tokens][headDim / 32][scale | code [32]]
/// </code>
/// </summary>
internal readonly record struct KvLayout
{
    /// <summary>Makes the layout of a type and a head size.</summary>
    /// <param name="type">How elements are stored.</param>
    /// <param name="headDim">Elements of a head.</param>
    public KvLayout(KvType type, int headDim)
    {
        Type = type;
        HeadDim = headDim;
        ValueRowBytes = (int)type.Bytes(headDim);
    }

    /// <summary>How elements are stored.</summary>
    public KvType Type { get; }

    /// <summary>Elements of a head.</summary>
    public int HeadDim { get; }

    /// <summary>Bytes of a token's values, as many as those of its keys.</summary>
    public int ValueRowBytes { get; }

    /// <summary>Bytes of a page's keys, and of its values.</summary>
    public int HalfPageBytes => KvStore.PageTokens * ValueRowBytes;

    /// <summary>Bytes that 16 elements take; for a quantized type those of their codes.</summary>
    public int VectorBytes => Type switch
    {
        KvType.F16 => 16 * sizeof(ushort),
        KvType.F32 => 16 * sizeof(float),
        _ => 16,
    };
}
