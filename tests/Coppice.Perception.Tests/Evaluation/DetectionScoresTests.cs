using Coppice.Perception.Data;
using Coppice.Perception.Detection;
using Coppice.Perception.Evaluation;

namespace Coppice.Perception.Tests.Evaluation;

public sealed class DetectionScoresTests
{
    [Fact]
    public void Average_precision_is_that_of_a_hand_computed_example()
    {
        // Right, wrong, right, right, wrong of 4 objects: precision 1, 1/2, 2/3, 3/4, 3/5 -> made falling 1, 3/4, 3/4, 3/4, 3/5.
        var curve = AveragePrecision.Of(4, [(0.9f, true), (0.8f, false), (0.7f, true), (0.6f, true), (0.5f, false)]);

        Assert.Equal([1, 0.75, 0.75, 0.75, 0.6], curve.Precision);
        Assert.Equal([0.25, 0.25, 0.5, 0.75, 0.75], curve.Recall);
        Assert.Equal((1 + 0.75 + 0.75) / 4, curve.Area, 12);
        // Recall 0, .1, .2 reach 1; .3 to .7 reach 3/4; above is nothing.
        Assert.Equal((3 * 1 + 5 * 0.75) / 11, curve.ElevenPoints, 12);
    }

    [Fact]
    public void A_class_without_objects_has_no_part_in_the_mean()
    {
        var scores = new DetectionScores(3);
        scores.Add([Truth(0, 0, 0, 0.2f, 0.2f, 10)], [Find(0, 0.9f, 0, 0, 0.2f, 0.2f, 10), Find(1, 0.9f, 0, 0, 1, 1, 5)]);
        Assert.Equal(1, scores.MeanAveragePrecision);
        Assert.Equal(1, scores.MeanElevenPoints);
        Assert.True(double.IsNaN(scores.Of(2).Area));
        Assert.True(double.IsNaN(new DetectionScores(2).MeanAveragePrecision));
    }

    [Fact]
    public void An_object_is_found_once_and_by_its_own_class_and_half_an_overlap_is_enough()
    {
        var scores = new DetectionScores(2);
        (int right, int wrong, int missed) = scores.Add(
            [Truth(0, 0, 0, 0.4f, 0.4f, 10), Truth(1, 0.5f, 0.5f, 0.7f, 0.7f, 20)],
            [
                Find(0, 0.5f, 0, 0, 0.4f, 0.4f, 10), // The same again, with a lower score.
                Find(0, 0.8f, 0, 0, 0.4f, 0.2f, 10), // Overlaps by exactly a half.
                Find(0, 0.7f, 0.5f, 0.5f, 0.7f, 0.7f, 20), // The place of an object of another class.
                Find(1, 0.2f, 0.5f, 0.5f, 0.7f, 0.7f, 20), // Right, but below the score that counts for a frame.
            ]);
        Assert.Equal((1, 2, 1), (right, wrong, missed));
        Assert.Equal(1, scores.Of(0).Area);
        Assert.Equal([1, 0.5, 1.0 / 3], [.. scores.Of(0).Precision]);
        Assert.Equal(1, scores.Of(1).Area);
    }

    [Fact]
    public void The_error_of_distances_is_that_of_a_hand_computed_example()
    {
        var scores = new DetectionScores(1);
        scores.Add(
            [
                Truth(0, 0, 0, 0.1f, 0.1f, 20), Truth(0, 0.2f, 0, 0.3f, 0.1f, 40), Truth(0, 0.4f, 0, 0.5f, 0.1f, 200),
                Truth(0, 0.6f, 0, 0.7f, 0.1f, float.NaN), Truth(0, 0.8f, 0, 0.9f, 0.1f, 10),
            ],
            [
                Find(0, 0.9f, 0, 0, 0.1f, 0.1f, 22), Find(0, 0.9f, 0.2f, 0, 0.3f, 0.1f, 30), Find(0, 0.9f, 0.4f, 0, 0.5f, 0.1f, 150),
                Find(0, 0.9f, 0.6f, 0, 0.7f, 0.1f, 5), Find(0, 0.25f, 0.8f, 0, 0.9f, 0.1f, 5), Find(0, 0.9f, 0, 0.5f, 0.1f, 0.9f, 7),
            ]);
        Assert.Equal(2, scores.Distances); // Too far, unknown, too low a score and wrong are left out.
        Assert.Equal(100 * (0.1 + 0.25) / 2, scores.DistanceErrorPercent, 5);
        Assert.Equal((2.0 + 10) / 2, scores.DistanceErrorMeters, 5);
    }

