using Coppice.Perception.Data;
using Coppice.Perception.Evaluation;

namespace Coppice.Perception.Tests.Evaluation;

public sealed class ConfusionMatrixTests
{
    [Fact]
    public void The_numbers_are_those_of_a_hand_computed_example()
    {
        var matrix = new ConfusionMatrix(4);
        matrix.Add([0, 0, 0, 1, 1, 255, 255], [0, 0, 1, 1, 2, 0, 3]);

        Assert.Equal(2.0 / 3, matrix.Iou(0), 12); // 2 common; true 3, given 2 (that on void does not count).
        Assert.Equal(1.0 / 3, matrix.Iou(1), 12); // 1 common; true 2, given 2.
        Assert.Equal(0, matrix.Iou(2)); // Given once, never true: counts as 0.
        Assert.Equal(double.NaN, matrix.Iou(3)); // Given on void alone: left out.
        Assert.Equal((2.0 / 3 + 1.0 / 3 + 0) / 3, matrix.MeanIou, 12);
        Assert.Equal(3.0 / 5, matrix.PixelAccuracy, 12);
        Assert.Equal(5, matrix.Pixels);
    }

    [Fact]
    public void Sums_of_matrices_and_a_slow_count_of_sets_agree()
    {
        var random = new SceneRandom(3, 0);
        var whole = new ConfusionMatrix(5);
        var allTruth = new List<byte>();
        var allGiven = new List<byte>();
        for (int image = 0; image < 6; image++)
        {
            byte[] truth = new byte[211], given = new byte[211];
            for (int i = 0; i < truth.Length; i++)
            {
                truth[i] = random.Chance(0.1) ? SceneClasses.Ignored : (byte)random.Below(4);
                given[i] = (byte)(random.Chance(0.6) && truth[i] < 5 ? truth[i] : random.Below(4));
            }

            var one = new ConfusionMatrix(5);
            one.Add(truth, given);
            whole.Add(one);
            allTruth.AddRange(truth);
            allGiven.AddRange(given);
        }

        double sum = 0;
        for (int c = 0; c < 4; c++)
        {
            HashSet<int> isTrue = [.. Enumerable.Range(0, allTruth.Count).Where(i => allTruth[i] == c)];
            HashSet<int> isGiven = [.. Enumerable.Range(0, allTruth.Count).Where(i => allTruth[i] != 255 && allGiven[i] == c)];
            double iou = (double)isTrue.Intersect(isGiven).Count() / isTrue.Union(isGiven).Count();
            Assert.Equal(iou, whole.Iou(c), 12);
            sum += iou;
        }

        Assert.Equal(sum / 4, whole.MeanIou, 12);
    }

    [Fact]
    public void Nothing_counted_is_no_number_and_wrong_input_is_refused()
    {
        var matrix = new ConfusionMatrix(2);
        Assert.True(double.IsNaN(matrix.MeanIou));
        Assert.True(double.IsNaN(matrix.PixelAccuracy));
        Assert.Throws<ArgumentException>(() => matrix.Add([0, 1], [0]));
        Assert.Throws<ArgumentException>(() => matrix.Add([0], [2]));
        Assert.Throws<ArgumentException>(() => matrix.Add(new ConfusionMatrix(3)));
    }
}
