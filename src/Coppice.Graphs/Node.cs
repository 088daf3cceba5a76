namespace Coppice.Graphs;

/// <summary>One operator of a graph. Made by <see cref="Graph.Add"/>.</summary>
public sealed class Node
{
    private readonly Dictionary<string, object> _attributes;

    internal Node(Graph graph, string operatorType, string name, Value?[] inputs, Dictionary<string, object> attributes, int index)
    {
        Graph = graph;
        OperatorType = operatorType;
        Name = name;
        Inputs = inputs;
        _attributes = attributes;
        Index = index;
    }

    /// <summary>The graph it is part of.</summary>
    public Graph Graph { get; }

    /// <summary>The operator's name in ONNX, as in MatMul.</summary>
    public string OperatorType { get; }

    /// <summary>Unique in the graph.</summary>
    public string Name { get; }

    /// <summary>Its inputs in the operator's order; null for an optional one that is left out.</summary>
    public IReadOnlyList<Value?> Inputs { get; }

    /// <summary>Its outputs.</summary>
    public IReadOnlyList<Value> Outputs { get; internal set; } = [];

    /// <summary>Position in the graph's order of execution.</summary>
    public int Index { get; internal set; }

    /// <summary>long, float, string, long[], float[] or <see cref="TensorData"/> by name.</summary>
    public IReadOnlyDictionary<string, object> Attributes => _attributes;

    /// <summary>The first output.</summary>
    public Value Output => Outputs[0];

    /// <summary>Whether gradients end here although the operator passes its input on.</summary>
    public bool StopsGradient { get; internal set; }

    /// <summary>An input that the operator can't do without.</summary>
    /// <param name="i">Its position.</param>
    /// <exception cref="GraphException">It is left out.</exception>
    public Value Input(int i) =>
        (i < Inputs.Count ? Inputs[i] : null) ?? throw new GraphException($"{this}: input {i} is missing");

    internal long Integer(string name, long otherwise) => Attribute(name, otherwise);

    internal float Float(string name, float otherwise) => Attribute(name, otherwise);

    internal string Text(string name, string otherwise) => Attribute(name, otherwise);

    internal long[]? Integers(string name) => Attribute<long[]?>(name, null);

    /// <summary>Operator and name.</summary>
    public override string ToString() => $"{OperatorType} '{Name}'";

    private T Attribute<T>(string name, T otherwise)
    {
        if (!_attributes.TryGetValue(name, out object? value)) return otherwise;
        return value is T found ? found : throw new GraphException($"{this}: attribute '{name}' is a {value.GetType().Name}; expected {typeof(T).Name}");
    }
}
