using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace Coppice.Graphs;

/// <summary>Memory of one tensor that the runtime reads and writes in place; it stays where it is from run to run.</summary>
public sealed class GraphBuffer : IDisposable
{
    private readonly OrtValue _value;
    private bool _disposed;

    /// <summary>Memory for a tensor, zero at first.</summary>
    /// <param name="type">Type of the elements.</param>
    /// <param name="shape">Shape.</param>
    public GraphBuffer(ElementType type, Shape shape)
    {
        type.Bytes();
        Type = type;
        Shape = shape;
        _value = OrtValue.CreateAllocatedTensorValue(
            OrtAllocator.DefaultInstance, (Microsoft.ML.OnnxRuntime.Tensors.TensorElementType)type, shape.ToInt64());
        Bytes.Clear();
    }

    /// <summary>Memory for a value of a graph.</summary>
    /// <param name="value">The value.</param>
    public GraphBuffer(Value value)
        : this((value ?? throw new ArgumentNullException(nameof(value))).Type, value.Shape)
    {
    }

    /// <summary>Type of the elements.</summary>
    public ElementType Type { get; }

    /// <summary>Shape.</summary>
    public Shape Shape { get; }

    /// <summary>The elements' bytes; not to be used after the buffer is disposed.</summary>
    public Span<byte> Bytes => OrtValue.GetTensorMutableRawData();

    /// <summary>The runtime's handle; its memory is gone when it is disposed.</summary>
    internal OrtValue OrtValue
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _value;
        }
    }

    /// <summary>The elements.</summary>
    /// <typeparam name="T">The .NET type of <see cref="Type"/>.</typeparam>
    /// <exception cref="GraphException">The elements are of another type.</exception>
    public Span<T> As<T>()
        where T : unmanaged
    {
        if (ElementTypes.Of<T>() != Type) throw new GraphException($"the elements are {Type}, not {typeof(T).Name}");
        return MemoryMarshal.Cast<byte, T>(Bytes);
    }

    /// <summary>Fills the memory with a tensor's elements.</summary>
    /// <param name="data">Of the same type and shape.</param>
    /// <exception cref="GraphException">Type or shape differ.</exception>
    public void Load(TensorData data)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (data.Type != Type || data.Shape != Shape)
            throw new GraphException($"a buffer of {Type} {Shape} can't take {data.Type} {data.Shape}");
        data.Bytes.CopyTo(Bytes);
    }

    /// <summary>A copy of the elements.</summary>
    public TensorData ToData() => new(Type, Shape, Bytes.ToArray());

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        _disposed = true;
        _value.Dispose();
    }
}
