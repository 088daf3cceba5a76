namespace Coppice.Kernels.Formats;

/// <summary>How a tensor's elements are stored; the numbers are GGUF's (ggml's) own type ids.</summary>
public enum TensorType
{
    /// <summary>32-bit float.</summary>
    F32 = 0,

    /// <summary>16-bit IEEE float.</summary>
    F16 = 1,

    /// <summary>Blocks of 32: f16 scale, 4-bit codes with offset 8.</summary>
    Q4_0 = 2,

    /// <summary>Blocks of 32: f16 scale and minimum, 4-bit codes.</summary>
    Q4_1 = 3,

    /// <summary>Blocks of 32: f16 scale, 5-bit codes with offset 16.</summary>
    Q5_0 = 6,

    /// <summary>Blocks of 32: f16 scale and minimum, 5-bit codes.</summary>
    Q5_1 = 7,

    /// <summary>Blocks of 32: f16 scale, 8-bit signed codes.</summary>
    Q8_0 = 8,

    /// <summary>Blocks of 256: 2-bit codes, a 4-bit scale and minimum per 16.</summary>
    Q2_K = 10,

    /// <summary>Blocks of 256: 3-bit codes, a 6-bit scale per 16.</summary>
    Q3_K = 11,

    /// <summary>Blocks of 256: 4-bit codes, a 6-bit scale and minimum per 32.</summary>
    Q4_K = 12,

    /// <summary>Blocks of 256: 5-bit codes, a 6-bit scale and minimum per 32.</summary>
    Q5_K = 13,

    /// <summary>Blocks of 256: 6-bit codes, an 8-bit scale per 16.</summary>
    Q6_K = 14,

    /// <summary>16-bit brain float: the upper half of a 32-bit float.</summary>
    BF16 = 30,
}

/// <summary>Sizes and names of the tensor types.</summary>
public static class TensorTypes
{
    /// <summary>The types that can be read and multiplied with.</summary>
    public static IReadOnlyList<TensorType> Supported { get; } =
    [
        TensorType.F32, TensorType.F16, TensorType.BF16, TensorType.Q8_0, TensorType.Q4_0, TensorType.Q4_1, TensorType.Q5_0,
        TensorType.Q5_1, TensorType.Q2_K, TensorType.Q3_K, TensorType.Q4_K, TensorType.Q5_K, TensorType.Q6_K,
    ];

    /// <summary>Whether the type is one of <see cref="Supported"/>.</summary>
    public static bool IsSupported(TensorType type) => BlockSize(type) != 0;

    /// <summary>Elements a block holds: 1, 32 or 256; 0 for an unsupported type.</summary>
    public static int BlockSize(TensorType type) => type switch
    {
        TensorType.F32 or TensorType.F16 or TensorType.BF16 => 1,
        TensorType.Q8_0 or TensorType.Q4_0 or TensorType.Q4_1 or TensorType.Q5_0 or TensorType.Q5_1 => 32,
        TensorType.Q2_K or TensorType.Q3_K or TensorType.Q4_K or TensorType.Q5_K or TensorType.Q6_K => 256,
        _ => 0,
    };

    /// <summary>Bytes a block takes; 0 for an unsupported type.</summary>
    public static int BlockBytes(TensorType type) => type switch
    {
        TensorType.F32 => 4,
        TensorType.F16 or TensorType.BF16 => 2,
        TensorType.Q4_0 => 18,
        TensorType.Q4_1 => 20,
        TensorType.Q5_0 => 22,
        TensorType.Q5_1 => 24,
        TensorType.Q8_0 => 34,
        TensorType.Q2_K => 84,
        TensorType.Q3_K => 110,
        TensorType.Q4_K => 144,
        TensorType.Q5_K => 176,
        TensorType.Q6_K => 210,
        _ => 0,
    };

    /// <summary>Bytes that <paramref name="elements"/> elements take.</summary>
    /// <param name="type">A supported type.</param>
    /// <param name="elements">A multiple of the type's block size.</param>
    /// <exception cref="ArgumentException">The type is unsupported, or the count no multiple of its block.</exception>
    public static long Bytes(TensorType type, long elements)
    {
        int block = BlockSize(type);
        if (block == 0) throw new ArgumentException($"unsupported tensor type {(int)type}", nameof(type));
        if (elements % block != 0)
            throw new ArgumentException($"{elements} elements are no multiple of {type}'s block of {block}", nameof(elements));
        return checked(elements / block * BlockBytes(type));
    }

    /// <summary>The type of that name (as in <c>q4_K</c>, in any case), or null.</summary>
    public static TensorType? Parse(string name)
    {
        foreach (TensorType type in Supported)
            if (string.Equals(type.ToString(), name, StringComparison.OrdinalIgnoreCase)) return type;
        return null;
    }
}
