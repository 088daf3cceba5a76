using Coppice.Graphs;

namespace Coppice.Perception.Inference;

/// <summary>Least and greatest element of a tensor over calibration images.</summary>
/// <param name="Low">Not above 0.</param>
/// <param name="High">Not below 0.</param>
internal readonly record struct ValueRange(float Low, float High);

/// <summary>
/// A folded graph in eight bits: convolutions and sums read and write unsigned bytes with a scale and a zero point for each tensor, weights
/// are signed bytes with a scale for each result. Written with QuantizeLinear and DequantizeLinear around each operator, as any runtime reads
/// it; ONNX Runtime joins them into integer operators. Convolutions whose results are answers (scores, boxes) stay in 32 bits.
/// </summary>
internal sealed class QuantizedGraph
{
    private const int Levels = 255, WeightLevels = 127;

    private readonly IReadOnlyDictionary<string, ValueRange> _ranges;
    private readonly ILookup<Value, Node> _consumers;
    private readonly HashSet<Value> _yielded;
    private readonly Dictionary<Value, Value> _values = [];
    private readonly Dictionary<Value, Value> _rounded = [];
    private readonly Graph _graph;

    private readonly Value? _prepared;

    private QuantizedGraph(FoldedGraph folded, IReadOnlyDictionary<string, ValueRange> ranges)
    {
        Graph source = folded.Graph;
        (_prepared, _ranges) = (folded.Prepared, ranges);
        _consumers = source.Nodes.SelectMany(n => n.Inputs.OfType<Value>().Distinct().Select(i => (Input: i, Node: n))).ToLookup(p => p.Input, p => p.Node);
        _yielded = [.. source.Outputs];
        _graph = new Graph(source.Name);
    }

    /// <summary>Tensors whose ranges must be known, with the names of these: what quantized operators read and write.</summary>
    /// <param name="folded">A folded graph.</param>
    public static IReadOnlyList<(string Key, Value Tensor)> Tensors(FoldedGraph folded)
    {
        var graph = new QuantizedGraph(folded, new Dictionary<string, ValueRange>());
        return [.. folded.Graph.Nodes.Where(graph.IsQuantized).SelectMany(n => graph.Read(n).Append(graph.Written(n))).Distinct().Select(t => (graph.KeyOf(t), t))];
    }

    /// <summary>Quantizes a graph.</summary>
    /// <param name="folded">A folded graph.</param>
    /// <param name="ranges">Ranges of <see cref="Tensors"/> by name.</param>
    /// <param name="bytes">
    /// Whether the image is given as bytes: [1, 3, height, width], each channel's value over <paramref name="imageScale"/> plus
    /// <paramref name="imageZero"/>. Else it is given as for the folded graph.
    /// </param>
    /// <param name="imageScale">Step of the image's bytes.</param>
    /// <param name="imageZero">The byte that stands for 0.</param>
    /// <exception cref="GraphException">A range is missing.</exception>
    public static Graph Of(FoldedGraph folded, IReadOnlyDictionary<string, ValueRange> ranges, bool bytes, out float imageScale, out byte imageZero)
    {
        var quantized = new QuantizedGraph(folded, ranges);
        Value image = folded.Graph.Inputs.Single();
        (imageScale, imageZero) = (1, 0);
        if (bytes)
        {
            (imageScale, imageZero) = quantized.ScaleOf(image);
            Value given = quantized._graph.Input(image.Name, image.Shape, ElementType.UInt8);
            quantized._rounded[image] = quantized._values[image] = quantized.Widened(given, imageScale, imageZero);
        }
        else
        {
            quantized._values[image] = quantized._graph.Input(image.Name, image.Shape);
        }

        foreach (Node node in folded.Graph.Nodes) quantized.Add(node);
        foreach (Value output in folded.Graph.Outputs) quantized._graph.Output(quantized._values[output]);
        return quantized._graph;
    }

    private void Add(Node node)
    {
        bool quantized = IsQuantized(node);
        Value?[] inputs = quantized && node.OperatorType == "Conv"
            ? ConvInputs(node)
            : [.. node.Inputs.Select(i => i is null ? null : quantized && i.Kind != ValueKind.Constant ? Rounded(i) : Mapped(i))];

        Node copy = _graph.Add(
            node.OperatorType, inputs, [.. node.Outputs.Select(o => (o.Type, o.Shape))], Attributes(node), node.Name);
        for (int i = 0; i < node.Outputs.Count; i++) _values[node.Outputs[i]] = copy.Outputs[i];
        // What a quantized operator writes is bytes for all who read it.
        if (ProducerOf(node) is { } first && IsQuantized(first)) _values[node.Output] = Rounded(node.Output);
    }

    /// <summary>The integer form of average pooling, which the runtime makes by itself, knows no dilation.</summary>
    private static IEnumerable<(string, object)> Attributes(Node node) => node.Attributes
        .Where(a => !(node.OperatorType == "AveragePool" && a.Key == "dilations"))
        .Select(a => (a.Key, a.Value));

    private Value?[] ConvInputs(Node node)
    {
        (float scale, _) = ScaleOf(node.Input(0));
        (Value weights, float[] steps) = Weights(node.Input(1));
        Value x = Rounded(node.Input(0));
        return node.Inputs.Count > 2 && node.Inputs[2] is { } bias ? [x, weights, Bias(bias, steps, scale)] : [x, weights];
    }

