using Coppice.Graphs;
using Coppice.Perception.Detection;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Tests.Networks;

public sealed class PerceptionNetworkTests
{
    public static TheoryData<string, int[]> ResNet50Shapes => new()
    {
        { "backbone.data", [3, 512, 1024] },
        { "backbone.conv0", [64, 256, 512] },
        { "backbone.pool0", [64, 128, 256] },
        { "backbone.stage1.unit1.conv1", [64, 128, 256] },
        { "backbone.stage1.unit1.conv2", [64, 128, 256] },
        { "backbone.stage1.unit1.projection", [256, 128, 256] },
        { "backbone.stage1.unit3.sum", [256, 128, 256] },
        { "backbone.stage2.unit1.conv1", [128, 128, 256] },
        { "backbone.stage2.unit1.conv2", [128, 64, 128] },
        { "backbone.stage2.unit1.projection", [512, 64, 128] },
        { "backbone.stage2.unit4.sum", [512, 64, 128] },
        { "backbone.stage3.unit6.conv2", [256, 32, 64] },
        { "backbone.stage3.unit6.sum", [1024, 32, 64] },
        { "backbone.stage4.unit1.conv1", [512, 32, 64] },
        { "backbone.stage4.unit3.sum", [2048, 16, 32] },
        { "detection.extra1.reduce", [256, 16, 32] },
        { "detection.extra1.map", [512, 8, 16] },
        { "detection.extra2.reduce", [128, 8, 16] },
        { "detection.extra2.map", [256, 4, 8] },
        { "detection.extra3.map", [256, 2, 4] },
        { "detection.extra4.reduce", [128, 2, 4] },
        { "detection.extra4.map", [128, 1, 2] },
        { "detection.level1.classes", [36, 32, 64] },
        { "detection.level1.boxes", [20, 32, 64] },
        { "detection.level2.classes", [54, 16, 32] },
        { "detection.level2.boxes", [30, 16, 32] },
        { "detection.level3.classes", [54, 8, 16] },
        { "detection.level4.boxes", [30, 4, 8] },
        { "detection.level5.classes", [36, 2, 4] },
        { "detection.level6.boxes", [20, 1, 2] },
        { "segmentation.res3.reduce", [128, 64, 128] },
        { "segmentation.res3.conv_bn", [128, 64, 128] },
        { "segmentation.res4.reduce", [256, 32, 64] },
        { "segmentation.res4.conv_bn", [256, 32, 64] },
        { "segmentation.res5_bn", [2048, 16, 32] },
        { "segmentation.pool1.bn", [512, 16, 32] },
        { "segmentation.pool2.bn", [256, 8, 16] },
        { "segmentation.pool4.bn", [128, 4, 8] },
        { "segmentation.pyramid", [3328, 64, 128] },
        { "segmentation.score_bn", [19, 64, 128] },
        { "segmentation.labels", [19, 128, 256] },
    };

    [Theory]
    [MemberData(nameof(ResNet50Shapes))]
    public void ResNet50_at_1024x512_has_the_paper_s_shapes(string name, int[] shape)
    {
        (Graph graph, _) = NetworkCases.Build(NetworkCases.Config(PerceptionVariant.ResNet50), NormalizationMode.Batch);
        Value value = graph.Find(name) ?? throw new InvalidOperationException($"there is no '{name}'");
        Assert.Equal(new Shape([1, .. shape]), value.Shape);
    }

    [Theory]
    [InlineData(1024, 512, 12_264)]
    [InlineData(640, 320, 4_822)]
    public void Anchors_are_as_many_as_the_paper_s(int width, int height, int count)
    {
        foreach (PerceptionVariant variant in (PerceptionVariant[])[PerceptionVariant.ResNet50, PerceptionVariant.ResNet18])
        {
            (_, PerceptionOutputs outputs) = NetworkCases.Build(NetworkCases.Config(variant, width, height), NormalizationMode.Running, batch: 2);
            Assert.Equal(new Shape(2, count, 9), outputs.Classes!.Shape);
            Assert.Equal(new Shape(2, count, 5), outputs.Boxes!.Shape);
        }

        Assert.Equal(count, new Anchors(width, height).Count);
    }

    [Fact]
    public void Weights_and_multiply_adds_are_the_paper_s()
    {
        (Graph graph, _) = NetworkCases.Build(NetworkCases.Config(PerceptionVariant.ResNet50), NormalizationMode.Batch);
        Assert.Equal(32.39, Millions(graph, ""), 0.005);
        Assert.Equal(23.50, Millions(graph, "backbone."), 0.005);
        Assert.Equal(5.41, Millions(graph, "detection."), 0.005);
        Assert.Equal(3.48, Millions(graph, "segmentation."), 0.005);
        Assert.Equal(53.9, graph.Nodes.Sum(MultiplyAdds) / 1e9, 0.1);
    }

