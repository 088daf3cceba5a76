namespace Coppice.Graphs;

/// <summary>
/// Reads the messages of an ONNX file; unknown fields are skipped. Files are untrusted: lengths are checked against the bytes that are
/// there before memory is taken, and the shapes of stored tensors against their bytes.
/// </summary>
internal sealed class OnnxReader
{
    private readonly Dictionary<string, ValueMessage> _values = new(StringComparer.Ordinal);
    private readonly List<NodeMessage> _nodes = [];
    private readonly List<string> _inputs = [];
    private readonly List<string> _outputs = [];
    private readonly Dictionary<string, TensorData> _initializers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);
    private string _name = "graph";

    public static OnnxReader Read(ArraySegment<byte> bytes)
    {
        var reader = new OnnxReader();
        bool hasGraph = false;
        var fields = new FieldReader(bytes);
        while (fields.Next())
        {
            if (fields.Number == 7)
            {
                hasGraph = true;
                reader.ReadGraph(fields.Bytes());
            }
            else if (fields.Number == 14)
            {
                reader.ReadMetadata(fields.Bytes());
            }
        }

        if (!hasGraph) throw new GraphException("there is no graph");
        return reader;
    }

    public OnnxStructure ToStructure() => new(
        [.. _nodes.Select(n => new OnnxNode(n.Type, n.Name, n.Inputs, n.Outputs, n.Attributes))],
        [.. _inputs.Where(i => !_initializers.ContainsKey(i))],
        _outputs,
        _initializers);

    public Graph ToGraph()
    {
        var graph = new Graph(_name);
        foreach ((string key, string value) in _metadata) graph.Metadata[key] = value;
        foreach ((string name, TensorData data) in _initializers)
            graph.AddRead(new Value(graph, name, data.Type, data.Shape, ValueKind.Constant, null) { Data = data });
        foreach (string name in _inputs)
        {
            if (_initializers.ContainsKey(name)) continue;
            ValueMessage value = Known(name);
            ValueKind kind = value.Note == OnnxWriter.ParameterNote ? ValueKind.Parameter : ValueKind.Input;
            graph.AddRead(new Value(graph, name, value.Type, value.Shape!.Value, kind, null));
        }

        foreach (NodeMessage node in _nodes) AddNode(graph, node);
        foreach (string name in _outputs) graph.Output(Find(graph, name, "the graph's outputs"));
        return graph;
    }

    private static Value Find(Graph graph, string name, string by) =>
        graph.Find(name) ?? throw new GraphException($"{by}: there is no value '{name}' before it");

    private void AddNode(Graph graph, NodeMessage message)
    {
        string label = $"{message.Type} '{message.Name}'";
        if (message.Outputs.Count == 0) throw new GraphException($"{label}: it has no output");
        if (!string.IsNullOrEmpty(message.Domain)) throw new GraphException($"{label}: it is of the domain '{message.Domain}', not of ONNX's own");
        Value?[] inputs = [.. message.Inputs.Select(i => i.Length == 0 ? null : Find(graph, i, label))];
        var node = new Node(graph, message.Type, message.Name, inputs, message.Attributes, graph.Nodes.Count)
        {
            StopsGradient = message.Note == OnnxWriter.StopGradientNote,
        };
        node.Outputs = [.. message.Outputs.Select(o => new Value(graph, o, Known(o).Type, Known(o).Shape!.Value, ValueKind.Computed, node))];
        graph.AddRead(node);
    }

    private ValueMessage Known(string name) => _values.TryGetValue(name, out ValueMessage? value) && value.Shape is not null
        ? value
        : throw new GraphException($"the shape of '{name}' is not known");

    private void ReadMetadata(ArraySegment<byte> bytes)
    {
        string key = "", value = "";
        var fields = new FieldReader(bytes);
        while (fields.Next())
        {
            if (fields.Number == 1) key = fields.Text();
            else if (fields.Number == 2) value = fields.Text();
        }

        _metadata[key] = value;
    }

    private void ReadGraph(ArraySegment<byte> bytes)
    {
        var fields = new FieldReader(bytes);
        while (fields.Next())
        {
            switch (fields.Number)
            {
                case 1: _nodes.Add(NodeMessage.Read(fields.Bytes())); break;
                case 2: _name = fields.Text() is { Length: > 0 } name ? name : _name; break;
                case 5:
                    (string tensor, TensorData data) = TensorMessage.Read(fields.Bytes());
                    _initializers[tensor] = data;
                    break;
                case 11: _inputs.Add(ReadValue(fields.Bytes())); break;
                case 12: _outputs.Add(ReadValue(fields.Bytes())); break;
                case 13: ReadValue(fields.Bytes()); break;
            }
        }
    }

    private string ReadValue(ArraySegment<byte> bytes)
    {
        ValueMessage value = ValueMessage.Read(bytes);
        _values[value.Name] = value;
        return value.Name;
    }
}
