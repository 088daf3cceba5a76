using System.Runtime.InteropServices;
using Coppice.Kernels.Formats;

namespace Coppice.Kernels.Products;

/// <summary>
/// Packs matrices of a file. Each worker reads some panels' rows and packs them while they are in its cache; meanwhile the others do the
/// same, and the operating system reads on. Reading is a copy, yet faster than touching pages of a mapping for the first time (1.3 GB in
/// the page cache, one thread: 60 to 80 against 580 to 790 ms, on a virtual machine), takes no memory but a worker's room, and a file
/// that was truncated is an error that can be caught.
/// </summary>
/// <param name="file">The file; stays the caller's.</param>
/// <param name="team">Does the work.</param>
/// <param name="path">How to pack.</param>
public sealed unsafe class FilePacker(MappedFile file, WorkerTeam team, KernelPath path) : IDisposable
{
    private AlignedBuffer<byte> _room = AlignedBuffer<byte>.Uninitialized(0);
    private nint _workerBytes;

    /// <summary>Packs a matrix: <see cref="WeightMatrix.Pack"/>.</summary>
    /// <param name="type">A supported type.</param>
    /// <param name="outputs">Number of rows, at least 1.</param>
    /// <param name="inputs">Weights of a row, a multiple of the type's block.</param>
    /// <param name="start">Where in the file [outputs, inputs] start as GGUF blocks, row-major.</param>
    /// <exception cref="ArgumentException">The type is unsupported, a size is no positive multiple of its unit, or the file is too short.</exception>
    /// <exception cref="IOException">The file can't be read, or was truncated.</exception>
    public WeightMatrix Pack(TensorType type, int outputs, int inputs, long start)
    {
        WeightMatrix.CheckSizes(type, outputs, inputs, file.Bytes.Slice(start, checked(outputs * TensorTypes.Bytes(type, inputs))).Length);
        var handle = GCHandle.Alloc(this);
        try
        {
            var work = new PackingWork(path, type, outputs, inputs) { File = handle, FileStart = start };
            MakeRoom(work.ItemRowBytes);
            return WeightMatrix.Packed(work, team);
        }
        finally
        {
            handle.Free();
        }
    }

    /// <summary>Returns the workers' room.</summary>
    public void Dispose() => _room.Dispose();

    /// <summary>Reads into a worker's room.</summary>
    internal byte* Read(long start, int bytes, int worker)
    {
        byte* room = _room.Pointer + (worker * _workerBytes);
        file.Read(start, new Span<byte>(room, bytes));
        return room;
    }

    private void MakeRoom(nint bytes)
    {
        if (bytes <= _workerBytes) return;
        AlignedBuffer<byte> room = AlignedBuffer<byte>.Uninitialized(checked(bytes * team.Threads));
        _room.Dispose();
        (_room, _workerBytes) = (room, bytes);
    }
}
