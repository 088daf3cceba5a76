using Coppice.Graphs;
using Coppice.Perception.Detection;
using Coppice.Perception.Losses;
using Coppice.Perception.Networks;
using Coppice.Perception.Tests.Networks;

namespace Coppice.Perception.Tests.Losses;

public sealed class PerceptionLossTests
{
    private static readonly float s_ln3 = MathF.Log(3), s_ln9 = MathF.Log(9);

    // Background and object of six anchors. The first is an object, the last does not count, the others may be background: their
    // background probabilities are 1/2, 3/4, 1/4 and 1/10, of which the three lowest are picked.
    private static readonly float[] s_logits = [0, s_ln3, 0, 0, s_ln3, 0, 0, s_ln3, 0, s_ln9, 5, 5];
    private static readonly long[] s_classes = [1, 0, 0, 0, 0, -1];

    // Of the first anchor; those of the others do not count.
    private static readonly float[] s_boxes = [1.5f, 2, 0, 0, 2, .. Enumerable.Repeat(7f, 25)];
    private static readonly float[] s_boxTargets = [1, 0, 0, 0, 2, .. new float[25]];
    private static readonly float[] s_boxMask = [1, 1, 1, 1, 1, .. new float[25]];

    // Two classes at 2x2: probabilities of class 0 are 3/4, 1/4, 1/2, 9/10.
    private static readonly float[] s_labels = [s_ln3, 0, 4, s_ln9, 0, s_ln3, 4, 0];
    private static readonly long[] s_labelTargets = [0, 0, 255, 1];

    private const double ClassLoss = (0.2876821 + 0.6931472 + 1.3862944 + 2.3025851) / 4; // -ln of 3/4, 1/2, 1/4, 1/10.
    private const double BoxSum = 0.125 + 1.5; // 0.5^2 / 2 and 2 - 1/2; two values are not zero.
    private const double PixelSum = 0.2876821 + 1.3862944 + 2.3025851; // -ln of 3/4, 1/4, 1/10.

    [Fact]
    public void The_paper_s_loss_is_as_computed_by_hand()
    {
        Dictionary<string, float> losses = Run(new LossOptions());
        Assert.Equal(ClassLoss, losses["class"], 1e-5);
        Assert.Equal(BoxSum / 2, losses["box"], 1e-5);
        Assert.Equal(PixelSum / 4, losses["segmentation"], 1e-5);
        Assert.Equal(ClassLoss + (BoxSum / 2) + (4 * PixelSum / 4), losses["total"], 1e-5);
    }

    [Fact]
    public void Each_normalization_and_weight_can_be_chosen()
    {
        Dictionary<string, float> losses = Run(new LossOptions
        {
            BoxNormalization = BoxNormalization.ObjectAnchors,
            PixelNormalization = PixelNormalization.ValidPixels,
            ClassWeight = 2,
            BoxWeight = 3,
            SegmentationWeight = 5,
            NegativeRatio = 1,
        });
        const double Fewer = (0.2876821 + 2.3025851) / 2;
        Assert.Equal(Fewer, losses["class"], 1e-5);
        Assert.Equal(BoxSum, losses["box"], 1e-5);
        Assert.Equal(PixelSum / 3, losses["segmentation"], 1e-5);
        Assert.Equal((2 * Fewer) + (3 * BoxSum) + (5 * PixelSum / 3), losses["total"], 1e-5);
    }

    [Fact]
    public void An_image_without_objects_teaches_nothing_unless_negatives_are_asked_for()
    {
        Assert.Equal(0, Run(new LossOptions(), s_classes.Select(c => Math.Min(c, 0)).ToArray(), new float[30])["class"]);
        Dictionary<string, float> asked = Run(new LossOptions { LeastNegatives = 2 }, s_classes.Select(c => Math.Min(c, 0)).ToArray(), new float[30]);
        Assert.Equal((2.3025851 + 1.3862944) / 2, asked["class"], 1e-5);
        Assert.Equal(0, asked["box"]);
    }

