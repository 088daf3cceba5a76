using System.Text;
using Coppice.Kernels;
using Coppice.Kernels.Formats;

namespace Coppice.ModelFiles;

/// <summary>Everything of a GGUF file but its tensors' data, read and checked.</summary>
internal sealed class GgufDirectory
{
    // The least that an entry takes: key length, type, one byte; name length, dimension count, one dimension, type, offset.
    private const int LeastMetadataBytes = 8 + 4 + 1;
    private const int LeastTensorBytes = 8 + 4 + 8 + 4 + 8;
    private const int MaxDimensions = 4;

    private readonly string _file;
    private readonly bool _allowUnsupportedTypes;
    private readonly GgufTensor[] _tensors;

    private GgufDirectory(GgufCursor cursor, bool allowUnsupportedTypes)
    {
        _file = cursor.File;
        _allowUnsupportedTypes = allowUnsupportedTypes;
        Version = ReadVersion(cursor);
        ulong tensorCount = cursor.U64("tensor count");
        ulong metadataCount = cursor.U64("metadata count");
        Metadata = ReadMetadata(cursor, metadataCount);
        Alignment = ReadAlignment();
        // Keys come before tensors, so what is left bounds the tensors too.
        if (tensorCount > (ulong)(cursor.Remaining / LeastTensorBytes))
            throw new ModelFormatException(_file, "tensor count", $"{tensorCount} entries of {LeastTensorBytes} bytes or more", $"{cursor.Remaining} bytes left");
        List<Entry> entries = ReadEntries(cursor, tensorCount);
        _tensors = Place(entries, cursor.Position, cursor.Length);
        DataBytes = _tensors.Sum(tensor => tensor.Bytes);
    }

    public int Version { get; }

    public long Alignment { get; }

    public long DataBytes { get; }

    public GgufMetadata Metadata { get; }

    public IReadOnlyList<GgufTensor> Tensors => _tensors;

    /// <summary>A tensor as the directory has it: the offset counts from the start of the data.</summary>
    private readonly record struct Entry(string Name, uint Type, long[] Dimensions, long Elements, long Bytes, ulong Offset);

    public static GgufDirectory Read(string file, NativeBytes bytes, bool allowUnsupportedTypes) =>
        new(new GgufCursor(file, bytes), allowUnsupportedTypes);

    private static int ReadVersion(GgufCursor cursor)
    {
        ReadOnlySpan<byte> magic = cursor.Peek((int)Math.Min(4, cursor.Length));
        if (!magic.SequenceEqual("GGUF"u8))
        {
            string found = magic.IsEmpty ? "an empty file" : $"'{Encoding.Latin1.GetString(magic)}'";
            throw new ModelFormatException(cursor.File, "header", "a GGUF file that starts with 'GGUF'", found);
        }
        cursor.Skip(4);
        uint version = cursor.U32("version");
        if ((version & 0xffff) == 0 && version != 0)
            throw new ModelFormatException(cursor.File, "version", "a little-endian GGUF file", "a big-endian one");
        if (version is not (2 or 3)) throw new ModelFormatException(cursor.File, "version", "GGUF version 2 or 3", version.ToString());
        return (int)version;
    }

    private static GgufMetadata ReadMetadata(GgufCursor cursor, ulong count)
    {
        if (count > (ulong)(cursor.Remaining / LeastMetadataBytes))
            throw new ModelFormatException(cursor.File, "metadata count", $"{count} entries of {LeastMetadataBytes} bytes or more", $"{cursor.Remaining} bytes left");
        var metadata = new GgufMetadata(cursor.File);
        for (ulong i = 0; i < count; i++)
        {
            string key = cursor.Name($"metadata key {i}");
            string what = GgufMetadata.NameOf(key);
            GgufValue value = cursor.Value(what);
            if (!metadata.TryAdd(key, value)) throw new ModelFormatException(cursor.File, what, "each key once", "it twice");
        }
        return metadata;
    }

    private long ReadAlignment()
    {
        long alignment = Metadata.GetLong(GgufFile.AlignmentKey, GgufFile.DefaultAlignment);
        if (alignment is <= 0 or > uint.MaxValue || !long.IsPow2(alignment))
            throw new ModelFormatException(_file, GgufMetadata.NameOf(GgufFile.AlignmentKey), "a power of two below 2^32", alignment.ToString());
        return alignment;
    }

