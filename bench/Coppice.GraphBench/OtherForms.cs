using Coppice.Graphs;

namespace Coppice.GraphBench;

/// <summary>Pooling, resizing, normalization and losses, forward and backward.</summary>
internal static class OtherForms
{
    private static readonly Shape s_image = new(2, 64, 90, 120);

    public static IEnumerable<Piece> All() => [.. Pooling(), .. Resizing(), .. Normalizing(), .. Losing()];

    private static Piece P(string family, string name, Func<Graph, Value> build) => new(family, name, 0, build);

    private static IEnumerable<Piece> Pooling()
    {
        const string Family = "max pool 3x3/2, 64 of 90x120";
        Window window = new() { Stride = 2, Padding = 1 };
        Shape half = new(2, 64, 45, 60);
        yield return P(Family, "forward", g => g.Input("x", s_image).MaxPool(3, window));
        yield return P(Family, "forward with indices", g => Indexed(g.Input("x", s_image), half).Outputs[1].Cast(ElementType.Float32));
        yield return P(Family, "gradient: indices, ScatterElements", g =>
        {
            Value at = Indexed(g.Input("x", s_image), half).Outputs[1].Reshape(new((int)half.Count));
            return g.Fill(0, new((int)s_image.Count)).ScatterAdd(at, g.Input("g", half).Reshape(new((int)half.Count)), 0).Reshape(s_image);
        });
        yield return P(Family, "gradient: indices, ScatterND", g =>
        {
            Value at = Indexed(g.Input("x", s_image), half).Outputs[1].Reshape(new((int)half.Count, 1)), y = g.Input("g", half).Reshape(new((int)half.Count));
            Shape flat = new((int)s_image.Count);
            return g.Add("ScatterND", [g.Fill(0, flat), at, y], [(y.Type, flat)], [("reduction", "add")]).Output.Reshape(s_image);
        });
        yield return P(Family, "gradient: indices, MaxUnpool (wrong where windows share an element)", g =>
        {
            Node pooled = Indexed(g.Input("x", s_image), half);
            return g.Add("MaxUnpool", [g.Input("g", half), pooled.Outputs[1], g.Integers(s_image.ToInt64())], [(ElementType.Float32, s_image)], [("kernel_shape", new long[] { 3, 3 }), ("strides", new long[] { 2, 2 }), ("pads", new long[] { 1, 1, 1, 1 })]).Output;
        });
        yield return P(Family, "gradient: comparison in the four phases", g => Compared(g.Input("x", s_image), g.Input("g", half)));
    }

    private static Node Indexed(Value x, Shape half) => x.Graph.Add(
        "MaxPool", [x], [(x.Type, half), (ElementType.Int64, half)], new Window { Stride = 2, Padding = 1 }.AttributesOf(3));

    private static (string, object)[] AttributesOf(this Window window, int kernel) =>
    [
        ("kernel_shape", new long[] { kernel, kernel }), ("strides", new long[] { window.Stride.Y, window.Stride.X }),
        ("pads", new long[] { window.Padding.Top, window.Padding.Left, window.Padding.Bottom, window.Padding.Right }),
    ];

    private static Value Compared(Value x, Value y)
    {
        Value greatest = x.MaxPool(3, new Window { Stride = 2, Padding = 1 });
        Graph graph = x.Graph;
        // Phases of the padded image (one row and column of padding, which never equal the greatest unless it is zero).
        Value padded = x.Pad(2, 1, 1).Pad(3, 1, 1);
        var phases = new Value?[2, 2];
        for (int ky = 0; ky < 3; ky++)
        {
            for (int kx = 0; kx < 3; kx++)
            {
                Value slice = padded.Slice(2, ky, ky + 89, 2).Slice(3, kx, kx + 119, 2);
                Value part = slice.EqualTo(greatest).Where(y, graph.Scalar(0)).Pad(2, ky / 2, 1 - (ky / 2)).Pad(3, kx / 2, 1 - (kx / 2));
                phases[ky % 2, kx % 2] = phases[ky % 2, kx % 2] is { } sum ? sum + part : part;
            }
        }

        Value rows0 = Interleave(phases[0, 0]!, phases[0, 1]!), rows1 = Interleave(phases[1, 0]!, phases[1, 1]!);
        Shape shape = rows0.Shape;
        Value all = Operators.Concat([rows0.Reshape(new(2, 64, 46, 1, shape[3])), rows1.Reshape(new(2, 64, 46, 1, shape[3]))], 3);
        return all.Reshape(new(2, 64, 92, 122)).Slice(2, 1, 91).Slice(3, 1, 121);
    }