    [Fact]
    public void Two_equal_images_have_the_loss_of_one_and_the_authors_rescaling_halves_classes_and_boxes()
    {
        Dictionary<string, float> one = Run(new LossOptions()), two = Run(new LossOptions(), batch: 2);
        Assert.All(one, l => Assert.Equal(l.Value, two[l.Key], 1e-5f));
        Dictionary<string, float> rescaled = Run(new LossOptions { RescaleByBatch = true }, batch: 2);
        Assert.Equal(one["class"] / 2, rescaled["class"], 1e-5f);
        Assert.Equal(one["box"] / 2, rescaled["box"], 1e-5f);
        Assert.Equal(one["segmentation"], rescaled["segmentation"], 1e-5f);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Backgrounds_picked_in_each_image_are_those_with_the_lowest_background_probability(int seed)
    {
        const int Batch = 3, Anchors = 60, Classes = 4;
        var random = new Random(seed);
        float[] logits = NetworkCases.Uniform(random, new(Batch, Anchors, Classes), -4, 4).As<float>().ToArray();
        long[] targets = [.. Enumerable.Range(0, Batch * Anchors).Select(_ => random.Next(12) switch { 0 => (long)random.Next(1, Classes), 1 => -1L, _ => 0L })];
        // Equal hardness: the first anchors are picked.
        for (int a = 1; a < 10; a++) logits.AsSpan(0, Classes).CopyTo(logits.AsSpan(a * Classes));
        double sum = 0, counted = 0;
        for (int image = 0; image < Batch; image++)
        {
            int[] anchors = [.. Enumerable.Range(image * Anchors, Anchors)];
            int objects = anchors.Count(a => targets[a] > 0);
            IEnumerable<int> picked = anchors.Where(a => targets[a] == 0).OrderBy(a => LogProbability(a, 0)).ThenBy(a => a).Take(3 * objects);
            foreach (int a in anchors.Where(a => targets[a] > 0).Concat(picked))
            {
                sum -= LogProbability(a, (int)targets[a]);
                counted++;
            }
        }

        var graph = new Graph();
        Value classes = graph.Input("x", new(Batch, Anchors, Classes)), boxes = graph.Input("b", new(Batch, Anchors, 5));
        PerceptionLoss loss = PerceptionLoss.Add(new PerceptionOutputs(classes, boxes, null));
        string name = graph.Output(loss.Class!).Name;
        using var session = new GraphSession(graph);
        TensorData nothing = TensorData.Of<float>(boxes.Shape, new float[boxes.Shape.Count]);
        IReadOnlyDictionary<string, TensorData> results = session.Run(Only(session, new Dictionary<string, TensorData>
        {
            ["x"] = TensorData.Of<float>(classes.Shape, logits),
            ["targets.classes"] = TensorData.Of<long>(new(Batch, Anchors), targets),
            ["b"] = nothing,
            ["targets.boxes"] = nothing,
            ["targets.box_mask"] = nothing,
        }));
        Assert.Equal(sum / counted, results[name].As<float>()[0], 1e-5);

        double LogProbability(int a, int c)
        {
            float[] row = logits[(a * Classes)..((a + 1) * Classes)];
            return row[c] - Math.Log(row.Sum(l => Math.Exp(l)));
        }
    }

    [Fact]
    public void Outputs_that_are_not_there_have_no_inputs_and_none_at_all_no_loss()
    {
        var graph = new Graph();
        PerceptionLoss loss = PerceptionLoss.Add(new PerceptionOutputs(null, null, graph.Input("x", new(1, 2, 2, 2))));
        Assert.Equal(["x", "targets.labels"], graph.Inputs.Select(i => i.Name));
        Assert.Null(loss.Class);
        Assert.Throws<GraphException>(() => PerceptionLoss.Add(new PerceptionOutputs(null, null, null)));
    }

    /// <summary>Losses of the example by name, repeated over a batch.</summary>
    private static Dictionary<string, float> Run(LossOptions options, long[]? classTargets = null, float[]? mask = null, int batch = 1)
    {
        var graph = new Graph();
        Value classes = graph.Input("classes", new(batch, 6, 2)), boxes = graph.Input("boxes", new(batch, 6, 5)), labels = graph.Input("labels", new(batch, 2, 2, 2));
        PerceptionLoss loss = PerceptionLoss.Add(new PerceptionOutputs(classes, boxes, labels), options);
        (string Name, Value Value)[] yielded = [("class", loss.Class!), ("box", loss.Box!), ("segmentation", loss.Segmentation!), ("total", loss.Total)];
        string[] names = [.. yielded.Select(y => graph.Output(y.Value).Name)];
        using var session = new GraphSession(graph);
        IReadOnlyDictionary<string, TensorData> results = session.Run(new Dictionary<string, TensorData>
        {
            ["classes"] = Repeated<float>(classes, s_logits),
            ["boxes"] = Repeated<float>(boxes, s_boxes),
            ["labels"] = Repeated<float>(labels, s_labels),
            ["targets.classes"] = Repeated(loss.ClassTargets!, classTargets ?? s_classes),
            ["targets.boxes"] = Repeated<float>(loss.BoxTargets!, s_boxTargets),
            ["targets.box_mask"] = Repeated(loss.BoxMask!, mask ?? s_boxMask),
            ["targets.labels"] = Repeated(loss.LabelTargets!, s_labelTargets),
        });
        return yielded.Zip(names).ToDictionary(p => p.First.Name, p => results[p.Second].As<float>()[0]);

        TensorData Repeated<T>(Value value, T[] once)
            where T : unmanaged => TensorData.Of<T>(value.Shape, Enumerable.Repeat(once, batch).SelectMany(e => e).ToArray());
    }

    private static Dictionary<string, TensorData> Only(GraphSession session, Dictionary<string, TensorData> given) =>
        given.Where(g => session.InputNames.Contains(g.Key)).ToDictionary();
}
