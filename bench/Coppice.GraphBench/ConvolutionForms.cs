using System.Globalization;
using Coppice.Graphs;

namespace Coppice.GraphBench;

internal static class ConvolutionForms
{
    public static IEnumerable<Piece> All()
    {
        foreach ((int n, int c, int o, int h, int w, int k, int s) in ((int, int, int, int, int, int, int)[])
            [(2, 64, 64, 90, 120, 3, 1), (2, 128, 128, 45, 60, 3, 1), (2, 64, 128, 90, 120, 3, 2), (2, 3, 32, 360, 480, 3, 2), (2, 3, 64, 360, 480, 7, 2), (2, 64, 128, 90, 120, 1, 2)])
        {
            int p = k / 2, oh = (((h + (2 * p)) - k) / s) + 1, ow = (((w + (2 * p)) - k) / s) + 1;
            string family = string.Create(CultureInfo.InvariantCulture, $"conv {k}x{k}/{s} {c}->{o} {h}x{w}");
            double ops = 2.0 * n * c * o * oh * ow * k * k;
            Shape sx = new(n, c, h, w), sw = new(o, c, k, k), sg = new(n, o, oh, ow);
            Window window = new() { Stride = s, Padding = p };
            Piece P(string name, Func<Graph, Value> build) => new(family, name, ops, build);
            yield return P("forward", g => g.Input("x", sx).Conv(g.Input("w", sw), null, window));
            if (s == 1)
            {
                yield return P("dx: flipped Conv", g =>
                {
                    long[] back = [.. Enumerable.Range(0, k * k).Select(i => (long)((k * k) - 1 - i))];
                    Value flipped = g.Input("w", sw).Reshape(new(o, c, k * k)).Transpose([1, 0, 2]).Gather(g.Integers(back), 2);
                    return g.Input("g", sg).Conv(flipped.Reshape(new(c, o, k, k)), null, window);
                });
            }

            yield return P("dx: ConvTranspose", g =>
                g.Input("g", sg).ConvTranspose(g.Input("w", sw), null, window, new((h + (2 * p) - k) % s, (w + (2 * p) - k) % s)));
            (Value, Value) In(Graph g) => (g.Input("x", sx), g.Input("g", sg));
            yield return P("dw: slices and MatMul", g =>
            {
                (Value x, Value y) = In(g);
                return Slices(x, y, k, s, p, oh, ow);
            });
            foreach (string form in (string[])["two axes at once", "columns first", "columns first, flat rows", "columns of x, rows of g", "columns of x, rows of g, one product"])
            {
                yield return P($"dw: {form}", g =>
                {
                    (Value x, Value y) = In(g);
                    return Columns(x, y, k, s, p, form);
                });
            }

            yield return P("dw: batch and channels exchanged", g =>
            {
                (Value x, Value y) = In(g);
                return x.Transpose([1, 0, 2, 3]).Conv(y.Transpose([1, 0, 2, 3]), null, new Window { Dilation = s, Padding = p }).Transpose([1, 0, 2, 3]);
            });
            foreach (string form in s == 1 ? (string[])[""] : ["transpose", "strided slices", "space to depth", "pool", "select"])
            {
                yield return P($"dw: planes, one product each {form}", g => Planes(g, In(g), k, s, p, form, Product.Each));
                yield return P($"dw: planes, rows and columns shifted apart {form}", g => Planes(g, In(g), k, s, p, form, Product.Apart));
                yield return P($"dw: planes, one product of all {form}", g => Planes(g, In(g), k, s, p, form, Product.One));
                yield return P($"dw: planes, one product a row {form}", g => Planes(g, In(g), k, s, p, form, Product.Row));
            }
        }

        foreach ((int c, int h, int w, int s) in ((int, int, int, int)[])[(96, 90, 120, 1), (96, 90, 120, 2)])
        {
            int oh = ((h - 1) / s) + 1, ow = ((w - 1) / s) + 1;
            string family = string.Create(CultureInfo.InvariantCulture, $"depthwise 3x3/{s} {c} {h}x{w}");
            Shape sx = new(2, c, h, w), sw = new(c, 1, 3, 3), sg = new(2, c, oh, ow);
            Window window = new() { Stride = s, Padding = 1 };
            double ops = 2.0 * 2 * c * oh * ow * 9;
            yield return new(family, "forward", ops, g => g.Input("x", sx).Conv(g.Input("w", sw), null, window, c));
            yield return new(family, "dx: ConvTranspose", ops, g =>
                g.Input("g", sg).ConvTranspose(g.Input("w", sw), null, window, new((h - 1) % s, (w - 1) % s), c));
            yield return new(family, "dx: flipped Conv", ops, g => g.Input("g", sg).Conv(g.Input("w", sw), null, window, c));
            yield return new(family, "dw: slices and products", ops, g => DepthSlices(g.Input("x", sx), g.Input("g", sg), s, oh, ow));
            yield return new(family, "dw: as Conv", ops, g =>
                g.Input("x", sx).Reshape(new(1, 2 * c, h, w)).Conv(
                    g.Input("g", sg).Reshape(new(2 * c, 1, oh, ow)), null, new Window { Dilation = s, Padding = 1 }, 2 * c));
            yield return new(family, "dw: slices, batched MatMul", ops, g => DepthMatMul(g.Input("x", sx), g.Input("g", sg), s, oh, ow));
        }
    }

