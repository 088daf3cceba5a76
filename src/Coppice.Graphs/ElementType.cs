namespace Coppice.Graphs;

/// <summary>Types of elements, numbered as in ONNX (TensorProto.DataType).</summary>
public enum ElementType
{
    /// <summary>No type.</summary>
    None = 0,

    /// <summary>32-bit floating point.</summary>
    Float32 = 1,

    /// <summary>8-bit unsigned integer.</summary>
    UInt8 = 2,

    /// <summary>8-bit signed integer.</summary>
    Int8 = 3,

    /// <summary>32-bit signed integer.</summary>
    Int32 = 6,

    /// <summary>64-bit signed integer.</summary>
    Int64 = 7,

    /// <summary>One byte, 0 or 1.</summary>
    Bool = 9,

    /// <summary>16-bit floating point.</summary>
    Float16 = 10,

    /// <summary>64-bit floating point.</summary>
    Float64 = 11,
}

/// <summary>Sizes of element types.</summary>
public static class ElementTypes
{
    /// <summary>Bytes of one element.</summary>
    /// <param name="type">The type.</param>
    /// <exception cref="GraphException">The type is not one that graphs hold.</exception>
    public static int Bytes(this ElementType type) => type switch
    {
        ElementType.UInt8 or ElementType.Int8 or ElementType.Bool => 1,
        ElementType.Float16 => 2,
        ElementType.Float32 or ElementType.Int32 => 4,
        ElementType.Int64 or ElementType.Float64 => 8,
        _ => throw new GraphException($"element type {(int)type} is not supported"),
    };

    /// <summary>The element type of a .NET type.</summary>
    /// <typeparam name="T">float, double, Half, long, int, byte, sbyte or bool.</typeparam>
    /// <exception cref="GraphException">There is none.</exception>
    public static ElementType Of<T>()
        where T : unmanaged
    {
        if (typeof(T) == typeof(float)) return ElementType.Float32;
        if (typeof(T) == typeof(double)) return ElementType.Float64;
        if (typeof(T) == typeof(Half)) return ElementType.Float16;
        if (typeof(T) == typeof(long)) return ElementType.Int64;
        if (typeof(T) == typeof(int)) return ElementType.Int32;
        if (typeof(T) == typeof(byte)) return ElementType.UInt8;
        if (typeof(T) == typeof(sbyte)) return ElementType.Int8;
        if (typeof(T) == typeof(bool)) return ElementType.Bool;
        throw new GraphException($"elements of type {typeof(T).Name} are not supported");
    }
}
