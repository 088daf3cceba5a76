using Coppice.Graphs;

namespace Coppice.Perception.Networks;

/// <summary>
/// A class for each pixel, by pyramid pooling (arXiv 1803.03778): res3 and res4, from which no gradient goes back, res5 and three poolings
/// of it are brought to res3's size and read by one 3x3 convolution; a transposed convolution doubles the result. There is no activation
/// in it, no convolution has a bias, and normalizations have no scale. At inference the maps are not brought together (3,328 channels at
/// 1024x512): see <see cref="ScoreApart"/>. Parameters:
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

        Value score = layers.Mode == NormalizationMode.Running
            ? ScoreApart(layers, maps, size, labelClasses)
            : layers.Conv(Operators.Concat([.. maps.Select(m => Sized(m, size))], 1, "pyramid"), "score", labelClasses, 3);
        score = layers.Normalize(score, "score_bn", scaled: false);
        Value weight = layers.Graph.Parameter("up.weight", new(labelClasses, labelClasses, 4, 4));
        return score.ConvTranspose(weight, null, new Window { Stride = 2, Padding = 1 }, name: "labels");
    }

    /// <summary>
    /// The 3x3 convolution of all maps brought to one size, the same sum in another order. Enlarging and adding channels up can change
    /// places: each small map is added up for each of the kernel's nine elements and each class (a 1x1 convolution at its own size), those 9
    /// times classes are enlarged instead of hundreds of channels, and one convolution with stored ones and zeros shifts them into place.
    /// At 1024x512 that is 0.8 instead of 4.7 billion multiply-adds and a fifth of the memory.
    /// </summary>
    private static Value ScoreApart(NetworkLayers layers, IReadOnlyList<Value> maps, Extent size, int labelClasses)
    {
        Value weight = layers.Graph.Parameter("score.weight", new(labelClasses, maps.Sum(m => m.Shape[1]), 3, 3));
        Value? whole = null, elements = null;
        int first = 0;
        foreach (Value map in maps)
        {
            int channels = map.Shape[1];
            Value part = weight.Slice(1, first, first + channels);
            first += channels;
            if (size == new Extent(map.Shape[2], map.Shape[3]))
            {
                Value direct = map.Conv(part, null, new Window { Padding = 1 });
                whole = whole is null ? direct : whole + direct;
                continue;
            }

            Value each = map.Conv(part.Transpose([2, 3, 0, 1]).Reshape(new(9 * labelClasses, channels, 1, 1)));
            Value enlarged = Sized(each, size);
            elements = elements is null ? enlarged : elements + enlarged;
        }

        if (elements is null) return whole!;
        Value shifted = elements.Conv(Shift(layers.Graph, labelClasses), null, new Window { Padding = 1 });
        return whole is null ? shifted : whole + shifted;
    }

    /// <summary>[classes, 9 * classes, 3, 3]: takes for each element of the kernel its channel of the class, from where the element lies.</summary>
    private static Value Shift(Graph graph, int classes)
    {
        var ones = new float[classes * 9 * classes * 9];
        for (int c = 0; c < classes; c++)
        {
            for (int element = 0; element < 9; element++) ones[(((c * 9 * classes) + (element * classes) + c) * 9) + element] = 1;
        }

        return graph.Constant(TensorData.Of<float>(new(classes, 9 * classes, 3, 3), ones));
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
