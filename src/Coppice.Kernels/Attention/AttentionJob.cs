namespace Coppice.Kernels.Attention;

/// <summary>One call of <see cref="AttentionKernel.Attend"/> as its workers see it.</summary>
internal unsafe struct AttentionJob
{
    public KernelPath Path;
    public KvType Type;
    public int Heads, KvHeads, HeadsPerGroup, HeadDim, Window;
    public float Scale, SoftCap;

    /// <summary>The layer's pages: head h, page p at h * HeadBytes + p * BlockBytes.</summary>
    public byte* Pages;

    public long HeadBytes, BlockBytes;

    /// <summary>Bytes of one token's keys and values of one head.</summary>
    public long TokenBytes;

    /// <summary>Emitted products, or null: see <see cref="Emitted.EmittedAttention"/>.</summary>
    public nint* Functions;

    /// <summary>[rows, heads, headDim].</summary>
    public float* Queries, Output;

    /// <summary>Partials of split contexts: [slots, heads, headDim], unnormalised, and [slots, heads, 2], m then l.</summary>
    public float* Partials, PartialSums;

    public PlanUnit* Units;
    public PlanRun* Runs;
    public PlanSegment* Segments;
    public int* PageNumbers, RowPosition, MergeRows, SlotStart, Slots;

    public AttentionScratch* Workers;

    /// <summary>[segments, 2]: bytes read of each, and those of them that were read for blocks of longer runs of rows.</summary>
    public long* SegmentBytes;
}

/// <summary>
/// What one worker computes in, and its counters. A unit's query heads are rows here: row r of the unit and head h of the group at
/// r * headsPerGroup + h. Padded to two cache lines, so that workers don't share any.
/// </summary>
[System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Sequential, Size = 128)]
internal unsafe struct AttentionScratch
{
    /// <summary>[headDim, 64] and [64, headDim]: the tile's keys and values.</summary>
    public float* Keys, Values;

    /// <summary>[8, 64]: scores, then weights.</summary>
    public float* Scores;

    /// <summary>[unit rows x headsPerGroup, headDim]: queries, the span's output so far, the merged spans' output.</summary>
    public float* Queries, Span, Path;

    /// <summary>[unit rows x headsPerGroup]: m and l of the span, m and l of the merged spans.</summary>
    public float* SpanMax, SpanSum, PathMax, PathSum;

    /// <summary>[unit rows x headsPerGroup]: each query head's position.</summary>
    public int* Positions;

    public long SharedBytes, PrivateBytes;
}
