using Coppice.Graphs;
using Coppice.Perception.Data;
using Coppice.Perception.Detection;
using Coppice.Perception.Losses;
using Coppice.Perception.Networks;
using Coppice.Perception.Tests.Networks;

namespace Coppice.Perception.Tests.Losses;

public sealed class LossGradientTests
{
    private const int Batch = 3, Width = 128, Height = 64;
    private static readonly double[] s_steps = [3e-3, 1e-3, 1e-2, 3e-4, 1e-4];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Gradients_through_all_heads_are_the_limits_of_differences(int seed)
    {
        (Graph graph, PerceptionOutputs outputs) = NetworkCases.BuildTiny(NormalizationMode.Batch, Batch, Width, Height);
        PerceptionLoss loss = PerceptionLoss.Add(outputs);
        // Differences see res3's and res4's way into the segmentation, which gradients do not go back: below them, boxes alone are compared.
        Value total = graph.Output(loss.Total), boxes = graph.Output(loss.Class! + loss.Box!);
        using var forward = new GraphSession(graph, new GraphRunOptions { Threads = 1, Spin = false });
        Value[] weights = [.. graph.Parameters.Where(w => !IsBelowRes4(w)), .. graph.Parameters.Where(IsBelowRes4)];
        int above = weights.Length - weights.Count(IsBelowRes4);
        Value[] found = [.. Gradients.Of(total, weights[..above]), .. Gradients.Of(boxes, weights[above..])];
        string[] gradients = [.. found.Select(g => graph.Output(g).Name)];
        using var backward = new GraphSession(graph, new GraphRunOptions { Threads = 1, Spin = false });
        Dictionary<string, TensorData> given = NetworkCases.Given(graph, seed);
        AddTargets(given, outputs, loss, seed);
        IReadOnlyDictionary<string, TensorData> results = backward.Run(given);
        foreach ((Value weight, string name) in weights.Zip(gradients))
        {
            float[] gradient = results[name].As<float>().ToArray(), start = given[weight.Name].As<float>().ToArray();
            double norm = Math.Sqrt(gradient.Sum(g => (double)g * g));
            // A normalization after it takes out what the image's mean or a scale does; nothing is left to compare.
            if (norm < 0.01) continue;
            // Long steps cross kinks of the activation and change which anchors are picked, short ones drown in rounding: one comes close.
            var slopes = new List<double>();
            bool close = false;
            foreach (double step in s_steps)
            {
                slopes.Add((Loss(step) - Loss(-step)) / (2 * step));
                if (close = Math.Abs(slopes[^1] - norm) < 0.03 * norm) break;
            }

            Assert.True(close, $"{weight}: slopes are {string.Join(", ", slopes)}, expected {norm}");

            double Loss(double step)
            {
                float[] moved = [.. start.Zip(gradient, (s, g) => (float)(s + (step * g / norm)))];
                var all = new Dictionary<string, TensorData>(given) { [weight.Name] = TensorData.Of<float>(weight.Shape, moved) };
                return forward.Run(all)[IsBelowRes4(weight) ? boxes.Name : total.Name].As<float>()[0];
            }
        }

        // Each head and the backbone take part.
        foreach (string part in (string[])["backbone.conv0.weight", "detection.level1.classes.weight", "detection.level4.boxes.bias", "segmentation.up.weight", "segmentation.res3.conv.weight"])
            Assert.True(results[gradients[Array.FindIndex(weights, w => w.Name == part)]].As<float>().ToArray().Max(MathF.Abs) > 1e-4f, part);
    }

    [Fact]
    public void Segmentation_teaches_the_backbone_through_res5_alone_and_boxes_through_res4_and_res5()
    {
        var graph = new Graph();
        Value image = graph.Input("image", new(1, 3, Height, Width));
        Value[] taps = [graph.Parameter("res3", new(1, 8, 8, 16)), graph.Parameter("res4", new(1, 12, 4, 8)), graph.Parameter("res5", new(1, 16, 2, 4))];
        PerceptionConfig config = NetworkCases.Config(PerceptionVariant.ResNet50, Width, Height) with { ObjectClasses = ["a", "b", "c"], LabelClasses = ["x", "y", "z"] };
        PerceptionOutputs outputs = PerceptionNetwork.Build(
            graph, image, config, NormalizationMode.Running, (_, _) => new Taps(taps[0], taps[1], taps[2]), NetworkCases.TinyWidths);
        PerceptionLoss loss = PerceptionLoss.Add(outputs);
        string[] names = [.. Gradients.Of(loss.Segmentation!, taps).Concat(Gradients.Of(loss.Class! + loss.Box!, taps)).Select(g => graph.Output(g).Name)];
        using var session = new GraphSession(graph, new GraphRunOptions { Threads = 1, Spin = false });
        Dictionary<string, TensorData> given = NetworkCases.Given(graph, 3);
        var random = new Random(4);
        foreach (Value tap in taps) given[tap.Name] = NetworkCases.Uniform(random, tap.Shape, -1, 1);
        AddTargets(given, outputs, loss, 5);
        IReadOnlyDictionary<string, TensorData> results = session.Run(given.Where(g => session.InputNames.Contains(g.Key)).ToDictionary());
        bool[] reached = [.. names.Select(n => results[n].As<float>().ToArray().Any(e => e != 0))];
        Assert.Equal([false, false, true, false, true, true], reached);
    }

    private static bool IsBelowRes4(Value weight) =>
        weight.Name.StartsWith("backbone.", StringComparison.Ordinal) && !weight.Name.StartsWith("backbone.stage4", StringComparison.Ordinal);

    private static void AddTargets(Dictionary<string, TensorData> given, PerceptionOutputs outputs, PerceptionLoss loss, int seed)
    {
        var random = new Random(seed);
        int batch = outputs.Classes!.Shape[0], anchors = outputs.Classes.Shape[1];
        var assignment = new TargetAssignment(new Anchors(Width, Height));
        var classes = new long[batch * anchors];
        float[] boxes = new float[classes.Length * 5], mask = new float[classes.Length * 5];
        for (int image = 0; image < batch; image++)
        {
            SceneObject[] objects = [new(0, 0.1f, 0.1f, 0.3f, 0.4f, 20), new(2, 0.4f, 0.2f, 0.9f, 0.8f, 7), new(1, 0.1f, 0.6f, 0.2f, 0.8f, float.NaN)];
            Range values = (image * anchors * 5)..((image + 1) * anchors * 5);
            assignment.Assign(objects[..(image + 1)], true, classes.AsSpan(image * anchors, anchors), boxes.AsSpan()[values], mask.AsSpan()[values]);
        }

        given[loss.ClassTargets!.Name] = TensorData.Of<long>(loss.ClassTargets.Shape, classes);
        given[loss.BoxTargets!.Name] = TensorData.Of<float>(loss.BoxTargets.Shape, boxes);
        given[loss.BoxMask!.Name] = TensorData.Of<float>(loss.BoxMask.Shape, mask);
        long[] labels = [.. Enumerable.Range(0, (int)loss.LabelTargets!.Shape.Count).Select(_ => random.Next(8) == 0 ? 255L : random.Next(3))];
        given[loss.LabelTargets.Name] = TensorData.Of<long>(loss.LabelTargets.Shape, labels);
    }
}
