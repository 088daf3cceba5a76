using System.Buffers.Binary;
using System.Text.Json;

namespace Coppice.Graphs;

/// <summary>
/// Named tensors in one file, in the safetensors format: eight bytes length of a JSON header, the header (type, shape and place of each
/// tensor, and text under <c>__metadata__</c>), the elements.
/// </summary>
public static class Safetensors
{
    private const int MaxHeaderBytes = 100_000_000;

    /// <summary>Writes tensors. The file is there whole or, after a crash, as it was before.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">By name.</param>
    /// <param name="metadata">Text by key.</param>
    /// <exception cref="IOException">The file can't be written.</exception>
    public static void Write(
        string path, IReadOnlyDictionary<string, TensorData> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        string[] names = [.. tensors.Keys.Order(StringComparer.Ordinal)];
        byte[] header = Header(names, tensors, metadata ?? new Dictionary<string, string>());
        AtomicFile.Write(path, stream =>
        {
            Span<byte> length = stackalloc byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
            stream.Write(length);
            stream.Write(header);
            foreach (string name in names) stream.Write(tensors[name].Bytes);
        });
    }

    /// <summary>Reads tensors.</summary>
    /// <param name="path">The file.</param>
    /// <returns>Tensors by name and text by key.</returns>
    /// <exception cref="GraphException">The file is not as the format demands; the message names the tensor.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static (IReadOnlyDictionary<string, TensorData> Tensors, IReadOnlyDictionary<string, string> Metadata) Read(string path)
    {
        using FileStream stream = File.OpenRead(path);
        Span<byte> prefix = stackalloc byte[8];
        if (stream.ReadAtLeast(prefix, 8, throwOnEndOfStream: false) < 8) throw new GraphException($"{path}: it is shorter than 8 bytes");
        long headerBytes = BinaryPrimitives.ReadInt64LittleEndian(prefix);
        if (headerBytes < 2 || headerBytes > MaxHeaderBytes || headerBytes > stream.Length - 8)
            throw new GraphException($"{path}: expected a safetensors file, found a header of {headerBytes} bytes in a file of {stream.Length}");
        var header = new byte[headerBytes];
        stream.ReadExactly(header);
        try
        {
            using JsonDocument document = JsonDocument.Parse(header);
            return ReadBody(stream, document.RootElement, 8 + headerBytes);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or OverflowException
            or ArgumentException or IndexOutOfRangeException)
        {
            throw new GraphException($"{path}: the header is not as safetensors demands: {e.Message}", e);
        }
        catch (GraphException e)
        {
            throw new GraphException($"{path}: {e.Message}", e);
        }
    }

    private static (IReadOnlyDictionary<string, TensorData> Tensors, IReadOnlyDictionary<string, string> Metadata) ReadBody(
        FileStream stream, JsonElement header, long start)
    {
        var tensors = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        long left = stream.Length - start;
        foreach (JsonProperty entry in header.EnumerateObject())
        {
            if (entry.Name == "__metadata__")
            {
                foreach (JsonProperty text in entry.Value.EnumerateObject()) metadata[text.Name] = text.Value.GetString() ?? "";
                continue;
            }

            ElementType type = Parse(entry.Name, entry.Value.GetProperty("dtype").GetString());
            Shape shape = new([.. entry.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt32())]);
            long from = entry.Value.GetProperty("data_offsets")[0].GetInt64(), to = entry.Value.GetProperty("data_offsets")[1].GetInt64();
            if (from < 0 || to < from || to > stream.Length - start || to - from != shape.Count * type.Bytes())
                throw new GraphException($"tensor '{entry.Name}': {type} {shape} does not fit bytes [{from}, {to}) of {stream.Length - start}");
            // Tensors do not overlap: more than the file holds must not be asked of memory.
            if ((left -= to - from) < 0) throw new GraphException($"tensor '{entry.Name}': together the tensors are larger than the file");
            if (to - from > Array.MaxLength) throw new GraphException($"tensor '{entry.Name}': {to - from} bytes; {Array.MaxLength} is the most");
            var bytes = new byte[to - from];
            stream.Position = start + from;
            stream.ReadExactly(bytes);
            tensors[entry.Name] = new TensorData(type, shape, bytes);
        }

        return (tensors, metadata);
    }

    private static byte[] Header(
        string[] names, IReadOnlyDictionary<string, TensorData> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            if (metadata.Count > 0)
            {
                json.WriteStartObject("__metadata__");
                foreach ((string key, string value) in metadata.OrderBy(m => m.Key, StringComparer.Ordinal)) json.WriteString(key, value);
                json.WriteEndObject();
            }

            long offset = 0;
            foreach (string name in names)
            {
                TensorData data = tensors[name];
                json.WriteStartObject(name);
                json.WriteString("dtype", Format(data.Type));
                json.WriteStartArray("shape");
                foreach (int dim in data.Shape.Dims) json.WriteNumberValue(dim);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += data.Bytes.Length);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        // Elements start at a multiple of 8.
        while (stream.Length % 8 != 0) stream.WriteByte((byte)' ');
        return stream.ToArray();
    }

    private static string Format(ElementType type) => type switch
    {
        ElementType.Float32 => "F32",
        ElementType.Float16 => "F16",
        ElementType.Float64 => "F64",
        ElementType.Int64 => "I64",
        ElementType.Int32 => "I32",
        ElementType.UInt8 => "U8",
        ElementType.Int8 => "I8",
        ElementType.Bool => "BOOL",
        _ => throw new GraphException($"elements of type {type} can't be stored"),
    };

    private static ElementType Parse(string name, string? type) => type switch
    {
        "F32" => ElementType.Float32,
        "F16" => ElementType.Float16,
        "F64" => ElementType.Float64,
        "I64" => ElementType.Int64,
        "I32" => ElementType.Int32,
        "U8" => ElementType.UInt8,
        "I8" => ElementType.Int8,
        "BOOL" => ElementType.Bool,
        _ => throw new GraphException($"tensor '{name}': elements of type '{type}' are not supported"),
    };
}