    private enum Product { Each, Apart, One, Row }

    private static Value Slices(Value x, Value y, int k, int s, int p, int oh, int ow)
    {
        int n = x.Shape[0], c = x.Shape[1], o = y.Shape[1];
        Value padded = x.Pad(2, p, p).Pad(3, p, p), flat = y.Reshape(new(n, o, oh * ow));
        var parts = new List<Value>();
        for (int ky = 0; ky < k; ky++)
        {
            for (int kx = 0; kx < k; kx++)
            {
                Value slice = padded.Slice(2, ky, ky + ((oh - 1) * s) + 1, s).Slice(3, kx, kx + ((ow - 1) * s) + 1, s);
                parts.Add(flat.MatMul(slice.Reshape(new(n, c, oh * ow)).TransposeLast()).ReduceSum([0]));
            }
        }

        return Operators.Concat(parts, 0);
    }

    private static Value Crop(Value x, params (int Axis, int Start, int End)[] cuts)
    {
        Graph g = x.Graph;
        Shape shape = x.Shape;
        foreach ((int axis, int start, int end) in cuts) shape = shape.With(axis, end - start);
        long[] starts = [.. cuts.Select(c => (long)c.Start)], ends = [.. cuts.Select(c => (long)c.End)], axes = [.. cuts.Select(c => (long)c.Axis)];
        return g.Add("Slice", [x, g.Integers(starts), g.Integers(ends), g.Integers(axes)], [(x.Type, shape)]).Output;
    }

