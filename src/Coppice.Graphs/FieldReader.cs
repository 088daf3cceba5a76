using Google.Protobuf;

namespace Coppice.Graphs;

/// <summary>The fields of one protocol-buffer message in turn; one that is not read is skipped. Messages within are not copied.</summary>
internal sealed class FieldReader
{
    private readonly byte[] _bytes;
    private readonly int _end;
    private CodedInputStream _input;
    private uint _tag;
    private bool _read = true;

    public FieldReader(ArraySegment<byte> message)
    {
        // A message that is not there is the default segment.
        _bytes = message.Array ?? [];
        _end = message.Offset + message.Count;
        _input = new CodedInputStream(_bytes, message.Offset, message.Count);
    }

    /// <summary>Number of the field, as in the .proto file.</summary>
    public int Number => WireFormat.GetTagFieldNumber(_tag);

    /// <summary>Goes to the next field; false behind the last.</summary>
    public bool Next()
    {
        if (!_read) _input.SkipLastField();
        _read = false;
        _tag = _input.ReadTag();
        return _tag != 0;
    }

    public long Integer()
    {
        Take(WireFormat.WireType.Varint);
        return _input.ReadInt64();
    }

    public float Float()
    {
        Take(WireFormat.WireType.Fixed32);
        return _input.ReadFloat();
    }

    public string Text()
    {
        Take(WireFormat.WireType.LengthDelimited);
        return _input.ReadString();
    }

    /// <summary>The bytes where they lie.</summary>
    public ArraySegment<byte> Bytes()
    {
        Take(WireFormat.WireType.LengthDelimited);
        int length = _input.ReadLength(), start = (int)_input.Position;
        if (length < 0 || length > _end - start) throw new GraphException($"field {Number} has {length} bytes, and {_end - start} are left");
        _input = new CodedInputStream(_bytes, start + length, _end - start - length);
        return new(_bytes, start, length);
    }

    /// <summary>One or a packed row of integers.</summary>
    public void Integers(Action<long> add)
    {
        if (WireFormat.GetTagWireType(_tag) == WireFormat.WireType.Varint)
        {
            add(Integer());
            return;
        }

        CodedInputStream packed = Packed();
        while (!packed.IsAtEnd) add(packed.ReadInt64());
    }

    /// <summary>One or a packed row of numbers.</summary>
    public void Floats(Action<float> add)
    {
        if (WireFormat.GetTagWireType(_tag) == WireFormat.WireType.Fixed32)
        {
            add(Float());
            return;
        }

        CodedInputStream packed = Packed();
        while (!packed.IsAtEnd) add(packed.ReadFloat());
    }

    private CodedInputStream Packed()
    {
        ArraySegment<byte> bytes = Bytes();
        return new CodedInputStream(bytes.Array, bytes.Offset, bytes.Count);
    }

    private void Take(WireFormat.WireType expected)
    {
        WireFormat.WireType found = WireFormat.GetTagWireType(_tag);
        if (found != expected) throw new GraphException($"field {Number} is of wire type {found}; expected {expected}");
        _read = true;
    }
}
