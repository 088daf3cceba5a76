using Coppice.Graphs;
using Coppice.Perception.Data;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Tests.Networks;

/// <summary>Networks for tests.</summary>
internal static class NetworkCases
{
    /// <summary>One unit a stage, a few channels: all that DSPNet has, small.</summary>
    public static ResNetPlan TinyPlan { get; } = new([1, 1, 2, 1], [8, 8, 12, 16], true, 8);

    public static HeadWidths TinyWidths { get; } = new()
    {
        ExtraLevels = [new(4, 8), new(4, 6), new(4, 6), new(4, 6)],
        SegmentationRes3 = 4,
        SegmentationRes4 = 4,
        SegmentationPools = [4, 4, 4],
    };

    public static PerceptionConfig Config(PerceptionVariant variant, int width = 1024, int height = 512, PerceptionTasks tasks = PerceptionTasks.All) => new()
    {
        Variant = variant,
        Width = width,
        Height = height,
        Tasks = tasks,
        ObjectClasses = tasks.HasFlag(PerceptionTasks.Detection) ? SceneClasses.Objects : [],
        LabelClasses = tasks.HasFlag(PerceptionTasks.Segmentation) ? SceneClasses.Street : [],
    };

    public static (Graph Graph, PerceptionOutputs Outputs) Build(PerceptionConfig config, NormalizationMode mode, int batch = 1)
    {
        var graph = new Graph();
        Value image = graph.Input("image", new(batch, 3, config.Height, config.Width));
        return (graph, PerceptionNetwork.Build(graph, image, config, mode));
    }

    /// <summary>A tiny network with three classes of boxes and three of pixels.</summary>
    public static (Graph Graph, PerceptionOutputs Outputs) BuildTiny(
        NormalizationMode mode, int batch = 2, int width = 64, int height = 32, PerceptionTasks tasks = PerceptionTasks.All)
    {
        var graph = new Graph();
        Value image = graph.Input("image", new(batch, 3, height, width));
        PerceptionConfig config = Config(PerceptionVariant.ResNet50, width, height, tasks) with
        {
            ObjectClasses = ["a", "b", "c"],
            LabelClasses = ["x", "y", "z"],
        };
        return (graph, PerceptionNetwork.Build(graph, image, config, mode, ResNet.Of(TinyPlan), TinyWidths));
    }

    public static TensorData Uniform(Random random, Shape shape, float low, float high)
    {
        var elements = new float[shape.Count];
        for (int i = 0; i < elements.Length; i++) elements[i] = low + ((high - low) * random.NextSingle());
        return TensorData.Of<float>(shape, elements);
    }

    /// <summary>Images, first weights, and statistics that are not 0 and 1.</summary>
    public static Dictionary<string, TensorData> Given(Graph graph, int seed)
    {
        var random = new Random(seed);
        var given = new Dictionary<string, TensorData>(PerceptionWeights.Initial(graph.Parameters, (ulong)seed));
        foreach (Value parameter in graph.Parameters.Where(p => p.Shape.Rank == 1))
        {
            bool positive = parameter.Name.EndsWith("scale", StringComparison.Ordinal) || parameter.Name.EndsWith("variance", StringComparison.Ordinal);
            given[parameter.Name] = positive ? Uniform(random, parameter.Shape, 0.5f, 1.5f) : Uniform(random, parameter.Shape, -0.3f, 0.3f);
        }

        foreach (Value input in graph.Inputs.Where(i => i.Name == "image")) given[input.Name] = Uniform(random, input.Shape, 0, 255);
        return given;
    }
}
