using Coppice.Kernels.Attention;
using Coppice.Kernels.Formats;

namespace Coppice.Kernels.Tests.Attention;

public sealed unsafe class KvBlocksTests
{
    private const int HeadDim = 96;

    public static TheoryData<KernelPath> Paths => [.. KernelPaths.Available];

    [Theory]
    [MemberData(nameof(Paths))]
    public void Pages_hold_what_the_format_of_files_holds(KernelPath path)
    {
        using var store = new KvStore(1, 1, HeadDim, KvType.Q8_0, 2);
        store.Poison(1);
        var expected = new float[16 * 2 * HeadDim];
        var random = new Random(3);
        const int Tokens = 11;
        for (int t = 0; t < Tokens; t++)
        {
            Span<float> element = expected.AsSpan(t * 2 * HeadDim, 2 * HeadDim);
            foreach (ref float e in element) e = (random.NextSingle() - 0.5f) * MathF.Pow(10, random.Next(-6, 4));
            if (t == 5) element[..40].Clear();
            store.Write(path, 0, 1, t, element[..HeadDim], element[HeadDim..]);
            var blocks = new byte[TensorTypes.Bytes(TensorType.Q8_0, element.Length)];
            BlockCodec.Encode(TensorType.Q8_0, element, blocks);
            BlockCodec.Decode(TensorType.Q8_0, blocks, element);
        }

        float* keys = stackalloc float[HeadDim * 64], values = stackalloc float[Tokens * HeadDim];
        byte* page = store.Block(0, 0, 1);
        Load(path, page, page + store.Layout.HalfPageBytes, Tokens, keys, values);
        for (int t = 0; t < 16; t++)
        {
            for (int d = 0; d < HeadDim; d++)
            {
                Assert.Equal(t < Tokens ? expected[t * 2 * HeadDim + d] : 0f, keys[d * 64 + t]);
                if (t < Tokens) Assert.Equal(expected[t * 2 * HeadDim + HeadDim + d], values[t * HeadDim + d]);
            }
        }
    }

    [Fact]
    public void A_number_that_is_none_shows_in_its_block_alone()
    {
        byte* blocks = stackalloc byte[2 * KvBlocks.Bytes];
        var values = new float[64];
        values[40] = float.NaN;
        KvBlocks.Quantize(values, blocks);
        for (int i = 0; i < 64; i++) Assert.Equal(i >= 32, float.IsNaN(KvBlocks.Value(blocks, i)));
    }

    [Theory]
    [InlineData(8)]
    [InlineData(48)]
    [InlineData(288)]
    public void Heads_that_are_not_whole_blocks_are_refused(int headDim)
    {
        string message = Assert.Throws<ArgumentOutOfRangeException>(() => new KvStore(1, 1, headDim, KvType.Q8_0, 1)).Message;
        Assert.Contains("Q8_0: expected a multiple of 32", message, StringComparison.Ordinal);
    }

    private static void Load(KernelPath path, byte* keyPage, byte* valuePage, int tokens, float* keys, float* values)
    {
        switch (path)
        {
            case KernelPath.Avx512:
                Avx512TileMath.LoadKeys(KvType.Q8_0, keyPage, HeadDim, tokens, keys);
                Avx512TileMath.LoadValues(KvType.Q8_0, valuePage, tokens * HeadDim, values);
                break;
            case KernelPath.Avx2:
                Avx2TileMath.LoadKeys(KvType.Q8_0, keyPage, HeadDim, tokens, keys);
                Avx2TileMath.LoadValues(KvType.Q8_0, valuePage, tokens * HeadDim, values);
                break;
            default:
                ScalarTileMath.LoadKeys(KvType.Q8_0, keyPage, HeadDim, tokens, keys);
                ScalarTileMath.LoadValues(KvType.Q8_0, valuePage, tokens * HeadDim, values);
                break;
        }
    }
}
