namespace Coppice.Graphs;

/// <summary>
/// Reverse-mode differentiation: extends a graph by nodes that compute the derivatives of a scalar, in standard ONNX operators only, so
/// that any execution provider runs them. Each rule turns the gradients of a node's outputs into those of its inputs (null: none).
/// </summary>
public static class Gradients
{
    private static readonly Dictionary<string, GradientRule> s_rules = Collect();

    /// <summary>One rule: gradients of a node's inputs, from those of its outputs; null where there is none.</summary>
    /// <param name="node">The node.</param>
    /// <param name="outputs">For each output its gradient, or null.</param>
    internal delegate Value?[] GradientRule(Node node, Value?[] outputs);

    /// <summary>Operators that have a rule.</summary>
    public static IReadOnlyCollection<string> SupportedOperators => s_rules.Keys;

    /// <summary>Adds the derivatives of a scalar to its graph.</summary>
    /// <param name="scalar">A value of one element.</param>
    /// <param name="values">The values to differentiate by.</param>
    /// <returns>For each its gradient, of its own shape; zeros where the scalar does not depend on it.</returns>
    /// <exception cref="GraphException">The value is not a scalar, or there is no rule for an operator on the way.</exception>
    public static Value[] Of(Value scalar, IReadOnlyList<Value> values)
    {
        ArgumentNullException.ThrowIfNull(scalar);
        ArgumentNullException.ThrowIfNull(values);
        if (scalar.Shape.Count != 1) throw new GraphException($"only a scalar can be differentiated, not {scalar}");
        Graph graph = scalar.Graph;
        using IDisposable scope = graph.Scope("gradient");
        int before = graph.Nodes.Count;
        var wanted = new HashSet<Value>(values);
        HashSet<Node> dependent = Dependents(graph, wanted);
        var gradients = new Dictionary<Value, Value> { [scalar] = graph.Fill(1, scalar.Shape) };
        for (int i = scalar.Producer?.Index ?? -1; i >= 0; i--)
        {
            Node node = graph.Nodes[i];
            if (!dependent.Contains(node) || node.StopsGradient) continue;
            Value?[] outputs = [.. node.Outputs.Select(o => gradients.GetValueOrDefault(o))];
            if (Array.TrueForAll(outputs, o => o is null)) continue;
            Accumulate(node, Rule(node)(node, outputs), gradients, dependent, wanted);
        }

        Value[] results = [.. values.Select(v => gradients.GetValueOrDefault(v) ?? graph.Fill(0, v.Shape))];
        // Rules add the gradients of all inputs, those that lead nowhere too.
        graph.RemoveUnused(before, results);
        return results;
    }

    /// <summary>The nodes that depend on one of the values.</summary>
    private static HashSet<Node> Dependents(Graph graph, HashSet<Value> from)
    {
        var nodes = new HashSet<Node>();
        foreach (Node node in graph.Nodes)
        {
            if (node.Inputs.Any(i => i is not null && (from.Contains(i) || (i.Producer is { } p && nodes.Contains(p))))) nodes.Add(node);
        }

        return nodes;
    }

    private static GradientRule Rule(Node node) =>
        s_rules.GetValueOrDefault(node.OperatorType) ?? throw new GraphException($"{node} has no gradient");

    private static void Accumulate(
        Node node, Value?[] inputs, Dictionary<Value, Value> gradients, HashSet<Node> dependent, HashSet<Value> wanted)
    {
        for (int i = 0; i < inputs.Length; i++)
        {
            if (inputs[i] is not { } gradient) continue;
            Value input = node.Input(i);
            if (gradient.Shape != input.Shape)
                throw new GraphException($"{node}: the gradient of input {i} is {gradient}; expected {input.Shape}");
            if (!(input.Producer is { } producer && dependent.Contains(producer)) && !wanted.Contains(input)) continue;
            gradients[input] = gradients.TryGetValue(input, out Value? other) ? other + gradient : gradient;
        }
    }

    private static Dictionary<string, GradientRule> Collect()
    {
        var rules = new Dictionary<string, GradientRule>(StringComparer.Ordinal);
        ElementwiseGradients.Register(rules);
        ShapeGradients.Register(rules);
        ConvolutionGradients.Register(rules);
        PoolingGradients.Register(rules);
        NormalizationGradients.Register(rules);
        return rules;
    }
}
