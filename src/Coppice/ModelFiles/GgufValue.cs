using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Coppice.ModelFiles;

/// <summary>How a metadata value is stored; the numbers are GGUF's own.</summary>
public enum GgufValueType
{
    /// <summary>8-bit unsigned integer.</summary>
    UInt8 = 0,

    /// <summary>8-bit signed integer.</summary>
    Int8 = 1,

    /// <summary>16-bit unsigned integer.</summary>
    UInt16 = 2,

    /// <summary>16-bit signed integer.</summary>
    Int16 = 3,

    /// <summary>32-bit unsigned integer.</summary>
    UInt32 = 4,

    /// <summary>32-bit signed integer.</summary>
    Int32 = 5,

    /// <summary>32-bit float.</summary>
    Float32 = 6,

    /// <summary>One byte, 0 or 1.</summary>
    Bool = 7,

    /// <summary>UTF-8 text with a 64-bit length before it.</summary>
    String = 8,

    /// <summary>Values of one type with that type and a 64-bit count before them.</summary>
    Array = 9,

    /// <summary>64-bit unsigned integer.</summary>
    UInt64 = 10,

    /// <summary>64-bit signed integer.</summary>
    Int64 = 11,

    /// <summary>64-bit float.</summary>
    Float64 = 12,
}

/// <summary>
/// One metadata value, kept as the bytes it has in the file and decoded when asked: a vocabulary of 150 thousand tokens is
/// one array of bytes and one of positions. It owns its bytes, so it outlives the file.
/// </summary>
public sealed partial class GgufValue : IEquatable<GgufValue>
{
    private readonly ReadOnlyMemory<byte> _payload;
    // Start of each element in the payload, for arrays whose elements differ in size.
    private readonly int[]? _starts;

