using Coppice.Graphs.Training;

namespace Coppice.Graphs.Tests.Training;

public sealed class TrainerTests
{
    public static TheoryData<string> Rules => ["sgd", "momentum", "nesterov", "adamw"];

    [Theory]
    [MemberData(nameof(Rules))]
    public void An_update_is_the_rule_s(string rule)
    {
        const float Rate = 0.1f, Decay = 0.01f;
        Optimizer optimizer = rule switch
        {
            "sgd" => new Sgd { Momentum = 0 },
            "momentum" => new Sgd(),
            "nesterov" => new Sgd { Nesterov = true },
            _ => new AdamW(),
        };
        using Trainer trainer = Quadratic(new TrainerOptions
        {
            Optimizer = optimizer,
            WeightDecay = Decay,
            LearningRate = new LearningRate { Peak = Rate, Shape = LearningRateShape.Constant, Steps = 10 },
        });
        double w = 2, m = 0, v = 0;
        for (int step = 1; step <= 5; step++)
        {
            // The loss is (w - 3 x)^2 with x = step.
            trainer.Step(_ => trainer.Buffer(trainer.BatchInputs[0]).As<float>()[0] = step);
            double g = 2 * (w - (3 * step));
            Assert.Equal((w - (3 * step)) * (w - (3 * step)), trainer.Loss, 1e-2);
            Assert.Equal(Math.Abs(g), trainer.GradientNorm, 1e-2);
            switch (optimizer)
            {
                case AdamW a:
                    m = (a.Beta1 * m) + ((1 - a.Beta1) * g);
                    v = (a.Beta2 * v) + ((1 - a.Beta2) * g * g);
                    double corrected = m / (1 - Math.Pow(a.Beta1, step)) / (Math.Sqrt(v / (1 - Math.Pow(a.Beta2, step))) + a.Epsilon);
                    w -= Rate * (corrected + (Decay * w));
                    break;
                case Sgd s:
                    g += Decay * w;
                    m = (s.Momentum * m) + g;
                    w -= Rate * (s.Nesterov ? g + (s.Momentum * m) : m);
                    break;
            }

            Assert.Equal(w, trainer.Weights()["w"].As<float>()[0], 1e-3);
        }
    }

    [Fact]
    public void Long_gradients_are_clipped_to_the_norm()
    {
        using Trainer trainer = Quadratic(new TrainerOptions
        {
            Optimizer = new Sgd { Momentum = 0 },
            ClipNorm = 0.5f,
            LearningRate = new LearningRate { Peak = 1, Shape = LearningRateShape.Constant },
        });
        trainer.Step(_ => trainer.Buffer(trainer.BatchInputs[0]).As<float>()[0] = 100);
        Assert.Equal(2.5f, trainer.Weights()["w"].As<float>()[0], 1e-4f);
        Assert.True(trainer.GradientNorm > 100);
    }

    [Fact]
    public void Accumulated_batches_make_the_step_of_their_mean()
    {
        var rate = new LearningRate { Peak = 0.01f, Shape = LearningRateShape.Constant };
        using Trainer together = Quadratic(new TrainerOptions { Optimizer = new Sgd(), LearningRate = rate, Accumulation = 3 });
        double w = 2, velocity = 0;
        for (int step = 0; step < 4; step++)
        {
            together.Step(batch => together.Buffer(together.BatchInputs[0]).As<float>()[0] = batch + step);
            double g = Enumerable.Range(0, 3).Average(b => 2 * (w - (3 * (b + step))));
            velocity = (0.9 * velocity) + g;
            w -= 0.01 * velocity;
            Assert.Equal(w, together.Weights()["w"].As<float>()[0], 1e-4);
        }
    }

