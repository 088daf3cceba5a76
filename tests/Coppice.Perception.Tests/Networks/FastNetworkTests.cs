using Coppice.Graphs;
using Coppice.Perception.Data;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Tests.Networks;

public sealed class FastNetworkTests
{
    [Theory]
    [InlineData(1024, 512)]
    [InlineData(480, 360)]
    [InlineData(100, 70)]
    public void Scores_have_a_quarter_of_the_sides_rounded_up_whatever_the_size(int width, int height)
    {
        (Graph _, PerceptionOutputs outputs) = NetworkCases.Build(NetworkCases.Config(PerceptionVariant.Fast, width, height), NormalizationMode.Running);
        Assert.Equal(new Shape(1, 19, (height + 3) / 4, (width + 3) / 4), outputs.Labels!.Shape);
        Assert.Equal(outputs.Classes!.Shape[1], outputs.Boxes!.Shape[1]);
    }

    [Theory]
    [InlineData(480, 360)]
    [InlineData(100, 70)]
    public void Scores_of_quarters_of_cells_are_twice_as_fine(int width, int height)
    {
        PerceptionConfig config = NetworkCases.Config(PerceptionVariant.Fast, width, height) with { LabelStride = 2 };
        (Graph graph, PerceptionOutputs outputs) = NetworkCases.Build(config, NormalizationMode.Running);
        Assert.Equal(new Shape(1, 19, 2 * ((height + 3) / 4), 2 * ((width + 3) / 4)), outputs.Labels!.Shape);
        Assert.Equal(new Shape(4 * 19, 32, 1, 1), graph.Parameters.Single(p => p.Name == "segmentation.score.weight").Shape);
    }

    [Fact]
    public void It_fits_its_budget_of_weights_and_multiply_adds()
    {
        (Graph graph, PerceptionOutputs outputs) = NetworkCases.Build(NetworkCases.Config(PerceptionVariant.Fast) with { LabelStride = 2 }, NormalizationMode.Running);
        Assert.Equal(new Shape(1, 12_264, 9), outputs.Classes!.Shape);
        long weights = graph.Parameters.Sum(p => p.Shape.Count);
        long products = graph.Nodes.Where(n => n.OperatorType == "Conv").Sum(n => n.Output.Shape.Count * n.Input(1).Shape.Count / n.Input(1).Shape[0]);
        Assert.InRange(weights, 1_500_000, 3_000_000);
        Assert.InRange(products, 3_500_000_000, 5_000_000_000);
    }

    [Fact]
    public void A_network_has_the_weights_of_its_tasks_alone()
    {
        string[] boxes = Scopes(PerceptionTasks.Detection), pixels = Scopes(PerceptionTasks.Segmentation), all = Scopes(PerceptionTasks.All);
        Assert.Equal(["backbone", "detection", "neck"], boxes);
        Assert.Equal(["backbone", "neck", "segmentation"], pixels);
        Assert.Equal(["backbone", "detection", "neck", "segmentation"], all);

        static string[] Scopes(PerceptionTasks tasks)
        {
            (Graph graph, PerceptionOutputs _) = NetworkCases.Build(NetworkCases.Config(PerceptionVariant.Fast, 64, 64, tasks), NormalizationMode.Running);
            return [.. graph.Parameters.Select(p => p.Name.Split('.')[0]).Distinct().Order(StringComparer.Ordinal)];
        }
    }

    [Fact]
    public void An_enlarged_map_is_cut_and_not_squeezed()
    {
        var graph = new Graph();
        Value x = graph.Input("x", new(1, 1, 2, 3));
        graph.Output(FastNetwork.Enlarge(x, 2, new(3, 5)).Identity("y"));
        using var session = new GraphSession(graph, new GraphRunOptions { Threads = 1 });
        TensorData given = TensorData.Of<float>(new(1, 1, 2, 3), [0, 4, 8, 0, 4, 8]);
        float[] row = [0, 1, 3, 5, 7];
        Assert.Equal([.. row, .. row, .. row], session.Run(new Dictionary<string, TensorData> { ["x"] = given })["y"].As<float>().ToArray());
    }

    [Fact]
    public void Scores_for_a_second_loss_are_not_part_of_the_network_that_is_used()
    {
        PerceptionConfig config = NetworkCases.Config(PerceptionVariant.Fast, 64, 64, PerceptionTasks.Segmentation) with { LabelClasses = SceneClasses.CamVid };
        var graph = new Graph();
        (PerceptionOutputs _, Value? second) = FastNetwork.Build(graph, graph.Input("image", new(2, 3, 64, 64)), config, NormalizationMode.Batch, auxiliary: true);
        Assert.Equal(new Shape(2, 11, 4, 4), second!.Shape);
        Assert.Contains(graph.Parameters, p => p.Name == "segmentation.auxiliary.weight");
        Assert.DoesNotContain(PerceptionWeights.Parameters(config), p => p.Name.Contains("auxiliary", StringComparison.Ordinal));
    }
}
