using Coppice.Graphs.Training;

namespace Coppice.Graphs.Tests.Training;

public sealed class TrainingRunTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("coppice-run-").FullName;

    private string Checkpoint => Path.Combine(_folder, "run.safetensors");

    private string Curve => Path.Combine(_folder, "curve.csv");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_run_that_is_broken_off_and_resumed_ends_in_the_same_bits()
    {
        byte[] whole = Train(steps: 40, stopAt: []);
        File.Delete(Checkpoint);
        File.Delete(Curve);
        byte[] broken = Train(steps: 40, stopAt: [7, 8, 31]);
        Assert.Equal(whole, broken);
    }

    [Fact]
    public void The_curve_goes_on_where_it_was()
    {
        Train(steps: 40, stopAt: [17]);
        Assert.Equal([10L, 20, 30, 40], CurveFile.Read(Curve).Select(p => p.Step));
        Assert.All(CurveFile.Read(Curve), p => Assert.True(double.IsFinite(p.Loss) && p.Rate >= 0));
        Assert.Equal([false, true, false, true], CurveFile.Read(Curve).Select(p => double.IsFinite(p.Held)));
    }

    [Fact]
    public void A_checkpoint_of_another_run_is_refused_by_name()
    {
        Train(steps: 5, stopAt: []);
        Assert.Contains("expected changed, found nothing;", Assert.Throws<GraphException>(() => Train(5, [], "changed")).Message, StringComparison.Ordinal);
        Assert.Contains("beyond", Assert.Throws<GraphException>(() => Train(3, [])).Message, StringComparison.Ordinal);
        using Trainer plain = TrainerTests.Quadratic(new TrainerOptions { Optimizer = new Sgd { Momentum = 0 } });
        Assert.Contains("'average.w' is not part of this training", Assert.Throws<GraphException>(() => plain.Load(Checkpoint)).Message, StringComparison.Ordinal);
        Safetensors.Write(Checkpoint, new Dictionary<string, TensorData> { ["other"] = TensorData.Of<float>(new(1), [1]) });
        Assert.Contains("no tensor 'w'", Assert.Throws<GraphException>(() => plain.Load(Checkpoint)).Message, StringComparison.Ordinal);
        File.WriteAllBytes(Checkpoint, File.ReadAllBytes(Checkpoint)[..^3]);
        Assert.Contains(Checkpoint, Assert.Throws<GraphException>(() => Train(5, [])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("data\n{\n  rate: 2,\n  seed: 2\n}", "expected rate: 2, found rate: 1;")]
    [InlineData("data\n{\n  rate: 1,\n  seed: 3\n}", "expected seed: 3, found seed: 2;")]
    [InlineData("data\n{\n  rate: 1,\n  seed: 2\n}\nmore", "expected more, found nothing;")]
    [InlineData("others\n{", "expected others, found data;")]
    public void The_first_setting_that_changed_is_named(string settings, string message)
    {
        Train(5, [], "data\n{\n  rate: 1,\n  seed: 2\n}");
        Assert.Contains(message, Assert.Throws<GraphException>(() => Train(5, [], settings)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_divergence_leaves_the_weights_of_before()
    {
        using Trainer trainer = TrainerTests.Quadratic(new TrainerOptions { Optimizer = new Sgd() });
        var run = new TrainingRun(trainer, new TrainingRunOptions { Steps = 10, Checkpoint = Checkpoint });
        Assert.Throws<TrainingDivergedException>(() => run.Run((step, _) => Input(trainer) = step == 4 ? float.NaN : 1));
        Assert.Equal("4", Safetensors.Read(Checkpoint).Metadata["step"]);
    }

    private static ref float Input(Trainer trainer) => ref trainer.Buffer(trainer.BatchInputs[0]).As<float>()[0];

    private byte[] Train(long steps, long[] stopAt, string settings = "")
    {
        var options = new TrainerOptions
        {
            Optimizer = new AdamW(),
            AverageDecay = 0.9f,
            LearningRate = new LearningRate { Peak = 0.1f, Steps = 40, WarmupSteps = 4 },
        };
        var runOptions = new TrainingRunOptions
        {
            Steps = steps,
            Checkpoint = Checkpoint,
            Curve = Curve,
            ReportEvery = 10,
            EvaluateEvery = 20,
            Settings = settings,
        };
        foreach (long stop in stopAt.Append(long.MaxValue))
        {
            using Trainer trainer = TrainerTests.Quadratic(options);
            using var cancel = new CancellationTokenSource();
            var run = new TrainingRun(trainer, runOptions)
            {
                Evaluate = () => 1,
                Stepped = step =>
                {
                    if (step == stop) cancel.Cancel();
                },
            };
            bool ended = run.Run((step, _) => Input(trainer) = (step * 7 % 5) - 1, cancel.Token);
            Assert.Equal(stop == long.MaxValue, ended);
        }

        (IReadOnlyDictionary<string, TensorData> tensors, _) = Safetensors.Read(Checkpoint);
        return [.. tensors.OrderBy(t => t.Key, StringComparer.Ordinal).SelectMany(t => t.Value.Bytes.ToArray())];
    }
}
