namespace Coppice.Graphs.Training;

/// <summary>A session with its buffers looked up once for each of the two sets.</summary>
internal sealed class BoundSession : IDisposable
{
    private readonly GraphSession _session;
    private readonly GraphBuffer[][] _inputs;
    private readonly GraphBuffer[][] _outputs;

    public BoundSession(Graph graph, GraphRunOptions options, Func<string, int, GraphBuffer> input, Func<string, int, GraphBuffer> output)
    {
        _session = new GraphSession(graph, options);
        _inputs = [.. Enumerable.Range(0, 2).Select(set => _session.InputNames.Select(n => input(n, set)).ToArray())];
        _outputs = [.. Enumerable.Range(0, 2).Select(set => _session.OutputNames.Select(n => output(n, set)).ToArray())];
    }

    /// <summary>Reads one set and writes the other.</summary>
    public void Run(int set) => _session.Run(_inputs[set], _outputs[set]);

    public void Dispose() => _session.Dispose();
}
