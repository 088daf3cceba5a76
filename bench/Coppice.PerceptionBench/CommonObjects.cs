using Coppice.Graphs;
using Coppice.Perception.Data;
using Coppice.Perception.Detection;
using Coppice.Perception.Evaluation;
using Coppice.Perception.Networks;
using Coppice.Perception.Training;

namespace Coppice.PerceptionBench;

/// <summary>
/// The error of distances over the objects that the joint network and the one for boxes both find. Over what each finds by itself, a network
/// that finds more, and so the harder ones as well, looks the worse for it.
/// </summary>
internal static class CommonObjects
{
    /// <summary>Measures the pairs of weights in a folder that <c>learn</c> left.</summary>
    public static int Run(string folder, Options options)
    {
        foreach (Learned joint in Results.Read<Learned>(folder, "joint-*.learned.json"))
        {
            var streets = new SyntheticStreets(SyntheticStreets.SeedOf("val"), joint.HeldOut, joint.Width, joint.Height) { LeastHeight = joint.LeastHeight / 100f };
            float[] Of(string name) => Distances(Path.Combine(folder, $"{name}-{joint.Seed}.safetensors"), streets, options.Threads);
            float[][] both = [Of("joint"), Of("detection+distance")];
            float[] truths = [.. Enumerable.Range(0, streets.Count).SelectMany(i => streets.Read(i).Objects).Select(o => o.DistanceMeters)];
            int[] common = [.. Enumerable.Range(0, truths.Length).Where(i => !float.IsNaN(both[0][i]) && !float.IsNaN(both[1][i]))];
            double Error(float[] found) => 100 * common.Average(i => Math.Abs(found[i] - truths[i]) / truths[i]);
            Console.WriteLine(
                $"seed {joint.Seed}: of {truths.Length} objects joint finds {both[0].Count(float.IsFinite)}, boxes alone {both[1].Count(float.IsFinite)}; "
                + $"distance error over the {common.Length} that both find: {Error(both[0]):0.00}% and {Error(both[1]):0.00}%");
        }

        return 0;
    }

    /// <summary>For each object of all scenes in turn the distance that the best right box tells, or not a number.</summary>
    private static float[] Distances(string path, SyntheticStreets streets, int threads)
    {
        (PerceptionConfig config, IReadOnlyDictionary<string, TensorData> weights, _) = PerceptionWeights.Load(path);
        using var answers = new SceneAnswers(config, new GraphRunOptions { Threads = threads, Spin = false });
        answers.Load(weights);
        var all = new List<float>();
        var found = new List<DetectedObject>();
        byte[] labels = new byte[config.Width * config.Height];
        for (int i = 0; i < streets.Count; i++)
        {
            Scene scene = streets.Read(i);
            answers.Answer(scene.Image, found, labels);
            var likely = found.Where(f => f.Score > DetectionScores.LeastScoreForDistance).OrderByDescending(f => f.Score).ToList();
            foreach (SceneObject truth in scene.Objects)
            {
                int best = likely.FindIndex(f => f.Class == truth.Class && DetectionScores.Overlap(truth, f) >= DetectionScores.LeastOverlap);
                bool counts = best >= 0 && truth.DistanceMeters is > 0 and <= DetectionScores.FarthestMeters;
                all.Add(counts ? likely[best].DistanceMeters : float.NaN);
            }
        }

        return [.. all];
    }
}
