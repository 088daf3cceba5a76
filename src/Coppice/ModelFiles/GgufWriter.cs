using System.Buffers.Binary;
using Coppice.Kernels;
using Coppice.Kernels.Formats;

namespace Coppice.ModelFiles;

/// <summary>
/// Builds a GGUF file of version 3. Keys and tensors are declared first, in the order they shall have; <see cref="Write"/>
/// then streams the tensors one by one, so no more of them is held than their sources hold.
/// </summary>
/// <remarks>The file is written under another name beside its target and moved there when it is complete: at the target
/// there is never half a file.</remarks>
public sealed class GgufWriter
{
    /// <summary>The longest tensor name in bytes that ggml reads.</summary>
    private const int MaxTensorNameBytes = 63;
    private const int MaxKeyBytes = GgufCursor.MaxNameBytes;

    private readonly OrderedDictionary<string, GgufValue> _metadata = new(StringComparer.Ordinal);
    private readonly OrderedDictionary<string, Pending> _tensors = new(StringComparer.Ordinal);

    private sealed record Pending(string Name, TensorType Type, long[] Dimensions, long Bytes, Action<Stream> Write);

    /// <summary>Sets a key; one that is set already keeps its place and gets the new value.</summary>
    /// <param name="key">The key; <c>general.alignment</c> (a uint32) sets the alignment of tensor data, else 32.</param>
    /// <param name="value">The value; its type in the file is that of the .NET value, so <c>5u</c> writes a uint32.</param>
    /// <exception cref="ArgumentException">The key is empty or too long, or the alignment no uint32 that is a power of two.</exception>
    public GgufWriter Set(string key, GgufValue value)
    {
        ArgumentNullException.ThrowIfNull(value);
        CheckName(key, MaxKeyBytes, nameof(key));
        if (key == GgufFile.AlignmentKey
            && !(value.Type == GgufValueType.UInt32 && value.TryGetInteger(out long alignment) && long.IsPow2(alignment)))
            throw new ArgumentException($"{key} must be a uint32 and a power of two, not {value.TypeName} {value}", nameof(value));
        _metadata[key] = value;
        return this;
    }

    /// <summary>Sets a key to an array of text.</summary>
    public GgufWriter Set(string key, IReadOnlyList<string> values) => Set(key, GgufValue.From(values));

    /// <summary>Sets a key to an array of text given as bytes, which need not be UTF-8.</summary>
    public GgufWriter Set(string key, IReadOnlyList<ReadOnlyMemory<byte>> values) => Set(key, GgufValue.From(values));

    /// <summary>Adds a tensor whose bytes come when the file is written.</summary>
    /// <param name="name">Its name, 1 to 63 bytes.</param>
    /// <param name="type">A supported type.</param>
    /// <param name="dimensions">One to four sizes in ggml's order, the row's length first; rows are whole blocks.</param>
    /// <param name="write">Writes exactly the tensor's bytes; called once for each <see cref="Write"/>.</param>
    /// <exception cref="ArgumentException">The name is taken or out of range, or type and dimensions do not fit.</exception>
    public GgufWriter AddTensor(string name, TensorType type, ReadOnlySpan<long> dimensions, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        CheckName(name, MaxTensorNameBytes, nameof(name));
        if (dimensions.Length is 0 or > 4) throw new ArgumentException($"tensor '{name}' has {dimensions.Length} dimensions, not 1 to 4", nameof(dimensions));
        long elements = 1;
        foreach (long dimension in dimensions)
        {
            if (dimension <= 0) throw new ArgumentException($"tensor '{name}' has a dimension of {dimension}", nameof(dimensions));
            if (dimension > long.MaxValue / 8 / elements) throw new ArgumentException($"tensor '{name}' has too many elements", nameof(dimensions));
            elements *= dimension;
        }
        // A row must be whole blocks: this throws where it is not.
        _ = TensorTypes.Bytes(type, dimensions[0]);
        var tensor = new Pending(name, type, dimensions.ToArray(), TensorTypes.Bytes(type, elements), write);
        if (!_tensors.TryAdd(name, tensor)) throw new ArgumentException($"tensor '{name}' was added before", nameof(name));
        return this;
    }

    /// <summary>Adds a tensor from bytes in memory, which must stay as they are until the file is written.</summary>
    /// <param name="name">Its name, 1 to 63 bytes.</param>
    /// <param name="type">A supported type.</param>
    /// <param name="dimensions">One to four sizes in ggml's order, the row's length first; rows are whole blocks.</param>
    /// <param name="data">The tensor's bytes.</param>
    /// <exception cref="ArgumentException">As above.</exception>
    public GgufWriter AddTensor(string name, TensorType type, ReadOnlySpan<long> dimensions, ReadOnlyMemory<byte> data) =>
        AddTensor(name, type, dimensions, stream => stream.Write(data.Span));

