using Coppice.Graphs;
using Coppice.Perception.Inference;
using Coppice.Perception.Networks;
using Coppice.Perception.Tests.Networks;

namespace Coppice.Perception.Tests.Inference;

public sealed class FoldedGraphTests
{
    private static readonly GraphRunOptions s_run = new() { Threads = 1 };

    [Theory]
    [InlineData(64, 64)]
    [InlineData(72, 40)]
    public void The_fast_network_answers_the_same_when_folded(int width, int height)
    {
        PerceptionConfig config = NetworkCases.Config(PerceptionVariant.Fast, width, height);
        IsTheSame(() => NetworkCases.Build(config, NormalizationMode.Running));
    }

    [Fact]
    public void A_residual_network_answers_the_same_when_folded() =>
        IsTheSame(() => NetworkCases.BuildTiny(NormalizationMode.Running, batch: 1));

    [Fact]
    public void Behind_convolutions_no_normalization_is_left()
    {
        (Graph graph, PerceptionOutputs outputs) = NetworkCases.Build(NetworkCases.Config(PerceptionVariant.Fast, 64, 64), NormalizationMode.Running);
        graph.Output(outputs.Labels!);
        FoldedGraph folded = FoldedGraph.Of(graph, NetworkCases.Given(graph, 1), foldImage: true);
        Assert.Empty(folded.Graph.Parameters);
        Assert.DoesNotContain(folded.Graph.Nodes, n => n.OperatorType is "BatchNormalization" or "SpaceToDepth" or "Sub");
        Assert.Equal(1 / 58f, folded.Factor[1], 1e-6f);
        Assert.Equal(-117 / 58f, folded.Offset[1], 1e-5f);
    }

    private static void IsTheSame(Func<(Graph Graph, PerceptionOutputs Outputs)> build)
    {
        (Graph graph, PerceptionOutputs outputs) = build();
        Value[] answers = [.. ((Value?[])[outputs.Classes, outputs.Boxes, outputs.Labels]).OfType<Value>()];
        foreach (Value answer in answers) graph.Output(answer);
        Dictionary<string, TensorData> given = NetworkCases.Given(graph, 5);
        Dictionary<string, TensorData> weights = graph.Parameters.ToDictionary(p => p.Name, p => given[p.Name]);
        using var session = new GraphSession(graph, s_run);
        IReadOnlyDictionary<string, TensorData> expected = session.Run(given);
        foreach (bool foldImage in (bool[])[false, true])
        {
            FoldedGraph folded = FoldedGraph.Of(graph, weights, foldImage);
            using var second = new GraphSession(folded.Graph, s_run);
            IReadOnlyDictionary<string, TensorData> found = second.Run(new Dictionary<string, TensorData> { ["image"] = Scaled(given["image"], folded) });
            foreach (Value answer in answers) AreNear(expected[answer.Name], found[answer.Name]);
        }
    }

    private static TensorData Scaled(TensorData image, FoldedGraph folded)
    {
        float[] elements = image.As<float>().ToArray();
        int plane = elements.Length / 3;
        for (int i = 0; i < elements.Length; i++) elements[i] = (elements[i] * folded.Factor[i / plane]) + folded.Offset[i / plane];
        return TensorData.Of<float>(image.Shape, elements);
    }

    private static void AreNear(TensorData expected, TensorData found)
    {
        ReadOnlySpan<float> a = expected.As<float>(), b = found.As<float>();
        float greatest = 0, apart = 0;
        for (int i = 0; i < a.Length; i++) (greatest, apart) = (Math.Max(greatest, Math.Abs(a[i])), Math.Max(apart, Math.Abs(a[i] - b[i])));
        Assert.True(greatest > 1e-3f && apart <= 1e-4f * greatest, $"apart by {apart} of {greatest}");
    }
}