    [Fact]
    public void ResNet18_taps_the_sums_of_its_last_three_stages()
    {
        (Graph graph, _) = NetworkCases.Build(NetworkCases.Config(PerceptionVariant.ResNet18), NormalizationMode.Batch);
        Assert.Equal(new Shape(1, 128, 64, 128), graph.Find("backbone.stage2.unit2.sum")!.Shape);
        Assert.Equal(new Shape(1, 256, 32, 64), graph.Find("backbone.stage3.unit2.sum")!.Shape);
        Assert.Equal(new Shape(1, 512, 16, 32), graph.Find("backbone.stage4.unit2.sum")!.Shape);
        Assert.Equal(11.18, Millions(graph, "backbone."), 0.01);
        // 128 and 256 of res3 and res4, 512 of res5, 512 + 256 + 128 of its poolings.
        Assert.Equal(128 + 256 + 512 + 896, graph.Find("segmentation.pyramid")!.Shape[1]);
    }

    [Fact]
    public void Heads_read_raw_sums_and_the_segmentation_has_no_activation()
    {
        (Graph graph, _) = NetworkCases.Build(NetworkCases.Config(PerceptionVariant.ResNet50), NormalizationMode.Running);
        Assert.DoesNotContain(graph.Nodes, n => n.OperatorType == "Relu" && n.Name.StartsWith("segmentation", StringComparison.Ordinal));
        Assert.Equal("backbone.stage3.unit6.sum", graph.Find("detection.level1.classes")!.Producer!.Input(0).Name);
        Assert.Equal("backbone.stage4.unit3.sum", graph.Find("detection.level2.boxes")!.Producer!.Input(0).Name);
        Assert.Equal("backbone.stage4.unit3.sum", graph.Find("segmentation.res5_bn")!.Producer!.Input(0).Name);
        Node stop = graph.Find("segmentation.res3.reduce")!.Producer!.Input(0).Producer!;
        Assert.True(stop.StopsGradient);
        Assert.Equal("backbone.stage2.unit4.sum", stop.Input(0).Name);
        Assert.DoesNotContain(graph.Parameters, p => p.Name.StartsWith("segmentation", StringComparison.Ordinal) && p.Name.EndsWith(".scale", StringComparison.Ordinal));
        Assert.DoesNotContain(graph.Parameters, p => p.Name.StartsWith("backbone", StringComparison.Ordinal) && p.Name.Contains("conv", StringComparison.Ordinal) && p.Name.EndsWith(".bias", StringComparison.Ordinal));
    }

    [Fact]
    public void A_graph_of_batch_statistics_yields_them_under_the_names_of_the_running_ones()
    {
        (Graph batch, _) = NetworkCases.BuildTiny(NormalizationMode.Batch);
        (Graph running, _) = NetworkCases.BuildTiny(NormalizationMode.Running);
        string[] stored = [.. running.Parameters.Select(p => p.Name).Except(batch.Parameters.Select(p => p.Name))];
        Assert.Equal(stored.Order(), batch.Outputs.Select(o => o.Name).Order());
        Assert.All(stored, n => Assert.Equal(running.Find(n)!.Shape, batch.Find(n)!.Shape));
        Assert.Contains("backbone.stage1.unit1.bn2.variance", stored);
    }

    [Fact]
    public void Running_statistics_of_the_image_itself_give_what_batch_statistics_give()
    {
        (Graph batch, PerceptionOutputs a) = NetworkCases.BuildTiny(NormalizationMode.Batch);
        (Graph running, PerceptionOutputs b) = NetworkCases.BuildTiny(NormalizationMode.Running);
        foreach (Value output in (Value[])[a.Classes!, a.Boxes!, a.Labels!]) batch.Output(output);
        foreach (Value output in (Value[])[b.Classes!, b.Boxes!, b.Labels!]) running.Output(output);
        Dictionary<string, TensorData> given = NetworkCases.Given(batch, 1);
        using var first = new GraphSession(batch, new GraphRunOptions { Threads = 1, Spin = false });
        IReadOnlyDictionary<string, TensorData> results = first.Run(given);
        foreach (Value parameter in running.Parameters.Where(p => results.ContainsKey(p.Name))) given[parameter.Name] = results[parameter.Name];
        using var second = new GraphSession(running, new GraphRunOptions { Threads = 1, Spin = false });
        IReadOnlyDictionary<string, TensorData> again = second.Run(given);
        foreach (Value output in (Value[])[b.Classes!, b.Boxes!, b.Labels!])
        {
            float[] x = results[output.Name].As<float>().ToArray(), y = again[output.Name].As<float>().ToArray();
            float greatest = x.Max(MathF.Abs);
            Assert.True(greatest > 0.1f);
            for (int i = 0; i < x.Length; i++) Assert.Equal(x[i], y[i], 1e-3f * greatest);
        }
    }