    private List<Entry> ReadEntries(GgufCursor cursor, ulong count)
    {
        // Grows as entries are read: a wrong count in a file of many gigabytes must not take memory first.
        var entries = new List<Entry>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (ulong i = 0; i < count; i++)
        {
            string name = cursor.Name($"name of tensor {i}");
            entries.Add(ReadEntry(cursor, name));
            if (!names.Add(name)) throw new ModelFormatException(_file, NameOf(name), "each tensor name once", "it twice");
        }
        return entries;
    }

    private Entry ReadEntry(GgufCursor cursor, string name)
    {
        string what = NameOf(name);
        uint dimensionCount = cursor.U32(what);
        if (dimensionCount is 0 or > MaxDimensions)
            throw new ModelFormatException(_file, what, $"1 to {MaxDimensions} dimensions", dimensionCount.ToString());
        var dimensions = new long[dimensionCount];
        for (int i = 0; i < dimensions.Length; i++)
        {
            ulong dimension = cursor.U64(what);
            if (dimension is 0 or > long.MaxValue)
                throw new ModelFormatException(_file, what, $"dimension {i} of at least 1 and below 2^63", dimension.ToString());
            dimensions[i] = (long)dimension;
        }
        uint type = cursor.U32(what);
        ulong offset = cursor.U64(what);
        CheckType(what, type);
        (long elements, long bytes) = Size(what, type, dimensions);
        return new Entry(name, type, dimensions, elements, bytes, offset);
    }

    private void CheckType(string what, uint type)
    {
        if (_allowUnsupportedTypes || TensorTypes.IsSupported((TensorType)type)) return;
        string supported = string.Join(", ", TensorTypes.Supported);
        throw new ModelFormatException(_file, what, $"a type out of {supported}", $"{GgmlType.NameOf(type)}");
    }

    private (long Elements, long Bytes) Size(string what, uint type, long[] dimensions)
    {
        Int128 elements = 1;
        foreach (long dimension in dimensions)
        {
            elements *= dimension; // Below 2^126: the product so far is below 2^63.
            if (elements > long.MaxValue) throw new ModelFormatException(_file, what, "fewer than 2^63 elements", Shape(dimensions));
        }
        (_, int block, int blockBytes) = GgmlType.Lookup(type);
        if (block == 0) return ((long)elements, 0);
        if (dimensions[0] % block != 0)
            throw new ModelFormatException(_file, what, $"rows that are a multiple of {GgmlType.NameOf(type)}'s block of {block}", $"rows of {dimensions[0]}");
        Int128 bytes = elements / block * blockBytes;
        if (bytes > long.MaxValue) throw new ModelFormatException(_file, what, "fewer than 2^63 bytes", Shape(dimensions));
        return ((long)elements, (long)bytes);
    }

    /// <summary>Gives each tensor its place in the file, which it must have for itself.</summary>
    private GgufTensor[] Place(List<Entry> entries, long directoryEnd, long fileLength)
    {
        // Neither sum overflows: a file is shorter than 2^63 - 2^32, and an offset is compared before it is added.
        long dataStart = (directoryEnd + Alignment - 1) & -Alignment;
        long dataLength = fileLength - dataStart; // Negative where no data follows the directory.
        var tensors = new GgufTensor[entries.Count];
        for (int i = 0; i < tensors.Length; i++)
        {
            Entry entry = entries[i];
            if (entry.Offset % (ulong)Alignment != 0)
                throw new ModelFormatException(_file, NameOf(entry.Name), $"an offset that is a multiple of {Alignment}", entry.Offset.ToString());
            if (dataLength < 0 || entry.Offset > (ulong)dataLength || entry.Bytes > dataLength - (long)entry.Offset)
                throw new ModelFormatException(_file, NameOf(entry.Name), $"{entry.Bytes} bytes of data at offset {entry.Offset}", $"{Math.Max(0, dataLength)} bytes of tensor data in the file");
            tensors[i] = new GgufTensor(entry.Name, entry.Type, entry.Dimensions, entry.Elements, entry.Bytes, dataStart + (long)entry.Offset);
        }
        CheckApart(tensors);
        return tensors;
    }

    private void CheckApart(GgufTensor[] tensors)
    {
        GgufTensor[] ordered = [.. tensors.OrderBy(tensor => tensor.Offset)];
        for (int i = 1; i < ordered.Length; i++)
        {
            if (ordered[i].Offset < ordered[i - 1].Offset + ordered[i - 1].Bytes)
                throw new ModelFormatException(_file, NameOf(ordered[i].Name), "data of its own", $"data that overlaps {NameOf(ordered[i - 1].Name)}");
        }
    }

    private static string NameOf(string tensor) => $"tensor '{GgufTensor.Shown(tensor)}'";

    private static string Shape(long[] dimensions) => $"[{string.Join(", ", dimensions)}]";
}
