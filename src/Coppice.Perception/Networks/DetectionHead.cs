using Coppice.Graphs;
using Coppice.Perception.Detection;

namespace Coppice.Perception.Networks;

/// <summary>
/// Boxes, classes and distances (SSD, arXiv 1512.02325, with a fifth regression: arXiv 1803.03778): six levels, res4, res5 and four
/// further ones, each with a convolution for its anchors' classes and one for their boxes. Parameters:
/// <c>extraE.{reduce, conv}</c>, <c>levelL.{classes, boxes}</c>, all with bias.
/// </summary>
internal static class DetectionHead
{
    /// <summary>Values of an anchor's box: dx, dy, dw, dh, z.</summary>
    public const int BoxValues = 5;

    /// <summary>Adds the head.</summary>
    /// <returns>[batch, anchors, classes + 1] logits and [batch, anchors, 5], anchors in the order of <see cref="Anchors"/>.</returns>
    public static (Value Classes, Value Boxes) Build(NetworkLayers layers, Taps taps, PerceptionConfig config, HeadWidths widths)
    {
        IReadOnlyList<AnchorLevel> levels = AnchorLevel.Of(config.Width, config.Height);
        List<Value> maps = [taps.Res4, taps.Res5];
        for (int e = 0; e < widths.ExtraLevels.Count; e++)
        {
            using IDisposable scope = layers.Graph.Scope($"extra{e + 1}");
            Value reduced = layers.Conv(maps[^1], "reduce", widths.ExtraLevels[e].Reduced, 1, bias: true).Relu();
            maps.Add(layers.Conv(reduced, "conv", widths.ExtraLevels[e].Results, 3, stride: 2, bias: true).Relu("map"));
        }

        if (maps.Count != levels.Count) throw new GraphException($"{maps.Count} detection levels; expected {levels.Count}");
        var classes = new List<Value>();
        var boxes = new List<Value>();
        for (int l = 0; l < maps.Count; l++)
        {
            using IDisposable scope = layers.Graph.Scope($"level{l + 1}");
            AnchorLevel level = levels[l];
            Shape map = maps[l].Shape;
            if (map[2] != level.Rows || map[3] != level.Columns)
                throw new GraphException($"detection level {l + 1}: the map is {map}; expected {level.Rows} rows and {level.Columns} columns");
            classes.Add(PerAnchor(layers.Conv(maps[l], "classes", level.PerCell * (config.ObjectClasses.Count + 1), 3, bias: true), level));
            boxes.Add(PerAnchor(layers.Conv(maps[l], "boxes", level.PerCell * BoxValues, 3, bias: true), level));
        }

        return (Operators.Concat(classes, 1, "classes"), Operators.Concat(boxes, 1, "boxes"));
    }

    /// <summary>[batch, anchors of a cell * values, rows, columns] -> [batch, anchors, values].</summary>
    private static Value PerAnchor(Value map, AnchorLevel level)
    {
        int values = map.Shape[1] / level.PerCell;
        return map.Transpose([0, 2, 3, 1]).Reshape(new(map.Shape[0], level.Count, values));
    }
}