    [Fact]
    public void Inference_scores_pixels_with_a_fifth_of_the_work_and_never_brings_all_maps_together()
    {
        (Graph training, _) = NetworkCases.Build(NetworkCases.Config(PerceptionVariant.ResNet50), NormalizationMode.Batch);
        (Graph inference, _) = NetworkCases.Build(NetworkCases.Config(PerceptionVariant.ResNet50), NormalizationMode.Running);
        Assert.Equal(training.Find("segmentation.score.weight")!.Shape, inference.Find("segmentation.score.weight")!.Shape);
        Assert.True(training.Nodes.Sum(MultiplyAdds) - inference.Nodes.Sum(MultiplyAdds) > 3.7e9);
        long largest = inference.Nodes.Where(n => n.OperatorType != "Identity" && n.Name.StartsWith("segmentation", StringComparison.Ordinal)).Max(n => n.Output.Shape.Count);
        Assert.True(largest <= 171 * 64 * 128, $"{largest} elements");
    }

    [Theory]
    [InlineData(PerceptionTasks.Detection)]
    [InlineData(PerceptionTasks.Detection | PerceptionTasks.Distance)]
    [InlineData(PerceptionTasks.Segmentation)]
    public void A_task_that_is_not_asked_for_costs_nothing(PerceptionTasks tasks)
    {
        (Graph graph, PerceptionOutputs outputs) = NetworkCases.BuildTiny(NormalizationMode.Running, tasks: tasks);
        bool detects = tasks != PerceptionTasks.Segmentation;
        Assert.Equal(detects, outputs.Classes is not null && outputs.Boxes is not null);
        Assert.Equal(!detects, outputs.Labels is not null);
        Assert.DoesNotContain(graph.Nodes, n => n.Name.StartsWith(detects ? "segmentation" : "detection", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(480, 360)]
    [InlineData(256, 128)]
    [InlineData(65, 33)]
    [InlineData(32, 32)]
    public void Sizes_that_do_not_divide_round_up(int width, int height)
    {
        (_, PerceptionOutputs outputs) = NetworkCases.BuildTiny(NormalizationMode.Running, 1, width, height);
        Assert.Equal(new Anchors(width, height).Count, outputs.Classes!.Shape[1]);
        Assert.Equal((height + 7) / 8 * 2, outputs.Labels!.Shape[2]);
        Assert.Equal((width + 7) / 8 * 2, outputs.Labels!.Shape[3]);
    }

    [Fact]
    public void Wrong_configs_and_images_are_refused_in_one_line()
    {
        PerceptionConfig good = NetworkCases.Config(PerceptionVariant.ResNet18, 64, 64);
        PerceptionConfig[] wrong =
        [
            good with { Width = 31 }, good with { Height = 9000 }, good with { Tasks = PerceptionTasks.Distance },
            good with { Tasks = PerceptionTasks.None }, good with { Tasks = (PerceptionTasks)8 }, good with { ObjectClasses = [] },
            good with { LabelClasses = ["one"] }, good with { Variant = (PerceptionVariant)7 },
        ];
        foreach (PerceptionConfig config in wrong)
        {
            string message = Assert.Throws<GraphException>(() => NetworkCases.Build(config, NormalizationMode.Running)).Message;
            Assert.Contains("expected", message, StringComparison.Ordinal);
        }

        var graph = new Graph();
        Value image = graph.Input("image", new(1, 3, 64, 65));
        Assert.Contains(
            "expected [batch, 3, 64, 64]",
            Assert.Throws<GraphException>(() => PerceptionNetwork.Build(graph, image, good, NormalizationMode.Running)).Message,
            StringComparison.Ordinal);
    }

    private static double Millions(Graph graph, string scope) =>
        graph.Parameters.Where(p => p.Name.StartsWith(scope, StringComparison.Ordinal)).Sum(p => p.Shape.Count) / 1e6;

    private static double MultiplyAdds(Node node) => node.OperatorType switch
    {
        "Conv" => (double)node.Output.Shape.Count * (node.Input(1).Shape.Count / node.Input(1).Shape[0]),
        "ConvTranspose" => (double)node.Input(0).Shape.Count * (node.Input(1).Shape.Count / node.Input(1).Shape[0]),
        _ => 0,
    };
}