    /// <summary>Adds a tensor from native memory (another file's, say), which must stay until the file is written.</summary>
    /// <param name="name">Its name, 1 to 63 bytes.</param>
    /// <param name="type">A supported type.</param>
    /// <param name="dimensions">One to four sizes in ggml's order, the row's length first; rows are whole blocks.</param>
    /// <param name="data">The tensor's bytes.</param>
    /// <exception cref="ArgumentException">As above.</exception>
    public GgufWriter AddTensor(string name, TensorType type, ReadOnlySpan<long> dimensions, NativeBytes data) =>
        AddTensor(name, type, dimensions, stream => CopyTo(stream, data));

    /// <summary>Writes the file; one that is there already is replaced when the new one is complete.</summary>
    /// <param name="path">The target; its folder must exist.</param>
    /// <param name="cancel">Looked at before each tensor.</param>
    /// <exception cref="InvalidOperationException">A tensor's source wrote more or fewer bytes than the tensor has.</exception>
    /// <exception cref="IOException">The file can't be written.</exception>
    public void Write(string path, CancellationToken cancel = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string partial = $"{path}.{Path.GetRandomFileName()}.partial";
        try
        {
            using (var stream = new FileStream(partial, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 20))
            {
                WriteTo(stream, cancel);
                stream.Flush(flushToDisk: true);
            }
            File.Move(partial, path, overwrite: true);
        }
        catch
        {
            File.Delete(partial);
            throw;
        }
    }

    private void WriteTo(Stream stream, CancellationToken cancel)
    {
        long alignment = GgufFile.DefaultAlignment;
        if (_metadata.TryGetValue(GgufFile.AlignmentKey, out GgufValue? value)) value.TryGetInteger(out alignment);

        stream.Write("GGUF"u8);
        WriteU32(stream, 3);
        WriteU64(stream, (ulong)_tensors.Count);
        WriteU64(stream, (ulong)_metadata.Count);
        foreach ((string key, GgufValue entry) in _metadata)
        {
            WriteName(stream, key);
            WriteU32(stream, (uint)entry.Type);
            stream.Write(entry.Payload.Span);
        }
        long offset = 0;
        foreach (Pending tensor in _tensors.Values)
        {
            WriteEntry(stream, tensor, offset);
            offset = checked(offset + tensor.Bytes + Padding(tensor.Bytes, alignment));
        }
        Pad(stream, Padding(stream.Position, alignment));
        foreach (Pending tensor in _tensors.Values)
        {
            cancel.ThrowIfCancellationRequested();
            var bounded = new TensorStream(stream, tensor.Name, tensor.Bytes);
            tensor.Write(bounded);
            bounded.CheckComplete();
            Pad(stream, Padding(tensor.Bytes, alignment)); // Also after the last: ggml reads whole multiples.
        }
    }

    private static void WriteEntry(Stream stream, Pending tensor, long offset)
    {
        WriteName(stream, tensor.Name);
        WriteU32(stream, (uint)tensor.Dimensions.Length);
        foreach (long dimension in tensor.Dimensions) WriteU64(stream, (ulong)dimension);
        WriteU32(stream, (uint)tensor.Type);
        WriteU64(stream, (ulong)offset);
    }

    private static void WriteName(Stream stream, string name)
    {
        byte[] bytes = GgufCursor.StrictUtf8.GetBytes(name);
        WriteU64(stream, (ulong)bytes.Length);
        stream.Write(bytes);
    }

    private static void WriteU32(Stream stream, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        stream.Write(bytes);
    }

    private static void WriteU64(Stream stream, ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        stream.Write(bytes);
    }

    private static long Padding(long position, long alignment) => -position & (alignment - 1);

    private static void Pad(Stream stream, long count)
    {
        Span<byte> zeros = stackalloc byte[256];
        zeros.Clear();
        for (; count > 0; count -= Math.Min(count, zeros.Length)) stream.Write(zeros[..(int)Math.Min(count, zeros.Length)]);
    }

    private static void CopyTo(Stream stream, NativeBytes data)
    {
        const int Piece = 1 << 24;
        for (long at = 0; at < data.Length; at += Piece) stream.Write(data.Span(at, (int)Math.Min(Piece, data.Length - at)));
    }

    private static void CheckName(string name, int maxBytes, string parameter)
    {
        ArgumentException.ThrowIfNullOrEmpty(name, parameter);
        int bytes = GgufCursor.StrictUtf8.GetByteCount(name);
        if (bytes > maxBytes) throw new ArgumentException($"'{GgufTensor.Shown(name)}' has {bytes} bytes, at most {maxBytes} are allowed", parameter);
    }
}

/// <summary>Lets a tensor's source write that tensor's bytes: no more, and <see cref="CheckComplete"/> says no fewer.</summary>
internal sealed class TensorStream(Stream target, string name, long length) : Stream
{
    private long _written;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => length;

    public override long Position
    {
        get => _written;
        set => throw new NotSupportedException();
    }

    public void CheckComplete()
    {
        if (_written != length) throw new InvalidOperationException($"tensor '{name}': {_written} bytes were written, it has {length}");
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (buffer.Length > length - _written)
            throw new InvalidOperationException($"tensor '{name}': {_written + buffer.Length} bytes were written, it has {length}");
        target.Write(buffer);
        _written += buffer.Length;
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void WriteByte(byte value) => Write([value]);

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
