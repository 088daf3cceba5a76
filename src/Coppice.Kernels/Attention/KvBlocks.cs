using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Coppice.Kernels.Formats;

namespace Coppice.Kernels.Attention;

/// <summary>
/// Blocks of 32 codes under one 16-bit scale, as <see cref="KvLayout"/> places them, to and from floats. An element is code * scale, which
/// a float holds exactly, so that every path has the same bits. What is not finite makes its block's elements infinite or NaN.
/// </summary>
internal static unsafe class KvBlocks
{
    /// <summary>Elements of a block.</summary>
    public const int Elements = 32;

    /// <summary>Bytes of a block of a token's values: scale, codes.</summary>
    public const int Bytes = sizeof(ushort) + Elements;

    /// <summary>Bytes of a block of a page's keys: the tokens' scales, codes [32][16 tokens].</summary>
    public const int KeyBytes = KvStore.PageTokens * Bytes;

    /// <summary>Where the codes of a block of keys begin.</summary>
    public const int KeyCodesAt = KvStore.PageTokens * sizeof(ushort);

    private const int Tokens = KvStore.PageTokens;
    private const int Lanes = 16;
    private const ushort NotANumber = 0x7E00;

    /// <summary>Quantizes a token's values of a head.</summary>
    /// <param name="values">[n], n a multiple of 32.</param>
    /// <param name="blocks">[n / 32] blocks of 34 bytes.</param>
    public static void Quantize(ReadOnlySpan<float> values, byte* blocks)
    {
        for (; !values.IsEmpty; values = values[Elements..], blocks += Bytes)
        {
            ReadOnlySpan<float> block = values[..Elements];
            BlockCodec.Encode(TensorType.Q8_0, block, new Span<byte>(blocks, Bytes));
            foreach (float value in block)
                if (float.IsNaN(value)) Unsafe.WriteUnaligned(blocks, NotANumber);
        }
    }

    /// <summary>Quantizes a token's keys of a head into its slot of a page.</summary>
    /// <param name="keys">[n], n a multiple of 32.</param>
    /// <param name="page">The page's keys.</param>
    /// <param name="slot">In [0, 16).</param>
    public static void QuantizeKeys(ReadOnlySpan<float> keys, byte* page, int slot)
    {
        byte* block = stackalloc byte[Bytes];
        for (; !keys.IsEmpty; keys = keys[Elements..], page += KeyBytes)
        {
            Quantize(keys[..Elements], block);
            ((ushort*)page)[slot] = Unsafe.ReadUnaligned<ushort>(block);
            for (int d = 0; d < Elements; d++) page[KeyCodesAt + d * Tokens + slot] = block[sizeof(ushort) + d];
        }
    }

    /// <summary>One element of a page's keys.</summary>
    public static float Key(byte* page, int d, int token)
    {
        byte* block = page + d / Elements * KeyBytes;
        return (sbyte)block[KeyCodesAt + d % Elements * Tokens + token] * HalfLanes.Widen(((ushort*)block)[token]);
    }

    /// <summary>One element of a token's, or of several tokens', values.</summary>
    public static float Value(byte* blocks, int index)
    {
        byte* block = blocks + index / Elements * Bytes;
        return (sbyte)block[sizeof(ushort) + index % Elements] * HalfLanes.Widen(Unsafe.ReadUnaligned<ushort>(block));
    }

    /// <summary>Widens a page's keys in 16 lanes; see <see cref="ITileMath.LoadKeys"/>.</summary>
    public static void LoadKeys512(byte* page, int headDim, Vector512<int> seen, float* tile)
    {
        for (int first = 0; first < headDim; first += Elements, page += KeyBytes)
        {
            Vector512<float> scales = HalfLanes.Widen(Vector256.Load((ushort*)page));
            for (int d = 0; d < Elements; d++, tile += AttentionPlan.TileTokens)
                (Codes512(page + KeyCodesAt + d * Tokens) * scales & seen.AsSingle()).Store(tile);
        }
    }

    /// <summary>Widens values in 16 lanes; see <see cref="ITileMath.LoadValues"/>.</summary>
    public static void LoadValues512(byte* blocks, int count, float* tile)
    {
        for (float* end = tile + count; tile < end; tile += Elements, blocks += Bytes)
        {
            Vector512<float> scale = Vector512.Create(HalfLanes.Widen(Unsafe.ReadUnaligned<ushort>(blocks)));
            (Codes512(blocks + sizeof(ushort)) * scale).Store(tile);
            (Codes512(blocks + sizeof(ushort) + Lanes) * scale).Store(tile + Lanes);
        }
    }

    /// <summary>Widens a page's keys in 8 lanes; see <see cref="ITileMath.LoadKeys"/>.</summary>
    public static void LoadKeys256(byte* page, int headDim, Vector256<int> seenLow, Vector256<int> seenHigh, float* tile)
    {
        for (int first = 0; first < headDim; first += Elements, page += KeyBytes)
        {
            Vector256<float> low = HalfLanes.Widen(Vector128.Load((ushort*)page)), high = HalfLanes.Widen(Vector128.Load((ushort*)page + 8));
            for (int d = 0; d < Elements; d++, tile += AttentionPlan.TileTokens)
            {
                byte* codes = page + KeyCodesAt + d * Tokens;
                (Codes256(codes) * low & seenLow.AsSingle()).Store(tile);
                (Codes256(codes + 8) * high & seenHigh.AsSingle()).Store(tile + 8);
            }
        }
    }

    /// <summary>Widens values in 8 lanes; see <see cref="ITileMath.LoadValues"/>.</summary>
    public static void LoadValues256(byte* blocks, int count, float* tile)
    {
        for (float* end = tile + count; tile < end; tile += Elements, blocks += Bytes)
        {
            Vector256<float> scale = Vector256.Create(HalfLanes.Widen(Unsafe.ReadUnaligned<ushort>(blocks)));
            for (int i = 0; i < Elements; i += 8) (Codes256(blocks + sizeof(ushort) + i) * scale).Store(tile + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Codes512(byte* codes) =>
        Avx512F.ConvertToVector512Single(Avx512F.ConvertToVector512Int32(Vector128.Load((sbyte*)codes)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Codes256(byte* codes) => Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32((sbyte*)codes));
}
