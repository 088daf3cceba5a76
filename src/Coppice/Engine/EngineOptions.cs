using Coppice.Kernels;
using Coppice.Kernels.Attention;

namespace Coppice;

/// <summary>How an <see cref="Engine"/> is set up.</summary>
public sealed record EngineOptions
{
    /// <summary>Threads that compute, the step loop's own included.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>How keys and values are stored.</summary>
    public KvType KvType { get; init; } = KvType.F16;

    /// <summary>Bifurcated attention, or the baseline in which every branch reads the whole context itself.</summary>
    public AttentionMode Attention { get; init; } = AttentionMode.Bifurcated;

    /// <summary>The kernel path; null: what <c>COPPICE_KERNELS</c> says, or the best of the processor.</summary>
    public KernelPath? Kernels { get; init; }

    /// <summary>Whether weights are repacked into memory of their own, or used from the mapped file.</summary>
    public WeightStorage Weights { get; init; } = WeightStorage.Packed;

    /// <summary>Positions a prompt and its continuation can take; null: what the model was made for, at most 131,072.</summary>
    public int? ContextLength { get; init; }

    /// <summary>Tokens of all live prompts and branches whose keys and values there is room for; null: 32,768 or half the memory.</summary>
    public int? KvTokens { get; init; }

    /// <summary>Bytes of all keys and values, instead of <see cref="KvTokens"/>.</summary>
    public long? KvBytes { get; init; }

    /// <summary>Tokens of one prompt processed in one step.</summary>
    public int PrefillChunk { get; init; } = 256;

    /// <summary>Tokens of all requests in one step: a token of each branch first, the rest is prompts. Null: room for <see cref="MaxBranches"/>
    /// and one <see cref="PrefillChunk"/>.</summary>
    public int? StepTokens { get; init; }

    /// <summary>Whether the keys and values of prompts stay after their requests, for others that begin alike, until the room is needed.</summary>
    public bool KeepPrefixes { get; init; } = true;

    /// <summary>Branches that can be decoded in one step.</summary>
    public int MaxBranches { get; init; } = 256;

    /// <summary>Requests that can wait.</summary>
    public int QueueCapacity { get; init; } = 256;

    /// <summary>Whether freed pages are filled with NaN, so that a read of one shows.</summary>
    internal bool PoisonFreedPages { get; init; } = PoisonsByDefault;

#if DEBUG
    private const bool PoisonsByDefault = true;
#else
    private const bool PoisonsByDefault = false;
#endif

    internal void Validate()
    {
        RequestRejectedException.CheckRange(nameof(Threads), Threads, 1, 1024);
        RequestRejectedException.CheckRange(nameof(Weights), (int)Weights, (int)WeightStorage.Packed, (int)WeightStorage.Mapped);
        RequestRejectedException.CheckRange(nameof(KvType), (int)KvType, (int)KvType.F16, (int)KvType.Q8_0);
        RequestRejectedException.CheckRange(nameof(PrefillChunk), PrefillChunk, 1, 8192);
        RequestRejectedException.CheckRange(nameof(MaxBranches), MaxBranches, 1, 65_536);
        RequestRejectedException.CheckRange(nameof(QueueCapacity), QueueCapacity, 1, 1 << 20);
        if (ContextLength is int c) RequestRejectedException.CheckRange(nameof(ContextLength), c, 1, 1 << 24);
        if (StepTokens is int s) RequestRejectedException.CheckRange(nameof(StepTokens), s, 1, 1 << 20);
        if (KvBytes is long b) RequestRejectedException.CheckRange(nameof(KvBytes), b, 1, 1L << 46);
        if (KvTokens is not null && KvBytes is not null)
            throw new RequestRejectedException(nameof(KvBytes), $"{nameof(KvTokens)} or {nameof(KvBytes)}", "both");
        if (KvTokens is int t) RequestRejectedException.CheckRange(nameof(KvTokens), t, 1, 1 << 28);
    }
}