    private static Value Interleave(Value even, Value odd)
    {
        Shape apart = new([.. even.Shape.Dims, 1]);
        return Operators.Concat([even.Reshape(apart), odd.Reshape(apart)], 4).Reshape(even.Shape.With(3, even.Shape[3] * 2));
    }

    private static IEnumerable<Piece> Resizing()
    {
        foreach ((Shape small, int height, int width) in ((Shape, int, int)[])[(new(2, 64, 45, 60), 90, 120), (new(2, 12, 45, 60), 360, 480)])
        {
            string family = $"resize {small} to {height}x{width}";
            int h = small[2], w = small[3];
            Shape large = new(small[0], small[1], height, width);
            foreach ((ResizeMode mode, ResizeCoordinates coordinates) in new[] { (ResizeMode.Linear, ResizeCoordinates.HalfPixel), (ResizeMode.Linear, ResizeCoordinates.AlignCorners), (ResizeMode.Nearest, ResizeCoordinates.HalfPixel) })
                yield return P(family, $"Resize {mode} {coordinates}", g => g.Input("x", small).Resize(new(height, width), mode, coordinates));
            yield return P(family, "two products, columns first", g => Rows(g, height, h).MatMul(g.Input("x", small).MatMul(Rows(g, w, width))));
            yield return P(family, "two products, rows first", g => Rows(g, height, h).MatMul(g.Input("x", small)).MatMul(Rows(g, w, width)));
            yield return P(family, "gradient: two products, columns first", g => Rows(g, h, height).MatMul(g.Input("g", large).MatMul(Rows(g, width, w))));
            yield return P(family, "gradient: two products, rows first", g => Rows(g, h, height).MatMul(g.Input("g", large)).MatMul(Rows(g, width, w)));
            yield return P(family, "nearest by Expand", g => g.Input("x", small).Reshape(new(small[0], small[1], h, 1, w, 1)).Expand(new(small[0], small[1], h, height / h, w, width / w)).Reshape(large));
            yield return P(family, "nearest by Tile", g => g.Input("x", small).Reshape(new(small[0], small[1], h, 1, w, 1)).Tile([1, 1, 1, height / h, 1, width / w]).Reshape(large));
            yield return P(family, "gradient of nearest: sum of blocks", g => g.Input("g", large).Reshape(new(small[0], small[1], h, height / h, w, width / w)).ReduceSum([3, 5], keep: false));
            yield return P(family, "gradient of nearest: AveragePool", g => g.Input("g", large).AveragePool(new(height / h, width / w), new Window { Stride = new(height / h, width / w) }));
        }
    }

    private static Value Rows(Graph graph, int rows, int columns)
    {
        var elements = new float[rows * columns];
        for (int i = 0; i < elements.Length; i++) elements[i] = i % 7 == 0 ? 1 : 0;
        return graph.Constant(TensorData.Of<float>(new(rows, columns), elements));
    }

