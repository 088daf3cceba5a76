using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Coppice.Kernels.Formats;

namespace Coppice.Kernels.Tests.Formats;

public sealed class BlockCodecTests
{
    public static TheoryData<TensorType> Types => [.. TensorTypes.Supported];

    public static TheoryData<TensorType> QuantizedTypes => [.. TensorTypes.Supported.Where(t => TensorTypes.BlockSize(t) > 1)];

    // Blocks of bytes 157 i + 43 with the halves set to 0.0625 and -0.40625: FNV-1a of the floats' bytes and the elements
    // 0, 1, 17, n/2 + 3, n - 1, as ggml's dequantizers give them.
    [Theory]
    [InlineData(TensorType.Q8_0, 0xb17a1bdf6f15dc5e, 6.3125f, 0.125f, -2.875f, 0.75f, 6.5f)]
    [InlineData(TensorType.Q4_0, 0x1e951d4ba64fa91c, -0.1875f, -0.375f, -0.5f, -0.3125f, 0.0625f)]
    [InlineData(TensorType.Q4_1, 0x59611fa393eec04c, 0.53125f, 0.34375f, -0.21875f, 0.03125f, 0.40625f)]
    [InlineData(TensorType.Q5_0, 0x3c536da2b6740952, 0.5625f, -0.625f, 0.4375f, 0.6875f, -1.0f)]
    [InlineData(TensorType.Q5_1, 0xfee51f3948f8a44e, 0.78125f, 0.59375f, 0.28125f, 1.46875f, -0.15625f)]
    [InlineData(TensorType.Q2_K, 0x5033da4aa6e62976, 2.875f, 0.8125f, 4.875f, 0.78125f, 3.78125f)]
    [InlineData(TensorType.Q3_K, 0xc409a9409937bd35, 5.0625f, -6.75f, 6.0f, -2.0f, -3.9375f)]
    [InlineData(TensorType.Q4_K, 0xbfbf9ac828f5c760, 29.03125f, 23.21875f, 23.21875f, 8.125f, 45.90625f)]
    [InlineData(TensorType.Q5_K, 0xec2695925f242cc4, 60.03125f, 23.21875f, 23.21875f, 47.125f, 64.65625f)]
    [InlineData(TensorType.Q6_K, 0x6b1777941b9cace3, -35.4375f, 31.5f, 180.0f, -5.625f, -30.0f)]
    public void Decoded_blocks_equal_the_known_ones(TensorType type, ulong hash, float v0, float v1, float v17, float middle, float last)
    {
        var block = new byte[TensorTypes.BlockBytes(type)];
        for (int i = 0; i < block.Length; i++) block[i] = (byte)(157 * i + 43);
        int[] halves = Halves(type);
        for (int i = 0; i < halves.Length; i++)
            BinaryPrimitives.WriteHalfLittleEndian(block.AsSpan(halves[i]), i == 0 ? (Half)0.0625f : (Half)(-0.40625f));

        var values = new float[TensorTypes.BlockSize(type)];
        BlockCodec.Decode(type, block, values);

        Assert.Equal([v0, v1, v17, middle, last], [values[0], values[1], values[17], values[values.Length / 2 + 3], values[^1]]);
        ulong found = 0xcbf29ce484222325;
        foreach (byte b in MemoryMarshal.AsBytes<float>(values)) found = (found ^ b) * 0x100000001b3;
        Assert.Equal(hash, found);
    }

    [Theory]
    [MemberData(nameof(QuantizedTypes))]
    public void Decoded_random_blocks_follow_the_formula_of_each_element(TensorType type)
    {
        var random = new Random((int)type);
        for (int round = 0; round < 20; round++)
        {
            var block = new byte[TensorTypes.BlockBytes(type)];
            random.NextBytes(block);
            foreach (int position in Halves(type))
                BinaryPrimitives.WriteHalfLittleEndian(block.AsSpan(position), (Half)(random.NextSingle() * 2 - 1));
            var values = new float[TensorTypes.BlockSize(type)];
            BlockCodec.Decode(type, block, values);
            for (int e = 0; e < values.Length; e++)
                Assert.Equal(BitConverter.SingleToInt32Bits(Element(type, block, e)), BitConverter.SingleToInt32Bits(values[e]));
        }
    }

    // The values ((73 i + 19) mod 201 - 100) / 64, as ggml's reference quantizers encode them.
    [Theory]
    [InlineData(TensorType.Q8_0, "4d2299f653b00d69c72481de3a98f551af0b68c6227fdc3997f350ad0a67c4217edb")]
    [InlineData(TensorType.Q4_0, "4032f247adf369cf147ad0369ce147adf369")]
    [InlineData(TensorType.Q4_1, "ab3240bee147acf358be147ac0358be1479cf358")]
    [InlineData(TensorType.Q5_0, "402eb4a42d6dd39f4af6c27d39e4a06c17d38f4af6b1")]
    [InlineData(TensorType.Q5_1, "742e40beb4a42d6dc38e4af6b16c39e4905b17c38e49f6b1")]
    public void Encoded_small_blocks_equal_the_known_ones(TensorType type, string expected)
    {
        var values = new float[32];
        for (int i = 0; i < 32; i++) values[i] = ((73 * i + 19) % 201 - 100) / 64f;
        Assert.Equal(expected, Convert.ToHexStringLower(Encode(type, values)));
    }

