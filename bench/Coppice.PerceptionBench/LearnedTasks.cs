using System.Diagnostics;
using Coppice.Graphs;
using Coppice.Graphs.Training;
using Coppice.Perception.Data;
using Coppice.Perception.Losses;
using Coppice.Perception.Networks;
using Coppice.Perception.Training;

namespace Coppice.PerceptionBench;

/// <summary>Trainings of the fast variant on synthetic streets, together and one by one.</summary>
internal static class LearnedTasks
{
    public static readonly (string Name, PerceptionTasks Tasks)[] All =
    [
        ("joint", PerceptionTasks.All),
        ("detection+distance", PerceptionTasks.Detection | PerceptionTasks.Distance),
        ("segmentation", PerceptionTasks.Segmentation),
    ];

    /// <summary>Weight of the pixels' loss beside the boxes' 1 and the distances' 1 where none is asked for.</summary>
    public const int DefaultSegmentationWeight = 2;

    public static int Run(string folder, Options options, CancellationToken stop)
    {
        (int width, int height) = options.Size(256, 128);
        int scenes = options.Number("scenes", 800), held = options.Number("held", 200);
        int least = options.Number("least-height", 0);
        SyntheticStreets training = Streets("train", scenes, width, height, least), heldOut = Streets("val", held, width, height, least);
        string[] asked = options.Text("networks", string.Join(',', All.Select(a => a.Name))).Split(',');
        int weight = options.Number("segmentation-weight", DefaultSegmentationWeight);
        for (int seed = 1; seed <= options.Number("seeds", 2); seed++)
        {
            foreach ((string name, PerceptionTasks tasks) in All.Where(a => asked.Contains(a.Name)))
            {
                string path = Path.Combine(folder, $"{name}-{seed}.safetensors"), result = Path.ChangeExtension(path, ".learned.json");
                if (File.Exists(result)) continue;
                PerceptionRecipe recipe = Recipe(name, seed, width, height, options.Number("steps", 1200), options.Number("batch", 8), weight);
                PerceptionConfig config = Config(PerceptionVariant.Fast, tasks, width, height, training.ObjectClasses, training.LabelClasses);
                Console.Error.WriteLine($"{name}, seed {seed}");
                double before = Minutes(path);
                using var learning = new MultiTaskTraining(recipe, config, training, heldOut, path, options.Threads);
                if (!Learn(learning, recipe, stop)) return 1;
                Measured ofImage = Percent(Score(path, heldOut, NormalizationMode.Batch, options.Threads));
                Results.Write(result, new Learned(
                    name, seed, width, height, least, weight, recipe.Stages[0].Steps, recipe.Stages[0].Batch, scenes, held, Minutes(path) - before, Percent(learning.Score!), ofImage));
            }
        }

        return 0;
    }

    /// <summary>Measures the weights of trainings once more.</summary>
    public static int Measure(string folder, Options options)
    {
        foreach (string result in Directory.GetFiles(folder, "*.learned*.json").Order(StringComparer.Ordinal))
        {
            Learned before = Results.Read<Learned>(folder, Path.GetFileName(result))[0];
            bool heart = before.HeldOut == before.Scenes;
            SyntheticStreets scenes = Streets(heart ? "train" : "val", before.HeldOut, before.Width, before.Height, before.LeastHeight);
            string path = Path.Combine(folder, Path.GetFileName(result).Split(".learned")[0] + ".safetensors");
            Results.Write(result, before with
            {
                Running = Percent(Score(path, scenes, NormalizationMode.Running, options.Threads)),
                OfImage = Percent(Score(path, scenes, NormalizationMode.Batch, options.Threads)),
            });
        }

        return 0;
    }

