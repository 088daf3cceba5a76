using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Coppice.Kernels.Formats;
using Coppice.LlamaCpp;

namespace Coppice.Oracle.Tests.Formats;

/// <summary>Our block codecs beside ggml's: the same blocks mean the same floats, and our encoder loses no more.</summary>
public class BlockCodecTests
{
    private const int RowElements = 1024;
    private const int Rows = 16;

    public static TheoryData<TensorType> Types => [.. TensorTypes.Supported];

    public static TheoryData<TensorType> SmallBlocks => [.. TensorTypes.Supported.Where(type => TensorTypes.BlockSize(type) <= 32)];

    public static TheoryData<TensorType> SuperBlocks => [.. TensorTypes.Supported.Where(type => TensorTypes.BlockSize(type) == 256)];

    [Theory]
    [MemberData(nameof(Types))]
    public void A_row_takes_as_many_bytes(TensorType type)
    {
        TestInputs.RequireLlamaCpp();
        Assert.Equal(GgmlCodec.RowBytes(type, RowElements), TensorTypes.Bytes(type, RowElements));
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Blocks_that_ggml_encoded_decode_to_the_same_bits(TensorType type)
    {
        TestInputs.RequireLlamaCpp();
        foreach (float[] values in Inputs())
        {
            byte[] blocks = new byte[TensorTypes.Bytes(type, values.Length)];
            GgmlCodec.Quantize(type, values, RowElements, blocks);
            AssertDecodesAlike(type, blocks);
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Blocks_that_we_encoded_decode_to_the_same_bits(TensorType type)
    {
        TestInputs.RequireLlamaCpp();
        foreach (float[] values in Inputs()) AssertDecodesAlike(type, Encode(type, values));
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Blocks_of_random_bytes_decode_to_the_same_bits(TensorType type)
    {
        TestInputs.RequireLlamaCpp();
        byte[] blocks = new byte[TensorTypes.Bytes(type, RowElements * Rows)];
        new Random(7).NextBytes(blocks);
        AssertDecodesAlike(type, blocks);
    }

    [Theory]
    [MemberData(nameof(SmallBlocks))]
    public void Floats_and_small_blocks_are_encoded_to_the_same_bytes(TensorType type)
    {
        TestInputs.RequireLlamaCpp();
        foreach (float[] values in Inputs())
        {
            byte[] expected = new byte[TensorTypes.Bytes(type, values.Length)];
            GgmlCodec.Quantize(type, values, RowElements, expected);
            Assert.Equal(expected, Encode(type, values));
        }
    }

    [Theory]
    [MemberData(nameof(SuperBlocks))]
    public void Super_blocks_of_weights_lose_at_most_1_percent_more(TensorType type)
    {
        TestInputs.RequireLlamaCpp();
        foreach (float[] values in Weights())
        {
            (double ours, double theirs) = Errors(type, values);
            Assert.True(ours <= 1.01 * theirs, $"{type}: error {ours:g4}, ggml's {theirs:g4}");
        }
    }

    // Both searches are heuristics for weights: on other inputs either may be ahead, by no more than this. Where ggml meets a
    // value exactly, we may be off by the rounding of a half.
    [Theory]
    [MemberData(nameof(SuperBlocks))]
    public void Super_blocks_of_other_inputs_lose_at_most_30_percent_more(TensorType type)
    {
        TestInputs.RequireLlamaCpp();
        foreach (float[] values in OtherInputs())
        {
            (double ours, double theirs) = Errors(type, values);
            double rounding = TensorPrimitives.Norm<float>(values) / Math.Sqrt(values.Length) / 2048;
            Assert.True(ours <= 1.3 * theirs + rounding, $"{type}: error {ours:g4}, ggml's {theirs:g4}");
        }
    }

    private static byte[] Encode(TensorType type, float[] values)
    {
        byte[] blocks = new byte[TensorTypes.Bytes(type, values.Length)];
        BlockCodec.Encode(type, values, blocks);
        return blocks;
    }

    /// <summary>The root mean square error after our encoder, and after ggml's.</summary>
    private static (double Ours, double Theirs) Errors(TensorType type, float[] values)
    {
        byte[] theirs = new byte[TensorTypes.Bytes(type, values.Length)];
        GgmlCodec.Quantize(type, values, RowElements, theirs);
        return (Error(Encode(type, values)), Error(theirs));

        double Error(byte[] blocks)
        {
            float[] decoded = new float[values.Length];
            BlockCodec.Decode(type, blocks, decoded);
            return TensorPrimitives.Distance<float>(values, decoded) / Math.Sqrt(values.Length);
        }
    }

    private static void AssertDecodesAlike(TensorType type, byte[] blocks)
    {
        int elements = blocks.Length / TensorTypes.BlockBytes(type) * TensorTypes.BlockSize(type);
        float[] expected = new float[elements];
        float[] actual = new float[elements];
        GgmlCodec.Dequantize(type, blocks, expected);
        BlockCodec.Decode(type, blocks, actual);
        ReadOnlySpan<int> expectedBits = MemoryMarshal.Cast<float, int>(expected);
        ReadOnlySpan<int> actualBits = MemoryMarshal.Cast<float, int>(actual);
        for (int i = 0; i < elements; i++)
        {
            bool alike = expectedBits[i] == actualBits[i] || (float.IsNaN(expected[i]) && float.IsNaN(actual[i]));
            Assert.True(alike, $"{type}, element {i}: {actual[i]:r} ({actualBits[i]:x8}), ggml has {expected[i]:r} ({expectedBits[i]:x8})");
        }
    }

    private static IEnumerable<float[]> Inputs() => Weights().Concat(OtherInputs());

    /// <summary>Rows [Rows, RowElements] like those of models: around zero, scales that differ from sub-block to sub-block, zeros.</summary>
    private static IEnumerable<float[]> Weights()
    {
        var random = new Random(42);
        yield return Fill(_ => 0.02f * Gauss(random));
        yield return Fill(_ => random.NextSingle() * 2 - 1);
        yield return Fill(i => Gauss(random) * MathF.Pow(2, i / 16 % 7 - 3));
        yield return Fill(i => i / 256 % 2 == 0 ? 0 : Gauss(random));
    }

    /// <summary>Rows [Rows, RowElements] far from zero, with one outlier a block, with one value a block, and around the smallest half.</summary>
    private static IEnumerable<float[]> OtherInputs()
    {
        var random = new Random(43);
        yield return Fill(_ => random.NextSingle() + 3);
        yield return Fill(i => i % 256 == 77 ? 8 : 0.05f * Gauss(random));
        yield return Fill(i => i % 256 == 0 ? -1.5f : 0);
        yield return Fill(_ => 1e-7f * Gauss(random));
    }

    private static float[] Fill(Func<int, float> value) => [.. Enumerable.Range(0, Rows * RowElements).Select(value)];

    private static float Gauss(Random random) =>
        MathF.Sqrt(-2 * MathF.Log(1 - random.NextSingle())) * MathF.Cos(MathF.Tau * random.NextSingle());
}
