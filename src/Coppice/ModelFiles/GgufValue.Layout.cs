using System.Buffers.Binary;

namespace Coppice.ModelFiles;

/// <summary>
/// How values lie in the file, all little-endian: a scalar is its bytes; a string is [length u64][bytes]; an array is
/// [element type u32][count u64][elements]. <see cref="Measure"/> is the only place that trusts nothing; what it has
/// accepted is decoded without further checks.
/// </summary>
public sealed partial class GgufValue
{
    private const int StringHeader = 8;
    private const int ArrayHeader = 12;
    private const int MaxDepth = 4;

    /// <summary>Reads a value from the front of <paramref name="bytes"/> and copies what it takes.</summary>
    /// <param name="type">The type as the file gives it, unchecked.</param>
    /// <param name="bytes">All that follows in the file.</param>
    /// <param name="place">Where this is, for errors.</param>
    /// <param name="taken">Bytes the value took.</param>
    internal static GgufValue Read(uint type, ReadOnlySpan<byte> bytes, GgufPlace place, out int taken)
    {
        taken = Measure((GgufValueType)type, bytes, 0, place);
        return new GgufValue((GgufValueType)type, bytes[..taken].ToArray());
    }

    /// <summary>Bytes that a fixed-size type takes; 0 for strings and arrays, -1 for what is no type.</summary>
    private static int SizeOf(GgufValueType type) => type switch
    {
        GgufValueType.UInt8 or GgufValueType.Int8 or GgufValueType.Bool => 1,
        GgufValueType.UInt16 or GgufValueType.Int16 => 2,
        GgufValueType.UInt32 or GgufValueType.Int32 or GgufValueType.Float32 => 4,
        GgufValueType.UInt64 or GgufValueType.Int64 or GgufValueType.Float64 => 8,
        GgufValueType.String or GgufValueType.Array => 0,
        _ => -1,
    };

    /// <summary>The type's name in the GGUF specification.</summary>
    internal static string NameOf(GgufValueType type) => type switch
    {
        GgufValueType.UInt8 => "uint8",
        GgufValueType.Int8 => "int8",
        GgufValueType.UInt16 => "uint16",
        GgufValueType.Int16 => "int16",
        GgufValueType.UInt32 => "uint32",
        GgufValueType.Int32 => "int32",
        GgufValueType.UInt64 => "uint64",
        GgufValueType.Int64 => "int64",
        GgufValueType.Float32 => "float32",
        GgufValueType.Float64 => "float64",
        GgufValueType.Bool => "bool",
        GgufValueType.String => "string",
        GgufValueType.Array => "array",
        _ => $"type {(uint)type}",
    };

    /// <summary>Bytes that the value at the front takes. Allocates nothing.</summary>
    /// <exception cref="ModelFormatException">It is no value, or goes past the end.</exception>
    private static int Measure(GgufValueType type, ReadOnlySpan<byte> bytes, int depth, GgufPlace place)
    {
        int size = SizeOf(type);
        if (size < 0) throw place.Error("a value type in 0..12", ((uint)type).ToString());
        if (size > 0)
        {
            if (bytes.Length < size) throw place.Error($"a {NameOf(type)} of {size} bytes", $"{bytes.Length} bytes left");
            if (type == GgufValueType.Bool) CheckBools(bytes[..1], place);
            return size;
        }
        return type == GgufValueType.String ? MeasureString(bytes, place) : MeasureArray(bytes, depth, place);
    }

    private static int MeasureString(ReadOnlySpan<byte> bytes, GgufPlace place)
    {
        if (bytes.Length < StringHeader) throw place.Error("a string with a length of 8 bytes", $"{bytes.Length} bytes left");
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        int rest = bytes.Length - StringHeader;
        if (length > (ulong)rest) throw place.Error($"a string of {length} bytes", $"{rest} bytes left");
        return StringHeader + (int)length;
    }

    private static int MeasureArray(ReadOnlySpan<byte> bytes, int depth, GgufPlace place)
    {
        if (depth == MaxDepth) throw place.Error($"arrays nested at most {MaxDepth} deep", "a deeper one");
        if (bytes.Length < ArrayHeader) throw place.Error("an array with a header of 12 bytes", $"{bytes.Length} bytes left");
        var element = (GgufValueType)BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        ulong count = BinaryPrimitives.ReadUInt64LittleEndian(bytes[4..]);
        int size = SizeOf(element);
        if (size < 0) throw place.Error("an array's element type in 0..12", ((uint)element).ToString());
        int least = size > 0 ? size : element == GgufValueType.String ? StringHeader : ArrayHeader;
        int rest = bytes.Length - ArrayHeader;
        if (count > (ulong)(rest / least))
            throw place.Error($"an array of {count} elements of type {NameOf(element)}, {least} bytes or more each", $"{rest} bytes left");
        if (size > 0)
        {
            int taken = (int)count * size;
            if (element == GgufValueType.Bool) CheckBools(bytes.Slice(ArrayHeader, taken), place);
            return ArrayHeader + taken;
        }
        int at = ArrayHeader;
        for (int i = 0; i < (int)count; i++) at += Measure(element, bytes[at..], depth + 1, place);
        return at;
    }

    private static void CheckBools(ReadOnlySpan<byte> bytes, GgufPlace place)
    {
        int bad = bytes.IndexOfAnyExceptInRange((byte)0, (byte)1);
        if (bad >= 0) throw place.Error("a bool of 0 or 1", bytes[bad].ToString());
    }
}

/// <summary>Where in which file something is read, to name it in an error.</summary>
internal readonly record struct GgufPlace(string File, string What)
{
    public ModelFormatException Error(string expected, string found) => new(File ?? "", What ?? "", expected, found);
}
