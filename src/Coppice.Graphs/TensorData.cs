using System.Runtime.InteropServices;

namespace Coppice.Graphs;

/// <summary>Elements with their type and shape, row-major, in memory of their own.</summary>
public sealed class TensorData
{
    private readonly byte[] _bytes;

    /// <summary>Takes bytes over; they are not copied.</summary>
    /// <param name="type">Type of the elements.</param>
    /// <param name="shape">Shape.</param>
    /// <param name="bytes">Little-endian elements, exactly as many as the shape says.</param>
    /// <exception cref="GraphException">There are more or fewer bytes.</exception>
    public TensorData(ElementType type, Shape shape, byte[] bytes)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        long expected = checked(shape.Count * type.Bytes());
        if (bytes.Length != expected) throw new GraphException($"a tensor of {type} {shape} has {expected} bytes, not {bytes.Length}");
        Type = type;
        Shape = shape;
        _bytes = bytes;
    }

    /// <summary>Type of the elements.</summary>
    public ElementType Type { get; }

    /// <summary>Shape.</summary>
    public Shape Shape { get; }

    /// <summary>The elements' bytes, little-endian.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    internal ReadOnlyMemory<byte> Memory => _bytes;

    /// <summary>The elements.</summary>
    /// <typeparam name="T">The .NET type of <see cref="Type"/>.</typeparam>
    /// <exception cref="GraphException">The elements are of another type.</exception>
    public ReadOnlySpan<T> As<T>()
        where T : unmanaged
    {
        if (ElementTypes.Of<T>() != Type) throw new GraphException($"the elements are {Type}, not {typeof(T).Name}");
        return MemoryMarshal.Cast<byte, T>(_bytes);
    }

    /// <summary>A copy of elements.</summary>
    /// <typeparam name="T">Their type.</typeparam>
    /// <param name="shape">Shape.</param>
    /// <param name="elements">As many as the shape says.</param>
    public static TensorData Of<T>(Shape shape, ReadOnlySpan<T> elements)
        where T : unmanaged => new(ElementTypes.Of<T>(), shape, MemoryMarshal.AsBytes(elements).ToArray());

    /// <summary>Integers in one axis, as operators take them for axes, shapes and starts.</summary>
    /// <param name="values">The integers.</param>
    public static TensorData Integers(params ReadOnlySpan<long> values) => Of(new Shape(values.Length), values);
}
