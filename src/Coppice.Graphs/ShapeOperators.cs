namespace Coppice.Graphs;

/// <content>Shapes, products, reductions and indices.</content>
public static partial class Operators
{
    /// <summary>The same elements in another shape.</summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="shape">As many elements.</param>
    /// <param name="name">Name of the result.</param>
    public static Value Reshape(this Value x, Shape shape, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (shape.Count != x.Shape.Count) throw Wrong("Reshape", 0, x, $"{shape.Count} elements, for {shape}");
        if (shape == x.Shape && name is null) return x;
        return x.Graph.Add("Reshape", [x, x.Graph.Integers(shape.ToInt64())], [(x.Type, shape)], [("allowzero", 1L)], name).Output;
    }

    /// <summary>The axes in another order.</summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="order">For each axis of the result, the axis of x that it is.</param>
    /// <param name="name">Name of the result.</param>
    public static Value Transpose(this Value x, ReadOnlySpan<int> order, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        var dims = new int[order.Length];
        var seen = new bool[order.Length];
        bool valid = order.Length == x.Shape.Rank;
        for (int i = 0; i < order.Length && valid; i++)
        {
            valid = order[i] >= 0 && order[i] < seen.Length && !seen[order[i]];
            if (!valid) break;
            seen[order[i]] = true;
            dims[i] = x.Shape[order[i]];
        }

        if (!valid) throw Wrong("Transpose", 0, x, $"{order.Length} axes, each named once in ({string.Join(", ", order.ToArray())})");
        long[] permutation = Array.ConvertAll(order.ToArray(), a => (long)a);
        return x.Graph.Add("Transpose", [x], [(x.Type, new Shape(dims))], [("perm", permutation)], name).Output;
    }

    /// <summary>The last two axes exchanged.</summary>
    public static Value TransposeLast(this Value x, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        int rank = x.Shape.Rank;
        if (rank < 2) throw Wrong("Transpose", 0, x, "at least two axes");
        int[] order = [.. Enumerable.Range(0, rank - 2), rank - 1, rank - 2];
        return x.Transpose(order, name);
    }

    /// <summary>x repeated along axes of length 1, and along new axes before its own.</summary>
    public static Value Expand(this Value x, Shape shape, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (Shape.Broadcast(x.Shape, shape) != shape) throw Wrong("Expand", 0, x, $"a shape that broadcasts to {shape}");
        if (x.Shape == shape && name is null) return x;
        return x.Graph.Add("Expand", [x, x.Graph.Integers(shape.ToInt64())], [(x.Type, shape)], null, name).Output;
    }

    /// <summary>Tensors one after another along an axis.</summary>
    public static Value Concat(IReadOnlyList<Value> values, int axis, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentOutOfRangeException.ThrowIfZero(values.Count, nameof(values));
        Value first = values[0];
        int along = CheckAxis("Concat", first, axis);
        int length = 0;
        for (int i = 0; i < values.Count; i++)
        {
            Value value = values[i];
            RequireType("Concat", value, i, first.Type);
            if (value.Shape.Rank != first.Shape.Rank || value.Shape.With(along, first.Shape[along]) != first.Shape)
                throw Wrong("Concat", i, value, $"{first.Shape} but for axis {along}");
            length += value.Shape[along];
        }

        return first.Graph.Add("Concat", [.. values], [(first.Type, first.Shape.With(along, length))], [("axis", (long)along)], name).Output;
    }

    /// <summary>x without some of its axes of length 1 (a Reshape).</summary>
    public static Value Squeeze(this Value x, ReadOnlySpan<int> axes, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        var dropped = new HashSet<int>();
        foreach (int axis in axes)
        {
            int along = CheckAxis("Squeeze", x, axis);
            if (x.Shape[along] != 1) throw Wrong("Squeeze", 0, x, $"length 1 of axis {axis}");
            dropped.Add(along);
        }

        int[] dims = x.Shape.Dims.ToArray();
        return x.Reshape(new([.. dims.Where((_, axis) => !dropped.Contains(axis))]), name);
    }

