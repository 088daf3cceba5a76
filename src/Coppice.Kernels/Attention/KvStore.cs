using System.Runtime.InteropServices;

namespace Coppice.Kernels.Attention;

/// <summary>
/// Memory of all KV pages of a model. Page p holds 16 consecutive tokens of one segment, for all layers and KV heads:
/// <code>[layer][kvHead][page][ keys: headDim x 16 tokens | values: 16 tokens x headDim ]</code>
/// (<see cref="KvLayout"/> has the bytes.)
/// Keys are transposed so that a score kernel has positions in its lanes; a head's pages lie one after another, so that pages
/// taken in order are read as one stream. Nothing is zeroed: what was never written is never used, since readers bound their
/// loops by the tokens they know to exist (zero times a stale NaN would be NaN).
/// </summary>
public sealed unsafe class KvStore : IDisposable
{
    /// <summary>Tokens a page holds.</summary>
    public const int PageTokens = 16;

    private readonly AlignedBuffer<byte> _memory;

    /// <summary>Takes the memory; the operating system commits it as pages are first written.</summary>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="kvHeads">Key/value heads of a layer.</param>
    /// <param name="headDim">Elements of a head, a multiple of 8 (Q8_0: 32), at most 256.</param>
    /// <param name="type">How elements are stored.</param>
    /// <param name="pageCount">Pages of 16 tokens.</param>
    /// <exception cref="OutOfMemoryException">The memory is not to be had.</exception>
    public KvStore(int layers, int kvHeads, int headDim, KvType type, int pageCount)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(layers, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(kvHeads, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(pageCount, 1);
        int multiple = type.HeadMultiple();
        if (headDim < multiple || headDim > AttentionKernel.MaxHeadDim || headDim % multiple != 0)
            throw new ArgumentOutOfRangeException(nameof(headDim), headDim, $"{type}: expected a multiple of {multiple} up to {AttentionKernel.MaxHeadDim}");
        Layers = layers;
        KvHeads = kvHeads;
        HeadDim = headDim;
        Type = type;
        PageCount = pageCount;
        Layout = new KvLayout(type, headDim);
        BlockBytes = 2L * Layout.HalfPageBytes;
        _memory = AlignedBuffer<byte>.Uninitialized(checked(PageBytes * pageCount));
    }

    /// <summary>Layers of the model.</summary>
    public int Layers { get; }

    /// <summary>Key/value heads of a layer.</summary>
    public int KvHeads { get; }

    /// <summary>Elements of a head.</summary>
    public int HeadDim { get; }

    /// <summary>How elements are stored.</summary>
    public KvType Type { get; }

    /// <summary>Number of pages.</summary>
    public int PageCount { get; }

    /// <summary>Bytes of one token's keys and values, all layers.</summary>
    public long BytesPerToken => 2L * Layers * KvHeads * Layout.ValueRowBytes;

    /// <summary>Bytes of one page, all layers.</summary>
    public long PageBytes => BytesPerToken * PageTokens;

    /// <summary>Bytes of one page of one head of one layer: keys, then values.</summary>
    internal long BlockBytes { get; }

    /// <summary>Where elements lie in it.</summary>
    internal KvLayout Layout { get; }

    /// <summary>Writes one token's keys and values of one layer.</summary>
    /// <param name="path">Instruction set of the conversion.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="page">The page, in [0, <see cref="PageCount"/>).</param>
    /// <param name="slot">The token's place in the page, in [0, 16).</param>
    /// <param name="keys">[kvHeads, headDim], rotated.</param>
    /// <param name="values">[kvHeads, headDim].</param>
    public void Write(KernelPath path, int layer, int page, int slot, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)layer, (uint)Layers, nameof(layer));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)page, (uint)PageCount, nameof(page));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)slot, (uint)PageTokens, nameof(slot));
        ArgumentOutOfRangeException.ThrowIfNotEqual(keys.Length, KvHeads * HeadDim, nameof(keys));
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length, KvHeads * HeadDim, nameof(values));
        for (int head = 0; head < KvHeads; head++)
        {
            ReadOnlySpan<float> headKeys = keys.Slice(head * HeadDim, HeadDim);
            ReadOnlySpan<float> headValues = values.Slice(head * HeadDim, HeadDim);
            byte* block = Block(layer, head, page);
            if (Type == KvType.F32) WriteHead((float*)block, slot, headKeys, headValues);
            else if (Type == KvType.F16) WriteHead(path, (ushort*)block, slot, headKeys, headValues);
            else WriteHead(block, slot, headKeys, headValues);
        }
    }

    /// <summary>Fills a freed page with NaN in every layer, so that whoever still reads it is found out.</summary>
    /// <param name="page">The page.</param>
    public void Poison(int page)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)page, (uint)PageCount, nameof(page));
        for (int layer = 0; layer < Layers; layer++)
            for (int head = 0; head < KvHeads; head++)
                NativeMemory.Fill(Block(layer, head, page), (nuint)BlockBytes, 0xFF);
    }

    /// <summary>Returns the memory.</summary>
    public void Dispose() => _memory.Dispose();

    /// <summary>The block of one page of one head: keys [headDim, 16], then values [16, headDim].</summary>
    internal byte* Block(int layer, int head, int page) =>
        _memory.Pointer + (((long)layer * KvHeads + head) * PageCount + page) * BlockBytes;

    private void WriteHead(float* block, int slot, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        for (int d = 0; d < keys.Length; d++) block[d * PageTokens + slot] = keys[d];
        values.CopyTo(new Span<float>(block + (PageTokens + slot) * HeadDim, HeadDim));
    }

    private void WriteHead(byte* block, int slot, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        KvBlocks.QuantizeKeys(keys, block, slot);
        KvBlocks.Quantize(values, block + Layout.HalfPageBytes + slot * Layout.ValueRowBytes);
    }

    private void WriteHead(KernelPath path, ushort* block, int slot, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        ushort* converted = stackalloc ushort[AttentionKernel.MaxHeadDim];
        fixed (float* k = keys, v = values)
        {
            HalfLanes.Narrow(path, k, converted, HeadDim);
            for (int d = 0; d < HeadDim; d++) block[d * PageTokens + slot] = converted[d];
            HalfLanes.Narrow(path, v, block + (PageTokens + slot) * HeadDim, HeadDim);
        }
    }
}
