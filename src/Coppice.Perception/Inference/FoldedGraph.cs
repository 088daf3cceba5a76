using System.Runtime.InteropServices;
using Coppice.Graphs;

namespace Coppice.Perception.Inference;

/// <summary>
/// A network's graph for inference, with its weights stored: normalizations behind convolutions become part of these (W s / sqrt(v + e)
/// and (b - m) s / sqrt(v + e) + bias), and blocks as channels before a convolution become its stride. Both compute the same numbers but for
/// rounding.
/// </summary>
internal sealed class FoldedGraph
{
    private readonly Graph _source;
    private readonly IReadOnlyDictionary<string, TensorData> _weights;
    private readonly ILookup<Value, Node> _consumers;
    private readonly HashSet<Value> _yielded;
    private readonly Dictionary<Value, Value> _values = [];

    private FoldedGraph(Graph source, IReadOnlyDictionary<string, TensorData> weights)
    {
        (_source, _weights) = (source, weights);
        _consumers = source.Nodes.SelectMany(n => n.Inputs.OfType<Value>().Distinct().Select(i => (Input: i, Node: n))).ToLookup(p => p.Input, p => p.Node);
        _yielded = [.. source.Outputs];
        Graph = new Graph(source.Name);
    }

    /// <summary>The graph; it has no parameters.</summary>
    public Graph Graph { get; }

    /// <summary>The image as its first operator with neighbours or weights takes it: the input itself if what comes before is left to the caller.</summary>
    public Value? Prepared { get; private set; }

    /// <summary>What each channel of the image is multiplied with before it is given to the graph.</summary>
    public float[] Factor { get; private set; } = [1, 1, 1];

    /// <summary>What is added then.</summary>
    public float[] Offset { get; private set; } = [0, 0, 0];

    /// <summary>Folds a graph.</summary>
    /// <param name="source">A network with stored statistics, of one input, the image.</param>
    /// <param name="weights">Its parameters by name.</param>
    /// <param name="foldImage">Whether what is done to the image's channels first is left to the caller, who reads <see cref="Factor"/> and <see cref="Offset"/>.</param>
    /// <exception cref="GraphException">A parameter has no value.</exception>
    public static FoldedGraph Of(Graph source, IReadOnlyDictionary<string, TensorData> weights, bool foldImage)
    {
        var folded = new FoldedGraph(source, weights);
        Value image = source.Inputs.Single();
        var skipped = new HashSet<Node>();
        Value prepared = folded.SkipAffine(image, skipped);
        if (!foldImage)
        {
            skipped.Clear();
            (folded.Factor, folded.Offset) = ([1, 1, 1], [0, 0, 0]);
        }

        folded._values[foldImage ? prepared : image] = folded.Graph.Input(image.Name, image.Shape);
        foreach (Node node in source.Nodes)
        {
            if (!skipped.Contains(node)) folded.Add(node);
        }

        foreach (Value output in source.Outputs) folded.Graph.Output(folded._values[output]);
        folded.Prepared = folded._values[prepared];
        return folded;
    }

    private void Add(Node node)
    {
        switch (node.OperatorType)
        {
            case "Conv" when IsStored(node.Input(1)):
                if (NormalizationBehind(node) is null) AddConv(node, null);
                break;
            case "BatchNormalization" when node.Input(0).Producer is { OperatorType: "Conv" } conv && NormalizationBehind(conv) == node:
                AddConv(conv, node);
                break;
            case "SpaceToDepth" when ConvBehind(node) is not null:
                break;
            default:
                Node copy = Graph.Add(
                    node.OperatorType,
                    [.. node.Inputs.Select(i => i is null ? null : Mapped(i))],
                    [.. node.Outputs.Select(o => (o.Type, o.Shape))],
                    node.Attributes.Select(a => (a.Key, a.Value)),
                    node.Name);
                for (int i = 0; i < node.Outputs.Count; i++) _values[node.Outputs[i]] = copy.Outputs[i];
                break;
        }
    }

    private void AddConv(Node conv, Node? normalization)
    {
        TensorData stored = Stored(conv.Input(1))!;
        Shape shape = stored.Shape;
        byte[] bytes = MemoryMarshal.AsBytes(stored.As<float>()).ToArray();
        float[]? bias = conv.Inputs.Count > 2 && conv.Inputs[2] is { } given ? Stored(given)!.As<float>().ToArray() : null;
        if (normalization is not null)
        {
            bias ??= new float[shape[0]];
            Normalize(normalization, MemoryMarshal.Cast<byte, float>(bytes.AsSpan()), bias);
        }

        Window window = Window.Of(conv);
        Value x = conv.Input(0);
        if (x.Producer is { OperatorType: "SpaceToDepth" } blocks && ConvBehind(blocks) == conv)
        {
            int block = (int)(long)blocks.Attributes["blocksize"];
            (bytes, shape) = Spread(MemoryMarshal.Cast<byte, float>(bytes.AsSpan()), shape, block);
            Border p = window.Padding;
            window = window with { Stride = block, Padding = new(p.Top * block, p.Left * block, p.Bottom * block, p.Right * block) };
            x = blocks.Input(0);
        }

        string name = conv.Input(1).Name;
        Value kernel = Graph.Constant(new TensorData(stored.Type, shape, bytes), name);
        Value? added = bias is null ? null : Graph.Constant(TensorData.Of<float>(new(shape[0]), bias), name + ".bias");
        int groups = conv.Attributes.TryGetValue("group", out object? group) ? (int)(long)group : 1;
        Node last = normalization ?? conv;
        _values[last.Output] = Mapped(x).Conv(kernel, added, window, groups, last.Name);
    }