    /// <summary>x with new axes of length 1 (a Reshape).</summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="axes">The axes as they are in the result, each once.</param>
    /// <param name="name">Name of the result.</param>
    public static Value Unsqueeze(this Value x, ReadOnlySpan<int> axes, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        int rank = x.Shape.Rank + axes.Length;
        var added = new HashSet<int>();
        foreach (int axis in axes)
        {
            if (axis < -rank || axis >= rank || !added.Add(axis < 0 ? axis + rank : axis))
                throw Wrong("Unsqueeze", 0, x, $"new axes, each once, of {rank}, not ({string.Join(", ", axes.ToArray())})");
        }

        var dims = new int[rank];
        for (int i = 0, old = 0; i < rank; i++) dims[i] = added.Contains(i) ? 1 : x.Shape[old++];
        return x.Reshape(new(dims), name);
    }

    /// <summary>x cut along an axis: the inverse of <see cref="Concat"/>.</summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="axis">The axis.</param>
    /// <param name="lengths">Lengths of the parts; their sum is the axis's.</param>
    /// <param name="name">Name of the first part.</param>
    public static IReadOnlyList<Value> Split(this Value x, int axis, ReadOnlySpan<int> lengths, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        int along = CheckAxis("Split", x, axis);
        long sum = 0, least = 0;
        foreach (int length in lengths) (sum, least) = (sum + length, Math.Min(least, length));
        if (lengths.IsEmpty || sum != x.Shape[along] || least < 0)
            throw Wrong("Split", 0, x, $"an axis {along} of parts ({string.Join(", ", lengths.ToArray())})");
        long[] parts = Array.ConvertAll(lengths.ToArray(), l => (long)l);
        return x.Graph.Add(
            "Split",
            [x, x.Graph.Integers(parts)],
            [.. parts.Select(l => (x.Type, x.Shape.With(along, (int)l)))],
            [("axis", (long)along)],
            name).Outputs;
    }

    /// <summary>x several times along each axis.</summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="repeats">How often, for each axis; at least 1.</param>
    /// <param name="name">Name of the result.</param>
    public static Value Tile(this Value x, ReadOnlySpan<int> repeats, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        int[] times = repeats.ToArray();
        if (times.Length != x.Shape.Rank || Array.Exists(times, t => t < 1))
            throw Wrong("Tile", 0, x, $"a repeat of 1 or more for each axis, not ({string.Join(", ", times)})");
        int[] dims = x.Shape.Dims.ToArray();
        Shape shape = new([.. dims.Select((d, axis) => checked(d * times[axis]))]);
        return x.Graph.Add("Tile", [x, x.Graph.Integers(Array.ConvertAll(times, t => (long)t))], [(x.Type, shape)], null, name).Output;
    }

    /// <summary>Every <paramref name="step"/>th element of [start, end) along an axis.</summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="axis">The axis.</param>
    /// <param name="start">First, at least 0.</param>
    /// <param name="end">Behind the last, at most the axis's length.</param>
    /// <param name="step">At least 1.</param>
    /// <param name="name">Name of the result.</param>
    public static Value Slice(this Value x, int axis, int start, int end, int step = 1, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        int along = CheckAxis("Slice", x, axis);
        if (start < 0 || end < start || end > x.Shape[along] || step < 1)
            throw Wrong("Slice", 0, x, $"an axis {along} that holds [{start}, {end}) in steps of {step}");
        Graph g = x.Graph;
        int length = (end - start + step - 1) / step;
        return g.Add(
            "Slice",
            [x, g.Integers(start), g.Integers(end), g.Integers(along), g.Integers(step)],
            [(x.Type, x.Shape.With(along, length))],
            null,
            name).Output;
    }

