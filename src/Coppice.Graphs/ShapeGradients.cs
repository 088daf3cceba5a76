namespace Coppice.Graphs;

/// <summary>Rules of shapes, products, reductions and indices. g is the output's gradient.</summary>
internal static class ShapeGradients
{
    public static void Register(Dictionary<string, Gradients.GradientRule> rules)
    {
        rules["Reshape"] = (n, g) => [g[0]!.Reshape(n.Input(0).Shape)];
        rules["Transpose"] = (n, g) => [g[0]!.Transpose(Inverse(n.Integers("perm")!))];
        rules["Expand"] = (n, g) => [ElementwiseGradients.SumTo(g[0]!, n.Input(0))];
        rules["Concat"] = Concat;
        rules["Slice"] = Slice;
        rules["Split"] = Split;
        rules["Tile"] = Tile;
        rules["Pad"] = Pad;
        rules["MatMul"] = MatMul;
        rules["Gemm"] = Gemm;
        rules["ReduceSum"] = (n, g) => [Spread(n, g[0]!).Expand(n.Input(0).Shape)];
        rules["ReduceMean"] = (n, g) => [(Spread(n, g[0]!) * ((float)n.Output.Shape.Count / n.Input(0).Shape.Count)).Expand(n.Input(0).Shape)];
        rules["ReduceMax"] = Extreme;
        rules["ReduceMin"] = Extreme;
        rules["ReduceSumSquare"] = (n, g) => [n.Input(0) * (Spread(n, g[0]!) * 2)];
        rules["ReduceL2"] = (n, g) => [n.Input(0) * Spread(n, g[0]! / n.Output.Max(n.Graph.Scalar(1e-30f)))];
        rules["CumSum"] = (n, g) => [g[0]!.CumSum((int)Stored(n, 1)[0], n.Integer("exclusive", 0) != 0, n.Integer("reverse", 0) == 0), null];
        rules["Gather"] = Gather;
        rules["GatherElements"] = (n, g) =>
            [n.Graph.Fill(0, n.Input(0).Shape).ScatterAdd(n.Input(1), g[0]!, (int)n.Integer("axis", 0)), null];
        rules["ScatterElements"] = (n, g) => [g[0], null, g[0]!.GatherElements(n.Input(1), (int)n.Integer("axis", 0))];
    }

    private static int[] Inverse(long[] order)
    {
        var inverse = new int[order.Length];
        for (int i = 0; i < order.Length; i++) inverse[order[i]] = i;
        return inverse;
    }

    private static Value?[] Concat(Node n, Value?[] g)
    {
        int axis = (int)n.Integer("axis", 0), start = 0;
        var inputs = new Value?[n.Inputs.Count];
        for (int i = 0; i < inputs.Length; i++)
        {
            int length = n.Input(i).Shape[axis];
            if (n.Input(i).Kind != ValueKind.Constant) inputs[i] = g[0]!.Slice(axis, start, start + length);
            start += length;
        }

        return inputs;
    }

    /// <summary>Zeros around the slice; between its elements too where the step is above 1.</summary>
    private static Value?[] Slice(Node n, Value?[] g)
    {
        Value x = n.Input(0), gradient = g[0]!;
        long[] starts = Stored(n, 1), axes = Stored(n, 3), steps = n.Inputs.Count > 4 ? Stored(n, 4) : Array.ConvertAll(starts, _ => 1L);
        for (int i = 0; i < starts.Length; i++)
        {
            int axis = x.Shape.Axis((int)axes[i]), step = (int)steps[i], start = (int)starts[i], length = x.Shape[axis];
            if (start < 0 || start > length || step < 1) throw new GraphException($"{n}: a slice from the end has no gradient");
            gradient = Unsliced(gradient, axis, start, step, length);
        }

        return [gradient];
    }

    /// <summary>Elements put back along an axis where a slice took them from, zeros elsewhere.</summary>
    public static Value Unsliced(Value gradient, int axis, int start, int step, int length)
    {
        int taken = gradient.Shape[axis];
        if (taken == length) return gradient;
        if (step > 1)
        {
            Shape apart = new([.. gradient.Shape.Dims[..(axis + 1)], 1, .. gradient.Shape.Dims[(axis + 1)..]]);
            gradient = gradient.Reshape(apart).Pad(axis + 1, 0, step - 1).Reshape(gradient.Shape.With(axis, taken * step));
            int room = length - start;
            if (taken * step > room) gradient = gradient.Slice(axis, 0, room);
        }

        return gradient.Pad(axis, start, length - start - gradient.Shape[axis]);
    }

    private static Value?[] Pad(Node n, Value?[] g)
    {
        long[] pads = Stored(n, 1);
        Value gradient = g[0]!;
        int rank = gradient.Shape.Rank;
        for (int axis = 0; axis < rank; axis++)
        {
            if (pads[axis] == 0 && pads[axis + rank] == 0) continue;
            gradient = gradient.Slice(axis, (int)pads[axis], gradient.Shape[axis] - (int)pads[axis + rank]);
        }

        return [gradient];
    }

