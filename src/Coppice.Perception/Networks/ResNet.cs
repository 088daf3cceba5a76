using Coppice.Graphs;

namespace Coppice.Perception.Networks;

/// <summary>The shape of a residual network with four stages.</summary>
/// <param name="Units">Units of each stage.</param>
/// <param name="Widths">Channels of each stage.</param>
/// <param name="Bottleneck">Whether a unit is 1x1, 3x3, 1x1 (a quarter of the channels inside), or 3x3, 3x3.</param>
/// <param name="Stem">Channels of the first convolution.</param>
internal sealed record ResNetPlan(int[] Units, int[] Widths, bool Bottleneck, int Stem)
{
    public static ResNetPlan Fifty { get; } = new([3, 4, 6, 3], [256, 512, 1024, 2048], true, 64);

    public static ResNetPlan Eighteen { get; } = new([2, 2, 2, 2], [64, 128, 256, 512], false, 64);
}

/// <summary>
/// Residual networks of the second kind: normalization and activation come before each convolution, and what a unit yields is a raw sum
/// (He, Zhang, Ren and Sun, "Identity Mappings in Deep Residual Networks", arXiv 1603.05027). DSPNet's backbone, arXiv 1803.03778.
/// Parameters: <c>data</c> (a normalization without scale), <c>conv0</c>, <c>bn0</c>, then
/// <c>stageS.unitU.{bn1, conv1, bn2, conv2, bn3, conv3, projection}</c>.
/// </summary>
internal static class ResNet
{
    /// <summary>Mean of red, green and blue over ImageNet; it is subtracted from the image.</summary>
    public static readonly float[] ImageMean = [123, 117, 104];

    /// <summary>A backbone.</summary>
    public static Backbone Of(ResNetPlan plan) => (layers, image) => Build(layers, image, plan);

    private static Taps Build(NetworkLayers layers, Value image, ResNetPlan plan)
    {
        Value x = image - layers.Graph.Constant(TensorData.Of<float>(new(1, 3, 1, 1), ImageMean));
        x = layers.Normalize(x, "data", scaled: false);
        x = layers.Conv(x, "conv0", plan.Stem, 7, stride: 2);                                   // [batch, 64, height / 2, width / 2]
        x = layers.Normalize(x, "bn0").Relu().MaxPool(3, new Window { Stride = 2, Padding = 1 }, "pool0"); // [.., height / 4, width / 4]
        var stages = new Value[plan.Units.Length];
        for (int stage = 0; stage < stages.Length; stage++)
        {
            for (int unit = 0; unit < plan.Units[stage]; unit++)
            {
                using IDisposable scope = layers.Graph.Scope($"stage{stage + 1}.unit{unit + 1}");
                int stride = unit == 0 && stage > 0 ? 2 : 1;
                x = Unit(layers, x, plan.Widths[stage], stride, project: unit == 0, plan.Bottleneck);
            }

            stages[stage] = x;
        }

        return new Taps(stages[1], stages[2], stages[3]);
    }

    /// <summary>x (or its projection, taken behind the first activation) plus what the convolutions add.</summary>
    private static Value Unit(NetworkLayers layers, Value x, int width, int stride, bool project, bool bottleneck)
    {
        Value active = layers.Normalize(x, "bn1").Relu();
        Value y;
        if (bottleneck)
        {
            y = layers.Conv(active, "conv1", width / 4, 1);
            y = layers.Conv(layers.Normalize(y, "bn2").Relu(), "conv2", width / 4, 3, stride);
            y = layers.Conv(layers.Normalize(y, "bn3").Relu(), "conv3", width, 1);
        }
        else
        {
            y = layers.Conv(active, "conv1", width, 3, stride);
            y = layers.Conv(layers.Normalize(y, "bn2").Relu(), "conv2", width, 3);
        }

        Value shortcut = project ? layers.Conv(active, "projection", width, 1, stride) : x;
        return y.Add(shortcut, "sum");
    }
}
