namespace Coppice.Graphs.Training;

/// <summary>
/// A rule that turns gradients into new weights, as nodes of a graph. Each weight has <see cref="StateCount"/> tensors of its own shape
/// beside it, zero at first.
/// </summary>
public abstract record Optimizer
{
    /// <summary>Tensors that are kept for each weight.</summary>
    internal abstract int StateCount { get; }

    /// <summary>Numbers that depend on the step: 32-bit scalars of the graph.</summary>
    /// <param name="step">Number of the step, from 1.</param>
    internal abstract float[] Factors(long step);

    /// <summary>Adds one weight's update.</summary>
    /// <param name="weight">The weight, its gradient and its state.</param>
    /// <param name="rate">Learning rate, a scalar.</param>
    /// <param name="decay">Weight decay.</param>
    /// <param name="factors">The values of <see cref="Factors"/>.</param>
    /// <returns>The new weight and the new state.</returns>
    internal abstract (Value Weight, Value[] State) Update(WeightUpdate weight, Value rate, float decay, Value[] factors);
}

/// <summary>What an update starts from.</summary>
/// <param name="Weight">The weight.</param>
/// <param name="Gradient">Its gradient.</param>
/// <param name="State">Its state.</param>
internal sealed record WeightUpdate(Value Weight, Value Gradient, Value[] State);

/// <summary>Stochastic gradient descent: v = momentum * v + g + decay * w; w -= rate * v (with Nesterov: rate * (g + momentum * v)).</summary>
public sealed record Sgd : Optimizer
{
    /// <summary>How much of the last step's direction is kept, in [0, 1).</summary>
    public float Momentum { get; init; } = 0.9f;

    /// <summary>Whether the gradient looks ahead along the momentum.</summary>
    public bool Nesterov { get; init; }

    internal override int StateCount => Momentum == 0 ? 0 : 1;

    internal override float[] Factors(long step) => [];

    internal override (Value Weight, Value[] State) Update(WeightUpdate weight, Value rate, float decay, Value[] factors)
    {
        Value gradient = decay == 0 ? weight.Gradient : weight.Gradient + (weight.Weight * decay);
        if (StateCount == 0) return (weight.Weight - (gradient * rate), []);
        Value velocity = (weight.State[0] * Momentum) + gradient;
        Value direction = Nesterov ? gradient + (velocity * Momentum) : velocity;
        return (weight.Weight - (direction * rate), [velocity]);
    }
}

/// <summary>
/// Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2):
/// m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w -= rate * (m' / (sqrt(v') + epsilon) + decay * w), where ' divides by 1 - b^step.
/// </summary>
public sealed record AdamW : Optimizer
{
    /// <summary>Decay of the first moment.</summary>
    public float Beta1 { get; init; } = 0.9f;

    /// <summary>Decay of the second moment.</summary>
    public float Beta2 { get; init; } = 0.95f;

    /// <summary>Keeps the quotient finite.</summary>
    public float Epsilon { get; init; } = 1e-8f;

    internal override int StateCount => 2;

    internal override float[] Factors(long step) =>
        [(float)(1 / (1 - Math.Pow(Beta1, step))), (float)(1 / (1 - Math.Pow(Beta2, step)))];

    internal override (Value Weight, Value[] State) Update(WeightUpdate weight, Value rate, float decay, Value[] factors)
    {
        Value g = weight.Gradient;
        Value m = (weight.State[0] * Beta1) + (g * (1 - Beta1));
        Value v = (weight.State[1] * Beta2) + (g * g * (1 - Beta2));
        Value direction = m * factors[0] / ((v * factors[1]).Sqrt() + Epsilon);
        if (decay != 0) direction += weight.Weight * decay;
        return (weight.Weight - (direction * rate), [m, v]);
    }
}
