using Google.Protobuf;

namespace Coppice.Graphs;

/// <summary>The fields of one protocol-buffer message in turn; one that is not read is skipped.</summary>
internal sealed class FieldReader(byte[] message)
{
    private readonly CodedInputStream _input = new(message);
    private uint _tag;
    private bool _read = true;

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

    public byte[] Bytes()
    {
        Take(WireFormat.WireType.LengthDelimited);
        return _input.ReadBytes().ToByteArray();
    }

    /// <summary>One or a packed row of integers.</summary>
    public void Integers(Action<long> add)
    {
        if (WireFormat.GetTagWireType(_tag) == WireFormat.WireType.Varint)
        {
            add(Integer());
            return;
        }

        var packed = new CodedInputStream(Bytes());
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

        var packed = new CodedInputStream(Bytes());
        while (!packed.IsAtEnd) add(packed.ReadFloat());
    }

    private void Take(WireFormat.WireType expected)
    {
        WireFormat.WireType found = WireFormat.GetTagWireType(_tag);
        if (found != expected) throw new GraphException($"field {Number} is of wire type {found}; expected {expected}");
        _read = true;
    }
}
