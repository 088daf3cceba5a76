using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Coppice.Kernels.Formats;

namespace Coppice.Model;

/// <summary>SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014): a counter, mixed.</summary>
internal struct RandomBits(ulong seed)
{
    private const ulong Golden = 0x9E3779B97F4A7C15;
    private ulong _counter = seed;

    /// <summary>The next 64 bits.</summary>
    public ulong Next() => Mix(_counter += Golden);

    /// <summary>A seed that depends on every bit of both numbers.</summary>
    public static ulong Combine(ulong seed, ulong index) => Mix(Mix(seed + Golden) ^ (index * Golden + 1));

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}

/// <summary>
/// Fills tensors with random weights without encoding any: quantized blocks get uniform codes, and scales under which the
/// decoded weights have the root mean square asked for. Scales vary by a quarter from block to block; where a format has no
/// minimum, the sign of its scale varies too, so that codes with a mean below zero (-8..7) have none over many blocks.
/// </summary>
/// <remarks>The layouts of the blocks are in <c>ggml-common.h</c> of ggml; their meaning is in <see cref="BlockLayout"/>'s rows.</remarks>
internal sealed class RandomModelBlocks
{
    private readonly TensorType _type;
    private readonly float _rms;
    private readonly ushort[] _scales = new ushort[256];
    private readonly ushort[] _minima = new ushort[256];

    /// <param name="type">The tensor's type.</param>
    /// <param name="rms">Root mean square of the weights.</param>
    public RandomModelBlocks(TensorType type, float rms)
    {
        _type = type;
        _rms = rms;
        BlockLayout layout = BlockLayout.Of(type);
        for (int i = 0; i < 256; i++)
        {
            // A factor uniform in [0.75, 1.25], whose mean square is 1 + 1/48.
            double scale = rms / layout.CodeRms / Math.Sqrt(1 + 1.0 / 48) * (0.75 + 0.5 * (i & 127) / 127);
            if (layout.Centre == 0 && i >= 128) scale = -scale;
            _scales[i] = BitConverter.HalfToUInt16Bits((Half)scale);
            // The formats of 32 add their minimum, those of 256 subtract it.
            double minimum = layout.Centre * (double)BitConverter.UInt16BitsToHalf(_scales[i]);
            _minima[i] = BitConverter.HalfToUInt16Bits((Half)(TensorTypes.BlockSize(type) == 32 ? -minimum : minimum));
        }
    }

    /// <summary>Fills whole blocks.</summary>
    /// <param name="target">A multiple of the type's block bytes.</param>
    /// <param name="seed">The bytes depend on it alone.</param>
    public void Fill(Span<byte> target, ulong seed)
    {
        var bits = new RandomBits(seed);
        switch (_type)
        {
            case TensorType.F32: FillF32(MemoryMarshal.Cast<byte, float>(target), ref bits); return;
            case TensorType.F16: FillF16(MemoryMarshal.Cast<byte, ushort>(target), ref bits); return;
            case TensorType.BF16: FillBF16(MemoryMarshal.Cast<byte, ushort>(target), ref bits); return;
        }
        int blockBytes = TensorTypes.BlockBytes(_type);
        for (; target.Length >= blockBytes; target = target[blockBytes..]) FillBlock(target[..blockBytes], ref bits);
    }

    private void FillF32(Span<float> target, ref RandomBits bits)
    {
        foreach (ref float value in target) value = NearlyNormal(bits.Next());
    }

    private void FillF16(Span<ushort> target, ref RandomBits bits)
    {
        foreach (ref ushort value in target) value = BitConverter.HalfToUInt16Bits((Half)NearlyNormal(bits.Next()));
    }

    private void FillBF16(Span<ushort> target, ref RandomBits bits)
    {
        foreach (ref ushort value in target) value = (ushort)(BitConverter.SingleToUInt32Bits(NearlyNormal(bits.Next())) >> 16);
    }

    /// <summary>The sum of four uniform numbers, scaled: close to normal, and within 3.5 deviations.</summary>
    private float NearlyNormal(ulong bits)
    {
        int sum = (int)(bits & 0xFFFF) + (int)((bits >> 16) & 0xFFFF) + (int)((bits >> 32) & 0xFFFF) + (int)(bits >> 48);
        return (sum - 131_070) * (1.7320508f / 65_536) * _rms;
    }

    private void FillBlock(Span<byte> block, ref RandomBits bits)
    {
        ulong choice = bits.Next();
        ushort scale = _scales[(byte)choice];
        ushort minimum = _minima[(byte)choice];
        ulong scaleBits = bits.Next();
        switch (_type)
        {
            case TensorType.Q8_0:
                PutU16(block, 0, scale);
                PutSignedCodes(block[2..], ref bits);
                break;
            case TensorType.Q4_0:
                PutU16(block, 0, scale);
                PutCodes(block[2..], ref bits);
                break;
            case TensorType.Q4_1:
                PutU16(block, 0, scale);
                PutU16(block, 2, minimum);
                PutCodes(block[4..], ref bits);
                break;
            case TensorType.Q5_0:
                PutU16(block, 0, scale);
                PutU32(block, 2, (uint)scaleBits); // Fifth bits.
                PutCodes(block[6..], ref bits);
                break;
            case TensorType.Q5_1:
                PutU16(block, 0, scale);
                PutU16(block, 2, minimum);
                PutU32(block, 4, (uint)scaleBits); // Fifth bits.
                PutCodes(block[8..], ref bits);
                break;
            case TensorType.Q2_K:
                PutU64(block, 0, ScalesQ2K(scaleBits));
                PutU64(block, 8, ScalesQ2K(bits.Next()));
                PutCodes(block[16..80], ref bits);
                PutU16(block, 80, scale);
                PutU16(block, 82, minimum);
                break;
            case TensorType.Q3_K:
                PutCodes(block[..96], ref bits);
                PutScalesQ3K(block[96..108], scaleBits, (uint)(choice >> 32));
                PutU16(block, 108, scale);
                break;
            case TensorType.Q4_K or TensorType.Q5_K:
                PutU16(block, 0, scale);
                PutU16(block, 2, minimum);
                PutScalesQ45K(block[4..16], scaleBits);
                PutCodes(block[16..], ref bits);
                break;
            case TensorType.Q6_K:
                PutCodes(block[..192], ref bits);
                PutU64(block, 192, ScalesQ6K(scaleBits));
                PutU64(block, 200, ScalesQ6K(bits.Next()));
                PutU16(block, 208, scale);
                break;
            default: throw new InvalidOperationException($"no random blocks for {_type}");
        }
    }

