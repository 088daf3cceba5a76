using Coppice.Graphs;
using Coppice.Graphs.Training;
using Coppice.Perception.Data;
using Coppice.Perception.Evaluation;
using Coppice.Perception.Inference;

namespace Coppice.PerceptionBench;

/// <summary>
/// The best that scores on a coarse grid can tell: the scores themselves are learned, without a network, for the labels of a few streets, and
/// measured as a network's are. A network with that grid and that loss can hardly do better on streets that it knows by heart.
/// </summary>
internal static class LabelCeiling
{
    private const int Streets = 8;

    // So many times larger gradients leave the optimizer's epsilon without weight.
    private const float LossFactor = 1000;

    public static int Run(Options options)
    {
        (int width, int height) = options.Size(256, 128);
        int steps = options.Number("steps", 80), classes = SceneClasses.Street.Count;
        var set = new SyntheticStreets(SyntheticStreets.SeedOf("train"), Streets, width, height);
        byte[][] labels = [.. Enumerable.Range(0, Streets).Select(i => set.Read(i).Labels!)];
        foreach ((int stride, int apart) in ((int, int)[])[(4, 2), (4, 1), (2, 1)])
        {
            var graph = new Graph();
            Value scores = graph.Parameter("scores", new(Streets, classes, height / stride, width / stride));
            Value targets = graph.Input("labels", new(Streets, height / apart, width / apart), ElementType.Int32);
            Value loss = scores.ResizeByProducts(new(height / apart, width / apart)).CrossEntropy(targets, 1) * LossFactor;
            var first = new Dictionary<string, TensorData> { ["scores"] = TensorData.Of<float>(scores.Shape, new float[scores.Shape.Count]) };
            using var trainer = new Trainer(graph, loss, first, new TrainerOptions
            {
                Optimizer = new AdamW { Beta2 = 0.99f },
                LearningRate = new LearningRate { Peak = 0.5f, WarmupSteps = 5, Steps = steps, Floor = 0.05f },
                Run = new GraphRunOptions { Threads = options.Threads, Spin = false },
            });
            int[] wanted = [.. labels.SelectMany(l => Picked(l, width, height, apart))];
            for (int step = 0; step < steps; step++) trainer.Step(_ => wanted.CopyTo(trainer.Buffer(targets).As<int>()));
            double found = Measure(trainer.Weights()["scores"], labels, width, height);
            Console.WriteLine($"scores at 1/{stride} of the sides, labels of {(apart == 1 ? "every pixel" : "the lower right pixel of each 2x2 block")}: mIoU {100 * found:0.0}%");
        }

        return 0;
    }

    private static IEnumerable<int> Picked(byte[] labels, int width, int height, int apart)
    {
        for (int y = apart - 1; y < height; y += apart)
        {
            for (int x = apart - 1; x < width; x += apart) yield return labels[(y * width) + x];
        }
    }

    private static double Measure(TensorData scores, byte[][] labels, int width, int height)
    {
        (int classes, int rows, int columns) = (scores.Shape[1], scores.Shape[2], scores.Shape[3]);
        var map = new LabelMap(classes, rows, columns, 1, rows, columns);
        var matrix = new ConfusionMatrix(classes);
        var found = new byte[width * height];
        for (int i = 0; i < Streets; i++)
        {
            map.Write(scores.As<float>().Slice(i * classes * rows * columns, classes * rows * columns), found, width, height);
            matrix.Add(labels[i], found);
        }

        return matrix.MeanIou;
    }
}