    private static IEnumerable<Piece> Normalizing()
    {
        const string Family = "batch normalization in training, 64 of 90x120";
        yield return P(Family, "a copy", g => g.Input("x", s_image).Negate());
        yield return P(Family, "mean", g => g.Input("x", s_image).ReduceMean([0, 2, 3]));
        yield return P(Family, "mean over the image, then the batch", g => g.Input("x", s_image).ReduceMean([2, 3]).ReduceMean([0]));
        yield return P(Family, "sum of squares: ReduceSumSquare", g => g.Input("x", s_image).ReduceSumSquare([0, 2, 3]));
        yield return P(Family, "sum of squares: product and sum", g => Square(g.Input("x", s_image)).ReduceSum([0, 2, 3]));
        yield return P(Family, "sum of squares: MatMul", g => Flat(g, 1).MatMul(Flat(g, 2)));
        yield return P(Family, "sum of products: product and sum", g => (g.Input("x", s_image) * g.Input("y", s_image)).ReduceSum([0, 2, 3]));
        yield return P(Family, "affine: BatchNormalization", g => g.Input("x", s_image).BatchNormalization(V(g, "a"), V(g, "b"), V(g, "c"), V(g, "d")));
        yield return P(Family, "affine: product and sum", g => (g.Input("x", s_image) * Channel(g, "a")) + Channel(g, "b"));
        yield return P(Family, "x * a + y * b + c", g => (g.Input("x", s_image) * Channel(g, "a")) + (g.Input("y", s_image) * Channel(g, "b")) + Channel(g, "c"));
        yield return P(Family, "x * a + y * b + c, last two by BatchNormalization", g => (g.Input("x", s_image) * Channel(g, "a")) + g.Input("y", s_image).BatchNormalization(V(g, "p"), V(g, "b"), V(g, "c"), V(g, "d")));
        yield return P(Family, "forward", g => g.Input("x", s_image).BatchNormalizationInTraining(V(g, "a"), V(g, "b")).Result);
        yield return P(Family, "ReLU", g => g.Input("x", s_image).Relu());
        yield return P(Family, "ReLU's gradient: Where", g => g.Input("x", s_image).Greater(g.Scalar(0)).Where(g.Input("y", s_image), g.Scalar(0)));
        yield return P(Family, "ReLU's gradient: Cast", g => g.Input("x", s_image).Greater(g.Scalar(0)).Cast(ElementType.Float32) * g.Input("y", s_image));
    }

    private static Value Square(Value x) => x * x;

    private static Value V(Graph g, string name) => g.Input(name, new(64));

    private static Value Channel(Graph g, string name) => g.Input(name, new(1, 64, 1, 1));

    private static Value Flat(Graph g, int side)
    {
        Value x = g.Find("x") ?? g.Input("x", s_image);
        return side == 1 ? x.Reshape(new(128, 1, 90 * 120)) : x.Reshape(new(128, 90 * 120, 1));
    }

    private static IEnumerable<Piece> Losing()
    {
        foreach ((int height, int width) in ((int, int)[])[(180, 240), (360, 480)])
        {
            string family = $"cross-entropy, 2 images, 12 classes, {height}x{width}";
            Shape shape = new(2, 12, height, width);
            yield return P(family, "a copy", g => g.Input("x", shape).Negate());
            yield return P(family, "LogSoftmax along channels", g => g.Input("x", shape).LogSoftmax(1));
            yield return P(family, "LogSoftmax along the last axis", g => g.Input("x", new(2, height, width, 12)).LogSoftmax());
            yield return P(family, "LogSoftmax, composed", g => LogSoftmax(g.Input("x", shape)));
            yield return P(family, "loss", g => g.Input("x", shape).CrossEntropy(g.Input("labels", new(2, height, width), ElementType.Int64)));
            yield return P(family, "gradient", g =>
            {
                Value x = g.Input("x", shape);
                return Gradients.Of(x.CrossEntropy(g.Input("labels", new(2, height, width), ElementType.Int64)), [x])[0];
            });
        }
    }

    private static Value LogSoftmax(Value x)
    {
        Value apart = x - x.ReduceMax([1]);
        return apart - apart.Exp().ReduceSum([1]).Log();
    }
}
