namespace Coppice.Graphs.Training;

/// <summary>
/// Adds to a graph what an update needs: learning rate, factors, state and averages as inputs, new weights, state and averages as
/// outputs. The clip factor is min(1, clip / norm) of all gradients together.
/// </summary>
internal sealed class UpdateGraph
{
    public const string RateName = "update.rate", GradientNormName = "update.gradient_norm", AverageDecayName = "update.average_decay";

    private readonly List<(Value Old, Value New)> _kept = [];

    private UpdateGraph(Value gradientNorm, Value[] factors)
    {
        GradientNorm = gradientNorm;
        Factors = factors;
    }

    /// <summary>Norm of all gradients, before clipping.</summary>
    public Value GradientNorm { get; }

    /// <summary>Inputs for the optimizer's factors.</summary>
    public Value[] Factors { get; }

    /// <summary>What lives from step to step: weights, then state and averages; input and output of each.</summary>
    public IReadOnlyList<(Value Old, Value New)> Kept => _kept;

    public static UpdateGraph Add(Graph graph, IReadOnlyList<Value> weights, IReadOnlyList<Value> gradients, TrainerOptions options)
    {
        Value rate = graph.Input(RateName, Shape.Scalar);
        Value? averageDecay = options.AverageDecay > 0 ? graph.Input(AverageDecayName, Shape.Scalar) : null;
        Value[] factors = [.. options.Optimizer.Factors(1).Select((_, i) => graph.Input($"update.factor.{i}", Shape.Scalar))];
        Value squares = graph.Scalar(0);
        foreach (Value gradient in gradients) squares += (gradient * gradient).Sum();
        Value norm = graph.Output(squares.Sqrt(GradientNormName));
        Value? scale = options.ClipNorm > 0 ? graph.Scalar(options.ClipNorm).Divide(norm + 1e-6f).Min(graph.Scalar(1)) : null;
        var update = new UpdateGraph(norm, factors);
        var later = new List<(Value, Value)>();
        for (int i = 0; i < weights.Count; i++)
        {
            Value weight = weights[i];
            WeightGroup group = options.GroupOf(weight);
            Value gradient = scale is null ? gradients[i] : gradients[i] * scale;
            Value[] state = [.. Enumerable.Range(0, options.Optimizer.StateCount).Select(s => graph.Input($"state.{s}.{weight.Name}", weight.Shape))];
            Value groupRate = group.RateFactor == 1 ? rate : rate * group.RateFactor;
            (Value next, Value[] nextState) = options.Optimizer.Update(new WeightUpdate(weight, gradient, state), groupRate, group.WeightDecay, factors);
            update._kept.Add((weight, graph.Output(next)));
            for (int s = 0; s < state.Length; s++) later.Add((state[s], graph.Output(nextState[s])));
            if (averageDecay is null) continue;
            Value average = graph.Input($"average.{weight.Name}", weight.Shape);
            later.Add((average, graph.Output((average * averageDecay) + (next * (1 - averageDecay)))));
        }

        update._kept.AddRange(later);
        return update;
    }
}
