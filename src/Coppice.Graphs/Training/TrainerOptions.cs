namespace Coppice.Graphs.Training;

/// <summary>How weights are trained.</summary>
public sealed record TrainerOptions
{
    /// <summary>The rule.</summary>
    public Optimizer Optimizer { get; init; } = new AdamW();

    /// <summary>The learning rate.</summary>
    public LearningRate LearningRate { get; init; } = new();

    /// <summary>What is special to some weights; the first group that takes a weight counts.</summary>
    public IReadOnlyList<WeightGroup> Groups { get; init; } = [];

    /// <summary>Weight decay of weights that no group takes.</summary>
    public float WeightDecay { get; init; }

    /// <summary>Greatest norm of all gradients together; longer ones are scaled down. 0 for none.</summary>
    public float ClipNorm { get; init; }

    /// <summary>Batches whose gradients are averaged before one update.</summary>
    public int Accumulation { get; init; } = 1;

    /// <summary>Part of a moving average of the weights that each step keeps, as in 0.999; 0 for no average.</summary>
    public float AverageDecay { get; init; }

    /// <summary>How the graph is run.</summary>
    public GraphRunOptions Run { get; init; } = new();

    internal WeightGroup GroupOf(Value weight) =>
        Groups.FirstOrDefault(g => g.Takes(weight)) ?? new WeightGroup(_ => true) { WeightDecay = WeightDecay };
}

/// <summary>Weights that are trained in another way than the rest.</summary>
/// <param name="Takes">Whether a weight is of the group.</param>
public sealed record WeightGroup(Func<Value, bool> Takes)
{
    /// <summary>Weight decay.</summary>
    public float WeightDecay { get; init; }

    /// <summary>Factor on the learning rate; 0 leaves the weights as they are.</summary>
    public float RateFactor { get; init; } = 1;

    /// <summary>Weights of fewer than two axes (norms and biases) without weight decay.</summary>
    public static WeightGroup VectorsUndecayed { get; } = new(w => w.Shape.Rank < 2);
}

/// <summary>A loss or a gradient became infinite or no number; the weights are those of before the step.</summary>
public sealed class TrainingDivergedException : Exception
{
    /// <summary>An error without a text.</summary>
    public TrainingDivergedException()
    {
    }

    /// <summary>An error.</summary>
    /// <param name="message">One line.</param>
    public TrainingDivergedException(string message)
        : base(message)
    {
    }

    /// <summary>An error with its cause.</summary>
    /// <param name="message">One line.</param>
    /// <param name="innerException">The cause.</param>
    public TrainingDivergedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>The divergence of a step.</summary>
    /// <param name="step">Number of the step, from 1.</param>
    /// <param name="tensor">The first tensor in the graph's order that is not finite, if it was found.</param>
    public TrainingDivergedException(long step, string? tensor)
        : base($"step {step}: {(tensor is null ? "the loss or the norm of the gradients" : $"tensor '{tensor}'")} is not finite")
    {
        Step = step;
        Tensor = tensor;
    }

    /// <summary>Number of the step, from 1.</summary>
    public long Step { get; }

    /// <summary>The first tensor in the graph's order that is not finite, if it was found.</summary>
    public string? Tensor { get; }
}