    /// <summary>The elements of ranges along several axes.</summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="ranges">Axis, first and behind the last, each axis at most once.</param>
    /// <param name="name">Name of the result.</param>
    public static Value Slice(this Value x, IReadOnlyList<(int Axis, int Start, int End)> ranges, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(ranges);
        Shape shape = x.Shape;
        var axes = new HashSet<int>();
        foreach ((int axis, int start, int end) in ranges)
        {
            int along = CheckAxis("Slice", x, axis);
            if (start < 0 || end < start || end > x.Shape[along] || !axes.Add(along))
                throw Wrong("Slice", 0, x, $"an axis {along}, named once, that holds [{start}, {end})");
            shape = shape.With(along, end - start);
        }

        Graph g = x.Graph;
        Value starts = g.Integers([.. ranges.Select(r => (long)r.Start)]), ends = g.Integers([.. ranges.Select(r => (long)r.End)]);
        return g.Add("Slice", [x, starts, ends, g.Integers([.. ranges.Select(r => (long)x.Shape.Axis(r.Axis))])], [(x.Type, shape)], null, name).Output;
    }

    /// <summary>A number, zero unless another is given, before and behind an axis.</summary>
    public static Value Pad(this Value x, int axis, int before, int after, float number = 0, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        int along = CheckAxis("Pad", x, axis);
        var pads = new long[2 * x.Shape.Rank];
        (pads[along], pads[along + x.Shape.Rank]) = (before, after);
        return Pad(x, pads, number, name);
    }

    /// <summary>A number, zero unless another is given, around images [images, channels, height, width].</summary>
    public static Value Pad(this Value x, Border border, float number = 0, string? name = null)
    {
        RequireImage("Pad", x);
        return Pad(x, [0, 0, border.Top, border.Left, 0, 0, border.Bottom, border.Right], number, name);
    }

    private static Value Pad(Value x, long[] pads, float number, string? name)
    {
        if (Array.Exists(pads, p => p < 0)) throw Wrong("Pad", 0, x, "lengths that are not negative");
        if (number != 0) RequireType("Pad", x, 0, ElementType.Float32);
        int rank = x.Shape.Rank;
        Shape shape = new([.. x.Shape.Dims.ToArray().Select((d, axis) => checked((int)(d + pads[axis] + pads[axis + rank])))]);
        Graph g = x.Graph;
        Value[] inputs = number == 0 ? [x, g.Integers(pads)] : [x, g.Integers(pads), g.Scalar(number)];
        return g.Add("Pad", inputs, [(x.Type, shape)], [("mode", "constant")], name).Output;
    }

    /// <summary>
    /// Product of matrices in the last two axes: [..., m, k] x [..., k, n] -> [..., m, n]; the axes before broadcast.
    /// </summary>
    public static Value MatMul(this Value a, Value b, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        RequireType("MatMul", b, 1, a.Type);
        if (a.Shape.Rank < 2) throw Wrong("MatMul", 0, a, "at least two axes");
        if (b.Shape.Rank < 2 || b.Shape[^2] != a.Shape[^1]) throw Wrong("MatMul", 1, b, $"[..., {a.Shape[^1]}, n] for {a.Shape}");
        Shape? before = Shape.Broadcast(new Shape(a.Shape.Dims[..^2]), new Shape(b.Shape.Dims[..^2]));
        if (before is not { } batch) throw Wrong("MatMul", 1, b, $"axes that broadcast with {a.Shape}");
        Shape shape = new([.. batch.Dims, a.Shape[^2], b.Shape[^1]]);
        return a.Graph.Add("MatMul", [a, b], [(a.Type, shape)], null, name).Output;
    }