    // Bounds: the root mean square error of ggml's reference quantizers on the same numbers, plus 1 percent.
    [Theory]
    [InlineData(TensorType.F32, 0)]
    [InlineData(TensorType.F16, 0.000212)]
    [InlineData(TensorType.BF16, 0.00169)]
    [InlineData(TensorType.Q8_0, 0.00544)]
    [InlineData(TensorType.Q6_K, 0.01803)]
    [InlineData(TensorType.Q5_1, 0.03815)]
    [InlineData(TensorType.Q5_0, 0.04337)]
    [InlineData(TensorType.Q5_K, 0.03642)]
    [InlineData(TensorType.Q4_1, 0.07881)]
    [InlineData(TensorType.Q4_0, 0.08696)]
    [InlineData(TensorType.Q4_K, 0.07210)]
    [InlineData(TensorType.Q3_K, 0.15159)]
    [InlineData(TensorType.Q2_K, 0.29907)]
    public void A_round_trip_of_normal_numbers_loses_no_more_than_the_type_must(TensorType type, double bound)
    {
        float[] values = Normal(256 * 64, 5);
        var decoded = new float[values.Length];
        BlockCodec.Decode(type, Encode(type, values), decoded);
        double sum = values.Zip(decoded, (a, b) => (double)(a - b) * (a - b)).Sum();
        Assert.InRange(Math.Sqrt(sum / values.Length), 0, bound);
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Zeros_come_back_as_zeros(TensorType type)
    {
        var decoded = new float[512];
        decoded.AsSpan().Fill(1);
        BlockCodec.Decode(type, Encode(type, new float[512]), decoded);
        Assert.All(decoded, v => Assert.Equal(0f, v));
    }

    [Theory]
    [MemberData(nameof(QuantizedTypes))]
    public void Constant_one_sided_and_tiny_blocks_stay_near(TensorType type)
    {
        foreach (float unit in new[] { 1f, -1f, 1e-3f, -300f })
        {
            float[] constant = [.. Enumerable.Repeat(unit, 256)];
            float[] ramp = [.. Enumerable.Range(0, 256).Select(i => unit * (1 + i / 256f))];
            foreach (float[] values in new[] { constant, ramp })
            {
                var decoded = new float[256];
                BlockCodec.Decode(type, Encode(type, values), decoded);
                for (int i = 0; i < 256; i++) Assert.InRange(Math.Abs(decoded[i] - values[i]), 0, 0.35 * Math.Abs(unit));
            }
        }

        // Below what an f16 scale can hold, blocks become zeros, never NaN.
        var vanished = new float[256];
        BlockCodec.Decode(type, Encode(type, [.. Enumerable.Range(0, 256).Select(i => (i - 100) * 1e-12f)]), vanished);
        Assert.All(vanished, v => Assert.InRange(v, -1e-6f, 1e-6f));
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void A_block_does_not_depend_on_its_neighbours(TensorType type)
    {
        float[] values = Normal(1024, 9);
        byte[] together = Encode(type, values);
        int half = together.Length / 2;
        Assert.Equal(together[half..], Encode(type, values[512..]));

        var whole = new float[1024];
        var part = new float[512];
        BlockCodec.Decode(type, together, whole);
        BlockCodec.Decode(type, together.AsSpan(half), part);
        Assert.Equal(whole[512..], part);
    }

    [Fact]
    public void Halves_and_brain_floats_round_to_nearest_even_and_keep_special_values()
    {
        float quietNan = BitConverter.UInt32BitsToSingle(0x7F80_0001);
        float[] values = [1f, 1f + 1f / 256, 1f + 3f / 256, -0f, float.PositiveInfinity, quietNan, 3.4e38f];
        byte[] brain = Encode(TensorType.BF16, values);
        Assert.Equal([0x3F80, 0x3F80, 0x3F82, 0x8000, 0x7F80, 0x7FC0, 0x7F80], ReadShorts(brain));

        float[] small = [1f, 1f + 1f / 2048, 1f + 3f / 2048, -0f, float.NegativeInfinity, 65504f, 65536f, 5.9604645e-8f];
        byte[] halves = Encode(TensorType.F16, small);
        Assert.Equal([0x3C00, 0x3C00, 0x3C02, 0x8000, 0xFC00, 0x7BFF, 0x7C00, 0x0001], ReadShorts(halves));

        var back = new float[7];
        BlockCodec.Decode(TensorType.BF16, brain, back);
        Assert.Equal([1f, 1f, 1f + 1f / 64, -0f, float.PositiveInfinity, float.NaN, float.PositiveInfinity], back);
    }

    [Fact]
    public void Lengths_that_do_not_belong_together_are_refused()
    {
        Assert.Throws<ArgumentException>(() => BlockCodec.Decode(TensorType.Q4_0, new byte[17], new float[32]));
        Assert.Throws<ArgumentException>(() => BlockCodec.Decode(TensorType.Q4_0, new byte[18], new float[31]));
        Assert.Throws<ArgumentException>(() => BlockCodec.Encode(TensorType.Q6_K, new float[256], new byte[211]));
        Assert.Throws<ArgumentException>(() => BlockCodec.Encode((TensorType)99, new float[256], new byte[256]));
        BlockCodec.Decode(TensorType.Q4_K, [], []);
    }

    private static byte[] Encode(TensorType type, float[] values)
    {
        var blocks = new byte[TensorTypes.Bytes(type, values.Length)];
        blocks.AsSpan().Fill(0xCC);
        BlockCodec.Encode(type, values, blocks);
        return blocks;
    }

    private static int[] ReadShorts(byte[] bytes) =>
        [.. Enumerable.Range(0, bytes.Length / 2).Select(i => (int)BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(2 * i)))];

    private static float[] Normal(int count, int seed)
    {
        var random = new Random(seed);
        var values = new float[count];
        foreach (ref float v in values.AsSpan())
            v = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return values;
    }

    private static int[] Halves(TensorType type) => type switch
    {
        TensorType.Q4_1 or TensorType.Q5_1 or TensorType.Q4_K or TensorType.Q5_K => [0, 2],
        TensorType.Q2_K => [80, 82],
        TensorType.Q3_K => [108],
        TensorType.Q6_K => [208],
        _ => [0],
    };

    /// <summary>Element e of a block by index arithmetic, one element at a time.</summary>
    private static float Element(TensorType type, byte[] b, int e)
    {
        int[] halves = Halves(type);
        float d = (float)BinaryPrimitives.ReadHalfLittleEndian(b.AsSpan(halves[0]));
        float m = halves.Length > 1 ? (float)BinaryPrimitives.ReadHalfLittleEndian(b.AsSpan(halves[1])) : 0;
        int nibble = TensorTypes.BlockSize(type) == 32 ? (b[b.Length - 16 + e % 16] >> (e < 16 ? 0 : 4)) & 15 : 0;
        int l = e % 32;
        switch (type)
        {
            case TensorType.Q8_0: return (sbyte)b[2 + e] * d;
            case TensorType.Q4_0: return (nibble - 8) * d;
            case TensorType.Q4_1: return nibble * d + m;
            case TensorType.Q5_0: return ((nibble | (Bit(b[2 + e / 8], e % 8) << 4)) - 16) * d;
            case TensorType.Q5_1: return (nibble | (Bit(b[4 + e / 8], e % 8) << 4)) * d + m;
            case TensorType.Q2_K:
                return d * (b[e / 16] & 15) * ((b[16 + e / 128 * 32 + l] >> (e % 128 / 32 * 2)) & 3) - m * (b[e / 16] >> 4);
            case TensorType.Q3_K:
            {
                int s = e / 16;
                int scale = ((s < 8 ? b[96 + s] : b[96 + s - 8] >> 4) & 15) | (((b[104 + s % 4] >> (s / 4 * 2)) & 3) << 4);
                int code = ((b[32 + e / 128 * 32 + l] >> (e % 128 / 32 * 2)) & 3) | (Bit(b[l], e / 32) << 2);
                return d * (scale - 32) * (code - 4);
            }

            case TensorType.Q4_K:
            case TensorType.Q5_K:
            {
                int s = e / 32;
                int scale = s < 4 ? b[4 + s] & 63 : (b[8 + s] & 15) | ((b[s] >> 6) << 4);
                int min = s < 4 ? b[8 + s] & 63 : (b[8 + s] >> 4) | ((b[4 + s] >> 6) << 4);
                int code = (b[b.Length - 128 + e / 64 * 32 + l] >> (e % 64 / 32 * 4)) & 15;
                if (type == TensorType.Q5_K) code |= Bit(b[16 + l], s) << 4;
                return d * scale * code - m * min;
            }

            default:
            {
                int within = e % 128;
                int code = ((b[e / 128 * 64 + within % 64] >> (within / 64 * 4)) & 15) | (((b[128 + e / 128 * 32 + l] >> (within / 32 * 2)) & 3) << 4);
                return d * (sbyte)b[192 + e / 16] * (code - 32);
            }
        }
    }

    private static int Bit(int value, int index) => (value >> index) & 1;
}
