using Coppice.Graphs;
using Coppice.Perception.Detection;
using Coppice.Perception.Inference;

namespace Coppice.Server;

/// <summary>How a <see cref="PerceptionQueue"/> is set up.</summary>
public sealed record PerceptionOptions
{
    /// <summary>The network: a safetensors file of weights, as <c>coppice train perception</c> writes it.</summary>
    public required string Weights { get; init; }

    /// <summary>
    /// How pictures are perceived. Boxes with lower scores than its threshold can't be asked for later. Threads don't spin while they
    /// wait unless this says so: the language model uses the same cores.
    /// </summary>
    public PerceiverOptions Perceiver { get; init; } = new()
    {
        Decoding = new DecodingOptions { ScoreThreshold = 0.05f },
        Run = new GraphRunOptions { Spin = false },
    };

    /// <summary>Pictures that may wait while one is perceived.</summary>
    public int QueueCapacity { get; init; } = 16;

    /// <summary>Pixels that a picture over HTTP has at most; one that says it has more is refused before memory is taken for it.</summary>
    public long MaxPixels { get; init; } = 25_000_000;

    internal void Validate()
    {
        if (string.IsNullOrWhiteSpace(Weights)) throw new RequestRejectedException("perception", "a file of weights", "an empty name");
        if (QueueCapacity is < 0 or > 1 << 20) throw new RequestRejectedException("perception queue", $"0 to {1 << 20}", $"{QueueCapacity}");
        if (MaxPixels is < 1 or > 1 << 28) throw new RequestRejectedException("perception pixels", $"1 to {1 << 28}", $"{MaxPixels}");
        if (!File.Exists(Weights)) throw new FileNotFoundException($"{Weights}: expected a file of weights for perception, found no file", Weights);
    }
}
