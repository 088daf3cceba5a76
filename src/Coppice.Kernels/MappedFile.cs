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

/// <summary>A whole file mapped for reading; pages come in as they are touched.</summary>
public sealed unsafe class MappedFile : IDisposable
{
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
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        if (!stream.CanSeek) throw new IOException($"{path}: expected a file, found a pipe or a device");
        Length = stream.Length;
        if (Length == 0) return;
        _file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        _view = _file.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _pointer);
        _pointer += _view.PointerOffset;
    }

    /// <summary>Number of bytes in the file.</summary>
    public long Length { get; }

    /// <summary>The file's bytes, valid until <see cref="Dispose"/>.</summary>
    public NativeBytes Bytes => new(_pointer, Length);

    /// <summary>Lets go of the memory that a range of the file takes; a later read brings it back from the file.</summary>
    /// <param name="start">First byte.</param>
    /// <param name="length">How many.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the file.</exception>
    public void Drop(long start, long length)
    {
        NativeBytes range = Bytes.Slice(start, length);
        MemoryAdvice.Drop(range.Pointer, (nuint)length);
    }

    /// <summary>Unmaps the file.</summary>
    public void Dispose()
    {
        if (_pointer == null) return;
        _pointer = null;
        _view!.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file!.Dispose();
    }
}