    /// <summary>Product of two matrices, each transposed first if asked: [m, k] x [k, n] -> [m, n] (ONNX Gemm).</summary>
    public static Value Gemm(this Value a, Value b, bool transposeA = false, bool transposeB = false, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        RequireType("Gemm", b, 1, a.Type);
        if (a.Shape.Rank != 2) throw Wrong("Gemm", 0, a, "two axes");
        int m = transposeA ? a.Shape[1] : a.Shape[0], k = transposeA ? a.Shape[0] : a.Shape[1];
        if (b.Shape.Rank != 2 || b.Shape[transposeB ? 1 : 0] != k) throw Wrong("Gemm", 1, b, $"{k} terms, for {a.Shape}");
        int n = b.Shape[transposeB ? 0 : 1];
        (string, object)[] attributes = [("transA", transposeA ? 1L : 0L), ("transB", transposeB ? 1L : 0L)];
        return a.Graph.Add("Gemm", [a, b], [(a.Type, new Shape(m, n))], attributes, name).Output;
    }

    /// <summary>Sum over axes; all if none is given.</summary>
    public static Value ReduceSum(this Value x, ReadOnlySpan<int> axes, bool keep = true, string? name = null) =>
        Reduce("ReduceSum", x, axes, keep, name);

    /// <summary>Mean over axes; all if none is given.</summary>
    public static Value ReduceMean(this Value x, ReadOnlySpan<int> axes, bool keep = true, string? name = null) =>
        Reduce("ReduceMean", x, axes, keep, name);

    /// <summary>Greatest over axes; all if none is given. The gradient goes to each element that is the greatest, in equal parts.</summary>
    public static Value ReduceMax(this Value x, ReadOnlySpan<int> axes, bool keep = true, string? name = null) =>
        Reduce("ReduceMax", x, axes, keep, name);

    /// <summary>Smallest over axes; all if none is given. The gradient goes to each element that is the smallest, in equal parts.</summary>
    public static Value ReduceMin(this Value x, ReadOnlySpan<int> axes, bool keep = true, string? name = null) =>
        Reduce("ReduceMin", x, axes, keep, name);

    /// <summary>Sum of squares over axes; all if none is given.</summary>
    public static Value ReduceSumSquare(this Value x, ReadOnlySpan<int> axes, bool keep = true, string? name = null) =>
        Reduce("ReduceSumSquare", x, axes, keep, name);

    /// <summary>Square root of the sum of squares over axes; all if none is given. The gradient where it is 0 is 0.</summary>
    public static Value ReduceL2(this Value x, ReadOnlySpan<int> axes, bool keep = true, string? name = null) =>
        Reduce("ReduceL2", x, axes, keep, name);

    /// <summary>Sums of all elements up to each along an axis.</summary>
    /// <param name="x">Any tensor of numbers.</param>
    /// <param name="axis">The axis.</param>
    /// <param name="exclusive">Whether the element itself is left out.</param>
    /// <param name="reverse">Whether sums run from the end.</param>
    /// <param name="name">Name of the result.</param>
    public static Value CumSum(this Value x, int axis, bool exclusive = false, bool reverse = false, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        int along = CheckAxis("CumSum", x, axis);
        (string, object)[] attributes = [("exclusive", exclusive ? 1L : 0L), ("reverse", reverse ? 1L : 0L)];
        return x.Graph.Add("CumSum", [x, x.Graph.Integers(along)], [(x.Type, x.Shape)], attributes, name).Output;
    }

    /// <summary>Sum of all elements, a scalar.</summary>
    public static Value Sum(this Value x, string? name = null) => x.ReduceSum([], keep: false, name);

    /// <summary>Mean of all elements, a scalar.</summary>
    public static Value Mean(this Value x, string? name = null) => x.ReduceMean([], keep: false, name);

