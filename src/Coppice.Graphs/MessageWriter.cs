using Google.Protobuf;

namespace Coppice.Graphs;

/// <summary>
/// One protocol-buffer message as pieces of memory in order. Large contents, as the elements of tensors, are referred to and not copied,
/// however deep they lie.
/// </summary>
internal sealed class MessageWriter
{
    private const int CopiedBytes = 4096;

    private readonly List<ReadOnlyMemory<byte>> _pieces = [];
    private readonly MemoryStream _bytes = new();
    private readonly CodedOutputStream _output;
    private long _pieceBytes;

    public MessageWriter() => _output = new CodedOutputStream(_bytes, leaveOpen: true);

    /// <summary>The pieces of the message that a function writes.</summary>
    /// <exception cref="GraphException">It is longer than messages can be: 2 GiB.</exception>
    public static IReadOnlyList<ReadOnlyMemory<byte>> Pieces(Action<MessageWriter> write)
    {
        var writer = new MessageWriter();
        write(writer);
        CheckLength(writer.End());
        return writer._pieces;
    }

    public void Integer(int field, long value)
    {
        _output.WriteTag(field, WireFormat.WireType.Varint);
        _output.WriteInt64(value);
    }

    public void Float(int field, float value)
    {
        _output.WriteTag(field, WireFormat.WireType.Fixed32);
        _output.WriteFloat(value);
    }

    public void Text(int field, string value)
    {
        _output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        _output.WriteString(value);
    }

    /// <summary>Bytes, which must not change until they are written out.</summary>
    public void Bytes(int field, ReadOnlyMemory<byte> bytes)
    {
        _output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        _output.WriteLength(bytes.Length);
        Append(bytes);
    }

    /// <summary>A message in this one.</summary>
    public void Nested(int field, Action<MessageWriter> write)
    {
        var inner = new MessageWriter();
        write(inner);
        long length = inner.End();
        CheckLength(length);
        _output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        _output.WriteLength((int)length);
        foreach (ReadOnlyMemory<byte> piece in inner._pieces) Append(piece);
    }

    private static void CheckLength(long length)
    {
        if (length > int.MaxValue) throw new GraphException($"an ONNX file of {length} bytes; it can have {int.MaxValue} at most");
    }

    private void Append(ReadOnlyMemory<byte> piece)
    {
        _output.Flush();
        if (piece.Length <= CopiedBytes)
        {
            _bytes.Write(piece.Span);
            return;
        }

        TakeBytes();
        _pieces.Add(piece);
        _pieceBytes += piece.Length;
    }

    /// <summary>Bytes so far become a piece.</summary>
    private void TakeBytes()
    {
        if (_bytes.Length == 0) return;
        _pieces.Add(_bytes.ToArray());
        _pieceBytes += _bytes.Length;
        _bytes.SetLength(0);
    }

    private long End()
    {
        _output.Flush();
        TakeBytes();
        return _pieceBytes;
    }
}
