namespace Coppice.Graphs;

/// <summary>
/// Rules of convolution. y = conv(x, w) is linear in x and in w: the gradient by x is a transposed convolution of y's gradient g with w,
/// the gradient by w the sum over images and places of g times the element of x that each kernel element sees. The forms are those that
/// were fastest on ONNX Runtime (docs/graphs.md).
/// </summary>
internal static class ConvolutionGradients
{
    /// <summary>Columns of one product of a weight gradient at least, where channels are few: as many as fill vectors.</summary>
    private const int ProductColumns = 64;

    public static void Register(Dictionary<string, Gradients.GradientRule> rules)
    {
        rules["Conv"] = Conv;
        rules["ConvTranspose"] = ConvTranspose;
        rules["SpaceToDepth"] = (n, g) => [g[0]!.DepthToSpace((int)n.Integer("blocksize", 1))];
        rules["DepthToSpace"] = (n, g) => n.Text("mode", "DCR") == "DCR"
            ? [g[0]!.SpaceToDepth((int)n.Integer("blocksize", 1))]
            : throw new GraphException($"{n}: mode {n.Text("mode", "")} has no gradient; expected DCR");
    }

    private static Value?[] Conv(Node n, Value?[] gradients)
    {
        Value x = n.Input(0), w = n.Input(1), g = gradients[0]!;
        Window window = Window.Of(n);
        int groups = (int)n.Integer("group", 1);
        return
        [
            x.Kind != ValueKind.Constant ? ByImage(g, w, new(x.Shape[2], x.Shape[3]), window, groups) : null,
            w.Kind != ValueKind.Constant ? ByWeights(x, g, w.Shape, window, groups) : null,
            n.Inputs.Count > 2 ? g.ReduceSum([0, 2, 3], keep: false) : null,
        ];
    }

    /// <summary>A transposed convolution is a convolution's gradient by its image: image and gradient change places.</summary>
    private static Value?[] ConvTranspose(Node n, Value?[] gradients)
    {
        Value x = n.Input(0), w = n.Input(1), g = gradients[0]!;
        Window window = Window.Of(n);
        int groups = (int)n.Integer("group", 1);
        return
        [
            x.Kind != ValueKind.Constant ? g.Conv(w, null, window, groups) : null,
            w.Kind != ValueKind.Constant ? ByWeights(g, x, w.Shape, window, groups) : null,
            n.Inputs.Count > 2 ? g.ReduceSum([0, 2, 3], keep: false) : null,
        ];
    }

    /// <summary>At stride 1 a convolution with the kernel turned around, else a transposed convolution.</summary>
    private static Value ByImage(Value g, Value w, Extent image, Window window, int groups)
    {
        Extent kernel = new(w.Shape[2], w.Shape[3]), span = window.Span(kernel);
        Border padding = window.Padding;
        if (window.Stride == 1)
        {
            Border around = new(span.Y - 1 - padding.Top, span.X - 1 - padding.Left, span.Y - 1 - padding.Bottom, span.X - 1 - padding.Right);
            return Cut(g, around).Conv(Turned(w, groups), null, new Window { Padding = Positive(around), Dilation = window.Dilation }, groups);
        }

        Extent rest = new(
            (image.Y + padding.Top + padding.Bottom - span.Y) % window.Stride.Y, (image.X + padding.Left + padding.Right - span.X) % window.Stride.X);
        return g.ConvTranspose(w, null, window, rest, groups);
    }

    /// <summary>Cuts off rows and columns that see padding alone: a border that is negative.</summary>
    private static Value Cut(Value g, Border around)
    {
        int height = g.Shape[2], width = g.Shape[3];
        Border cut = Positive(new(-around.Top, -around.Left, -around.Bottom, -around.Right));
        return cut == 0 ? g : g.Slice([(2, cut.Top, height - cut.Bottom), (3, cut.Left, width - cut.Right)]);
    }

    private static Border Positive(Border b) => new(Math.Max(0, b.Top), Math.Max(0, b.Left), Math.Max(0, b.Bottom), Math.Max(0, b.Right));

    /// <summary>Weights with input and output channels exchanged in each group, kernels turned by half a circle.</summary>
    private static Value Turned(Value w, int groups)
    {
        int results = w.Shape[0] / groups, channels = w.Shape[1], elements = w.Shape[2] * w.Shape[3];
        Value turned = w.Reshape(new(groups, results, channels, elements)).Transpose([0, 2, 1, 3]);
        if (elements > 1) turned = turned.Gather(w.Graph.Integers([.. Enumerable.Range(0, elements).Select(i => (long)(elements - 1 - i))]), 3);
        return turned.Reshape(new(groups * channels, results, w.Shape[2], w.Shape[3]));
    }

    /// <summary>
    /// Weight gradient: for each element of the kernel one product of g [results, places] with the plane [channels, places] that it sees;
    /// only a few planes exist at a time. Where channels are few, the planes of several elements make one product.
    /// </summary>
    private static Value ByWeights(Value x, Value g, Shape weights, Window window, int groups)
    {
        int channels = weights[1], results = weights[0] / groups, n = x.Shape[0];
        Extent kernel = new(weights[2], weights[3]), places = new(g.Shape[2], g.Shape[3]);
        if (channels == 1) return Depthwise(x, g, weights, window);
        var planes = new ImagePlanes(x, kernel, window, places);
        Value left = g.Reshape(new(n, groups, results, places.Y * places.X));
        int elements = kernel.Y * kernel.X, together = Math.Clamp(ProductColumns / channels, 1, elements);
        var parts = new List<Value>();
        for (int first = 0; first < elements; first += together)
        {
            int count = Math.Min(together, elements - first);
            Value[] seen =
            [
                .. Enumerable.Range(first, count).Select(
                    e => planes.Plane(e / kernel.X, e % kernel.X).Reshape(new(n, groups, channels, places.Y * places.X))),
            ];
            Value right = count == 1 ? seen[0] : Operators.Concat(seen, 2);
            Value product = left.MatMul(right.TransposeLast()).ReduceSum([0], keep: false);
            parts.Add(product.Reshape(new(groups * results, count, channels)));
        }

        Value all = parts.Count == 1 ? parts[0] : Operators.Concat(parts, 1);
        return all.TransposeLast().Reshape(weights);
    }

    /// <summary>
    /// One channel a group: a convolution of each channel of each image with its own gradient as the kernel; stride and dilation change
    /// places.
    /// </summary>
    private static Value Depthwise(Value x, Value g, Shape weights, Window window)
    {
        int n = x.Shape[0], channels = x.Shape[1], results = weights[0];
        Value image = x.Reshape(new(1, n * channels, x.Shape[2], x.Shape[3])), kernel = g.Reshape(new(n * results, 1, g.Shape[2], g.Shape[3]));
        var turned = new Window { Stride = window.Dilation, Dilation = window.Stride, Padding = window.Padding };
        Value sum = image.Conv(kernel, null, turned, n * channels);
        // Rows and columns of the image that no kernel reached make further places.
        if (sum.Shape[2] != weights[2] || sum.Shape[3] != weights[3]) sum = sum.Slice([(2, 0, weights[2]), (3, 0, weights[3])]);
        return sum.Reshape(new(n, results, weights[2], weights[3])).ReduceSum([0], keep: false).Reshape(weights);
    }
}