    private static void PutCodes(Span<byte> target, ref RandomBits bits)
    {
        foreach (ref ulong codes in MemoryMarshal.Cast<byte, ulong>(target)) codes = bits.Next();
    }

    /// <summary>Eight-bit codes without -128, which no encoder makes: each such byte becomes -127.</summary>
    private static void PutSignedCodes(Span<byte> target, ref RandomBits bits)
    {
        const ulong Low7 = 0x7F7F7F7F7F7F7F7F;
        foreach (ref ulong codes in MemoryMarshal.Cast<byte, ulong>(target))
        {
            ulong random = bits.Next();
            ulong flipped = random ^ ~Low7; // A byte of zero here was 0x80.
            ulong zeroBytes = ~(((flipped & Low7) + Low7) | flipped | Low7);
            codes = random | (zeroBytes >> 7);
        }
    }

    /// <summary>Eight bytes of scale (low) and minimum (high), both in 8..15 and equal up to the last bit.</summary>
    private static ulong ScalesQ2K(ulong random)
    {
        ulong low = (random & 0x0707070707070707) | 0x0808080808080808;
        ulong high = low ^ ((random >> 3) & 0x0101010101010101);
        return low | (high << 4);
    }

    /// <summary>Sixteen 6-bit scales s with s - 32 in -32..-17 or 16..31: low halves in eight bytes, then the upper two bits.</summary>
    private static void PutScalesQ3K(Span<byte> target, ulong lowHalves, uint signs)
    {
        PutU64(target, 0, lowHalves);
        uint upper = signs & 0x55555555;
        PutU32(target, 8, upper | (upper << 1));
    }

    /// <summary>Eight 6-bit scales and minima in 32..63, a minimum within 3 of its scale, packed into twelve bytes.</summary>
    private static void PutScalesQ45K(Span<byte> target, ulong random)
    {
        ulong scales = (random & 0x1F1F1F1F1F1F1F1F) | 0x2020202020202020;
        ulong minima = scales ^ ((random >> 5) & 0x0303030303030303);
        (uint scales0, uint scales4) = ((uint)scales, (uint)(scales >> 32));
        (uint minima0, uint minima4) = ((uint)minima, (uint)(minima >> 32));
        PutU32(target, 0, scales0 | (((scales4 >> 4) & 0x03030303) << 6));
        PutU32(target, 4, minima0 | (((minima4 >> 4) & 0x03030303) << 6));
        PutU32(target, 8, (scales4 & 0x0F0F0F0F) | ((minima4 & 0x0F0F0F0F) << 4));
    }

    /// <summary>Eight signed scales in -128..-65 or 64..127: the second bit is the opposite of the sign.</summary>
    private static ulong ScalesQ6K(ulong random) =>
        (random & 0xBFBFBFBFBFBFBFBF) | ((~random & 0x8080808080808080) >> 1);

    private static void PutU16(Span<byte> target, int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(target[at..], value);

    private static void PutU32(Span<byte> target, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(target[at..], value);

    private static void PutU64(Span<byte> target, int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(target[at..], value);
}

/// <summary>What a type's random codes amount to before the block's scale.</summary>
/// <param name="CodeRms">Root mean square of code times inner scale, around the centre.</param>
/// <param name="Centre">The mean code, which the minimum takes away; 0 for formats without one.</param>
internal readonly record struct BlockLayout(double CodeRms, double Centre)
{
    // A code uniform in 0..n-1 has variance (n*n - 1) / 12; an offset of n/2 leaves a mean of -1/2, whose square adds to it.
    // Inner scales: Q2_K 8..15, Q4_K and Q5_K 32..63, Q3_K 16..32 and Q6_K 64..128 with either sign.
    public static BlockLayout Of(TensorType type) => type switch
    {
        TensorType.Q8_0 => new(73.9, 0),
        TensorType.Q4_0 => new(Math.Sqrt(21.25 + 0.25), 0),
        TensorType.Q4_1 => new(Math.Sqrt(21.25), 7.5),
        TensorType.Q5_0 => new(Math.Sqrt(85.25 + 0.25), 0),
        TensorType.Q5_1 => new(Math.Sqrt(85.25), 15.5),
        TensorType.Q2_K => new(Math.Sqrt(1.25) * 11.73, 1.5),
        TensorType.Q3_K => new(Math.Sqrt(5.25 + 0.25) * 24.44, 0),
        TensorType.Q4_K => new(Math.Sqrt(21.25) * 48.39, 7.5),
        TensorType.Q5_K => new(Math.Sqrt(85.25) * 48.39, 15.5),
        TensorType.Q6_K => new(Math.Sqrt(341.25 + 0.25) * 97.77, 0),
        _ => new(1, 0),
    };
}
