using System.Runtime.InteropServices;

namespace Coppice.Graphs;

/// <summary>A value's name, type and shape (ValueInfoProto). The shape is null if it is not wholly known.</summary>
internal sealed record ValueMessage(string Name, ElementType Type, Shape? Shape, string Note)
{
    public static ValueMessage Read(ArraySegment<byte> bytes)
    {
        string name = "", note = "";
        ArraySegment<byte> type = [];
        var fields = new FieldReader(bytes);
        while (fields.Next())
        {
            if (fields.Number == 1) name = fields.Text();
            else if (fields.Number == 2) type = fields.Bytes();
            else if (fields.Number == 3) note = fields.Text();
        }

        (ElementType element, Shape? shape) = ReadType(type);
        return new ValueMessage(name, element, shape, note);
    }

    private static (ElementType Type, Shape? Shape) ReadType(ArraySegment<byte> bytes)
    {
        ArraySegment<byte> tensor = [];
        ArraySegment<byte>? shape = null;
        long element = 0;
        var fields = new FieldReader(bytes);
        while (fields.Next())
        {
            if (fields.Number == 1) tensor = fields.Bytes();
        }

        fields = new FieldReader(tensor);
        while (fields.Next())
        {
            if (fields.Number == 1) element = fields.Integer();
            else if (fields.Number == 2) shape = fields.Bytes();
        }

        return ((ElementType)element, shape is { } dims ? ReadShape(dims) : null);
    }

    private static Shape? ReadShape(ArraySegment<byte> bytes)
    {
        var dims = new List<int>();
        bool known = true;
        var fields = new FieldReader(bytes);
        while (fields.Next())
        {
            if (fields.Number != 1) continue;
            long length = -1;
            var dim = new FieldReader(fields.Bytes());
            while (dim.Next())
            {
                if (dim.Number == 1) length = dim.Integer();
            }

            known &= length >= 0;
            dims.Add(checked((int)Math.Max(0, length)));
        }

        return known ? new Shape([.. dims]) : null;
    }
}

/// <summary>An operator (NodeProto).</summary>
internal sealed class NodeMessage
{
    public List<string> Inputs { get; } = [];

    public List<string> Outputs { get; } = [];

    public string Name { get; private set; } = "";

    public string Type { get; private set; } = "";

    public string Domain { get; private set; } = "";

    public string Note { get; private set; } = "";

    public Dictionary<string, object> Attributes { get; } = new(StringComparer.Ordinal);

    public static NodeMessage Read(ArraySegment<byte> bytes)
    {
        var node = new NodeMessage();
        var fields = new FieldReader(bytes);
        while (fields.Next())
        {
            switch (fields.Number)
            {
                case 1: node.Inputs.Add(fields.Text()); break;
                case 2: node.Outputs.Add(fields.Text()); break;
                case 3: node.Name = fields.Text(); break;
                case 4: node.Type = fields.Text(); break;
                case 5: node.ReadAttribute(fields.Bytes()); break;
                case 6: node.Note = fields.Text(); break;
                case 7: node.Domain = fields.Text(); break;
            }
        }

        return node;
    }

    /// <summary>Attributes of kinds that graphs here do not use (sub-graphs, lists of text) are left out.</summary>
    private void ReadAttribute(ArraySegment<byte> bytes)
    {
        string name = "";
        long kind = 0;
        object? single = null;
        var integers = new List<long>();
        var floats = new List<float>();
        var fields = new FieldReader(bytes);
        while (fields.Next())
        {
            switch (fields.Number)
            {
                case 1: name = fields.Text(); break;
                case 2: single = fields.Float(); break;
                case 3: single = fields.Integer(); break;
                case 4: single = fields.Text(); break;
                case 5: single = TensorMessage.Read(fields.Bytes()).Data; break;
                case 7: fields.Floats(floats.Add); break;
                case 8: fields.Integers(integers.Add); break;
                case 20: kind = fields.Integer(); break;
            }
        }

        object? value = kind switch
        {
            1 => single ?? 0f,
            2 => single ?? 0L,
            3 => single ?? "",
            6 => floats.ToArray(),
            7 => integers.ToArray(),
            _ => single,
        };
        if (value is not null) Attributes[name] = value;
    }
}

/// <summary>A stored tensor (TensorProto).</summary>
internal static class TensorMessage
{
    public static (string Name, TensorData Data) Read(ArraySegment<byte> bytes)
    {
        var dims = new List<int>();
        string name = "";
        byte[]? raw = null;
        long type = 0, location = 0;
        var floats = new List<float>();
        var small = new List<int>();
        var integers = new List<long>();
        var fields = new FieldReader(bytes);
        while (fields.Next())
        {
            switch (fields.Number)
            {
                case 1: fields.Integers(i => dims.Add(checked((int)i))); break;
                case 2: type = fields.Integer(); break;
                case 4: fields.Floats(floats.Add); break;
                case 5: fields.Integers(i => small.Add(unchecked((int)i))); break;
                case 7: fields.Integers(integers.Add); break;
                case 8: name = fields.Text(); break;
                case 9: raw = fields.Bytes().ToArray(); break;
                case 14: location = fields.Integer(); break;
            }
        }

        if (location != 0) throw new GraphException($"tensor '{name}': its elements are in another file, which is not read");
        raw ??= (ElementType)type switch
        {
            ElementType.Float32 => MemoryMarshal.AsBytes<float>(floats.ToArray()).ToArray(),
            ElementType.Int64 => MemoryMarshal.AsBytes<long>(integers.ToArray()).ToArray(),
            ElementType.Int32 => MemoryMarshal.AsBytes<int>(small.ToArray()).ToArray(),
            ElementType.Float16 => MemoryMarshal.AsBytes<ushort>(small.Select(i => unchecked((ushort)i)).ToArray()).ToArray(),
            _ => [.. small.Select(i => unchecked((byte)i))],
        };
        try
        {
            return (name, new TensorData((ElementType)type, new Shape([.. dims]), raw));
        }
        catch (GraphException e)
        {
            throw new GraphException($"tensor '{name}': {e.Message}", e);
        }
    }
}
