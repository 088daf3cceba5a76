using System.Text;
using Google.Protobuf;

namespace Coppice.Graphs;

/// <summary>Writes the protocol-buffer messages of an ONNX file. Field numbers are those of onnx.proto; IR version 9.</summary>
internal static class OnnxWriter
{
    public const int IrVersion = 9;
    public const string StopGradientNote = "stop-gradient";
    public const string ParameterNote = "parameter";

    public static byte[] Write(Graph graph, IReadOnlyDictionary<string, TensorData> weights)
    {
        return Message(model =>
        {
            Integer(model, 1, IrVersion);
            Text(model, 2, "coppice");
            Nested(model, 7, Message(g => WriteGraph(g, graph, weights)));
            Nested(model, 8, Message(opset =>
            {
                Text(opset, 1, "");
                Integer(opset, 2, Graph.Opset);
            }));
            foreach ((string key, string value) in graph.Metadata)
            {
                Nested(model, 14, Message(entry =>
                {
                    Text(entry, 1, key);
                    Text(entry, 2, value);
                }));
            }
        });
    }

    private static void WriteGraph(CodedOutputStream output, Graph graph, IReadOnlyDictionary<string, TensorData> weights)
    {
        foreach (Node node in graph.Nodes) Nested(output, 1, Message(n => WriteNode(n, node)));
        Text(output, 2, graph.Name);
        foreach (Value constant in graph.Constants) Nested(output, 5, Tensor(constant.Name, constant.Data!));
        foreach (Value parameter in graph.Parameters)
        {
            if (!weights.TryGetValue(parameter.Name, out TensorData? data)) continue;
            if (data.Type != parameter.Type || data.Shape != parameter.Shape)
                throw new GraphException($"parameter {parameter}: its weights are {data.Type} {data.Shape}");
            Nested(output, 5, Tensor(parameter.Name, data));
        }

        foreach (Value input in graph.Inputs) Nested(output, 11, ValueInfo(input));
        foreach (Value parameter in graph.Parameters)
        {
            if (!weights.ContainsKey(parameter.Name)) Nested(output, 11, ValueInfo(parameter, ParameterNote));
        }

        foreach (Value result in graph.Outputs) Nested(output, 12, ValueInfo(result));
        foreach (Value value in graph.Nodes.SelectMany(n => n.Outputs))
        {
            if (!graph.Yields(value)) Nested(output, 13, ValueInfo(value));
        }
    }

    private static void WriteNode(CodedOutputStream output, Node node)
    {
        foreach (Value? input in node.Inputs) Text(output, 1, input?.Name ?? "");
        foreach (Value result in node.Outputs) Text(output, 2, result.Name);
        Text(output, 3, node.Name);
        Text(output, 4, node.OperatorType);
        foreach ((string name, object value) in node.Attributes) Nested(output, 5, Message(a => WriteAttribute(a, name, value)));
        if (node.StopsGradient) Text(output, 6, StopGradientNote);
    }

    private static void WriteAttribute(CodedOutputStream output, string name, object value)
    {
        Text(output, 1, name);
        switch (value)
        {
            case float number:
                output.WriteTag(2, WireFormat.WireType.Fixed32);
                output.WriteFloat(number);
                Integer(output, 20, 1);
                break;
            case long number:
                Integer(output, 3, number);
                Integer(output, 20, 2);
                break;
            case string text:
                Nested(output, 4, Encoding.UTF8.GetBytes(text));
                Integer(output, 20, 3);
                break;
            case TensorData tensor:
                Nested(output, 5, Tensor("", tensor));
                Integer(output, 20, 4);
                break;
            case float[] numbers:
                foreach (float number in numbers)
                {
                    output.WriteTag(7, WireFormat.WireType.Fixed32);
                    output.WriteFloat(number);
                }

                Integer(output, 20, 6);
                break;
            case long[] numbers:
                foreach (long number in numbers) Integer(output, 8, number);
                Integer(output, 20, 7);
                break;
            default:
                throw new GraphException($"attribute '{name}': a {value.GetType().Name} can't be written");
        }
    }

    private static byte[] Tensor(string name, TensorData data) => Message(output =>
    {
        foreach (int dim in data.Shape.Dims) Integer(output, 1, dim);
        Integer(output, 2, (int)data.Type);
        Text(output, 8, name);
        output.WriteTag(9, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(UnsafeByteOperations.UnsafeWrap(data.Bytes.ToArray()));
    });

    private static byte[] ValueInfo(Value value, string? note = null) => Message(output =>
    {
        Text(output, 1, value.Name);
        byte[] shape = Message(dims =>
        {
            foreach (int dim in value.Shape.Dims) Nested(dims, 1, Message(d => Integer(d, 1, dim)));
        });
        byte[] tensor = Message(t =>
        {
            Integer(t, 1, (int)value.Type);
            Nested(t, 2, shape);
        });
        Nested(output, 2, Message(type => Nested(type, 1, tensor)));
        if (note is not null) Text(output, 3, note);
    });

    private static byte[] Message(Action<CodedOutputStream> write)
    {
        using var stream = new MemoryStream();
        using (var output = new CodedOutputStream(stream, leaveOpen: true)) write(output);
        return stream.ToArray();
    }

    private static void Integer(CodedOutputStream output, int field, long value)
    {
        output.WriteTag(field, WireFormat.WireType.Varint);
        output.WriteInt64(value);
    }

    private static void Text(CodedOutputStream output, int field, string value)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteString(value);
    }

    private static void Nested(CodedOutputStream output, int field, byte[] message)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(UnsafeByteOperations.UnsafeWrap(message));
    }
}
