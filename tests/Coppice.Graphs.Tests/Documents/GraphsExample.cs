using Coppice.Graphs;
using Coppice.Graphs.Training;

namespace Coppice.Graphs.Tests.Documents;

/// <summary>The example of docs/graphs.md, line by line.</summary>
internal static class GraphsExample
{
    public static void Run(string checkpoint, string file, TextWriter output)
    {
        var graph = new Graph("net");
        Value image = graph.Input("image", new Shape(8, 1, 12, 12));
        Value label = graph.Input("label", new Shape(8), ElementType.Int64);
        Value kernel = graph.Parameter("kernel", new Shape(4, 1, 3, 3));
        Value head = graph.Parameter("head", new Shape(4, 2));
        Value features = image.Conv(kernel, null, new Window { Padding = 1 }).Relu();
        Value logits = features.GlobalAveragePool().Reshape(new Shape(8, 4)).MatMul(head, "logits");
        Value loss = logits.CrossEntropy(label, name: "loss");

        var random = new Random(1);
        TensorData Start(Shape shape) => TensorData.Of<float>(shape, [.. Enumerable.Range(0, (int)shape.Count).Select(_ => random.NextSingle() - 0.5f)]);
        var weights = graph.Parameters.ToDictionary(p => p.Name, p => Start(p.Shape));
        var options = new TrainerOptions { Optimizer = new AdamW(), LearningRate = new LearningRate { Peak = 0.02f, Steps = 200 } };
        using var trainer = new Trainer(graph, loss, weights, options);
        for (int step = 0; step < 200; step++)
        {
            trainer.Step(_ => Fill(trainer.Buffer(image).As<float>(), trainer.Buffer(label).As<long>()));
            if (step % 50 == 0) output.WriteLine($"step {step}: loss {trainer.Loss}");
        }

        trainer.Save(checkpoint);

        var deployed = new Graph("deployed");
        Value x = deployed.Input("image", new Shape(1, 1, 12, 12));
        Value seen = x.Conv(deployed.Parameter("kernel", kernel.Shape), null, new Window { Padding = 1 }).Relu();
        Value answer = seen.GlobalAveragePool().Reshape(new Shape(1, 4)).MatMul(deployed.Parameter("head", head.Shape), "answer");
        deployed.Output(answer);
        OnnxFile.Write(deployed, file, trainer.Weights());
        using var session = new GraphSession(File.ReadAllBytes(file), new GraphRunOptions { Threads = 1 });
        IReadOnlyDictionary<string, TensorData> results = session.Run(new Dictionary<string, TensorData> { ["image"] = Stripes() });
        ReadOnlySpan<float> scores = results["answer"].As<float>();
        output.WriteLine($"across {scores[0]}, down {scores[1]}");

        // Stripes across (label 0) or down (label 1).
        void Fill(Span<float> pixels, Span<long> labels)
        {
            for (int i = 0; i < labels.Length; i++)
            {
                labels[i] = random.Next(2);
                for (int p = 0; p < 144; p++) pixels[(i * 144) + p] = (labels[i] == 0 ? p / 12 : p % 12) / 2 % 2 + (random.NextSingle() * 0.1f);
            }
        }

        static TensorData Stripes() => TensorData.Of<float>(new Shape(1, 1, 12, 12), [.. Enumerable.Range(0, 144).Select(p => (float)(p % 12 / 2 % 2))]);
    }
}