    private void Normalize(Node node, Span<float> weights, Span<float> bias)
    {
        ReadOnlySpan<float> scale = Stored(node.Input(1))!.As<float>(), add = Stored(node.Input(2))!.As<float>();
        ReadOnlySpan<float> mean = Stored(node.Input(3))!.As<float>(), variance = Stored(node.Input(4))!.As<float>();
        int inputs = weights.Length / bias.Length;
        for (int c = 0; c < bias.Length; c++)
        {
            float factor = scale[c] / MathF.Sqrt(variance[c] + node.Float("epsilon", 1e-5f));
            bias[c] = ((bias[c] - mean[c]) * factor) + add[c];
            foreach (ref float weight in weights.Slice(c * inputs, inputs)) weight *= factor;
        }
    }

    /// <summary>Kernels over blocks as channels, [o, (y * b + x) * c + channel, ky, kx], as kernels over pixels, [o, channel, ky * b + y, kx * b + x].</summary>
    private static (byte[] Weights, Shape Shape) Spread(ReadOnlySpan<float> weights, Shape shape, int block)
    {
        int channels = shape[1] / (block * block), height = shape[2] * block, width = shape[3] * block;
        var bytes = new byte[weights.Length * sizeof(float)];
        Span<float> spread = MemoryMarshal.Cast<byte, float>(bytes.AsSpan());
        int at = 0;
        for (int o = 0; o < shape[0]; o++)
        {
            for (int i = 0; i < shape[1]; i++)
            {
                int channel = i % channels, y = i / channels / block, x = i / channels % block;
                for (int ky = 0; ky < shape[2]; ky++)
                {
                    for (int kx = 0; kx < shape[3]; kx++)
                        spread[(((((o * channels) + channel) * height) + (ky * block) + y) * width) + (kx * block) + x] = weights[at++];
                }
            }
        }

        return (bytes, new Shape(shape[0], channels, height, width));
    }

    /// <summary>Follows what is done to each channel of the image alone, and keeps it as factor and offset.</summary>
    private Value SkipAffine(Value x, HashSet<Node> skipped)
    {
        while (Only(x) is { } node && node.Inputs[0] == x)
        {
            (float[] Factor, float[] Offset)? step = node.OperatorType switch
            {
                "Sub" when Channels(node.Input(1)) is { } c => ([1, 1, 1], [-c[0], -c[1], -c[2]]),
                "Add" when Channels(node.Input(1)) is { } c => ([1, 1, 1], c),
                "Mul" when Channels(node.Input(1)) is { } c => (c, [0, 0, 0]),
                "BatchNormalization" => OfNormalization(node),
                _ => null,
            };
            if (step is not { } found) break;
            for (int c = 0; c < 3; c++)
            {
                Factor[c] *= found.Factor[c];
                Offset[c] = (Offset[c] * found.Factor[c]) + found.Offset[c];
            }

            skipped.Add(node);
            x = node.Output;
        }

        return x;
    }

    private (float[] Factor, float[] Offset) OfNormalization(Node node)
    {
        float[] factor = [1, 1, 1], offset = [0, 0, 0];
        Normalize(node, factor, offset);
        return (factor, offset);
    }

    /// <summary>A stored number for each of three channels, or null.</summary>
    private float[]? Channels(Value value)
    {
        if (Stored(value) is not { Type: ElementType.Float32 } data) return null;
        float[] numbers = data.As<float>().ToArray();
        if (numbers.Length == 1) return [numbers[0], numbers[0], numbers[0]];
        return data.Shape == new Shape(1, 3, 1, 1) ? numbers : null;
    }

    private Node? Only(Value value) => _yielded.Contains(value) || _consumers[value].Count() != 1 ? null : _consumers[value].First();

    private Node? NormalizationBehind(Node conv) =>
        Only(conv.Output) is { OperatorType: "BatchNormalization" } node && node.Input(0) == conv.Output && IsStored(node.Input(1)) ? node : null;

    /// <summary>The convolution that alone reads blocks as channels, if its kernel can be spread.</summary>
    private Node? ConvBehind(Node blocks)
    {
        if (Only(blocks.Output) is not { OperatorType: "Conv" } conv || conv.Input(0) != blocks.Output || !IsStored(conv.Input(1))) return null;
        Window window = Window.Of(conv);
        return window.Stride == 1 && window.Dilation == 1 && conv.Input(1).Shape[1] == blocks.Output.Shape[1] ? conv : null;
    }

    private static bool IsStored(Value value) => value.Kind is ValueKind.Constant or ValueKind.Parameter || Filled(value) is not null;

    /// <summary>The number of a tensor that holds one number everywhere.</summary>
    private static float? Filled(Value value) =>
        value.Producer is { OperatorType: "Expand" } node && node.Input(0).Data is { Type: ElementType.Float32, Shape.Count: 1 } data ? data.As<float>()[0] : null;

    private TensorData? Stored(Value value) => value.Kind switch
    {
        ValueKind.Constant => value.Data,
        ValueKind.Parameter => _weights.TryGetValue(value.Name, out TensorData? data) ? data : throw new GraphException($"parameter {value} has no value"),
        _ => Filled(value) is { } number ? TensorData.Of<float>(value.Shape, [.. Enumerable.Repeat(number, (int)value.Shape.Count)]) : null,
    };

    private Value Mapped(Value value)
    {
        if (_values.TryGetValue(value, out Value? mapped)) return mapped;
        TensorData data = Stored(value) ?? throw new GraphException($"{value} was not computed");
        return _values[value] = value.Kind == ValueKind.Parameter ? Graph.Constant(data, value.Name) : Graph.Constant(data);
    }
}