    /// <summary>A product with one matrix for all of a's rows is one large product; else matrix by matrix.</summary>
    private static Value?[] MatMul(Node n, Value?[] g)
    {
        Value a = n.Input(0), b = n.Input(1), gradient = g[0]!;
        bool first = a.Kind != ValueKind.Constant, second = b.Kind != ValueKind.Constant;
        if (b.Shape.Rank == 2)
        {
            int inputs = b.Shape[0], outputs = b.Shape[1], rows = checked((int)(a.Shape.Count / inputs));
            Value flat = gradient.Reshape(new Shape(rows, outputs));
            return
            [
                first ? flat.Gemm(b, transposeB: true).Reshape(a.Shape) : null,
                second ? a.Reshape(new Shape(rows, inputs)).Gemm(flat, transposeA: true) : null,
            ];
        }

        return
        [
            first ? ElementwiseGradients.SumTo(gradient.MatMul(b.TransposeLast()), a) : null,
            second ? ElementwiseGradients.SumTo(a.TransposeLast().MatMul(gradient), b) : null,
        ];
    }

    private static Value?[] Gemm(Node n, Value?[] g)
    {
        if (n.Inputs.Count > 2) throw new GraphException($"{n}: a third input has no gradient");
        Value a = n.Input(0), b = n.Input(1), y = g[0]!;
        bool ta = n.Integer("transA", 0) != 0, tb = n.Integer("transB", 0) != 0;
        Value da = ta ? b.Gemm(y, transposeA: tb, transposeB: true) : y.Gemm(b, transposeB: !tb);
        Value db = tb ? y.Gemm(a, transposeA: true, transposeB: ta) : a.Gemm(y, transposeA: !ta);
        return [da, db];
    }

    /// <summary>g with the reduced axes put back, of length 1.</summary>
    private static Value Spread(Node n, Value g)
    {
        int[] dims = n.Input(0).Shape.Dims.ToArray();
        foreach (long axis in Stored(n, 1)) dims[axis] = 1;
        return g.Reshape(new Shape(dims));
    }

    /// <summary>The gradient in equal parts to all elements that are the greatest (or the smallest).</summary>
    private static Value?[] Extreme(Node n, Value?[] g)
    {
        Value x = n.Input(0);
        Value greatest = x.EqualTo(Spread(n, n.Output)).Cast(x.Type);
        int[] axes = Array.ConvertAll(Stored(n, 1), a => (int)a);
        return [greatest * (Spread(n, g[0]!) / greatest.ReduceSum(axes))];
    }

    /// <summary>Rows that are chosen several times get the sum (ONNX ScatterND with reduction add).</summary>
    private static Value?[] Gather(Node n, Value?[] g)
    {
        int axis = (int)n.Integer("axis", 0);
        Value x = n.Input(0), indices = n.Input(1).Cast(ElementType.Int64), gradient = g[0]!;
        int chosen = checked((int)indices.Shape.Count), rank = x.Shape.Rank;
        // The axis goes first, as ScatterND indexes leading axes; afterwards back to its place.
        gradient = gradient.Reshape(new Shape([.. x.Shape.Dims[..axis], chosen, .. x.Shape.Dims[(axis + 1)..]]));
        int[] order = [axis, .. Enumerable.Range(0, rank).Where(i => i != axis)];
        if (axis != 0) gradient = gradient.Transpose(order);
        Shape rows = gradient.Shape.With(0, x.Shape[axis]);
        Value sum = n.Graph.Add(
            "ScatterND",
            [n.Graph.Fill(0, rows), indices.Reshape(new Shape(chosen, 1)), gradient],
            [(x.Type, rows)],
            [("reduction", "add")]).Output;
        return [axis == 0 ? sum : sum.Transpose(Inverse(Array.ConvertAll(order, i => (long)i))), null];
    }

    private static Value?[] Split(Node n, Value?[] g)
    {
        Value[] parts = [.. g.Select((part, i) => part ?? n.Graph.Fill(0, n.Outputs[i].Shape))];
        return [Operators.Concat(parts, (int)n.Integer("axis", 0))];
    }

    /// <summary>Each axis as repeats times elements; the repeats are summed.</summary>
    private static Value?[] Tile(Node n, Value?[] g)
    {
        Value x = n.Input(0);
        long[] repeats = Stored(n, 1);
        var dims = new int[2 * repeats.Length];
        for (int i = 0; i < repeats.Length; i++) (dims[2 * i], dims[(2 * i) + 1]) = ((int)repeats[i], x.Shape[i]);
        int[] summed = [.. Enumerable.Range(0, repeats.Length).Select(i => 2 * i)];
        return [g[0]!.Reshape(new(dims)).ReduceSum(summed, keep: false)];
    }

    private static long[] Stored(Node n, int input) =>
        n.Input(input).Data is { Type: ElementType.Int64 } data
            ? data.As<long>().ToArray()
            : throw new GraphException($"{n}: there is a gradient only if input {input} is stored");
}
