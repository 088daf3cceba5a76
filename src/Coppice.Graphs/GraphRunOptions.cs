namespace Coppice.Graphs;

/// <summary>How a graph is run.</summary>
public sealed record GraphRunOptions
{
    /// <summary>Threads that compute one operator; 0 for one a core.</summary>
    public int Threads { get; init; }

    /// <summary>Whether idle threads spin between operators: faster, and it takes the cores from others.</summary>
    public bool Spin { get; init; } = true;

    /// <summary>
    /// Whether ONNX Runtime may rewrite the graph. Off, each value is as the graph says, to find the first that is wrong.
    /// </summary>
    public bool Optimize { get; init; } = true;

    /// <summary>What computes; operators that it lacks are left to the processor.</summary>
    public ExecutionProvider Provider { get; init; }
}