    /// <summary>Slices of an axis, chosen by indices: the axis is replaced by the indices' axes.</summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="indices">Int64 or Int32, each in [0, length of the axis).</param>
    /// <param name="axis">The axis.</param>
    /// <param name="name">Name of the result.</param>
    public static Value Gather(this Value x, Value indices, int axis = 0, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        RequireIndices("Gather", indices);
        int along = CheckAxis("Gather", x, axis);
        Shape shape = new([.. x.Shape.Dims[..along], .. indices.Shape.Dims, .. x.Shape.Dims[(along + 1)..]]);
        return x.Graph.Add("Gather", [x, indices], [(x.Type, shape)], [("axis", (long)along)], name).Output;
    }

    /// <summary>One element for each index, along an axis: result[.., i, ..] = x[.., indices[.., i, ..], ..].</summary>
    public static Value GatherElements(this Value x, Value indices, int axis, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        RequireIndices("GatherElements", indices);
        int along = CheckAxis("GatherElements", x, axis);
        if (indices.Shape.Rank != x.Shape.Rank || indices.Shape.With(along, x.Shape[along]) != x.Shape)
            throw Wrong("GatherElements", 1, indices, $"{x.Shape} but for axis {along}");
        return x.Graph.Add("GatherElements", [x, indices], [(x.Type, indices.Shape)], [("axis", (long)along)], name).Output;
    }

    /// <summary>x with updates added at indices along an axis (ONNX ScatterElements with reduction add).</summary>
    public static Value ScatterAdd(this Value x, Value indices, Value updates, int axis, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(updates);
        RequireIndices("ScatterElements", indices);
        RequireType("ScatterElements", updates, 2, x.Type);
        int along = CheckAxis("ScatterElements", x, axis);
        if (indices.Shape.Rank != x.Shape.Rank || indices.Shape.With(along, x.Shape[along]) != x.Shape)
            throw Wrong("ScatterElements", 1, indices, $"{x.Shape} but for axis {along}");
        if (updates.Shape != indices.Shape) throw Wrong("ScatterElements", 2, updates, indices.Shape.ToString());
        (string, object)[] attributes = [("axis", (long)along), ("reduction", "add")];
        return x.Graph.Add("ScatterElements", [x, indices, updates], [(x.Type, x.Shape)], attributes, name).Output;
    }

    /// <summary>1 at each index of a new last axis, 0 elsewhere; indices outside give zeros. Two nodes.</summary>
    /// <param name="indices">Int64.</param>
    /// <param name="depth">Length of the new axis.</param>
    /// <param name="name">Name of the result.</param>
    public static Value OneHot(this Value indices, int depth, string? name = null)
    {
        RequireIndices("OneHot", indices);
        Graph g = indices.Graph;
        long[] classes = [.. Enumerable.Range(0, depth).Select(i => (long)i)];
        Value column = indices.Cast(ElementType.Int64).Reshape(new Shape([.. indices.Shape.Dims, 1]));
        return column.EqualTo(g.Integers(classes)).Cast(ElementType.Float32, name);
    }

    private static Value Reduce(string type, Value x, ReadOnlySpan<int> axes, bool keep, string? name)
    {
        ArgumentNullException.ThrowIfNull(x);
        var reduced = new bool[x.Shape.Rank];
        foreach (int axis in axes) reduced[CheckAxis(type, x, axis)] = true;
        if (axes.IsEmpty) Array.Fill(reduced, true);
        var dims = new List<int>();
        var along = new List<long>();
        for (int i = 0; i < reduced.Length; i++)
        {
            if (reduced[i]) along.Add(i);
            if (!reduced[i] || keep) dims.Add(reduced[i] ? 1 : x.Shape[i]);
        }

        Value[] inputs = [x, x.Graph.Integers(along.ToArray())];
        return x.Graph.Add(type, inputs, [(x.Type, new Shape(dims.ToArray()))], [("keepdims", keep ? 1L : 0L)], name).Output;
    }

    private static void RequireIndices(string type, Value indices)
    {
        ArgumentNullException.ThrowIfNull(indices);
        if (indices.Type is not (ElementType.Int64 or ElementType.Int32)) throw Wrong(type, 1, indices, "Int64 or Int32");
    }
}