    [Fact]
    public void Where_the_data_knows_distances_in_boxes_wrong_finds_count_too()
    {
        var scores = new DetectionScores(1);
        scores.Add([], [Find(0, 0.9f, 0, 0, 0.1f, 0.1f, 12), Find(0, 0.9f, 0.5f, 0, 0.6f, 0.1f, 12)], find => find.X1 < 0.2f ? 10 : float.NaN);
        Assert.Equal(1, scores.Distances);
        Assert.Equal(20, scores.DistanceErrorPercent, 4);
    }

    [Fact]
    public void Random_finds_score_as_a_slow_version_of_the_rules_says()
    {
        for (int round = 0; round < 30; round++)
        {
            var random = new SceneRandom(5, round);
            var scores = new DetectionScores(2);
            var all = new List<(List<SceneObject> Truths, List<DetectedObject> Found)>();
            for (int image = 0; image < 5; image++)
            {
                var truths = new List<SceneObject>();
                var found = new List<DetectedObject>();
                for (int i = 0; i < random.Below(6); i++)
                {
                    float x = random.Between(0, 0.8), y = random.Between(0, 0.8), side = random.Between(0.1, 0.2);
                    truths.Add(Truth(random.Below(2), x, y, x + side, y + side, 10));
                }

                for (int i = 0; i < random.Below(12); i++)
                {
                    float jitter = random.Between(-0.06, 0.06);
                    if (truths.Count > 0 && random.Chance(0.8))
                    {
                        SceneObject near = truths[random.Below(truths.Count)];
                        found.Add(Find(near.Class, random.Between(0, 1), near.X1 + jitter, near.Y1, near.X2 + jitter, near.Y2, 10));
                    }
                    else
                    {
                        found.Add(Find(random.Below(2), random.Between(0, 1), 0.3f, 0.3f, 0.5f, 0.5f, 10));
                    }
                }

                all.Add((truths, found));
                scores.Add(truths, found);
            }

            for (int c = 0; c < 2; c++) SlowlyEqual(all, c, scores.Of(c));
        }
    }

    /// <summary>Precision and recall counted anew for every threshold, matches searched over the whole set.</summary>
    private static void SlowlyEqual(List<(List<SceneObject> Truths, List<DetectedObject> Found)> all, int kind, AveragePrecision curve)
    {
        int truths = all.Sum(image => image.Truths.Count(t => t.Class == kind));
        if (truths == 0)
        {
            Assert.True(double.IsNaN(curve.Area));
            return;
        }

        var points = new List<(double Recall, double Precision)>();
        foreach (float threshold in all.SelectMany(image => image.Found).Where(f => f.Class == kind).Select(f => f.Score).Distinct())
        {
            int right = 0, finds = 0;
            foreach ((List<SceneObject> imageTruths, List<DetectedObject> found) in all)
            {
                DetectedObject[] kept = [.. found.Where(f => f.Class == kind && f.Score >= threshold)];
                finds += kept.Length;
                // Each object that is the one most overlapped, by a half or more, of at least one find was found once.
                right += kept.Select(f => Best(imageTruths, f, kind)).Where(best => best >= 0).Distinct().Count();
            }

            points.Add(((double)right / truths, (double)right / finds));
        }

        double PrecisionFrom(double recall) => points.Where(p => p.Recall >= recall - 1e-12).Select(p => p.Precision).DefaultIfEmpty(0).Max();
        double[] recalls = [0, .. points.Select(p => p.Recall).Distinct().Order()];
        double area = recalls.Skip(1).Zip(recalls, (to, from) => (to - from) * PrecisionFrom(to)).Sum();
        Assert.Equal(area, curve.Area, 9);
        Assert.Equal(Enumerable.Range(0, 11).Sum(i => PrecisionFrom(i / 10.0)) / 11, curve.ElevenPoints, 9);
    }

    private static int Best(List<SceneObject> truths, DetectedObject find, int kind)
    {
        int[] same = [.. Enumerable.Range(0, truths.Count).Where(i => truths[i].Class == kind)];
        if (same.Length == 0) return -1;
        int best = same.MaxBy(i => Iou(truths[i], find));
        return Iou(truths[best], find) >= 0.5 ? best : -1;
    }

    private static double Iou(SceneObject a, DetectedObject b)
    {
        double width = Math.Max(0, Math.Min(a.X2, b.X2) - (double)Math.Max(a.X1, b.X1)), height = Math.Max(0, Math.Min(a.Y2, b.Y2) - (double)Math.Max(a.Y1, b.Y1));
        return width * height / ((double)(a.X2 - a.X1) * (a.Y2 - a.Y1) + (double)(b.X2 - b.X1) * (b.Y2 - b.Y1) - width * height);
    }

    private static SceneObject Truth(int kind, float x1, float y1, float x2, float y2, float meters) => new(kind, x1, y1, x2, y2, meters);

    private static DetectedObject Find(int kind, float score, float x1, float y1, float x2, float y2, float meters) => new(kind, score, x1, y1, x2, y2, meters);
}