    [Fact]
    public void A_group_has_its_own_rate_and_decay()
    {
        var graph = new Graph();
        Value still = graph.Parameter("still", new(2)), moving = graph.Parameter("moving", new(2, 2));
        Value loss = still.Sum() + moving.Sum();
        var ones = new Dictionary<string, TensorData>
        {
            ["still"] = TensorData.Of<float>(new(2), [1, 1]),
            ["moving"] = TensorData.Of<float>(new(2, 2), [1, 1, 1, 1]),
        };
        var options = new TrainerOptions
        {
            Optimizer = new Sgd { Momentum = 0 },
            LearningRate = new LearningRate { Peak = 0.5f, Shape = LearningRateShape.Constant },
            Groups = [new WeightGroup(w => w.Name == "still") { RateFactor = 0 }],
            WeightDecay = 1,
        };
        using var trainer = new Trainer(graph, loss, ones, options);
        trainer.Step(_ => { });
        Assert.Equal([1f, 1], trainer.Weights()["still"].As<float>().ToArray());
        Assert.Equal([0f, 0, 0, 0], trainer.Weights()["moving"].As<float>().ToArray());
    }

    [Fact]
    public void The_average_follows_the_weights()
    {
        using Trainer trainer = Quadratic(new TrainerOptions
        {
            Optimizer = new Sgd { Momentum = 0 },
            LearningRate = new LearningRate { Peak = 0.1f, Shape = LearningRateShape.Constant },
            AverageDecay = 0.15f,
        });
        double average = 2;
        for (int step = 1; step <= 4; step++)
        {
            trainer.Step(_ => trainer.Buffer(trainer.BatchInputs[0]).As<float>()[0] = 1);
            double kept = Math.Min(0.15f, (1.0 + step) / (10 + step));
            average = (average * kept) + (trainer.Weights()["w"].As<float>()[0] * (1 - kept));
            Assert.Equal(average, trainer.Weights(averaged: true)["w"].As<float>()[0], 1e-5);
        }
    }

    [Fact]
    public void A_step_that_is_not_finite_names_the_tensor_and_changes_nothing()
    {
        var graph = new Graph();
        Value x = graph.Input("x", new(2)), w = graph.Parameter("w", new(2));
        Value loss = (x * w).Log("logarithm").Sum("total");
        var first = new Dictionary<string, TensorData> { ["w"] = TensorData.Of<float>(new(2), [1, 2]) };
        using var trainer = new Trainer(graph, loss, first, new TrainerOptions { Optimizer = new Sgd() });
        trainer.Step(_ => trainer.Buffer(x).As<float>().Fill(1));
        float[] before = trainer.Weights()["w"].As<float>().ToArray();
        var e = Assert.Throws<TrainingDivergedException>(() => trainer.Step(_ => trainer.Buffer(x).As<float>().Fill(-1)));
        Assert.Equal((2, "logarithm"), (e.Step, e.Tensor));
        Assert.Equal(before, trainer.Weights()["w"].As<float>().ToArray());
        e = Assert.Throws<TrainingDivergedException>(() => trainer.Step(_ => trainer.Buffer(x).As<float>().Fill(float.NaN)));
        Assert.Equal("x", e.Tensor);
        trainer.Step(_ => trainer.Buffer(x).As<float>().Fill(1));
        Assert.Equal(2, trainer.StepCount);
    }

    [Fact]
    public void The_rate_rises_and_falls()
    {
        var rate = new LearningRate { Peak = 1, WarmupSteps = 10, Steps = 110, Floor = 0.1f };
        Assert.Equal(0.1f, rate.At(1), 1e-6f);
        Assert.Equal(1f, rate.At(10), 1e-6f);
        Assert.Equal(0.55f, rate.At(60), 1e-5f);
        Assert.Equal(0.1f, rate.At(110), 1e-6f);
        Assert.Equal(0.1f, rate.At(1000), 1e-6f);
        Assert.Equal(0.55f, (rate with { Shape = LearningRateShape.Linear }).At(60), 1e-5f);
        Assert.Equal(1f, (rate with { Shape = LearningRateShape.Constant }).At(60), 1e-5f);
    }

    internal static Trainer Quadratic(TrainerOptions options)
    {
        var graph = new Graph();
        Value x = graph.Input("x", Shape.Scalar), w = graph.Parameter("w", Shape.Scalar);
        Value distance = w - (x * 3);
        var first = new Dictionary<string, TensorData> { ["w"] = TensorData.Of<float>(Shape.Scalar, [2]) };
        return new Trainer(graph, distance * distance, first, options);
    }
}
