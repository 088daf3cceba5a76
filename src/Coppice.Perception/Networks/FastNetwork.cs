using Coppice.Graphs;

namespace Coppice.Perception.Networks;

/// <summary>
/// The slim network for CPUs, our own. What it is made of follows from what is fast where it is trained: 2x2 blocks become channels where
/// the image shrinks (no strided convolution, whose weight gradient is slow), all else is 3x3 at stride 1 on few, wide maps.
/// <para>
/// Encoder, scope <c>backbone</c>: 4x4 blocks as channels, <c>stem</c> 3x3 (/4); then at /8, /16 and /32 a 2x2 <c>down</c> and residual blocks
/// of two 3x3. Scope <c>neck</c>: /32 with means over 2x2, 4x4 and the whole map; on the way up each map is added to a 1x1 of the encoder's.
/// Detection reads the neck's /16 and /32. Scope <c>segmentation</c>: /8 and /4 in the same way, and a 1x1 score for each class at /4,
/// or for each class and quarter of the cell, which makes scores at /2 (sub-pixel convolution, Shi and others, arXiv 1609.05158).
/// Images of any size: maps are padded to even sides on the way down and cut on the way up.
/// </para>
/// </summary>
public static class FastNetwork
{
    /// <summary>The layer of the scores of pixels' classes.</summary>
    internal const string Score = "segmentation.score";

    /// <summary>Name of what is added to them.</summary>
    internal const string ScoreBias = Score + ".bias";

    /// <summary>Pixels of a side of a cell of the last layer.</summary>
    internal const int CellSide = 4;

    private const float Epsilon = 1e-4f;
    private const int Stem = 32, Res3 = 64, Res4 = 128, Res5 = 160, Pooled = 32, Top = 96, Neck = 64, Fine = 32, Blocks = 2;

    /// <summary>Adds the network to a graph.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="image">[batch, 3, height, width], RGB from 0 to 255.</param>
    /// <param name="config">Tasks and classes.</param>
    /// <param name="mode">Which statistics normalizations use.</param>
    /// <param name="auxiliary">Whether the neck's /16 map is scored too, for a second loss in training.</param>
    /// <returns>The outputs, labels at a quarter of the image's sides rounded up or twice that, and the scores of the /16 map if asked for.</returns>
    public static (PerceptionOutputs Outputs, Value? Auxiliary) Build(
        Graph g, Value image, PerceptionConfig config, NormalizationMode mode, bool auxiliary = false)
    {
        ArgumentNullException.ThrowIfNull(g);
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(config);
        var layers = new NetworkLayers(g, mode, Epsilon);
        Maps maps;
        using (g.Scope("backbone")) maps = Encode(layers, image);
        Value res5, res4;
        using (g.Scope("neck"))
        {
            res5 = Context(layers, maps.Res5);
            res4 = Merge(layers, "res4", maps.Res4, res5, Neck);
        }

        (Value Classes, Value Boxes)? found = null;
        if (config.Detects)
        {
            using IDisposable detection = g.Scope("detection");
            found = DetectionHead.Build(layers, new Taps(maps.Res3, res4, res5), config, config.Heads);
        }

        if (!config.Segments) return (new PerceptionOutputs(found?.Classes, found?.Boxes, null), null);
        using IDisposable scope = g.Scope("segmentation");
        Value fine = Merge(layers, "res3", maps.Res3, res4, Neck);
        fine = Merge(layers, "res2", maps.Res2, Unit(layers, fine, "reduce", Fine, 1), Fine);
        int classes = config.LabelClasses.Count;
        int parts = CellSide / config.LabelStride;
        Value labels = layers.Conv(fine, "score", classes * parts * parts, 1, bias: true);
        if (parts > 1) labels = labels.DepthToSpace(parts);
        return (new PerceptionOutputs(found?.Classes, found?.Boxes, labels), auxiliary ? layers.Conv(res4, "auxiliary", classes, 1, bias: true) : null);
    }

