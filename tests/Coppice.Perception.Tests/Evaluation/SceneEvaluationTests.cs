using Coppice.Perception.Data;
using Coppice.Perception.Detection;
using Coppice.Perception.Evaluation;

namespace Coppice.Perception.Tests.Evaluation;

public sealed class SceneEvaluationTests
{
    [Fact]
    public void Answers_that_are_the_truth_score_best_and_a_limit_ends_the_work()
    {
        var set = new SyntheticStreets(9, 6, 128, 64);
        var evaluation = new SceneEvaluation(set, withObjects: true, withLabels: true);
        int index = 0;
        bool ended = evaluation.Run(_ => Truth(set.Read(index++)), 4, null, CancellationToken.None);

        Assert.True(ended);
        Assert.Equal(4, evaluation.Frames.Count);
        Assert.Equal(1, evaluation.Pixels!.MeanIou);
        Assert.Equal(1, evaluation.Pixels.PixelAccuracy);
        Assert.Equal(1, evaluation.Detection!.MeanAveragePrecision);
        Assert.Equal(0, evaluation.Detection.DistanceErrorPercent);
        Assert.All(evaluation.Frames, frame => Assert.Equal((1.0, 0, 0), (frame.Summary, frame.Wrong, frame.Missed)));
    }

    [Fact]
    public void A_cancelled_run_keeps_what_is_done()
    {
        var set = new SyntheticStreets(9, 6, 64, 32);
        using var cancel = new CancellationTokenSource();
        var evaluation = new SceneEvaluation(set, false, true);
        int index = 0;
        bool ended = evaluation.Run(_ => Truth(set.Read(index++)), 6, done => { if (done == 2) cancel.Cancel(); }, cancel.Token);
        Assert.False(ended);
        Assert.Equal(2, evaluation.Frames.Count);
        Assert.Null(evaluation.Detection);
    }

    [Fact]
    public void A_wrong_frame_is_told_from_a_right_one()
    {
        var set = new SyntheticStreets(9, 2, 64, 32);
        var evaluation = new SceneEvaluation(set, false, true);
        evaluation.Add(0, set.Read(0), Truth(set.Read(0)));
        evaluation.Add(1, set.Read(1), new SceneAnswer([], new byte[64 * 32]));
        Assert.Equal(1, evaluation.Frames[0].MeanIou);
        Assert.InRange(evaluation.Frames[1].MeanIou, 0, 0.5);
    }

    private static SceneAnswer Truth(Scene scene) =>
        new([.. scene.Objects.Select(o => new DetectedObject(o.Class, 0.9f, o.X1, o.Y1, o.X2, o.Y2, o.DistanceMeters))], scene.Labels);
}
