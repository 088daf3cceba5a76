using Coppice.Graphs;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Training;

/// <summary>
/// The fast network with its loss, for one size of batch: the weighted cross-entropy of the scores at a quarter of the pixels, and a
/// part of that of the /16 map's scores at an eighth.
/// </summary>
internal sealed class SegmentationGraph
{
    /// <summary>Builds it.</summary>
    /// <param name="config">Classes, and the size of the crops.</param>
    /// <param name="batch">Images of a batch.</param>
    /// <param name="classWeights">[label classes].</param>
    /// <param name="auxiliaryWeight">Part that the second loss has.</param>
    public SegmentationGraph(PerceptionConfig config, int batch, float[] classWeights, float auxiliaryWeight)
    {
        Graph = new Graph("perception");
        Image = Graph.Input("image", new(batch, 3, config.Height, config.Width));
        Labels = Graph.Input("labels", new(batch, config.Height / 2, config.Width / 2), ElementType.Int32);
        (PerceptionOutputs outputs, Value? auxiliary) = FastNetwork.Build(Graph, Image, config, NormalizationMode.Batch, auxiliaryWeight > 0);
        Value weights = Graph.Constant(TensorData.Of<float>(new(classWeights.Length), classWeights));
        Phases = new PixelPhases(Graph, outputs.Labels!, config);
        Loss = Phases.Scores.CrossEntropy(Labels, 1, weights);
        if (auxiliary is null) return;
        // The label in the middle of each 8x8 block.
        Value sparse = Labels.Slice(1, 2, config.Height / 2, 4).Slice(2, 2, config.Width / 2, 4);
        Value small = FastNetwork.Enlarge(auxiliary, 2, new(config.Height / 8, config.Width / 8));
        Loss += small.CrossEntropy(sparse, 1, weights) * auxiliaryWeight;
    }

    /// <summary>The graph.</summary>
    public Graph Graph { get; }

    /// <summary>Input [batch, 3, height, width], 0 to 255.</summary>
    public Value Image { get; }

    /// <summary>Input [batch, height / 2, width / 2], Int32; what is no class does not count.</summary>
    public Value Labels { get; }

    /// <summary>Which pixels a step learns.</summary>
    public PixelPhases Phases { get; }

    /// <summary>A scalar.</summary>
    public Value Loss { get; }
}