    public static int Overfit(string folder, Options options, CancellationToken stop)
    {
        (int width, int height) = options.Size(256, 128);
        SyntheticStreets scenes = Streets("train", 8, width, height, options.Number("least-height", 0));
        PerceptionRecipe recipe = Recipe("overfit", 1, width, height, options.Number("steps", 800), 8, 2);
        recipe.MirrorOnly = false;
        PerceptionConfig config = Config(PerceptionVariant.Fast, PerceptionTasks.All, width, height, scenes.ObjectClasses, scenes.LabelClasses);
        string path = Path.Combine(folder, $"overfit-{width}x{height}.safetensors");
        using var learning = new MultiTaskTraining(recipe, config, scenes, scenes, path, options.Threads);
        if (!Learn(learning, recipe, stop)) return 1;
        Results.Write(Path.ChangeExtension(path, ".learned8.json"), new Learned(
            "overfit", 1, width, height, options.Number("least-height", 0), 2, recipe.Stages[0].Steps, 8, 8, 8, Minutes(path), Percent(learning.Score!), Percent(Score(path, scenes, NormalizationMode.Batch, options.Threads))));
        Console.WriteLine(learning.Score);
        return 0;
    }

    /// <summary>Streets of a split whose boxes have at least so many percent of the picture's height.</summary>
    private static SyntheticStreets Streets(string split, int count, int width, int height, int leastHeight) =>
        new(SyntheticStreets.SeedOf(split), count, width, height) { LeastHeight = leastHeight / 100f };

    public static PerceptionConfig Config(
        PerceptionVariant variant, PerceptionTasks tasks, int width, int height, IReadOnlyList<string> objects, IReadOnlyList<string> labels) => new()
    {
        Variant = variant,
        Tasks = tasks,
        Width = width,
        Height = height,
        LabelStride = variant == PerceptionVariant.Fast ? 2 : 4,
        ObjectClasses = tasks.HasFlag(PerceptionTasks.Detection) ? objects : [],
        LabelClasses = tasks.HasFlag(PerceptionTasks.Segmentation) ? labels : [],
    };

    private static PerceptionRecipe Recipe(string name, int seed, int width, int height, int steps, int batch, int segmentationWeight) => new()
    {
        Name = name,
        Seed = seed,
        Width = width,
        Height = height,
        Stages = [new() { Steps = steps, Batch = batch, Width = width, Height = height, MinScale = 1, MaxScale = 1 }],
        MirrorOnly = true,
        LearningRate = 3e-3f,
        WarmupSteps = Math.Min(100, steps / 10),
        AverageDecay = 0.995f,
        EvaluateEvery = Math.Max(100, steps / 4),
        ClipNorm = 10,
        // The clean normalizations, as assets/streets.json has them: streets have unlabelled pixels in different numbers.
        Loss = new LossOptions
        {
            SegmentationWeight = segmentationWeight,
            LeastNegatives = 16,
            BoxNormalization = BoxNormalization.ObjectAnchors,
            PixelNormalization = PixelNormalization.ValidPixels,
        },
    };

    private static bool Learn(MultiTaskTraining learning, PerceptionRecipe recipe, CancellationToken stop)
    {
        var clock = Stopwatch.StartNew();
        return learning.Run(
            TimeSpan.FromSeconds(60),
            p => Console.Error.WriteLine(
                $"step {p.Step} of {recipe.Steps}: loss {p.Loss:0.000} ({string.Join(", ", learning.Losses.Select(l => $"{l.Key} {l.Value:0.000}"))}), {clock.Elapsed.TotalSeconds:0} s{(double.IsNaN(p.Held) ? "" : $"; {learning.Score}")}"),
            null,
            stop);
    }

    private static SceneScore Score(string path, ISceneSet scenes, NormalizationMode mode, int threads)
    {
        (PerceptionConfig config, IReadOnlyDictionary<string, TensorData> weights, _) = PerceptionWeights.Load(path);
        using var answers = new SceneAnswers(config, new GraphRunOptions { Threads = threads, Spin = false }, mode);
        answers.Load(weights);
        return SceneScore.Of(answers, config, new KeptScenes(scenes, config));
    }

    private static Measured Percent(SceneScore score) => new(
        Finite(100 * score.MeanAveragePrecision), Finite(score.DistanceErrorPercent), Finite(100 * score.MeanIou));

    private static double? Finite(double number) => double.IsFinite(number) ? number : null;

    private static double Minutes(string path)
    {
        string curve = Path.ChangeExtension(path, ".curve.csv");
        return File.Exists(curve) ? CurveFile.Read(curve).Select(p => p.Seconds / 60).DefaultIfEmpty(0).Max() : 0;
    }
}
