using System.IO.MemoryMappedFiles;

namespace Coppice.Kernels;

/// <summary>A range of native memory that somebody else owns: valid as long as its owner is. Lengths go past 2 GiB.</summary>
public readonly unsafe struct NativeBytes
{
    private readonly byte* _pointer;

    internal NativeBytes(byte* pointer, long length)
    {
        _pointer = pointer;
        Length = length;
    }

    /// <summary>Number of bytes.</summary>
    public long Length { get; }

    internal byte* Pointer => _pointer;

    /// <summary>A range of it as a span.</summary>
    /// <param name="start">First byte.</param>
    /// <param name="length">How many.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the memory.</exception>
    public ReadOnlySpan<byte> Span(long start, int length)
    {
        if (start < 0 || length < 0 || start > Length - length) throw new ArgumentOutOfRangeException(nameof(start));
        return new ReadOnlySpan<byte>(_pointer + start, length);
    }

    /// <summary>A part of it.</summary>
    /// <param name="start">First byte.</param>
    /// <param name="length">How many.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the memory.</exception>
    public NativeBytes Slice(long start, long length)
    {
        if (start < 0 || length < 0 || start > Length - length) throw new ArgumentOutOfRangeException(nameof(start));
        return new NativeBytes(_pointer + start, length);
    }

    /// <summary>Views a buffer's bytes; valid until the buffer is disposed.</summary>
    public static NativeBytes Of(AlignedBuffer<byte> buffer)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        return new NativeBytes(buffer.Pointer, buffer.Length);
    }
}

/// <summary>A whole file mapped for reading; pages come in as they are touched. <see cref="Read"/> copies instead.</summary>
public sealed unsafe class MappedFile : IDisposable
{
    private readonly FileStream _stream;
    private readonly MemoryMappedFile? _file;
    private readonly MemoryMappedViewAccessor? _view;
    private byte* _pointer;

    /// <summary>Maps a file.</summary>
    /// <param name="path">The file; an empty one gives zero bytes.</param>
    /// <exception cref="IOException">The file can't be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public MappedFile(string path)
    {
        if (Directory.Exists(path)) throw new IOException($"{path}: expected a file, found a folder");
        _stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0, FileOptions.SequentialScan);
        try
        {
            if (!_stream.CanSeek) throw new IOException($"{path}: expected a file, found a pipe or a device");
            Length = _stream.Length;
            if (Length == 0) return;
            _file = MemoryMappedFile.CreateFromFile(_stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            _view = _file.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _pointer);
            _pointer += _view.PointerOffset;
        }
        catch
        {
            _view?.Dispose();
            _file?.Dispose();
            _stream.Dispose();
            throw;
        }
    }

    /// <summary>Number of bytes in the file.</summary>
    public long Length { get; }

    /// <summary>The file's bytes, valid until <see cref="Dispose"/>.</summary>
    /// <exception cref="ObjectDisposedException">The file was unmapped.</exception>
    public NativeBytes Bytes
    {
        get
        {
            ObjectDisposedException.ThrowIf(_pointer == null && Length > 0, this);
            return new(_pointer, Length);
        }
    }

    /// <summary>Copies a range of the file, without the mapping. From several threads at a time, if need be.</summary>
    /// <param name="start">First byte.</param>
    /// <param name="target">Gets the bytes.</param>
    /// <exception cref="EndOfStreamException">The file ends before the range does.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public void Read(long start, Span<byte> target)
    {
        while (!target.IsEmpty)
        {
            int bytes = RandomAccess.Read(_stream.SafeFileHandle, target, start);
            if (bytes == 0) throw new EndOfStreamException($"{_stream.Name}: expected {target.Length} bytes at {start}, found the end of the file");
            target = target[bytes..];
            start += bytes;
        }
    }

    /// <summary>Unmaps the file.</summary>
    public void Dispose()
    {
        _stream.Dispose();
        if (_pointer == null) return;
        _pointer = null;
        _view!.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file!.Dispose();
    }
}
