namespace Coppice.Graphs.Training;

/// <summary>
/// Trains the parameters of a graph: forward, backward and update are one graph, and weights and optimizer state stay in the runtime's
/// memory. There are two sets of buffers in turn, because a value must not be input and output of one run. With accumulation there are
/// two graphs: one adds up gradients, one updates. The same options, weights and batches give the same bits on the same machine.
/// Not safe for several threads.
/// </summary>
public sealed class Trainer : IDisposable
{
    private readonly Graph _graph;
    private readonly TrainerOptions _options;
    private readonly Value _loss;
    private readonly UpdateGraph _update;
    private readonly Dictionary<string, GraphBuffer> _fixed = new(StringComparer.Ordinal);
    private readonly Dictionary<string, GraphBuffer>[] _sets = [new(StringComparer.Ordinal), new(StringComparer.Ordinal)];
    private readonly BoundSession _updateSession;
    private readonly BoundSession? _accumulateSession;
    private readonly List<(string Before, string After)> _sums = [];
    private readonly string[] _names;
    private int _current;

    /// <summary>Extends a graph by its gradients and updates, and makes it ready.</summary>
    /// <param name="graph">The graph; the trainer owns it from here on.</param>
    /// <param name="loss">What is made small, a scalar.</param>
    /// <param name="weights">First values of all parameters by name.</param>
    /// <param name="options">How.</param>
    /// <exception cref="GraphException">A parameter has no value, or the graph can't be differentiated.</exception>
    public Trainer(Graph graph, Value loss, IReadOnlyDictionary<string, TensorData> weights, TrainerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(loss);
        ArgumentNullException.ThrowIfNull(weights);
        _options = options ?? new TrainerOptions();
        if (_options.Accumulation < 1) throw new GraphException($"accumulation over {_options.Accumulation} batches; expected 1 or more");
        _graph = graph;
        Value[] parameters = [.. graph.Parameters];
        BatchInputs = [.. graph.Inputs];
        _loss = graph.Output(loss);
        Results = [.. graph.Outputs];
        Value[] gradients = Gradients.Of(loss, parameters);
        Graph updating = graph;
        if (_options.Accumulation > 1) (updating, parameters, gradients) = SplitForAccumulation(parameters, gradients);
        _update = UpdateGraph.Add(updating, parameters, gradients, _options);
        _names = [.. _update.Kept.Select(k => k.Old.Name)];
        MakeBuffers(updating);
        _updateSession = new BoundSession(updating, _options.Run, Input, Output);
        if (updating != graph) _accumulateSession = new BoundSession(graph, _options.Run, Input, Output);
        foreach (Value parameter in parameters)
        {
            if (!weights.TryGetValue(parameter.Name, out TensorData? data)) throw new GraphException($"parameter {parameter} has no first value");
            _sets[0][parameter.Name].Load(data);
            if (_options.AverageDecay > 0) _sets[0]["average." + parameter.Name].Load(data);
        }
    }

    /// <summary>Updates made so far.</summary>
    public long StepCount { get; private set; }

    /// <summary>The graph's own inputs, to be filled before each batch; see <see cref="Buffer"/>.</summary>
    public IReadOnlyList<Value> BatchInputs { get; }

    /// <summary>The graph's own outputs, the loss among them, of the last batch; see <see cref="Buffer"/>.</summary>
    public IReadOnlyList<Value> Results { get; }

    /// <summary>Loss of the last step (the mean over its batches).</summary>
    public float Loss { get; private set; }

    /// <summary>Norm of the last step's gradients, before clipping.</summary>
    public float GradientNorm { get; private set; }

    /// <summary>Learning rate of the last step.</summary>
    public float Rate { get; private set; }

    /// <summary>The memory of one of the graph's own inputs or outputs.</summary>
    /// <param name="value">Of <see cref="BatchInputs"/> or <see cref="Results"/>.</param>
    public GraphBuffer Buffer(Value value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return _fixed[value.Name];
    }

