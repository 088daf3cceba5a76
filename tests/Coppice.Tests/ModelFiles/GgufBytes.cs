using System.Buffers.Binary;
using System.Text;
using Coppice.ModelFiles;

namespace Coppice.Tests.ModelFiles;

/// <summary>Puts together a GGUF file field by field, so that each field can be wrong.</summary>
internal sealed class GgufBytes
{
    private readonly List<byte> _bytes = [];

    public byte[] ToArray() => [.. _bytes];

    public static GgufBytes Header(uint version, ulong tensors, ulong keys) =>
        new GgufBytes().Raw("GGUF"u8).U32(version).U64(tensors).U64(keys);

    /// <summary>A file with one tensor entry and as many bytes of data.</summary>
    public static GgufBytes WithTensor(uint type, ulong[] dimensions, ulong offset, int data) =>
        Header(3, 1, 0).Tensor("t", type, dimensions, offset).PadTo(32).Raw(new byte[data]);

    public GgufBytes Raw(ReadOnlySpan<byte> bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public GgufBytes U32(uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return Raw(bytes);
    }

    public GgufBytes U64(ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        return Raw(bytes);
    }

    public GgufBytes Text(string text) => U64((ulong)Encoding.UTF8.GetByteCount(text)).Raw(Encoding.UTF8.GetBytes(text));

    public GgufBytes Key(string key, GgufValueType type) => Text(key).U32((uint)type);

    public GgufBytes Tensor(string name, uint type, ulong[] dimensions, ulong offset)
    {
        Text(name).U32((uint)dimensions.Length);
        foreach (ulong dimension in dimensions) U64(dimension);
        return U32(type).U64(offset);
    }

    public GgufBytes PadTo(int alignment) => Raw(new byte[-_bytes.Count & (alignment - 1)]);

    /// <summary>Opens the bytes as a file and returns the error's message without the path before it.</summary>
    public string Error() => Error(ToArray());

    /// <inheritdoc cref="Error()"/>
    public static string Error(byte[] bytes)
    {
        using var target = new TemporaryFile();
        File.WriteAllBytes(target.Path, bytes);
        var error = Assert.Throws<ModelFormatException>(() => GgufFile.Open(target.Path));
        Assert.StartsWith($"{target.Path}: ", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        return error.Message[(target.Path.Length + 2)..];
    }
}