    /// <summary>A map enlarged by a whole factor, cut to a size.</summary>
    /// <param name="x">[batch, channels, height, width].</param>
    /// <param name="factor">The factor.</param>
    /// <param name="size">Sides of the result, at most the factor times the map's.</param>
    public static Value Enlarge(Value x, int factor, Extent size)
    {
        ArgumentNullException.ThrowIfNull(x);
        Extent whole = new(x.Shape[2] * factor, x.Shape[3] * factor);
        x = x.ResizeByProducts(whole);
        return whole == size ? x : x.Slice([(2, 0, size.Y), (3, 0, size.X)]);
    }

    private static Maps Encode(NetworkLayers layers, Value image)
    {
        Graph g = layers.Graph;
        Value mean = g.Constant(TensorData.Of<float>(new(1, 3, 1, 1), [123, 117, 104]));
        Value res2 = Unit(layers, Blocked((image - mean) * (1 / 58f), CellSide), "stem", Stem, 3);
        Value res3 = Stage(layers, res2, "res3", Res3);
        Value res4 = Stage(layers, res3, "res4", Res4);
        return new Maps(res2, res3, res4, Stage(layers, res4, "res5", Res5));
    }

    private static Value Stage(NetworkLayers layers, Value x, string name, int width)
    {
        using IDisposable scope = layers.Graph.Scope(name);
        x = Unit(layers, Blocked(x, 2), "down", width, 1);
        for (int i = 0; i < Blocks; i++)
        {
            using IDisposable block = layers.Graph.Scope($"block{i}");
            Value inner = Unit(layers, x, "first", width, 3);
            x = (x + Linear(layers, inner, "second", width, 3)).Relu();
        }

        return x;
    }

    /// <summary>The last map beside its means over parts of the image: what is around, and what kind of place it is.</summary>
    private static Value Context(NetworkLayers layers, Value x)
    {
        using IDisposable scope = layers.Graph.Scope("context");
        Extent size = new(x.Shape[2], x.Shape[3]);
        List<Value> maps = [x];
        foreach (int side in (int[])[2, 4])
        {
            Border rest = new(0, 0, -size.Y & (side - 1), -size.X & (side - 1));
            Value means = x.AveragePool(side, new Window { Stride = side, Padding = rest });
            maps.Add(Enlarge(Unit(layers, means, $"pool{side}", Pooled, 1), side, size));
        }

        // Of one place, statistics of a batch would be those of a few numbers.
        Value whole = layers.Conv(x.GlobalAveragePool(), "pool", Pooled, 1, bias: true).Relu();
        maps.Add(whole.Expand(new(x.Shape[0], Pooled, size.Y, size.X)));
        return Unit(layers, Operators.Concat(maps, 1), "mix", Top, 1);
    }

    /// <summary>The map above, twice as large, added to one of the encoder's; then a 3x3.</summary>
    private static Value Merge(NetworkLayers layers, string name, Value encoded, Value above, int width)
    {
        using IDisposable scope = layers.Graph.Scope(name);
        Value side = Linear(layers, encoded, "lateral", above.Shape[1], 1);
        return Unit(layers, (side + Enlarge(above, 2, new(side.Shape[2], side.Shape[3]))).Relu(), "merge", width, 3);
    }

    private static Value Unit(NetworkLayers layers, Value x, string name, int width, int kernel) => Linear(layers, x, name, width, kernel).Relu();

    private static Value Linear(NetworkLayers layers, Value x, string name, int width, int kernel) =>
        layers.Normalize(layers.Conv(x, name, width, kernel), name + "_bn");

    /// <summary>Blocks as channels, after zeros at the bottom and the right have made the sides whole.</summary>
    private static Value Blocked(Value x, int block)
    {
        Border rest = new(0, 0, -x.Shape[2] & (block - 1), -x.Shape[3] & (block - 1));
        return (rest == 0 ? x : x.Pad(rest)).SpaceToDepth(block);
    }

    private sealed record Maps(Value Res2, Value Res3, Value Res4, Value Res5);
}