    private static Value Columns(Value x, Value y, int k, int s, int p, string form)
    {
        int n = x.Shape[0], c = x.Shape[1], o = y.Shape[1], oh = y.Shape[2], ow = y.Shape[3], shift = (k - 1) / s;
        int rows = oh + shift, columns = ow + shift;
        Value planes = Fit(Fit(x, 2, p, s * rows), 3, p, s * columns), flat = y.Reshape(new(n, o, oh * ow));
        if (s > 1) planes = planes.SpaceToDepth(s);
        var parts = new List<Value>();
        if (form == "two axes at once")
        {
            for (int i = 0; i < k * k; i++)
            {
                int ky = i / k, kx = i % k, phase = ((ky % s) * s) + (kx % s);
                Value slice = Crop(planes, (1, phase * c, (phase + 1) * c), (2, ky / s, (ky / s) + oh), (3, kx / s, (kx / s) + ow));
                parts.Add(flat.MatMul(slice.Reshape(new(n, c, oh * ow)).TransposeLast()).ReduceSum([0]));
            }

            return Operators.Concat(parts, 0);
        }

        Value[] lower = form.Contains("rows of g", StringComparison.Ordinal)
            ? [.. Enumerable.Range(0, shift + 1).Select(r => y.Pad(2, r, rows - oh - r).Reshape(new(n, o, rows * ow)))]
            : [];
        if (form.EndsWith("one product", StringComparison.Ordinal))
        {
            Value[] moved = [.. Enumerable.Range(0, shift + 1).Select(sx => planes.Slice(3, sx, sx + ow).Reshape(new(n, s * s * c, rows * ow)))];
            return Operators.Concat(lower, 1).MatMul(Operators.Concat(moved, 1).TransposeLast()).ReduceSum([0]);
        }

        for (int sx = 0; sx <= shift; sx++)
        {
            Value narrow = planes.Slice(3, sx, sx + ow);
            for (int ky = 0; ky < k; ky++)
            {
                for (int px = 0; px < s && (sx * s) + px < k; px++)
                {
                    int phase = ((ky % s) * s) + px, sy = ky / s;
                    Value plane = s == 1 ? narrow : narrow.Slice(1, phase * c, (phase + 1) * c);
                    Value slice;
                    if (lower.Length > 0)
                    {
                        parts.Add(lower[sy].MatMul(plane.Reshape(new(n, c, rows * ow)).TransposeLast()).ReduceSum([0]));
                        continue;
                    }

                    if (form == "columns first") slice = Crop(narrow, (1, phase * c, (phase + 1) * c), (2, sy, sy + oh));
                    else slice = plane.Reshape(new(n * c, rows * ow)).Slice(1, sy * ow, (sy * ow) + (oh * ow));
                    parts.Add(flat.MatMul(slice.Reshape(new(n, c, oh * ow)).TransposeLast()).ReduceSum([0]));
                }
            }
        }

        return Operators.Concat(parts, 0);
    }

    private static Value DepthSlices(Value x, Value y, int s, int oh, int ow)
    {
        Value padded = x.Pad(2, 1, 1).Pad(3, 1, 1);
        var parts = new List<Value>();
        for (int i = 0; i < 9; i++)
        {
            int ky = i / 3, kx = i % 3;
            Value slice = padded.Slice(2, ky, ky + ((oh - 1) * s) + 1, s).Slice(3, kx, kx + ((ow - 1) * s) + 1, s);
            parts.Add((slice * y).ReduceSum([0, 2, 3]));
        }

        return Operators.Concat(parts, 0);
    }

    private static Value DepthMatMul(Value x, Value y, int s, int oh, int ow)
    {
        Value padded = x.Pad(2, 1, 1).Pad(3, 1, 1), row = y.Reshape(new(2, y.Shape[1], 1, oh * ow));
        var parts = new List<Value>();
        for (int i = 0; i < 9; i++)
        {
            int ky = i / 3, kx = i % 3;
            Value slice = padded.Slice(2, ky, ky + ((oh - 1) * s) + 1, s).Slice(3, kx, kx + ((ow - 1) * s) + 1, s);
            parts.Add(row.MatMul(slice.Reshape(new(2, y.Shape[1], oh * ow, 1))).ReduceSum([0]));
        }

        return Operators.Concat(parts, 0);
    }

