using Coppice.Graphs;
using Coppice.Graphs.Training;
using Coppice.Perception.Networks;
using Coppice.Perception.Training;

namespace Coppice.Perception.Tests.Training;

public sealed class PixelPhasesTests
{
    [Theory]
    [InlineData(48, 32, 4)]
    [InlineData(48, 32, 2)]
    [InlineData(45, 35, 4)]
    [InlineData(45, 35, 2)]
    public void In_four_steps_every_pixel_is_learned_where_it_is_told_later(int width, int height, int stride)
    {
        const int Classes = 3;
        var config = new PerceptionConfig { Width = width, Height = height, LabelStride = stride };
        int rows = (height + 3) / 4 * (4 / stride), columns = (width + 3) / 4 * (4 / stride);
        var random = new Random(7);
        TensorData scores = TensorData.Of<float>(new(1, Classes, rows, columns), [.. Enumerable.Range(0, Classes * rows * columns).Select(_ => random.NextSingle())]);
        float[] whole = Enlarged(scores, config);

        var graph = new Graph();
        Value stored = graph.Parameter("scores", scores.Shape);
        var phases = new PixelPhases(graph, stored, config);
        Value found = graph.Output(phases.Scores.Identity("found"));
        using var trainer = new Trainer(
            graph, phases.Scores.Sum(), new Dictionary<string, TensorData> { ["scores"] = scores },
            new TrainerOptions { LearningRate = new LearningRate { Peak = 1e-30f, Steps = 10 }, Run = new GraphRunOptions { Threads = 1 } });
        var seen = new int[height, width];
        int blockRows = (height + 1) / 2, blockColumns = (width + 1) / 2;
        for (long step = 0; step < 4; step++)
        {
            trainer.Step(_ => phases.Load(trainer, step));
            (int down, int right) = PixelPhases.Of(step);
            ReadOnlySpan<float> given = trainer.Buffer(found).As<float>();
            for (int block = 0; block < blockRows * blockColumns; block++)
            {
                int y = PixelPhases.Pixel(block / blockColumns, down, height), x = PixelPhases.Pixel(block % blockColumns, right, width);
                seen[y, x]++;
                for (int c = 0; c < Classes; c++)
                    Assert.Equal(whole[(((c * height) + y) * width) + x], given[(c * blockRows * blockColumns) + block], 1e-5f);
            }
        }

        // Blocks that are cut show their pixels again.
        foreach (int count in seen) Assert.InRange(count, 1, 4);
        if (width % 2 == 0) Assert.Equal(width * height, seen.Cast<int>().Count(n => n == 1));
    }

    private static float[] Enlarged(TensorData scores, PerceptionConfig config)
    {
        var graph = new Graph();
        Value x = graph.Input("x", scores.Shape);
        graph.Output(FastNetwork.Enlarge(x, config.LabelStride, new(config.Height, config.Width)).Identity("y"));
        using var session = new GraphSession(graph, new GraphRunOptions { Threads = 1 });
        return session.Run(new Dictionary<string, TensorData> { ["x"] = scores })["y"].As<float>().ToArray();
    }
}
