using Coppice.Graphs;
using Coppice.Perception.Losses;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Training;

/// <summary>A network of any variant and tasks with its losses, for one size of batch.</summary>
internal sealed class MultiTaskGraph
{
    /// <summary>Builds it.</summary>
    /// <param name="config">The network.</param>
    /// <param name="batch">Images of a batch.</param>
    /// <param name="options">The losses; null for the paper's.</param>
    public MultiTaskGraph(PerceptionConfig config, int batch, LossOptions? options)
    {
        Graph = new Graph("perception");
        Image = Graph.Input("image", new(batch, 3, config.Height, config.Width));
        PerceptionOutputs outputs = PerceptionNetwork.Build(Graph, Image, config, NormalizationMode.Batch);
        if (outputs.Labels is { } labels && config.Variant == PerceptionVariant.Fast)
        {
            Phases = new PixelPhases(Graph, labels, config);
            outputs = outputs with { Labels = Phases.Scores };
        }

        Loss = PerceptionLoss.Add(outputs, options);
        Parts = [.. new[] { ("classes", Loss.Class), ("boxes", Loss.Box), ("segmentation", Loss.Segmentation) }
            .Where(p => p.Item2 is not null).Select(p => (p.Item1, Graph.Output(p.Item2!)))];
    }

    /// <summary>The graph.</summary>
    public Graph Graph { get; }

    /// <summary>Input [batch, 3, height, width], 0 to 255.</summary>
    public Value Image { get; }

    /// <summary>Which pixels a step learns; null where their classes are not learned, or at the network's own places.</summary>
    public PixelPhases? Phases { get; }

    /// <summary>The losses and their inputs.</summary>
    public PerceptionLoss Loss { get; }

    /// <summary>Losses of the tasks by name, outputs of the graph.</summary>
    public IReadOnlyList<(string Name, Value Loss)> Parts { get; }
}
