namespace Coppice.Graphs;

/// <summary>Writes the protocol-buffer messages of an ONNX file. Field numbers are those of onnx.proto; IR version 9.</summary>
internal static class OnnxWriter
{
    public const int IrVersion = 9;
    public const string StopGradientNote = "stop-gradient";
    public const string ParameterNote = "parameter";

    /// <summary>The file in pieces; elements of tensors are referred to and not copied.</summary>
    public static IReadOnlyList<ReadOnlyMemory<byte>> Write(Graph graph, IReadOnlyDictionary<string, TensorData> weights) =>
        MessageWriter.Pieces(model =>
        {
            model.Integer(1, IrVersion);
            model.Text(2, "coppice");
            model.Nested(7, g => WriteGraph(g, graph, weights));
            model.Nested(8, opset =>
            {
                opset.Text(1, "");
                opset.Integer(2, Graph.Opset);
            });
            foreach ((string key, string value) in graph.Metadata)
            {
                model.Nested(14, entry =>
                {
                    entry.Text(1, key);
                    entry.Text(2, value);
                });
            }
        });

    private static void WriteGraph(MessageWriter output, Graph graph, IReadOnlyDictionary<string, TensorData> weights)
    {
        foreach (Node node in graph.Nodes) output.Nested(1, n => WriteNode(n, node));
        output.Text(2, graph.Name);
        foreach (Value constant in graph.Constants) output.Nested(5, t => WriteTensor(t, constant.Name, constant.Data!));
        foreach (Value parameter in graph.Parameters)
        {
            if (!weights.TryGetValue(parameter.Name, out TensorData? data)) continue;
            if (data.Type != parameter.Type || data.Shape != parameter.Shape)
                throw new GraphException($"parameter {parameter}: its weights are {data.Type} {data.Shape}");
            output.Nested(5, t => WriteTensor(t, parameter.Name, data));
        }

        foreach (Value input in graph.Inputs) output.Nested(11, v => WriteValue(v, input));
        foreach (Value parameter in graph.Parameters)
        {
            if (!weights.ContainsKey(parameter.Name)) output.Nested(11, v => WriteValue(v, parameter, ParameterNote));
        }

        foreach (Value result in graph.Outputs) output.Nested(12, v => WriteValue(v, result));
        foreach (Value value in graph.Nodes.SelectMany(n => n.Outputs))
        {
            if (!graph.Yields(value)) output.Nested(13, v => WriteValue(v, value));
        }
    }

    private static void WriteNode(MessageWriter output, Node node)
    {
        foreach (Value? input in node.Inputs) output.Text(1, input?.Name ?? "");
        foreach (Value result in node.Outputs) output.Text(2, result.Name);
        output.Text(3, node.Name);
        output.Text(4, node.OperatorType);
        foreach ((string name, object value) in node.Attributes) output.Nested(5, a => WriteAttribute(a, name, value));
        if (node.StopsGradient) output.Text(6, StopGradientNote);
    }

    private static void WriteAttribute(MessageWriter output, string name, object value)
    {
        output.Text(1, name);
        switch (value)
        {
            case float number:
                output.Float(2, number);
                output.Integer(20, 1);
                break;
            case long number:
                output.Integer(3, number);
                output.Integer(20, 2);
                break;
            case string text:
                output.Text(4, text);
                output.Integer(20, 3);
                break;
            case TensorData tensor:
                output.Nested(5, t => WriteTensor(t, "", tensor));
                output.Integer(20, 4);
                break;
            case float[] numbers:
                foreach (float number in numbers) output.Float(7, number);
                output.Integer(20, 6);
                break;
            case long[] numbers:
                foreach (long number in numbers) output.Integer(8, number);
                output.Integer(20, 7);
                break;
            default:
                throw new GraphException($"attribute '{name}': a {value.GetType().Name} can't be written");
        }
    }

    private static void WriteTensor(MessageWriter output, string name, TensorData data)
    {
        foreach (int dim in data.Shape.Dims) output.Integer(1, dim);
        output.Integer(2, (int)data.Type);
        output.Text(8, name);
        output.Bytes(9, data.Memory);
    }

    private static void WriteValue(MessageWriter output, Value value, string? note = null)
    {
        output.Text(1, value.Name);
        output.Nested(2, type => type.Nested(1, tensor =>
        {
            tensor.Integer(1, (int)value.Type);
            tensor.Nested(2, shape =>
            {
                foreach (int dim in value.Shape.Dims) shape.Nested(1, d => d.Integer(1, dim));
            });
        }));
        if (note is not null) output.Text(3, note);
    }
}
