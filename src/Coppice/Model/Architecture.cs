using Coppice.Kernels.Elementwise;

namespace Coppice.Model;

/// <summary>Which normalization a model uses before its blocks.</summary>
public enum NormKind
{
    /// <summary>Root mean square, no mean subtracted, no bias.</summary>
    Rms,

    /// <summary>Mean and variance, with weight and bias.</summary>
    Layer,
}

/// <summary>How a model knows positions.</summary>
public enum PositionKind
{
    /// <summary>Rotary embedding of the pairs (2i, 2i+1).</summary>
    RotaryInterleaved,

    /// <summary>Rotary embedding of the pairs (i, i + dims/2).</summary>
    RotaryHalves,

    /// <summary>A learned vector a position, added to the token's embedding.</summary>
    Learned,
}

/// <summary>The shape of a feed-forward block.</summary>
public enum FeedForwardKind
{
    /// <summary>down(silu(gate(x)) * up(x)).</summary>
    SwiGlu,

    /// <summary>down(gelu(gate(x)) * up(x)).</summary>
    GeGlu,

    /// <summary>down(gelu(up(x))).</summary>
    Gelu,
}

/// <summary>
/// A family of decoders as data: what <see cref="Decoder"/> does differently for it. What a single file decides (sizes, biases,
/// fused tensors, tied output) is read from the file, not from here.
/// </summary>
public sealed record Architecture
{
    private Architecture(string name) => Name = name;

    /// <summary>The name in <c>general.architecture</c>.</summary>
    public string Name { get; }

    /// <summary>The normalization.</summary>
    public NormKind Norm { get; private init; } = NormKind.Rms;

    /// <summary>The kind of positions.</summary>
    public PositionKind Positions { get; private init; } = PositionKind.RotaryHalves;

    /// <summary>The feed-forward block.</summary>
    public FeedForwardKind FeedForward { get; private init; } = FeedForwardKind.SwiGlu;

    /// <summary>Queries and keys are normalized a head before they are rotated.</summary>
    public bool QueryKeyNorm { get; private init; }

    /// <summary>The outputs of attention and feed-forward are normalized before they are added.</summary>
    public bool PostNorms { get; private init; }

    /// <summary>Embeddings are multiplied by the square root of the width.</summary>
    public bool ScaledEmbedding { get; private init; }

    /// <summary>Of every so many layers the last sees everything and the others a sliding window; 1: all layers alike.</summary>
    public int WindowPattern { get; private init; } = 1;

    /// <summary>The window where the file names none; 0: no window.</summary>
    public int DefaultWindow { get; private init; }

    /// <summary>A window named by the file is used (Phi-3 files name one that their reference does not use).</summary>
    public bool Windowed { get; private init; } = true;

    /// <summary>Windowed layers rotate with their own base (<c>rope.freq_base_swa</c>, 10,000 where the file names none).</summary>
    public bool LocalRotary { get; private init; }

    /// <summary>The supported architectures.</summary>
    public static IReadOnlyList<Architecture> All { get; } =
    [
        // Mistral files carry this name too, with a window where they use one.
        new("llama") { Positions = PositionKind.RotaryInterleaved },
        new("qwen2"),
        new("qwen3") { QueryKeyNorm = true },
        new("phi3") { Windowed = false },
        new("gemma2")
        {
            FeedForward = FeedForwardKind.GeGlu, PostNorms = true, ScaledEmbedding = true, WindowPattern = 2, DefaultWindow = 4096,
        },
        new("gemma3")
        {
            FeedForward = FeedForwardKind.GeGlu, PostNorms = true, ScaledEmbedding = true, WindowPattern = 6, QueryKeyNorm = true,
            LocalRotary = true,
        },
        new("starcoder") { Norm = NormKind.Layer, Positions = PositionKind.Learned, FeedForward = FeedForwardKind.Gelu },
    ];

    /// <summary>The architecture of that name, or null.</summary>
    public static Architecture? Find(string name) => All.FirstOrDefault(a => a.Name == name);

    internal RotaryStyle RotaryStyle =>
        Positions == PositionKind.RotaryInterleaved ? RotaryStyle.Interleaved : RotaryStyle.Halves;
}
