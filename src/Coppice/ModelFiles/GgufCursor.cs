using System.Buffers.Binary;
using System.Text;
using Coppice.Kernels;

namespace Coppice.ModelFiles;

/// <summary>Reads a GGUF file from front to back; whatever would pass the end is an error that names what was wanted.</summary>
internal sealed class GgufCursor
{
    /// <summary>The longest key or tensor name in bytes; the specification's limit for keys.</summary>
    public const int MaxNameBytes = 65535;

    /// <summary>UTF-8 that throws at what is not rather than replacing it.</summary>
    public static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private readonly NativeBytes _bytes;

    public GgufCursor(string file, NativeBytes bytes)
    {
        File = file;
        _bytes = bytes;
    }

    public string File { get; }

    public long Length => _bytes.Length;

    public long Position { get; private set; }

    public long Remaining => _bytes.Length - Position;

    public ReadOnlySpan<byte> Peek(int count) => _bytes.Span(Position, count);

    public void Skip(int count) => Position += count;

    public uint U32(string what) => BinaryPrimitives.ReadUInt32LittleEndian(Take(4, what));

    public ulong U64(string what) => BinaryPrimitives.ReadUInt64LittleEndian(Take(8, what));

    /// <summary>A key or a tensor's name: [length u64][UTF-8].</summary>
    public string Name(string what)
    {
        ulong length = U64(what);
        if (length is 0 or > MaxNameBytes) throw Error(what, $"1 to {MaxNameBytes} bytes", length.ToString());
        ReadOnlySpan<byte> name = Take((int)length, what);
        try
        {
            return StrictUtf8.GetString(name);
        }
        catch (DecoderFallbackException)
        {
            throw Error(what, "UTF-8 text", "bytes that are not");
        }
    }

    /// <summary>A metadata value: [type u32][value].</summary>
    public GgufValue Value(string what)
    {
        uint type = U32(what);
        ReadOnlySpan<byte> rest = Peek((int)Math.Min(Remaining, int.MaxValue));
        GgufValue value = GgufValue.Read(type, rest, new GgufPlace(File, what), out int taken);
        Position += taken;
        return value;
    }

    private ReadOnlySpan<byte> Take(int count, string what)
    {
        if (count > Remaining) throw Error(what, $"{count} bytes at offset {Position}", $"the end of the file after {Remaining}");
        ReadOnlySpan<byte> taken = _bytes.Span(Position, count);
        Position += count;
        return taken;
    }

    private ModelFormatException Error(string what, string expected, string found) => new(File, what, expected, found);
}
