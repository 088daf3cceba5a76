namespace Coppice.Graphs;

/// <summary>Rules of normalization. g is the output's gradient, d = x - mean, i = 1 / sqrt(variance + epsilon).</summary>
internal static class NormalizationGradients
{
    public static void Register(Dictionary<string, Gradients.GradientRule> rules)
    {
        rules["BatchNormalization"] = BatchNormalization;
        rules["LayerNormalization"] = LayerNormalization;
    }

    /// <summary>y = s * i * d + b in each channel, by all five inputs.</summary>
    private static Value?[] BatchNormalization(Node n, Value?[] gradients)
    {
        if (n.Integer("training_mode", 0) != 0) throw new GraphException($"{n}: training mode has no gradient; see BatchNormalizationInTraining");
        Value x = n.Input(0), scale = n.Input(1), mean = n.Input(3), g = gradients[0]!;
        int rank = x.Shape.Rank;
        int[] others = [.. Enumerable.Range(0, rank).Where(axis => axis != 1)];
        Value inverse = (n.Input(4) + n.Float("epsilon", 1e-5f)).Sqrt().Reciprocal(), factor = scale * inverse;
        Value sum = g.ReduceSum(others, keep: false);
        Value moment = (g * (x - Operators.Along(mean, rank, 1))).ReduceSum(others, keep: false) * inverse;
        return
        [
            g * Operators.Along(factor, rank, 1),
            moment,
            sum,
            -(factor * sum),
            moment * factor * inverse * -0.5f,
        ];
    }

    /// <summary>y = s * h + b with h = i * d; by x it is i * (gs - mean(gs) - h * mean(gs * h)), with gs = g * s.</summary>
    private static Value?[] LayerNormalization(Node n, Value?[] gradients)
    {
        Value x = n.Input(0), scale = n.Input(1), g = gradients[0]!;
        int first = x.Shape.Axis((int)n.Integer("axis", -1));
        int[] axes = [.. Enumerable.Range(first, x.Shape.Rank - first)];
        Value centered = x - x.ReduceMean(axes);
        Value inverse = ((centered * centered).ReduceMean(axes) + n.Float("epsilon", 1e-5f)).Sqrt().Reciprocal();
        Value h = centered * inverse, scaled = g * scale;
        return
        [
            (scaled - scaled.ReduceMean(axes) - (h * (scaled * h).ReduceMean(axes))) * inverse,
            ElementwiseGradients.SumTo(g * h, scale),
            n.Inputs.Count > 2 ? ElementwiseGradients.SumTo(g, n.Input(2)) : null,
        ];
    }
}
