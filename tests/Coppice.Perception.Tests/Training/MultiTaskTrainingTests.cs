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
        Assert.True(score.MeanAveragePrecision > 0.95 && score.MeanIou > 0.95 && score.DistanceErrorPercent < 8, score.ToString());
        Assert.Equal(["boxes", "classes", "segmentation"], training.Losses.Keys.Order());
    }

    [Fact]
    public void A_run_that_was_stopped_ends_with_the_bits_of_one_that_was_not()
    {
        using var folder = new TemporaryFolder();
        var scenes = new BlockScenes(5, Width, Height);
        string whole = folder.File("whole.safetensors"), parts = folder.File("parts.safetensors");
        using (MultiTaskTraining once = Training(whole)) Assert.True(once.Run(TimeSpan.FromHours(1)));
        using var stop = new CancellationTokenSource();
        using (MultiTaskTraining first = Training(parts))
        {
            Assert.False(first.Run(TimeSpan.FromHours(1), null, (step, _) => Stop(step), stop.Token));
            Assert.Equal("2", PerceptionWeights.Load(parts).Metadata["steps"]);
        }

        using (MultiTaskTraining second = Training(parts)) Assert.True(second.Run(TimeSpan.FromHours(1)));
        Assert.Equal(File.ReadAllBytes(whole), File.ReadAllBytes(parts));
        using MultiTaskTraining other = Training(parts, seed: 2);
        Assert.Contains("other settings", Assert.Throws<GraphException>(() => other.Run(TimeSpan.FromHours(1))).Message, StringComparison.Ordinal);

        MultiTaskTraining Training(string path, int seed = 1) =>
            new(Recipe(4) with { Seed = seed }, Config(scenes, PerceptionTasks.Detection), scenes, scenes, path, 1);

        void Stop(long step)
        {
            if (step == 2) stop.Cancel();
        }
    }

    [Fact]
    public void A_training_starts_from_the_weights_of_another_and_gives_each_quarter_its_cell_s_scores()
    {
        using var folder = new TemporaryFolder();
        var scenes = new BlockScenes(3, Width, Height);
        string coarse = folder.File("coarse.safetensors"), fine = folder.File("fine.safetensors");
        PerceptionConfig config = Config(scenes, PerceptionTasks.All);
        PerceptionRecipe recipe = Recipe(1) with { AverageDecay = 0 };
        using (var first = new MultiTaskTraining(recipe, config with { LabelStride = 4 }, scenes, scenes, coarse, 1)) Assert.True(first.Run(TimeSpan.FromHours(1)));
        using (var second = new MultiTaskTraining(recipe with { LearningRate = 1e-12f, WeightDecay = 0, Seed = 9 }, config, scenes, scenes, fine, 1, coarse))
            Assert.True(second.Run(TimeSpan.FromHours(1)));
        IReadOnlyDictionary<string, TensorData> before = PerceptionWeights.Load(coarse).Weights, after = PerceptionWeights.Load(fine).Weights;
        Assert.Equal(before["neck.res4.merge.weight"].As<float>().ToArray(), after["neck.res4.merge.weight"].As<float>().ToArray(), Same);
        float[] scores = before["segmentation.score.weight"].As<float>().ToArray();
        Assert.Equal([.. scores, .. scores, .. scores, .. scores], after["segmentation.score.weight"].As<float>().ToArray(), Same);
        using var other = new MultiTaskTraining(recipe with { LearningRate = 1e-12f, WeightDecay = 0, Seed = 9 }, config, scenes, scenes, fine, 1);
        Assert.Contains("other settings", Assert.Throws<GraphException>(() => other.Run(TimeSpan.FromHours(1))).Message, StringComparison.Ordinal);

        static bool Same(float a, float b) => Math.Abs(a - b) < 1e-6f;
    }

    [Fact]
    public void What_can_not_be_learned_is_refused()
    {
        var scenes = new BlockScenes(2, Width, Height);
        PerceptionConfig config = Config(scenes, PerceptionTasks.All);
        PerceptionRecipe recipe = Recipe(1);
        Refused("a stage of 96x64; expected 128x64", recipe, config with { Width = 128 }, scenes);
        Refused("pixels are of the classes (ground, red, green); expected (ground, red)", recipe, config with { LabelClasses = ["ground", "red"] }, scenes);
        Refused("boxes are of the classes (red, green); expected (car)", recipe, config with { ObjectClasses = ["car"] }, scenes);
        using var folder = new TemporaryFolder();
        var bare = new BlockScenes(2, Width, Height) { WithLabels = false };
        using var training = new MultiTaskTraining(recipe, config, bare, bare, folder.File("none.safetensors"), 1);
        string message = Assert.ThrowsAny<Exception>(() => training.Run(TimeSpan.FromHours(1))).Message;
        Assert.Contains("a scene without labels of pixels", message, StringComparison.Ordinal);

        static void Refused(string expected, PerceptionRecipe recipe, PerceptionConfig config, BlockScenes scenes)
        {
            string message = Assert.Throws<GraphException>(() => new MultiTaskTraining(recipe, config, scenes, scenes, "none.safetensors", 1)).Message;
            Assert.Contains(expected, message, StringComparison.Ordinal);
        }
    }

    private static PerceptionConfig Config(BlockScenes scenes, PerceptionTasks tasks) => new()
    {
        Variant = PerceptionVariant.Fast,
        Width = Width,
        Height = Height,
        LabelStride = 2,
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
