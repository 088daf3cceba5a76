using System.Diagnostics.CodeAnalysis;

namespace Coppice.Graphs;

/// <summary>The lengths of a tensor's axes, outermost first; all known. A scalar has none.</summary>
[SuppressMessage("Naming", "CA1710:Identifiers should have correct suffix", Justification = "It is a shape.")]
public readonly struct Shape : IEquatable<Shape>
{
    private readonly int[]? _dims;

    /// <summary>A shape.</summary>
    /// <param name="dims">Lengths of the axes, each at least 0.</param>
    public Shape(params ReadOnlySpan<int> dims)
    {
        foreach (int dim in dims) ArgumentOutOfRangeException.ThrowIfNegative(dim, nameof(dims));
        _dims = dims.ToArray();
    }

    /// <summary>The shape of a scalar.</summary>
    public static Shape Scalar => default;

    /// <summary>Number of axes.</summary>
    public int Rank => _dims?.Length ?? 0;

    /// <summary>Lengths of the axes.</summary>
    public ReadOnlySpan<int> Dims => _dims;

    /// <summary>Number of elements.</summary>
    public long Count
    {
        get
        {
            long count = 1;
            foreach (int dim in Dims) count = checked(count * dim);
            return count;
        }
    }

    /// <summary>Length of an axis.</summary>
    /// <param name="axis">From the start, or from the end as in <c>shape[^1]</c>.</param>
    public int this[Index axis] => Dims[axis];

    /// <summary>The lengths as ONNX writes them.</summary>
    public long[] ToInt64() => Array.ConvertAll(Dims.ToArray(), d => (long)d);

    /// <summary>An axis counted from the start, from one that may be negative (counted from the end).</summary>
    /// <param name="axis">In [-rank, rank).</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such axis.</exception>
    public int Axis(int axis)
    {
        int found = axis < 0 ? axis + Rank : axis;
        if (found < 0 || found >= Rank) throw new ArgumentOutOfRangeException(nameof(axis), axis, $"shape {this} has no axis {axis}");
        return found;
    }

    /// <summary>This shape with one axis changed.</summary>
    /// <param name="axis">In [-rank, rank).</param>
    /// <param name="dim">Its new length.</param>
    public Shape With(int axis, int dim)
    {
        int[] dims = Dims.ToArray();
        dims[Axis(axis)] = dim;
        return new Shape(dims);
    }

    /// <summary>The shape that two broadcast to (ONNX, multidirectional), or null.</summary>
    /// <param name="a">One.</param>
    /// <param name="b">The other.</param>
    public static Shape? Broadcast(Shape a, Shape b)
    {
        var dims = new int[Math.Max(a.Rank, b.Rank)];
        for (int i = 1; i <= dims.Length; i++)
        {
            int x = i <= a.Rank ? a[^i] : 1, y = i <= b.Rank ? b[^i] : 1;
            if (x != y && x != 1 && y != 1) return null;
            dims[^i] = x == 1 ? y : x;
        }

        return new Shape(dims);
    }

    /// <inheritdoc/>
    public bool Equals(Shape other) => Dims.SequenceEqual(other.Dims);

    /// <inheritdoc/>
    public override bool Equals([NotNullWhen(true)] object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        foreach (int dim in Dims) hash.Add(dim);
        return hash.ToHashCode();
    }

    /// <summary>The lengths in brackets, as in [2, 3].</summary>
    public override string ToString() => $"[{string.Join(", ", Dims.ToArray())}]";

    /// <summary>Whether both have the same axes.</summary>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Whether they differ.</summary>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);
}
