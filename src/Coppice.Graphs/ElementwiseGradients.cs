namespace Coppice.Graphs;

/// <summary>Rules of arithmetic and activation. x, a, b are inputs, y the output, g the output's gradient.</summary>
internal static class ElementwiseGradients
{
    public static void Register(Dictionary<string, Gradients.GradientRule> rules)
    {
        rules["Add"] = (n, g) => Both(n, g[0]!, g[0]!);
        rules["Sub"] = (n, g) => [SumTo(g[0]!, n.Input(0)), Varies(n, 1) ? SumTo(-g[0]!, n.Input(1)) : null];
        rules["Mul"] = (n, g) =>
        [
            Varies(n, 0) ? SumTo(Times(g[0]!, n.Input(1)), n.Input(0)) : null,
            Varies(n, 1) ? SumTo(Times(g[0]!, n.Input(0)), n.Input(1)) : null,
        ];
        rules["Div"] = (n, g) =>
        [
            Varies(n, 0) ? SumTo(g[0]! / n.Input(1), n.Input(0)) : null,
            Varies(n, 1) ? SumTo(-(g[0]! * n.Output / n.Input(1)), n.Input(1)) : null,
        ];
        rules["Max"] = (n, g) => Chosen(n, g[0]!, n.Input(0).GreaterOrEqual(n.Input(1)));
        rules["Min"] = (n, g) => Chosen(n, g[0]!, n.Input(1).GreaterOrEqual(n.Input(0)));
        rules["Pow"] = Power;
        rules["Where"] = (n, g) => [null, SumTo(Mask(n.Input(0), g[0]!), n.Input(1)), SumTo(Mask(n.Input(0).Not(), g[0]!), n.Input(2))];
        rules["Neg"] = (_, g) => [-g[0]!];
        rules["Abs"] = (n, g) => [g[0]! * (Positive(n.Input(0)) - Positive(-n.Input(0)))];
        rules["Exp"] = (n, g) => [Times(g[0]!, n.Output)];
        rules["Log"] = (n, g) => [g[0]! / n.Input(0)];
        rules["Sqrt"] = (n, g) => [g[0]! * 0.5f / n.Output];
        rules["Reciprocal"] = (n, g) => [-(g[0]! * n.Output * n.Output)];
        rules["Sigmoid"] = (n, g) => [g[0]! * (n.Output * (1 - n.Output))];
        rules["Tanh"] = (n, g) => [g[0]! * (1 - (n.Output * n.Output))];
        rules["Erf"] = (n, g) => [g[0]! * ((-(n.Input(0) * n.Input(0))).Exp() * 1.1283792f)];
        rules["Sin"] = (n, g) => [g[0]! * n.Input(0).Cos()];
        rules["Cos"] = (n, g) => [-(g[0]! * n.Input(0).Sin())];
        rules["Elu"] = (n, g) => [n.Input(0).Greater(n.Graph.Scalar(0)).Where(g[0]!, g[0]! * (n.Output + n.Float("alpha", 1)))];
        rules["HardSigmoid"] = (n, g) => [g[0]! * (Within(n.Output, 0, 1) * n.Float("alpha", 0.2f))];
        rules["HardSwish"] = (n, g) =>
            [g[0]! * (n.Input(0).HardSigmoid() + (n.Input(0) * (Within(n.Input(0), -3, 3) * (1 / 6f))))];
        rules["Softplus"] = (n, g) => [g[0]! * n.Input(0).Sigmoid()];
        rules["Relu"] = (n, g) => [g[0]! * Positive(n.Input(0))];
        rules["LeakyRelu"] = (n, g) =>
        {
            float slope = n.Float("alpha", 0.01f);
            return [g[0]! * ((Positive(n.Input(0)) * (1 - slope)) + slope)];
        };
        rules["Clip"] = (n, g) => [Mask(n.Input(0).GreaterOrEqual(n.Input(1)).And(n.Input(2).GreaterOrEqual(n.Input(0))), g[0]!)];
        rules["Softmax"] = (n, g) => [n.Output * (g[0]! - (g[0]! * n.Output).ReduceSum([(int)n.Integer("axis", -1)]))];
        rules["LogSoftmax"] = (n, g) => [g[0]! - (n.Output.Exp() * g[0]!.ReduceSum([(int)n.Integer("axis", -1)]))];
        rules["Identity"] = (_, g) => [g[0]];
        rules["Cast"] = (n, g) => [IsReal(n.Input(0).Type) ? g[0]!.Cast(n.Input(0).Type) : null];
        foreach (string flat in (string[])["Greater", "GreaterOrEqual", "Less", "Equal", "Not", "And"]) rules[flat] = (_, _) => [];
    }

    /// <summary>g summed over the axes along which x was repeated.</summary>
    public static Value SumTo(Value g, Value x)
    {
        if (g.Shape == x.Shape) return g;
        int added = g.Shape.Rank - x.Shape.Rank;
        var axes = new List<int>();
        for (int i = 0; i < g.Shape.Rank; i++)
        {
            if (i < added || (x.Shape[i - added] == 1 && g.Shape[i] != 1)) axes.Add(i);
        }

        return (axes.Count == 0 ? g : g.ReduceSum([.. axes])).Reshape(x.Shape);
    }

    /// <summary>Whether an input can have a gradient: a stored one has none.</summary>
    private static bool Varies(Node node, int input) => node.Input(input).Kind != ValueKind.Constant;

    /// <summary>g * x; a gradient that only repeats a smaller one is not spread out first.</summary>
    private static Value Times(Value g, Value x) =>
        g.Producer is { OperatorType: "Expand" } expand && Shape.Broadcast(expand.Input(0).Shape, x.Shape) == g.Shape
            ? expand.Input(0) * x
            : g * x;

    private static bool IsReal(ElementType type) => type is ElementType.Float32 or ElementType.Float16 or ElementType.Float64;

    private static Value?[] Both(Node n, Value a, Value b) =>
        [Varies(n, 0) ? SumTo(a, n.Input(0)) : null, Varies(n, 1) ? SumTo(b, n.Input(1)) : null];

    private static Value?[] Chosen(Node n, Value g, Value first) => Both(n, Mask(first, g), Mask(first.Not(), g));

    private static Value?[] Power(Node n, Value?[] g)
    {
        Value exponent = n.Input(1);
        Value less = exponent.Data is { Shape.Rank: 0, Type: ElementType.Float32 } data
            ? n.Input(0).Power(data.As<float>()[0] - 1)
            : n.Input(0).Power(exponent - 1);
        return [SumTo(g[0]! * exponent * less, n.Input(0)), null];
    }

    /// <summary>1 where x is above 0, else 0.</summary>
    private static Value Positive(Value x) => x.Greater(x.Graph.Scalar(0)).Cast(x.Type);

    /// <summary>1 where x lies between two numbers, else 0.</summary>
    private static Value Within(Value x, float low, float high) =>
        x.Greater(x.Graph.Scalar(low)).And(x.Less(x.Graph.Scalar(high))).Cast(x.Type);

    private static Value Mask(Value condition, Value g) => condition.Where(g, g.Graph.Scalar(0));
}
