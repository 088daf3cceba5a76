using System.Runtime.CompilerServices;

namespace Coppice.Kernels.Products;

/// <summary>
/// What quantized activations carry besides codes. The integer sum of code products that a product forms over a block starts at
/// <c>Magic - offset * sum of the activations</c>: it ends as Magic + sum of (weight code - offset) * activation, and because Magic
/// is the bit pattern of 1.5 * 2^23, reading the result as a float and subtracting <see cref="MagicFloat"/> gives the sum as a float,
/// exactly (it stays below 2^22), without a conversion in the multiplier's way.
/// </summary>
internal static class Activations
{
    public const int Magic = 0x4B400000;
    public const float MagicFloat = 12582912f;

    /// <summary>Byte offset of <see cref="MagicFloat"/> in blocks of either size.</summary>
    public const int MagicAt = 24;
}

/// <summary>Byte offsets in a quantized block of 32 activations.</summary>
internal static class Block32
{
    public const int Bytes = 64;

    /// <summary>float: x is about scale * code.</summary>
    public const int Scale = 0;

    /// <summary>float: scale * sum of the codes.</summary>
    public const int ScaledSum = 4;

    /// <summary>32 signed bytes.</summary>
    public const int Codes = 32;

    /// <summary>int: the start of sums for weights with offset 1 &lt;&lt; shift, for the shifts 3, 4 and 7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Start(int shift) => shift == 3 ? 8 : shift == 4 ? 12 : 16;
}

/// <summary>Byte offsets in a quantized block of 256 activations.</summary>
internal static class Block256
{
    public const int Bytes = 512;

    /// <summary>float: x is about scale * code.</summary>
    public const int Scale = 0;

    /// <summary>8 floats: sums of 32 codes each.</summary>
    public const int Sums32 = 32;

    /// <summary>16 floats: sums of 16 codes each.</summary>
    public const int Sums16 = 64;

    /// <summary>256 signed bytes.</summary>
    public const int Codes = 256;

    /// <summary>16 ints: the starts of sums over 16 inputs for weights with offset 1 &lt;&lt; shift, for the shifts 2 and 5.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Starts(int shift) => shift == 2 ? 128 : 192;
}