    /// <summary>The operator whose result this one's is: itself, or what stands before an activation.</summary>
    private Node? ProducerOf(Node node)
    {
        if (node.OperatorType == "Relu") return node.Input(0).Producer is { } before && ActivationBehind(before) == node ? before : null;
        return ActivationBehind(node) is null ? node : null;
    }

    private bool IsQuantized(Node node) => node.OperatorType switch
    {
        "Conv" => node.Input(1).Kind == ValueKind.Constant && (ActivationBehind(node) is not null || Only(node.Output) is { OperatorType: "Add" }),
        "Add" => node.Input(0).Kind != ValueKind.Constant && node.Input(1).Kind != ValueKind.Constant
            && node.Input(0).Shape == node.Input(1).Shape && ActivationBehind(node) is not null,
        _ => false,
    };

    private IEnumerable<Value> Read(Node node) => node.Inputs.OfType<Value>().Where(i => i.Kind != ValueKind.Constant);

    private Value Written(Node node) => ActivationBehind(node)?.Output ?? node.Output;

    private Node? ActivationBehind(Node node) => Only(node.Output) is { OperatorType: "Relu" } relu ? relu : null;

    private Node? Only(Value value) => _yielded.Contains(value) || _consumers[value].Count() != 1 ? null : _consumers[value].First();

    private Value Mapped(Value value)
    {
        if (_values.TryGetValue(value, out Value? mapped)) return mapped;
        // Names that the other graph made would meet those that this one makes.
        return _values[value] = _graph.Constant(value.Data ?? throw new GraphException($"{value} was not computed"), value.Name.Contains('.', StringComparison.Ordinal) ? value.Name : null);
    }

    /// <summary>The value as bytes and back: what a quantized operator reads.</summary>
    private Value Rounded(Value value)
    {
        if (_rounded.TryGetValue(value, out Value? known)) return known;
        (float scale, byte zero) = ScaleOf(value);
        Value x = _values[value];
        Value bytes = _graph.Add("QuantizeLinear", [x, Step(scale), Zero(zero)], [(ElementType.UInt8, value.Shape)]).Output;
        return _rounded[value] = Widened(bytes, scale, zero);
    }

    private Value Widened(Value bytes, float scale, byte zero) =>
        _graph.Add("DequantizeLinear", [bytes, Step(scale), Zero(zero)], [(ElementType.Float32, bytes.Shape)]).Output;

    /// <summary>The name of a tensor's range: a part has that of the whole, so that networks of all sizes have the same names.</summary>
    private string KeyOf(Value value)
    {
        while (value != _prepared && value.Producer is { OperatorType: "Slice" or "Pad" } node) value = node.Input(0);
        return value == _prepared ? InferenceNetwork.Image : value.Name;
    }

    private Value Step(float scale) => _graph.Constant(TensorData.Of<float>(Shape.Scalar, [scale]));

    private Value Zero(byte zero) => _graph.Constant(TensorData.Of<byte>(Shape.Scalar, [zero]));

    private (float Scale, byte Zero) ScaleOf(Value value)
    {
        string name = KeyOf(value);
        if (!_ranges.TryGetValue(name, out ValueRange range)) throw new GraphException($"the range of '{name}' is not known; the network must be calibrated");
        float low = Math.Min(0, range.Low), high = Math.Max(0, range.High), scale = Math.Max((high - low) / Levels, 1e-8f);
        return (scale, (byte)Math.Clamp(MathF.Round(-low / scale), 0, Levels));
    }

    private (Value Weights, float[] Steps) Weights(Value value)
    {
        ReadOnlySpan<float> weights = value.Data!.As<float>();
        int results = value.Shape[0], inputs = weights.Length / results;
        var steps = new float[results];
        var rounded = new sbyte[weights.Length];
        for (int o = 0; o < results; o++)
        {
            ReadOnlySpan<float> row = weights.Slice(o * inputs, inputs);
            float greatest = 1e-8f;
            foreach (float weight in row) greatest = Math.Max(greatest, Math.Abs(weight));
            steps[o] = greatest / WeightLevels;
            for (int i = 0; i < inputs; i++) rounded[(o * inputs) + i] = (sbyte)Math.Clamp(MathF.Round(row[i] / steps[o]), -WeightLevels, WeightLevels);
        }

        Value stored = _graph.Constant(TensorData.Of<sbyte>(value.Shape, rounded), value.Name);
        Value zeros = _graph.Constant(TensorData.Of<sbyte>(new(results), new sbyte[results]));
        Value scale = _graph.Constant(TensorData.Of<float>(new(results), steps));
        return (_graph.Add("DequantizeLinear", [stored, scale, zeros], [(ElementType.Float32, value.Shape)], [("axis", 0L)]).Output, steps);
    }

    private Value Bias(Value value, float[] steps, float inputScale)
    {
        ReadOnlySpan<float> bias = value.Data!.As<float>();
        var rounded = new int[bias.Length];
        float[] scales = Array.ConvertAll(steps, s => s * inputScale);
        for (int i = 0; i < rounded.Length; i++) rounded[i] = (int)Math.Clamp(Math.Round((double)bias[i] / scales[i]), int.MinValue, int.MaxValue);
        Value stored = _graph.Constant(TensorData.Of<int>(value.Shape, rounded), value.Name);
        Value zeros = _graph.Constant(TensorData.Of<int>(new(rounded.Length), new int[rounded.Length]));
        Value scale = _graph.Constant(TensorData.Of<float>(new(rounded.Length), scales));
        return _graph.Add("DequantizeLinear", [stored, scale, zeros], [(ElementType.Float32, value.Shape)], [("axis", 0L)]).Output;
    }
}
