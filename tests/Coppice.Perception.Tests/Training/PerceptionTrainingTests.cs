using Coppice.Graphs;
using Coppice.Perception.Inference;
using Coppice.Perception.Networks;
using Coppice.Perception.Training;

namespace Coppice.Perception.Tests.Training;

public sealed class PerceptionTrainingTests
{
    private const int Width = 96, Height = 64;

    [Fact]
    public void A_few_scenes_are_learned_by_heart_in_stages_and_then_perceived()
    {
        using var folder = new TemporaryFolder();
        var scenes = new BlockScenes(4, Width, Height);
        string path = folder.File("weights.safetensors");
        using (var training = new PerceptionTraining(Recipe(25, 120) with { ClassWeightCorrection = 1 }, Config(scenes), scenes, scenes, path, 1))
        {
            Assert.True(training.Run(TimeSpan.FromHours(1)));
            Assert.True(training.Iou.Values.Average() > 0.92, string.Join(' ', training.Iou));
        }

        foreach (PerceptionPrecision precision in Enum.GetValues<PerceptionPrecision>())
        {
            using Perceiver perceiver = Perceiver.Load(path, new PerceiverOptions { Precision = precision, Run = new GraphRunOptions { Threads = 1 } });
            int right = 0;
            for (int i = 0; i < scenes.Count; i++)
            {
                ReadOnlySpan<byte> truth = scenes.Read(i).Labels, found = perceiver.Perceive(scenes.Read(i).Image).Labels;
                for (int at = 0; at < truth.Length; at++) right += truth[at] == found[at] ? 1 : 0;
            }

            Assert.True(right > scenes.Count * Width * Height * 0.98, $"{precision}: {right}");
        }
    }

    [Fact]
    public void A_run_that_was_stopped_in_its_second_stage_ends_with_the_bits_of_one_that_was_not()
    {
        using var folder = new TemporaryFolder();
        var scenes = new BlockScenes(5, Width, Height);
        string whole = folder.File("whole.safetensors"), parts = folder.File("parts.safetensors");
        using (PerceptionTraining once = Training(whole)) Assert.True(once.Run(TimeSpan.FromHours(1)));
        using var stop = new CancellationTokenSource();
        using (PerceptionTraining first = Training(parts)) Assert.False(first.Run(TimeSpan.FromHours(1), null, (step, _) => Stop(step), stop.Token));
        using (PerceptionTraining second = Training(parts)) Assert.True(second.Run(TimeSpan.FromHours(1)));
        Assert.Equal(File.ReadAllBytes(whole), File.ReadAllBytes(parts));

        PerceptionTraining Training(string path) => new(Recipe(2, 3), Config(scenes), scenes, scenes, path, 1);

        void Stop(long step)
        {
            if (step == 3) stop.Cancel();
        }
    }

    [Fact]
    public void Class_weights_are_taken_back_in_what_is_written_without_training_anew()
    {
        using var folder = new TemporaryFolder();
        var scenes = new BlockScenes(4, Width, Height);
        string path = folder.File("weights.safetensors");
        float[] plain = Biases(0), half = Biases(0.5), whole = Biases(1);
        double[] shares = [.. Enumerable.Range(0, 3).Select(c => Enumerable.Range(0, 4).Average(i => scenes.Read(i).Labels!.Count(l => l == c) / (double)(Width * Height)))];
        for (int c = 0; c < 3; c++)
        {
            double weight = 1 / Math.Log(1.05 + shares[c]);
            Assert.Equal(plain[c] - Math.Log(weight), whole[c], 1e-4);
            Assert.Equal(plain[c] - (Math.Log(weight) / 2), half[c], 1e-4);
        }

        float[] Biases(double correction)
        {
            using var training = new PerceptionTraining(Recipe(1, 1) with { ClassWeightCorrection = correction }, Config(scenes), scenes, scenes, path, 1);
            Assert.True(training.Run(TimeSpan.FromHours(1)));
            return PerceptionWeights.Load(path).Weights["segmentation.score.bias"].As<float>().ToArray();
        }
    }

    [Theory]
    [InlineData("""{ "stages": [ { "width": 100 } ] }""", "stages.width: expected a multiple of 8")]
    [InlineData("""{ "averageDecay": 1 }""", "averageDecay: expected 0 to less than 1")]
    [InlineData("""{ "stages": [] }""", "stages: expected one or more")]
    [InlineData("""{ "step": 3 }""", "expected a recipe in JSON")]
    public void A_recipe_that_can_not_be_trained_is_refused(string json, string expected)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("recipe.json");
        File.WriteAllText(path, json);
        Assert.Contains(expected, Assert.Throws<GraphException>(() => PerceptionRecipe.Read(path)).Message, StringComparison.Ordinal);
    }

    private static PerceptionConfig Config(BlockScenes scenes) =>
        new() { Width = Width, Height = Height, LabelStride = 2, LabelClasses = scenes.LabelClasses, Tasks = PerceptionTasks.Segmentation };

    private static PerceptionRecipe Recipe(int first, int second) => new()
    {
        Width = Width,
        Height = Height,
        Stages =
        [
            new() { Steps = first, Batch = 4, Width = 64, Height = 48, MinScale = 0.8, MaxScale = 1.2 },
            new() { Steps = second, Batch = 4, Width = Width, Height = Height, MinScale = 1, MaxScale = 1 },
        ],
        LearningRate = 4e-3f,
        WarmupSteps = Math.Min(first, 10),
        AverageDecay = 0.9f,
        ColorJitter = 0.1f,
        EvaluateEvery = 1000,
    };
}