    /// <summary>Takes bytes that <see cref="Measure"/> has accepted.</summary>
    private GgufValue(GgufValueType type, ReadOnlyMemory<byte> payload)
    {
        Type = type;
        _payload = payload;
        if (type != GgufValueType.Array) return;
        ReadOnlySpan<byte> bytes = payload.Span;
        ElementType = (GgufValueType)BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        Count = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes[4..]);
        if (SizeOf(ElementType.Value) != 0) return;
        _starts = new int[Count];
        int at = ArrayHeader;
        for (int i = 0; i < _starts.Length; i++)
        {
            _starts[i] = at;
            at += Measure(ElementType.Value, bytes[at..], 0, default);
        }
    }

    /// <summary>How the value is stored.</summary>
    public GgufValueType Type { get; }

    /// <summary>How an array's elements are stored; null when the value is no array.</summary>
    public GgufValueType? ElementType { get; }

    /// <summary>Number of an array's elements; 0 when the value is no array.</summary>
    public int Count { get; }

    /// <summary>An array's element.</summary>
    /// <param name="index">In [0, <see cref="Count"/>).</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such element.</exception>
    public GgufValue this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
            return new GgufValue(ElementType!.Value, ElementPayload(index));
        }
    }

    /// <summary>The type in words, as in <c>uint32</c> or <c>array of string</c>.</summary>
    public string TypeName => Type == GgufValueType.Array ? $"array of {NameOf(ElementType!.Value)}" : NameOf(Type);

    /// <summary>The bytes as they stand in the file after the value's type.</summary>
    internal ReadOnlyMemory<byte> Payload => _payload;

    /// <summary>Reads an integer of any width.</summary>
    /// <returns>False when the value is no integer, or past the range of <see cref="long"/>.</returns>
    public bool TryGetInteger(out long value)
    {
        bool isInteger = IsInteger(Type);
        value = 0;
        return isInteger && TryDecodeInteger(Type, _payload.Span, out value);
    }

    /// <summary>Reads a 32-bit or 64-bit float.</summary>
    public bool TryGetFloat(out double value)
    {
        value = IsFloat(Type) ? DecodeFloat(Type, _payload.Span) : 0;
        return IsFloat(Type);
    }

    /// <summary>Reads a truth value.</summary>
    public bool TryGetBool(out bool value)
    {
        value = Type == GgufValueType.Bool && _payload.Span[0] != 0;
        return Type == GgufValueType.Bool;
    }

    /// <summary>Reads text; bytes that are no UTF-8 become U+FFFD.</summary>
    public bool TryGetString(out string value)
    {
        value = Type == GgufValueType.String ? Encoding.UTF8.GetString(_payload.Span[StringHeader..]) : "";
        return Type == GgufValueType.String;
    }

    /// <summary>Whether type and bytes agree; floats compare by their bits.</summary>
    public bool Equals(GgufValue? other) =>
        other is not null && Type == other.Type && _payload.Span.SequenceEqual(other._payload.Span);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as GgufValue);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(Type);
        hash.AddBytes(_payload.Span);
        return hash.ToHashCode();
    }

    /// <summary>The value as text, in the invariant culture; of an array the first few elements and the count.</summary>
    public override string ToString()
    {
        if (TryGetString(out string text)) return text;
        if (TryGetBool(out bool truth)) return truth ? "true" : "false";
        if (Type == GgufValueType.Float32)
            return BinaryPrimitives.ReadSingleLittleEndian(_payload.Span).ToString(CultureInfo.InvariantCulture);
        if (TryGetFloat(out double number)) return number.ToString(CultureInfo.InvariantCulture);
        if (TryGetInteger(out long integer)) return integer.ToString(CultureInfo.InvariantCulture);
        if (Type == GgufValueType.UInt64)
            return BinaryPrimitives.ReadUInt64LittleEndian(_payload.Span).ToString(CultureInfo.InvariantCulture);
        const int Shown = 4;
        string first = string.Join(", ", Enumerable.Range(0, Math.Min(Count, Shown)).Select(i => this[i].ToString()));
        return Count <= Shown ? $"[{first}]" : $"[{first}, ... {Count} in all]";
    }

    internal int[]? IntegersOrNull(out string? misfit)
    {
        misfit = null;
        if (ElementType is not { } type || !IsInteger(type)) return null;
        var values = new int[Count];
        for (int i = 0; i < values.Length; i++)
        {
            ReadOnlySpan<byte> element = ElementPayload(i).Span;
            if (!TryDecodeInteger(type, element, out long value) || value != (int)value)
            {
                misfit = $"{new GgufValue(type, ElementPayload(i))} at index {i}";
                return null;
            }
            values[i] = (int)value;
        }
        return values;
    }

    internal float[]? FloatsOrNull()
    {
        if (ElementType is not { } type || !IsFloat(type)) return null;
        var values = new float[Count];
        for (int i = 0; i < values.Length; i++) values[i] = (float)DecodeFloat(type, ElementPayload(i).Span);
        return values;
    }

    internal bool[]? BoolsOrNull()
    {
        if (ElementType != GgufValueType.Bool) return null;
        var values = new bool[Count];
        for (int i = 0; i < values.Length; i++) values[i] = _payload.Span[ArrayHeader + i] != 0;
        return values;
    }

    internal ReadOnlyMemory<byte>[]? ByteStringsOrNull()
    {
        if (ElementType != GgufValueType.String) return null;
        var values = new ReadOnlyMemory<byte>[Count];
        for (int i = 0; i < values.Length; i++) values[i] = ElementPayload(i)[StringHeader..];
        return values;
    }

    internal string[]? StringsOrNull()
    {
        if (ElementType != GgufValueType.String) return null;
        var values = new string[Count];
        for (int i = 0; i < values.Length; i++) values[i] = Encoding.UTF8.GetString(ElementPayload(i).Span[StringHeader..]);
        return values;
    }

    private ReadOnlyMemory<byte> ElementPayload(int index)
    {
        int size = SizeOf(ElementType!.Value);
        if (_starts is null) return _payload.Slice(ArrayHeader + index * size, size);
        int end = index + 1 < _starts.Length ? _starts[index + 1] : _payload.Length;
        return _payload[_starts[index]..end];
    }

    private static bool TryDecodeInteger(GgufValueType type, ReadOnlySpan<byte> bytes, out long value)
    {
        value = type switch
        {
            GgufValueType.UInt8 => bytes[0],
            GgufValueType.Int8 => (sbyte)bytes[0],
            GgufValueType.UInt16 => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
            GgufValueType.Int16 => BinaryPrimitives.ReadInt16LittleEndian(bytes),
            GgufValueType.UInt32 => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
            GgufValueType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(bytes),
            _ => BinaryPrimitives.ReadInt64LittleEndian(bytes),
        };
        return type != GgufValueType.UInt64 || value >= 0;
    }

    private static double DecodeFloat(GgufValueType type, ReadOnlySpan<byte> bytes) =>
        type == GgufValueType.Float32 ? BinaryPrimitives.ReadSingleLittleEndian(bytes) : BinaryPrimitives.ReadDoubleLittleEndian(bytes);

    private static bool IsFloat(GgufValueType type) => type is GgufValueType.Float32 or GgufValueType.Float64;

    private static bool IsInteger(GgufValueType type) => type is GgufValueType.UInt8 or GgufValueType.Int8 or GgufValueType.UInt16
        or GgufValueType.Int16 or GgufValueType.UInt32 or GgufValueType.Int32 or GgufValueType.UInt64 or GgufValueType.Int64;
}
