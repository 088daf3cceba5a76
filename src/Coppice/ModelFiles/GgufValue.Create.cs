using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Coppice.ModelFiles;

/// <summary>How values are made: the type in the file is the .NET type's own, so <c>5u</c> becomes a uint32.</summary>
public sealed partial class GgufValue
{
    /// <summary>Makes a uint8.</summary>
    public static implicit operator GgufValue(byte value) => Scalar(GgufValueType.UInt8, value);

    /// <summary>Makes an int8.</summary>
    public static implicit operator GgufValue(sbyte value) => Scalar(GgufValueType.Int8, value);

    /// <summary>Makes a uint16.</summary>
    public static implicit operator GgufValue(ushort value) => Scalar(GgufValueType.UInt16, value);

    /// <summary>Makes an int16.</summary>
    public static implicit operator GgufValue(short value) => Scalar(GgufValueType.Int16, value);

    /// <summary>Makes a uint32.</summary>
    public static implicit operator GgufValue(uint value) => Scalar(GgufValueType.UInt32, value);

    /// <summary>Makes an int32.</summary>
    public static implicit operator GgufValue(int value) => Scalar(GgufValueType.Int32, value);

    /// <summary>Makes a uint64.</summary>
    public static implicit operator GgufValue(ulong value) => Scalar(GgufValueType.UInt64, value);

    /// <summary>Makes an int64.</summary>
    public static implicit operator GgufValue(long value) => Scalar(GgufValueType.Int64, value);

    /// <summary>Makes a float32.</summary>
    public static implicit operator GgufValue(float value) => Scalar(GgufValueType.Float32, value);

    /// <summary>Makes a float64.</summary>
    public static implicit operator GgufValue(double value) => Scalar(GgufValueType.Float64, value);

    /// <summary>Makes a bool.</summary>
    public static implicit operator GgufValue(bool value) => Scalar(GgufValueType.Bool, (byte)(value ? 1 : 0));

    /// <summary>Makes a string.</summary>
    /// <exception cref="ArgumentException">The text holds half a surrogate pair.</exception>
    public static implicit operator GgufValue(string value) => new(GgufValueType.String, StringPayload(GgufCursor.StrictUtf8.GetBytes(value)));

    /// <summary>Makes an array of uint8.</summary>
    public static implicit operator GgufValue(byte[] values) => Numbers<byte>(GgufValueType.UInt8, values);

    /// <summary>Makes an array of int8.</summary>
    public static implicit operator GgufValue(sbyte[] values) => Numbers<sbyte>(GgufValueType.Int8, values);

    /// <summary>Makes an array of uint16.</summary>
    public static implicit operator GgufValue(ushort[] values) => Numbers<ushort>(GgufValueType.UInt16, values);

    /// <summary>Makes an array of int16.</summary>
    public static implicit operator GgufValue(short[] values) => Numbers<short>(GgufValueType.Int16, values);

    /// <summary>Makes an array of uint32.</summary>
    public static implicit operator GgufValue(uint[] values) => Numbers<uint>(GgufValueType.UInt32, values);

    /// <summary>Makes an array of int32.</summary>
    public static implicit operator GgufValue(int[] values) => Numbers<int>(GgufValueType.Int32, values);

    /// <summary>Makes an array of uint64.</summary>
    public static implicit operator GgufValue(ulong[] values) => Numbers<ulong>(GgufValueType.UInt64, values);

    /// <summary>Makes an array of int64.</summary>
    public static implicit operator GgufValue(long[] values) => Numbers<long>(GgufValueType.Int64, values);

    /// <summary>Makes an array of float32.</summary>
    public static implicit operator GgufValue(float[] values) => Numbers<float>(GgufValueType.Float32, values);

    /// <summary>Makes an array of float64.</summary>
    public static implicit operator GgufValue(double[] values) => Numbers<double>(GgufValueType.Float64, values);

    /// <summary>Makes an array of bool.</summary>
    public static implicit operator GgufValue(bool[] values) =>
        Numbers<byte>(GgufValueType.Bool, Array.ConvertAll(values, value => (byte)(value ? 1 : 0)));

    /// <summary>Makes an array of text.</summary>
    /// <exception cref="ArgumentException">A text holds half a surrogate pair.</exception>
    public static GgufValue From(IReadOnlyList<string> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return Elements(GgufValueType.String, values.Select(value => StringPayload(GgufCursor.StrictUtf8.GetBytes(value))), values.Count);
    }

    /// <summary>Makes an array of text from bytes that need not be UTF-8.</summary>
    public static GgufValue From(IReadOnlyList<ReadOnlyMemory<byte>> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return Elements(GgufValueType.String, values.Select(value => StringPayload(value.Span)), values.Count);
    }

    /// <summary>Makes an array from values of one type, which may be arrays themselves.</summary>
    /// <param name="elementType">The type of every element.</param>
    /// <param name="values">The elements.</param>
    /// <exception cref="ArgumentException">An element has another type, or arrays nest too deep.</exception>
    public static GgufValue From(GgufValueType elementType, IReadOnlyList<GgufValue> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        foreach (GgufValue value in values)
            if (value.Type != elementType) throw new ArgumentException($"an element is {value.TypeName}, not {NameOf(elementType)}", nameof(values));
        if (SizeOf(elementType) < 0) throw new ArgumentOutOfRangeException(nameof(elementType));
        if (1 + values.Select(Depth).DefaultIfEmpty(0).Max() > MaxDepth) throw new ArgumentException($"arrays nest at most {MaxDepth} deep", nameof(values));
        return Elements(elementType, values.Select(value => value._payload), values.Count);
    }

    private static int Depth(GgufValue value)
    {
        if (value.Type != GgufValueType.Array) return 0;
        if (value.ElementType != GgufValueType.Array) return 1;
        return 1 + Enumerable.Range(0, value.Count).Select(i => Depth(value[i])).DefaultIfEmpty(0).Max();
    }

    // Every platform .NET 10 supports on x64 and Arm is little-endian, as the file is.
    private static GgufValue Scalar<T>(GgufValueType type, T value)
        where T : unmanaged => new(type, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)).ToArray());

    private static GgufValue Numbers<T>(GgufValueType type, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(values);
        byte[] payload = new byte[checked(ArrayHeader + bytes.Length)];
        WriteArrayHeader(payload, type, values.Length);
        bytes.CopyTo(payload.AsSpan(ArrayHeader));
        return new GgufValue(GgufValueType.Array, payload);
    }

    private static GgufValue Elements(GgufValueType type, IEnumerable<ReadOnlyMemory<byte>> elements, int count)
    {
        using var payload = new MemoryStream();
        payload.Write(new byte[ArrayHeader]);
        foreach (ReadOnlyMemory<byte> element in elements) payload.Write(element.Span);
        byte[] bytes = payload.ToArray();
        WriteArrayHeader(bytes, type, count);
        return new GgufValue(GgufValueType.Array, bytes);
    }

    private static void WriteArrayHeader(Span<byte> payload, GgufValueType type, int count)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(payload, (uint)type);
        BinaryPrimitives.WriteUInt64LittleEndian(payload[4..], (ulong)count);
    }

    private static ReadOnlyMemory<byte> StringPayload(ReadOnlySpan<byte> text)
    {
        byte[] payload = new byte[checked(StringHeader + text.Length)];
        BinaryPrimitives.WriteUInt64LittleEndian(payload, (ulong)text.Length);
        text.CopyTo(payload.AsSpan(StringHeader));
        return payload;
    }
}
