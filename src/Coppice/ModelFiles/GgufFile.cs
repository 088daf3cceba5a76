using System.Diagnostics.CodeAnalysis;
using Coppice.Kernels;
using Coppice.Kernels.Products;

namespace Coppice.ModelFiles;

/// <summary>
/// A GGUF file of version 2 or 3, little-endian, mapped for reading. What the file claims (counts, lengths, offsets) is
/// checked against its size when it is opened, before memory is taken for it; tensor data is read only when touched.
/// </summary>
/// <remarks>The layout: [magic, version, counts][metadata][tensor directory][padding][tensor data]; see the GGUF
/// specification, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.</remarks>
public sealed class GgufFile : IDisposable
{
    /// <summary>The alignment of tensor data where <see cref="AlignmentKey"/> says nothing.</summary>
    internal const uint DefaultAlignment = 32;

    /// <summary>The key that holds the alignment of tensor data.</summary>
    internal const string AlignmentKey = "general.alignment";

    private readonly MappedFile _map;
    private readonly GgufDirectory _directory;
    private readonly Dictionary<string, GgufTensor> _byName;
    private bool _disposed;

    private GgufFile(string path, MappedFile map, GgufDirectory directory)
    {
        Path = path;
        _map = map;
        _directory = directory;
        _byName = directory.Tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
    }

    /// <summary>The path as it was given.</summary>
    public string Path { get; }

    /// <summary>GGUF's version: 2 or 3.</summary>
    public int Version => _directory.Version;

    /// <summary>What tensor offsets are multiples of, in bytes; a power of two.</summary>
    public long Alignment => _directory.Alignment;

    /// <summary>The keys and values; they stay valid after <see cref="Dispose"/>.</summary>
    public GgufMetadata Metadata => _directory.Metadata;

    /// <summary>The tensors in the file's order; none in a file that holds only a vocabulary.</summary>
    public IReadOnlyList<GgufTensor> Tensors => _directory.Tensors;

    /// <summary>Bytes of all tensors together, without padding.</summary>
    public long DataBytes => _directory.DataBytes;

    /// <summary>Opens a file and reads all but the tensors' data.</summary>
    /// <param name="path">The file.</param>
    /// <param name="allowUnsupportedTypes">Whether tensors of types that can't be computed with are let through, to list them.</param>
    /// <exception cref="ModelFormatException">The file is no GGUF file of version 2 or 3, or contradicts itself.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static GgufFile Open(string path, bool allowUnsupportedTypes = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var map = new MappedFile(path);
        try
        {
            return new GgufFile(path, map, GgufDirectory.Read(path, map.Bytes, allowUnsupportedTypes));
        }
        catch
        {
            map.Dispose();
            throw;
        }
    }

    /// <summary>The tensor of that name, if there is one.</summary>
    public bool TryGetTensor(string name, [NotNullWhen(true)] out GgufTensor? tensor) => _byName.TryGetValue(name, out tensor);

    /// <summary>The tensor of that name.</summary>
    /// <exception cref="ModelFormatException">There is none.</exception>
    public GgufTensor GetTensor(string name) =>
        TryGetTensor(name, out GgufTensor? tensor) ? tensor : throw new ModelFormatException(Path, $"tensor '{name}'", "a tensor", "no such tensor");

    /// <summary>A tensor's bytes, valid until <see cref="Dispose"/>; nothing is copied.</summary>
    /// <param name="tensor">A tensor of this file.</param>
    /// <exception cref="ArgumentException">The tensor is another file's.</exception>
    /// <exception cref="ObjectDisposedException">The file is closed.</exception>
    public NativeBytes Data(GgufTensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!TryGetTensor(tensor.Name, out GgufTensor? own) || !ReferenceEquals(own, tensor))
            throw new ArgumentException($"tensor '{tensor.Name}' is not one of {Path}", nameof(tensor));
        return _map.Bytes.Slice(tensor.Offset, tensor.Bytes);
    }

    /// <summary>What packs tensors of this file; to be disposed before the file.</summary>
    internal FilePacker Packer(WorkerTeam team, KernelPath? path) => new(_map, team, path ?? KernelPaths.Best);

    /// <summary>Closes the file; the tensors' data is then gone.</summary>
    public void Dispose()
    {
        _disposed = true;
        _map.Dispose();
    }
}
