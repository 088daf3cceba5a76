using Coppice.Graphs;

namespace Coppice.Perception.Networks;

/// <summary>
/// One backbone, up to three answers (DSPNet, arXiv 1803.03778): taps of the backbone feed the heads that the config's tasks ask for.
/// Parameters lie in the scopes <c>backbone</c>, <c>detection</c> and <c>segmentation</c>; the heads' files list their layers. The fast
/// variant is <see cref="FastNetwork"/>.
/// </summary>
public static class PerceptionNetwork
{
    /// <summary>Adds a network to a graph.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="image">[batch, 3, height, width], RGB from 0 to 255.</param>
    /// <param name="config">What to build; its size is the image's.</param>
    /// <param name="mode">Which statistics normalizations use.</param>
    /// <exception cref="GraphException">The config can't be built, or the image has another shape.</exception>
    public static PerceptionOutputs Build(Graph g, Value image, PerceptionConfig config, NormalizationMode mode)
    {
        ArgumentNullException.ThrowIfNull(config);
        CheckImage(image, config);
        return config.Variant == PerceptionVariant.Fast
            ? FastNetwork.Build(g, image, config, mode).Outputs
            : Build(g, image, config, mode, ResNet.Of(config.Variant == PerceptionVariant.ResNet18 ? ResNetPlan.Eighteen : ResNetPlan.Fifty), config.Heads);
    }

    /// <summary>Adds DSPNet's heads to a backbone of one's own.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="image">[batch, 3, height, width], RGB from 0 to 255.</param>
    /// <param name="config">What to build; its size is the image's.</param>
    /// <param name="mode">Which statistics normalizations use.</param>
    /// <param name="backbone">The shared part.</param>
    /// <param name="widths">Channels of the heads.</param>
    /// <exception cref="GraphException">The config can't be built, or the image has another shape.</exception>
    public static PerceptionOutputs Build(
        Graph g, Value image, PerceptionConfig config, NormalizationMode mode, Backbone backbone, HeadWidths widths)
    {
        ArgumentNullException.ThrowIfNull(g);
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(backbone);
        ArgumentNullException.ThrowIfNull(widths);
        CheckImage(image, config);
        var layers = new NetworkLayers(g, mode);
        Taps taps = In("backbone", () => backbone(layers, image));
        (Value Classes, Value Boxes)? found = config.Detects
            ? In("detection", () => DetectionHead.Build(layers, taps, config, widths))
            : null;
        Value? labels = config.Segments
            ? In("segmentation", () => SegmentationHead.Build(layers, taps, config.LabelClasses.Count, widths))
            : null;
        return new PerceptionOutputs(found?.Classes, found?.Boxes, labels);

        T In<T>(string scope, Func<T> build)
        {
            using IDisposable _ = g.Scope(scope);
            return build();
        }
    }

    private static void CheckImage(Value image, PerceptionConfig config)
    {
        ArgumentNullException.ThrowIfNull(image);
        config.Check();
        if (image.Shape.Rank != 4 || image.Shape.With(0, 1) != new Shape(1, 3, config.Height, config.Width))
            throw new GraphException($"image {image}; expected [batch, 3, {config.Height}, {config.Width}]");
    }
}
