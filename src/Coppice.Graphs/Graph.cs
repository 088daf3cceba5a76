namespace Coppice.Graphs;

/// <summary>
/// A graph of ONNX operators in the making: values are added by the methods of <see cref="Operators"/>, which check types and shapes at
/// once; <see cref="OnnxFile"/> writes and reads it, <see cref="Gradients"/> extends it by its own derivative, <see cref="GraphSession"/>
/// runs it. All shapes are known: a graph is for one batch size. Nodes are kept in the order in which they were added, which is an order
/// of execution. Not safe for several threads.
/// </summary>
public sealed class Graph
{
    /// <summary>Version of the default operator set.</summary>
    public const int Opset = 20;

    private readonly List<Node> _nodes = [];
    private readonly List<Value> _inputs = [];
    private readonly List<Value> _parameters = [];
    private readonly List<Value> _constants = [];
    private readonly List<Value> _outputs = [];
    private readonly HashSet<Value> _yielded = [];
    private readonly Dictionary<string, int> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<int, Value> _scalars = [];
    private readonly Dictionary<string, Value> _integers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Value> _values = new(StringComparer.Ordinal);
    private string _scope = "";

    /// <summary>An empty graph.</summary>
    /// <param name="name">Its name in the file.</param>
    public Graph(string name = "graph")
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Name = name;
    }

    /// <summary>Its name in the file.</summary>
    public string Name { get; }

    /// <summary>Text by key, kept in the file.</summary>
    public IDictionary<string, string> Metadata { get; } = new SortedDictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The operators in order of execution.</summary>
    public IReadOnlyList<Node> Nodes => _nodes;

    /// <summary>What is given at each run, parameters not included.</summary>
    public IReadOnlyList<Value> Inputs => _inputs;

    /// <summary>The weights, in the order in which they were added.</summary>
    public IReadOnlyList<Value> Parameters => _parameters;

    /// <summary>Stored values.</summary>
    public IReadOnlyList<Value> Constants => _constants;

    /// <summary>What a run yields.</summary>
    public IReadOnlyList<Value> Outputs => _outputs;

    /// <summary>A value by its name, or null.</summary>
    /// <param name="name">The whole name, scopes included.</param>
    public Value? Find(string name) => _values.GetValueOrDefault(name);

    /// <summary>Puts a prefix before the names of all that is added until the result is disposed.</summary>
    /// <param name="name">As in "layer.0".</param>
    public IDisposable Scope(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        string outer = _scope;
        _scope = outer + name + ".";
        return new ScopeEnd(() => _scope = outer);
    }

    /// <summary>Adds an input.</summary>
    /// <param name="name">Its name, the scope's prefix is put before it.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="type">Type of its elements.</param>
    /// <exception cref="GraphException">The name is taken.</exception>
    public Value Input(string name, Shape shape, ElementType type = ElementType.Float32) =>
        Register(_inputs, new Value(this, Take(name), type, shape, ValueKind.Input, null));

    /// <summary>Adds a weight: an input that is kept from run to run and that training changes.</summary>
    /// <param name="name">Its name, the scope's prefix is put before it.</param>
    /// <param name="shape">Its shape.</param>
    /// <exception cref="GraphException">The name is taken.</exception>
    public Value Parameter(string name, Shape shape) =>
        Register(_parameters, new Value(this, Take(name), ElementType.Float32, shape, ValueKind.Parameter, null));

    /// <summary>Adds a stored value.</summary>
    /// <param name="data">Its elements.</param>
    /// <param name="name">Its name, the scope's prefix is put before it; one is made if null.</param>
    public Value Constant(TensorData data, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        string taken = name is null ? Unused("constant") : Take(name);
        return Register(_constants, new Value(this, taken, data.Type, data.Shape, ValueKind.Constant, null) { Data = data });
    }

    /// <summary>A number as a stored scalar; the same number is stored once.</summary>
    /// <param name="number">The number.</param>
    public Value Scalar(float number)
    {
        int bits = BitConverter.SingleToInt32Bits(number);
        if (!_scalars.TryGetValue(bits, out Value? value))
            _scalars[bits] = value = Constant(TensorData.Of<float>(Shape.Scalar, [number]));
        return value;
    }

    /// <summary>Integers as a stored tensor of one axis; the same integers are stored once.</summary>
    /// <param name="numbers">The integers.</param>
    public Value Integers(params ReadOnlySpan<long> numbers)
    {
        string key = string.Join(',', numbers.ToArray());
        if (!_integers.TryGetValue(key, out Value? value)) _integers[key] = value = Constant(TensorData.Integers(numbers));
        return value;
    }

    /// <summary>A stored tensor that holds one number everywhere.</summary>
    /// <param name="number">The number.</param>
    /// <param name="shape">The shape.</param>
    public Value Fill(float number, Shape shape) => Scalar(number).Expand(shape);

    /// <summary>Makes a value an output of each run.</summary>
    /// <param name="value">The value.</param>
    public Value Output(Value value)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (value.Graph != this) throw new GraphException($"output {value}: it is part of another graph");
        if (value.Kind is not ValueKind.Computed) value = value.Identity();
        if (_yielded.Add(value)) _outputs.Add(value);
        return value;
    }

    /// <summary>
    /// Adds an operator as it is: for operators that have no method in <see cref="Operators"/>. Nothing but the inputs' graph is checked.
    /// </summary>
    /// <param name="operatorType">Its name in ONNX.</param>
    /// <param name="inputs">Its inputs; null for an optional one that is left out.</param>
    /// <param name="outputs">Type and shape of each output.</param>
    /// <param name="attributes">long, float, string, long[], float[] or <see cref="TensorData"/> by name.</param>
    /// <param name="name">Name of the first output and the node; one is made if null.</param>
    public Node Add(
        string operatorType,
        IReadOnlyList<Value?> inputs,
        IReadOnlyList<(ElementType Type, Shape Shape)> outputs,
        IEnumerable<(string Name, object Value)>? attributes = null,
        string? name = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(operatorType);
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(outputs);
        string taken = name is null ? Unused(operatorType) : Take(name);
        for (int i = 0; i < inputs.Count; i++)
        {
            if (inputs[i] is { } input && input.Graph != this)
                throw new GraphException($"{operatorType} '{taken}': input {i} {input} is part of another graph");
        }

        var kept = (attributes ?? []).ToDictionary(a => a.Name, a => a.Value, StringComparer.Ordinal);
        var node = new Node(this, operatorType, taken, [.. inputs], kept, _nodes.Count);
        var values = new Value[outputs.Count];
        for (int i = 0; i < values.Length; i++)
        {
            string output = i == 0 ? taken : Unused(taken + ".output");
            values[i] = new Value(this, output, outputs[i].Type, outputs[i].Shape, ValueKind.Computed, node);
            _values[output] = values[i];
        }

        node.Outputs = values;
        _nodes.Add(node);
        return node;
    }

    /// <summary>Whether a value is an output of each run.</summary>
    internal bool Yields(Value value) => _yielded.Contains(value);

    /// <summary>Removes the nodes from <paramref name="first"/> on that none of <paramref name="kept"/> depends on.</summary>
    internal void RemoveUnused(int first, IEnumerable<Value> kept)
    {
        var used = new HashSet<Node>();
        var open = new Stack<Value>(kept);
        while (open.TryPop(out Value? value))
        {
            if (value.Producer is not { } node || node.Index < first || !used.Add(node)) continue;
            foreach (Value? input in node.Inputs)
            {
                if (input is not null) open.Push(input);
            }
        }

        int next = first;
        for (int i = first; i < _nodes.Count; i++)
        {
            Node node = _nodes[i];
            if (used.Contains(node))
            {
                node.Index = next;
                _nodes[next++] = node;
            }
            else
            {
                foreach (Value output in node.Outputs) _values.Remove(output.Name);
            }
        }

        _nodes.RemoveRange(next, _nodes.Count - next);
    }

    /// <summary>Adds a value of a file under its whole name.</summary>
    internal void AddRead(Value value)
    {
        Reserve(value);
        Register(value.Kind switch { ValueKind.Input => _inputs, ValueKind.Parameter => _parameters, _ => _constants }, value);
    }

    /// <summary>Adds a node of a file.</summary>
    internal void AddRead(Node node)
    {
        foreach (Value value in node.Outputs)
        {
            Reserve(value);
            _values[value.Name] = value;
        }

        _names.TryAdd(node.Name, 1);
        _nodes.Add(node);
    }

    private void Reserve(Value value)
    {
        if (_values.ContainsKey(value.Name)) throw new GraphException($"the name '{value.Name}' is taken");
        _names[value.Name] = 1;
    }

    private Value Register(List<Value> list, Value value)
    {
        list.Add(value);
        _values[value.Name] = value;
        return value;
    }

    private string Take(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        string whole = _scope + name;
        if (!_names.TryAdd(whole, 1)) throw new GraphException($"the name '{whole}' is taken");
        return whole;
    }

    private string Unused(string kind)
    {
        string whole = _scope + kind;
        while (true)
        {
            int count = _names[whole] = _names.GetValueOrDefault(whole) + 1;
            string name = count == 1 ? whole : $"{whole}_{count}";
            if (count == 1 || _names.TryAdd(name, 1)) return name;
        }
    }

    private sealed class ScopeEnd(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}
