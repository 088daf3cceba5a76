using Coppice.Graphs;

namespace Coppice.Perception.Networks;

/// <summary>
/// A class for each pixel, by pyramid pooling (arXiv 1803.03778): res3 and res4, from which no gradient goes back, res5 and three poolings
/// of it are brought to res3's size and read by one 3x3 convolution; a transposed convolution doubles the result. There is no activation
/// in it, no convolution has a bias, and normalizations have no scale. Parameters:
/// <c>{res3, res4}.{reduce, reduce_bn, conv, conv_bn}</c>, <c>res5_bn</c>, <c>poolK.{conv, bn}</c>, <c>score</c>, <c>score_bn</c>, <c>up</c>.
/// </summary>
internal static class SegmentationHead
{
    private static readonly int[] s_pools = [1, 2, 4];

    /// <summary>Adds the head.</summary>
    /// <returns>[batch, label classes, height / 4, width / 4] logits.</returns>
    public static Value Build(NetworkLayers layers, Taps taps, int labelClasses, HeadWidths widths)
    {
        Shape target = taps.Res3.Shape;
        Extent size = new(target[2], target[3]);
        List<Value> maps =
        [
            Refine(layers, taps.Res3.StopGradient(), "res3", widths.SegmentationRes3),
            Refine(layers, taps.Res4.StopGradient(), "res4", widths.SegmentationRes4),
        ];
        Value top = layers.Normalize(taps.Res5, "res5_bn", scaled: false);
        maps.Add(top);
        for (int p = 0; p < s_pools.Length; p++)
        {
            using IDisposable scope = layers.Graph.Scope($"pool{s_pools[p]}");
            maps.Add(layers.Normalize(layers.Conv(Pool(top, s_pools[p]), "conv", widths.SegmentationPools[p], 1), "bn", scaled: false));
        }

        Value pyramid = Operators.Concat([.. maps.Select(m => Sized(m, size))], 1, "pyramid");
        Value score = layers.Normalize(layers.Conv(pyramid, "score", labelClasses, 3), "score_bn", scaled: false);
        Value weight = layers.Graph.Parameter("up.weight", new(labelClasses, labelClasses, 4, 4));
        return score.ConvTranspose(weight, null, new Window { Stride = 2, Padding = 1 }, name: "labels");
    }

    private static Value Refine(NetworkLayers layers, Value x, string name, int width)
    {
        using IDisposable scope = layers.Graph.Scope(name);
        x = layers.Normalize(layers.Conv(x, "reduce", width, 1), "reduce_bn", scaled: false);
        return layers.Normalize(layers.Conv(x, "conv", width, 3), "conv_bn", scaled: false);
    }

    /// <summary>The mean over squares side by side; a map smaller than a square is one.</summary>
    private static Value Pool(Value x, int side)
    {
        if (side == 1) return x;
        Extent square = new(Math.Min(side, x.Shape[2]), Math.Min(side, x.Shape[3]));
        return x.AveragePool(square, new Window { Stride = square });
    }

    private static Value Sized(Value x, Extent size) => size == new Extent(x.Shape[2], x.Shape[3])
        ? x
        : x.ResizeByProducts(size, ResizeMode.Linear, ResizeCoordinates.AlignCorners);
}
