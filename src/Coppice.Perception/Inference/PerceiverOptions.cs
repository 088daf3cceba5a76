using Coppice.Graphs;
using Coppice.Perception.Detection;

namespace Coppice.Perception.Inference;

/// <summary>In which numbers a network is computed.</summary>
public enum PerceptionPrecision
{
    /// <summary>32-bit floating point.</summary>
    Fp32,

    /// <summary>Eight-bit integers where it matters, with ranges found on calibration images.</summary>
    Int8,
}

/// <summary>How pictures are perceived.</summary>
public sealed record PerceiverOptions
{
    /// <summary>Width of the network's image; 0 for the one it was trained for. Pictures of other sizes are fitted to it.</summary>
    public int Width { get; init; }

    /// <summary>Height of the network's image; 0 for the one it was trained for.</summary>
    public int Height { get; init; }

    /// <summary>In which numbers.</summary>
    public PerceptionPrecision Precision { get; init; }

    /// <summary>How the graph is run.</summary>
    public GraphRunOptions Run { get; init; } = new();

    /// <summary>Which boxes are kept.</summary>
    public DecodingOptions Decoding { get; init; } = new() { ScoreThreshold = 0.3f };
}
