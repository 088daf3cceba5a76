using Coppice.Perception.Data;
using Coppice.Perception.Detection;

namespace Coppice.Perception.Tests.Detection;

public sealed class BoxDecoderTests
{
    private const int Classes = 4;

    [Theory]
    [InlineData(1, 0.45f, 400, false)]
    [InlineData(2, 0.3f, 400, false)]
    [InlineData(3, 0.45f, 400, true)]
    [InlineData(4, 0.45f, 25, false)]
    [InlineData(5, 0.1f, 60, true)]
    public void Objects_are_those_of_the_slow_implementation(int seed, float overlap, int candidates, bool across)
    {
        var random = new Random(seed);
        var anchors = new Anchors(256, 128);
        List<(float, float, float, float)> slow = SlowDetection.AnchorsOf(256, 128);
        var options = new DecodingOptions { OverlapThreshold = overlap, Candidates = candidates, AcrossClasses = across };
        var decoder = new BoxDecoder(anchors, Classes, options);
        var found = new List<DetectedObject>();
        for (int round = 0; round < 3; round++)
        {
            // Mostly background, as a trained network answers.
            float[][] logits = [.. slow.Select(_ => Row(random, Classes + 1, random.Next(4) == 0 ? 0 : 6))];
            float[][] boxes = [.. slow.Select(_ => Row(random, 5, 0))];
            decoder.Decode(logits.SelectMany(l => l).ToArray(), boxes.SelectMany(b => b).ToArray(), found);
            List<DetectedObject> expected = SlowDetection.Decode(slow, logits, boxes, options);
            Assert.True(expected.Count > 5);
            Assert.Equal(expected.Count, found.Count);
            for (int i = 0; i < expected.Count; i++)
            {
                Assert.Equal(expected[i].Class, found[i].Class);
                Assert.Equal(expected[i].Score, found[i].Score, 1e-6f);
                Assert.Equal(expected[i] with { Score = 0 }, found[i] with { Score = 0 });
            }
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void Numbers_of_damaged_weights_make_no_object_that_is_nowhere(float damaged)
    {
        var anchors = new Anchors(64, 32);
        var decoder = new BoxDecoder(anchors, Classes, new DecodingOptions { ScoreThreshold = 0 });
        var found = new List<DetectedObject>();
        for (int at = 0; at < 5; at++)
        {
            var boxes = new float[anchors.Count * 5];
            for (int i = at; i < boxes.Length; i += 5) boxes[i] = damaged;
            decoder.Decode(new float[anchors.Count * (Classes + 1)], boxes, found);
            Assert.All(found, o => Assert.True(float.IsFinite(o.X1) && float.IsFinite(o.Y1) && float.IsFinite(o.X2) && float.IsFinite(o.Y2) && float.IsFinite(o.DistanceMeters)));
            Assert.True(!float.IsNaN(damaged) || found.Count == 0);
        }

        for (int at = 0; at <= Classes; at++)
        {
            var logits = new float[anchors.Count * (Classes + 1)];
            for (int i = at; i < logits.Length; i += Classes + 1) logits[i] = damaged;
            decoder.Decode(logits, new float[anchors.Count * 5], found);
            Assert.All(found, o => Assert.InRange(o.Score, 0, 1));
        }
    }

    [Fact]
    public void What_was_coded_is_decoded()
    {
        var anchors = new Anchors(640, 320);
        SceneObject box = new(3, 0.31f, 0.42f, 0.55f, 0.61f, 42.5f);
        var code = new float[5];
        foreach (int anchor in (int[])[0, 3_300, 4_500, 4_821])
        {
            BoxCoding.Encode(anchors, anchor, box, code);
            DetectedObject found = BoxCoding.Decode(anchors, anchor, code, 3, 0.9f);
            Assert.Equal(box.X1, found.X1, 1e-5f);
            Assert.Equal(box.Y1, found.Y1, 1e-5f);
            Assert.Equal(box.X2, found.X2, 1e-5f);
            Assert.Equal(box.Y2, found.Y2, 1e-5f);
            Assert.Equal(box.DistanceMeters, found.DistanceMeters, 1e-3f);
        }
    }

    [Fact]
    public void Boxes_are_clipped_to_the_image_and_distances_to_255_meters()
    {
        var anchors = new Anchors(256, 128);
        DetectedObject low = BoxCoding.Decode(anchors, 0, [-50, -50, 1, 1, -3], 0, 1), high = BoxCoding.Decode(anchors, 0, [0, 0, 50, 50, 11], 0, 1);
        Assert.Equal(new DetectedObject(0, 1, 0, 0, 0, 0, 0), low);
        Assert.Equal(new DetectedObject(0, 1, 0, 0, 1, 1, 255), high);
    }

    [Fact]
    public void Scores_at_the_threshold_stay_and_below_it_go()
    {
        var anchors = new Anchors(64, 64);
        float[] logits = new float[anchors.Count * 2], boxes = new float[anchors.Count * 5];
        for (int a = 0; a < anchors.Count; a++) logits[a * 2] = 100;
        // Probabilities of 1/4 and a little less; far apart, so that neither suppresses the other.
        (logits[0], logits[1]) = (MathF.Log(3), 0);
        int last = anchors.Levels[0].Count - anchors.Levels[0].PerCell;
        (logits[last * 2], logits[(last * 2) + 1]) = (MathF.Log(3.01f), 0);
        var found = new List<DetectedObject>();
        new BoxDecoder(anchors, 1, new DecodingOptions { ScoreThreshold = 0.2499999f }).Decode(logits, boxes, found);
        Assert.Equal(0.25f, Assert.Single(found).Score, 1e-6f);
        new BoxDecoder(anchors, 1, new DecodingOptions { ScoreThreshold = 0.2f }).Decode(logits, boxes, found);
        Assert.Equal(2, found.Count);
    }

    [Fact]
    public void Equal_scores_keep_the_order_of_anchors_and_infinite_logits_do_no_harm()
    {
        var anchors = new Anchors(64, 64);
        float[] logits = new float[anchors.Count * 3], boxes = new float[anchors.Count * 5];
        for (int a = 0; a < anchors.Count; a++) logits[a * 3] = float.PositiveInfinity;
        int[] chosen = [4, 12, 24];
        foreach (int a in chosen) (logits[a * 3], logits[(a * 3) + 2]) = (0, 3);
        logits[(30 * 3) + 1] = float.NaN;
        var found = new List<DetectedObject>();
        new BoxDecoder(anchors, 2).Decode(logits, boxes, found);
        Assert.Equal(chosen.Select(a => anchors.CenterX[a]), found.Select(f => (f.X1 + f.X2) / 2), (x, y) => Math.Abs(x - y) < 0.05f);
        Assert.All(found, f => Assert.Equal(1, f.Class));
    }

    [Fact]
    public void Suppression_is_within_a_class_unless_forced()
    {
        var anchors = new Anchors(64, 64);
        float[] logits = new float[anchors.Count * 3], boxes = new float[anchors.Count * 5];
        for (int a = 0; a < anchors.Count; a++) logits[a * 3] = 100;
        // Two anchors of one cell, 0.1 and 0.141 high: they overlap by half.
        (logits[0], logits[1], logits[3], logits[5]) = (0, 5, 0, 4);
        var found = new List<DetectedObject>();
        new BoxDecoder(anchors, 2).Decode(logits, boxes, found);
        Assert.Equal([0, 1], found.Select(f => f.Class));
        new BoxDecoder(anchors, 2, new DecodingOptions { AcrossClasses = true }).Decode(logits, boxes, found);
        Assert.Equal([0], found.Select(f => f.Class));
    }

    private static float[] Row(Random random, int length, float first)
    {
        float[] row = [.. Enumerable.Range(0, length).Select(_ => (random.NextSingle() * 6) - 3)];
        row[0] += first;
        return row;
    }
}