    /// <summary>Planes of rows wider than the results', so that each shift is one stretch of the plane.</summary>
    private static Value Planes(Graph graph, (Value X, Value Y) given, int k, int s, int p, string form, Product product)
    {
        (Value x, Value y) = given;
        int n = x.Shape[0], c = x.Shape[1], o = y.Shape[1], oh = y.Shape[2], ow = y.Shape[3], shift = (k - 1) / s;
        int rows = oh + shift + (shift > 0 ? 1 : 0), columns = ow + shift, length = oh * columns;
        Value padded = Fit(Fit(x, 2, p, s * rows), 3, p, s * columns);
        Value[,] phases = Phases(graph, padded, s, rows, columns, form);
        Value flat = y.Pad(3, 0, shift).Reshape(new(n, o, length));
        Value Shifted(int ky, int kx) =>
            phases[ky % s, kx % s].Slice(1, (ky / s * columns) + (kx / s), (ky / s * columns) + (kx / s) + length).Reshape(new(n, c, length));
        var parts = new List<Value>();
        switch (product)
        {
            case Product.Each:
                for (int i = 0; i < k * k; i++) parts.Add(flat.MatMul(Shifted(i / k, i % k).TransposeLast()).ReduceSum([0]));
                return Operators.Concat(parts, 0);
            case Product.One:
                for (int i = 0; i < k * k; i++) parts.Add(Shifted(i / k, i % k));
                return flat.MatMul(Operators.Concat(parts, 1).TransposeLast()).ReduceSum([0]);
            case Product.Row:
                for (int ky = 0; ky < k; ky++)
                {
                    Value[] row = [.. Enumerable.Range(0, k).Select(kx => Shifted(ky, kx))];
                    parts.Add(flat.MatMul(Operators.Concat(row, 1).TransposeLast()).ReduceSum([0]));
                }

                return Operators.Concat(parts, 0);
            default:
                // Columns shift the image, rows the gradient, which has as many rows of zeros above as it is shifted.
                int whole = rows * columns;
                Value[] lower = [.. Enumerable.Range(0, shift + 1).Select(r => y.Pad(3, 0, shift).Pad(2, r, rows - oh - r).Reshape(new(n, o, whole)))];
                for (int py = 0; py < s; py++)
                {
                    for (int kx = 0; kx < k; kx++)
                    {
                        Value plane = phases[py, kx % s];
                        Value moved = (kx / s == 0 ? plane : plane.Slice(1, kx / s, whole).Pad(1, 0, kx / s)).Reshape(new(n, c, whole));
                        for (int ky = py; ky < k; ky += s) parts.Add(lower[ky / s].MatMul(moved.TransposeLast()).ReduceSum([0]));
                    }
                }

                return Operators.Concat(parts, 0);
        }
    }

    private static Value Fit(Value x, int axis, int before, int length)
    {
        int after = length - before - x.Shape[axis];
        return after < 0 ? x.Slice(axis, 0, length - before).Pad(axis, before, 0) : x.Pad(axis, before, after);
    }

    private static Value[,] Phases(Graph graph, Value x, int s, int rows, int columns, string form)
    {
        int n = x.Shape[0], c = x.Shape[1];
        var phases = new Value[s, s];
        // Two axes, so that a reshape keeps the runtime from moving transpositions before the slices.
        Shape flat = new(n * c, rows * columns);
        if (s == 1)
        {
            phases[0, 0] = x.Reshape(flat);
            return phases;
        }

        Value? whole = form switch
        {
            "transpose" => x.Reshape(new(n, c, rows, s, columns, s)).Transpose([3, 5, 0, 1, 2, 4]).Reshape(new(s * s, n, c, rows * columns)),
            "space to depth" => x.SpaceToDepth(s),
            "select" => x.Reshape(new(n, c, rows, s, s * columns)).MatMul(Select(graph, s, columns)),
            _ => null,
        };
        for (int py = 0; py < s; py++)
        {
            for (int px = 0; px < s; px++)
            {
                int phase = (py * s) + px;
                phases[py, px] = form switch
                {
                    "transpose" => whole!.Slice(0, phase, phase + 1).Reshape(flat),
                    "space to depth" => whole!.Slice(1, phase * c, (phase + 1) * c).Reshape(flat),
                    "select" => whole!.Slice(3, py, py + 1).Slice(4, px * columns, (px + 1) * columns).Reshape(flat),
                    "pool" => x.Slice(2, py, s * rows).Slice(3, px, s * columns).MaxPool(1, new Window { Stride = s }).Reshape(flat),
                    _ => x.Slice(2, py, s * rows, s).Slice(3, px, s * columns, s).Reshape(flat),
                };
            }
        }

        return phases;
    }

    private static Value Select(Graph graph, int s, int columns)
    {
        var elements = new float[s * columns * s * columns];
        for (int phase = 0; phase < s; phase++)
        {
            for (int i = 0; i < columns; i++) elements[(((i * s) + phase) * s * columns) + (phase * columns) + i] = 1;
        }

        return graph.Constant(TensorData.Of<float>(new(s * columns, s * columns), elements));
    }
}