    /// <summary>Makes one update.</summary>
    /// <param name="fill">Fills the batch's buffers; called once for each of the accumulated batches with its number within the step.</param>
    /// <exception cref="TrainingDivergedException">Loss or gradients are not finite; the weights are those of before the step.</exception>
    public void Step(Action<int> fill)
    {
        ArgumentNullException.ThrowIfNull(fill);
        long step = StepCount + 1;
        Rate = _options.LearningRate.At(step);
        SetScalar(UpdateGraph.RateName, Rate);
        float[] factors = _options.Optimizer.Factors(step);
        for (int i = 0; i < factors.Length; i++) SetScalar(_update.Factors[i].Name, factors[i]);
        // Early weights are poor: the average starts short and grows to its full length.
        if (_options.AverageDecay > 0) SetScalar(UpdateGraph.AverageDecayName, Math.Min(_options.AverageDecay, (1f + step) / (10f + step)));
        Loss = Compute(fill);
        GradientNorm = _fixed[UpdateGraph.GradientNormName].As<float>()[0];
        if (!float.IsFinite(Loss) || !float.IsFinite(GradientNorm)) throw new TrainingDivergedException(step, FindNonFinite());
        _current = 1 - _current;
        StepCount = step;
    }

    /// <summary>Copies of the weights by name.</summary>
    /// <param name="averaged">The moving average instead of the last ones.</param>
    /// <exception cref="InvalidOperationException">No average is kept.</exception>
    public IReadOnlyDictionary<string, TensorData> Weights(bool averaged = false)
    {
        if (averaged && _options.AverageDecay <= 0) throw new InvalidOperationException("no moving average is kept");
        return _graph.Parameters.ToDictionary(p => p.Name, p => _sets[_current][(averaged ? "average." : "") + p.Name].ToData(), StringComparer.Ordinal);
    }

    /// <summary>Writes weights, state, averages and the number of the step: all that the next step depends on but the data.</summary>
    /// <param name="path">A safetensors file, replaced as a whole.</param>
    /// <param name="metadata">Text by key, kept in the file.</param>
    /// <exception cref="IOException">The file can't be written.</exception>
    public void Save(string path, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var texts = new Dictionary<string, string>(metadata ?? new Dictionary<string, string>(), StringComparer.Ordinal)
        {
            ["step"] = StepCount.ToString(),
        };
        Safetensors.Write(path, _names.ToDictionary(n => n, n => _sets[_current][n].ToData(), StringComparer.Ordinal), texts);
    }

    /// <summary>Goes on from a saved state.</summary>
    /// <param name="path">A file of <see cref="Save"/>.</param>
    /// <param name="check">Called with those texts before anything else is looked at; what it throws refuses the file.</param>
    /// <returns>The texts that were saved with it.</returns>
    /// <exception cref="GraphException">The file is of another graph or other options; nothing is changed.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public IReadOnlyDictionary<string, string> Load(string path, Action<IReadOnlyDictionary<string, string>>? check = null)
    {
        (IReadOnlyDictionary<string, TensorData> tensors, IReadOnlyDictionary<string, string> metadata) = Safetensors.Read(path);
        check?.Invoke(metadata);
        foreach (string name in _names)
        {
            GraphBuffer buffer = _sets[0][name];
            if (!tensors.TryGetValue(name, out TensorData? data)) throw new GraphException($"{path}: there is no tensor '{name}'");
            if (data.Shape != buffer.Shape || data.Type != buffer.Type)
                throw new GraphException($"{path}: tensor '{name}' is {data.Type} {data.Shape}; expected {buffer.Type} {buffer.Shape}");
        }

        if (tensors.Keys.FirstOrDefault(n => !_sets[0].ContainsKey(n)) is { } other)
            throw new GraphException($"{path}: tensor '{other}' is not part of this training");
        if (!metadata.TryGetValue("step", out string? step) || !long.TryParse(step, out long steps) || steps < 0)
            throw new GraphException($"{path}: the number of steps is '{step}'");
        _current = 0;
        foreach (string name in _names) _sets[0][name].Load(tensors[name]);
        StepCount = steps;
        return metadata;
    }

