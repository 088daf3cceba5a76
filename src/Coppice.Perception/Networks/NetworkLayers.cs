using Coppice.Graphs;

namespace Coppice.Perception.Networks;

/// <summary>
/// Adds the layers of a network to a graph. A layer's parameters are <c>NAME.weight</c> and <c>NAME.bias</c> of a convolution and
/// <c>NAME.scale</c>, <c>NAME.bias</c>, <c>NAME.mean</c> and <c>NAME.variance</c> of a normalization, behind the graph's
/// scopes; its result is called NAME.
/// </summary>
/// <param name="graph">The graph.</param>
/// <param name="mode">Which statistics normalizations use.</param>
/// <param name="epsilon">What normalizations add to the variance.</param>
public sealed class NetworkLayers(Graph graph, NormalizationMode mode, float epsilon = NetworkLayers.PaperEpsilon)
{
    /// <summary>What the authors' networks add to the variance.</summary>
    public const float PaperEpsilon = 2e-5f;

    /// <summary>The graph.</summary>
    public Graph Graph { get; } = graph;

    /// <summary>Which statistics normalizations use.</summary>
    public NormalizationMode Mode { get; } = mode;

    /// <summary>A square convolution, padded so that stride 1 keeps the size.</summary>
    /// <param name="x">[batch, channels, height, width].</param>
    /// <param name="name">Of the layer.</param>
    /// <param name="results">Channels of the result.</param>
    /// <param name="kernel">Side of the kernel, odd.</param>
    /// <param name="stride">Distance of neighbouring results.</param>
    /// <param name="bias">Whether a number is added to each channel.</param>
    /// <param name="dilation">Distance of the kernel's elements.</param>
    /// <param name="groups">Parts into which channels and results are split.</param>
    public Value Conv(Value x, string name, int results, int kernel, int stride = 1, bool bias = false, int dilation = 1, int groups = 1)
    {
        ArgumentNullException.ThrowIfNull(x);
        Value weight = Graph.Parameter(name + ".weight", new(results, x.Shape[1] / groups, kernel, kernel));
        Value? added = bias ? Graph.Parameter(name + ".bias", new(results)) : null;
        var window = new Window { Stride = stride, Padding = (kernel - 1) / 2 * dilation, Dilation = dilation };
        return x.Conv(weight, added, window, groups, name);
    }

    /// <summary>Batch normalization.</summary>
    /// <param name="x">[batch, channels, height, width].</param>
    /// <param name="name">Of the layer.</param>
    /// <param name="scaled">Whether there is a scale; else it is fixed at 1.</param>
    public Value Normalize(Value x, string name, bool scaled = true)
    {
        ArgumentNullException.ThrowIfNull(x);
        Shape channels = new(x.Shape[1]);
        Value scale = scaled ? Graph.Parameter(name + ".scale", channels) : Graph.Fill(1, channels);
        Value bias = Graph.Parameter(name + ".bias", channels);
        if (Mode == NormalizationMode.Running)
        {
            Value stored = Graph.Parameter(name + ".mean", channels), spread = Graph.Parameter(name + ".variance", channels);
            return x.BatchNormalization(scale, bias, stored, spread, epsilon, name);
        }

        (Value result, Value mean, Value variance) = x.BatchNormalizationInTraining(scale, bias, epsilon, name);
        Graph.Output(mean.Identity(name + ".mean"));
        Graph.Output(variance.Identity(name + ".variance"));
        return result;
    }
}
