using Coppice.Graphs;
using Coppice.Perception.Losses;
using Coppice.Perception.Networks;
using Coppice.Perception.Training;

namespace Coppice.Perception.Tests.Training;

public sealed class MultiTaskTrainingTests
{
    private const int Width = 96, Height = 64;

    [Fact]
    public void A_few_scenes_are_learned_by_heart_in_boxes_distances_and_pixels()
    {
        using var folder = new TemporaryFolder();
        var scenes = new BlockScenes(4, Width, Height);
        using var training = new MultiTaskTraining(Recipe(70), Config(scenes, PerceptionTasks.All), scenes, scenes, folder.File("weights.safetensors"), 1);
        Assert.True(training.Run(TimeSpan.FromHours(1)));
        SceneScore score = training.Score!;
        Assert.True(score.MeanAveragePrecision > 0.95 && score.MeanIou > 0.85 && score.DistanceErrorPercent < 8, score.ToString());
        Assert.Equal(["boxes", "classes", "segmentation"], training.Losses.Keys.Order());
    }

    private static PerceptionConfig Config(BlockScenes scenes, PerceptionTasks tasks) => new()
    {
        Variant = PerceptionVariant.Fast,
        Width = Width,
        Height = Height,
        Tasks = tasks,
        ObjectClasses = tasks.HasFlag(PerceptionTasks.Detection) ? scenes.ObjectClasses : [],
        LabelClasses = tasks.HasFlag(PerceptionTasks.Segmentation) ? scenes.LabelClasses : [],
    };

    private static PerceptionRecipe Recipe(int steps) => new()
    {
        Width = Width,
        Height = Height,
        Stages = [new() { Steps = steps, Batch = 4, Width = Width, Height = Height, MinScale = 1, MaxScale = 1 }],
        LearningRate = 3e-3f,
        WarmupSteps = Math.Min(steps, 20),
        AverageDecay = 0.9f,
        EvaluateEvery = 1000,
        Loss = new LossOptions { PixelNormalization = PixelNormalization.ValidPixels },
    };
}