    /// <summary>Frees sessions and buffers.</summary>
    public void Dispose()
    {
        _updateSession.Dispose();
        _accumulateSession?.Dispose();
        foreach (GraphBuffer buffer in _fixed.Values.Concat(_sets[0].Values).Concat(_sets[1].Values)) buffer.Dispose();
    }

    /// <summary>Gradient sums go out of the first graph and, divided, into the second, which has the weights as its own parameters.</summary>
    private (Graph Updating, Value[] Parameters, Value[] Gradients) SplitForAccumulation(Value[] parameters, Value[] gradients)
    {
        var updating = new Graph(_graph.Name + ".update");
        var sums = new Value[gradients.Length];
        for (int i = 0; i < gradients.Length; i++)
        {
            string name = "sum." + parameters[i].Name;
            Value before = _graph.Input(name, parameters[i].Shape);
            Value after = _graph.Output(before + gradients[i]);
            _sums.Add((name, after.Name));
            sums[i] = updating.Input(name, parameters[i].Shape) * (1f / _options.Accumulation);
        }

        return (updating, [.. parameters.Select(p => updating.Parameter(p.Name, p.Shape))], sums);
    }

    private void MakeBuffers(Graph updating)
    {
        foreach ((Value old, Value _) in _update.Kept)
        {
            _sets[0][old.Name] = new GraphBuffer(old);
            _sets[1][old.Name] = new GraphBuffer(old);
        }

        foreach (Value value in _graph.Inputs.Concat(updating.Inputs).Concat(_graph.Outputs).Concat(updating.Outputs))
        {
            if (!_sets[0].ContainsKey(value.Name) && !_update.Kept.Any(k => k.New == value)) _fixed.TryAdd(value.Name, new GraphBuffer(value));
        }
    }

    private GraphBuffer Input(string name, int set) => _sets[set].TryGetValue(name, out GraphBuffer? kept) ? kept : _fixed[name];

    private GraphBuffer Output(string name, int set)
    {
        foreach ((Value old, Value next) in _update.Kept)
        {
            if (next.Name == name) return _sets[1 - set][old.Name];
        }

        return _fixed[name];
    }

    private float Compute(Action<int> fill)
    {
        if (_accumulateSession is null)
        {
            fill(0);
            _updateSession.Run(_current);
            return _fixed[_loss.Name].As<float>()[0];
        }

        double losses = 0;
        foreach ((string before, string _) in _sums) _fixed[before].Bytes.Clear();
        for (int i = 0; i < _options.Accumulation; i++)
        {
            fill(i);
            _accumulateSession.Run(_current);
            losses += _fixed[_loss.Name].As<float>()[0];
            foreach ((string before, string after) in _sums) _fixed[after].Bytes.CopyTo(_fixed[before].Bytes);
        }

        _updateSession.Run(_current);
        return (float)(losses / _options.Accumulation);
    }

    private void SetScalar(string name, float value) => _fixed[name].As<float>()[0] = value;

    /// <summary>Runs the graph once more as it was built, every value an output, and looks for the first that is not finite.</summary>
    private string? FindNonFinite()
    {
        var given = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        foreach (Value value in _graph.Inputs.Concat(_graph.Parameters))
        {
            TensorData data = Input(value.Name, _current).ToData();
            if (!IsFinite(data)) return value.Name;
            given[value.Name] = data;
        }

        Value[] computed = [.. _graph.Nodes.SelectMany(n => n.Outputs).Where(o => o.Type == ElementType.Float32)];
        foreach (Value value in computed) _graph.Output(value);
        using var session = new GraphSession(_graph, _options.Run with { Optimize = false });
        IReadOnlyDictionary<string, TensorData> results = session.Run(given);
        return computed.FirstOrDefault(v => !IsFinite(results[v.Name]))?.Name;
    }

    private static bool IsFinite(TensorData data)
    {
        if (data.Type != ElementType.Float32) return true;
        foreach (float element in data.As<float>())
        {
            if (!float.IsFinite(element)) return false;
        }

        return true;
    }
}
