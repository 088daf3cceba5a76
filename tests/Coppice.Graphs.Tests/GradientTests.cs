using System.Reflection;

namespace Coppice.Graphs.Tests;

public sealed class GradientTests
{
    public static TheoryData<string> Cases => [.. GradientCases.All.Keys];

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_gradient_is_the_limit_of_differences(string name)
    {
        (string[] _, Func<Value[], Value> function, Shape[] shapes, float low, float high) = GradientCases.All[name];
        for (int seed = 1; seed <= 3; seed++) FiniteDifferences.Check(function, shapes, seed, low, high, label: $"seed {seed}:");
    }

    [Fact]
    public void No_gradient_passes_a_stop()
    {
        var graph = new Graph();
        Value x = graph.Parameter("x", new(3));
        Value y = (x * x.StopGradient()).Sum();
        string gradient = graph.Output(Gradients.Of(y, [x])[0]).Name;
        using var session = new GraphSession(graph);
        var given = new Dictionary<string, TensorData> { ["x"] = TensorData.Of<float>(new(3), [1, 2, 3]) };
        Assert.Equal([1f, 2, 3], session.Run(given)[gradient].As<float>().ToArray());
    }

    [Fact]
    public void What_the_scalar_does_not_depend_on_has_a_gradient_of_zeros()
    {
        var graph = new Graph();
        Value x = graph.Parameter("x", new(2)), other = graph.Parameter("other", new(3, 1));
        Value[] gradients = Gradients.Of(x.Sum(), [x, other]);
        Assert.Equal(other.Shape, gradients[1].Shape);
    }

    [Fact]
    public void Only_scalars_are_differentiated_and_an_operator_without_a_rule_is_named()
    {
        var graph = new Graph();
        Value x = graph.Parameter("x", new(2));
        Assert.Contains("[2]", Assert.Throws<GraphException>(() => Gradients.Of(x, [x])).Message, StringComparison.Ordinal);
        Value y = graph.Add("Sinh", [x], [(x.Type, x.Shape)], null, "odd").Output.Sum();
        Assert.Contains("Sinh 'odd'", Assert.Throws<GraphException>(() => Gradients.Of(y, [x])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_operator_has_a_case_or_is_known_to_have_no_gradient()
    {
        string[] flat =
        [
            nameof(Operators.Greater), nameof(Operators.GreaterOrEqual), nameof(Operators.Less), nameof(Operators.EqualTo), nameof(Operators.And),
            nameof(Operators.Not), nameof(Operators.OneHot), nameof(Operators.StopGradient),
        ];
        HashSet<string> tried = [.. GradientCases.All.Values.SelectMany(c => c.Methods)];
        string[] methods = [.. typeof(Operators).GetMethods(BindingFlags.Public | BindingFlags.Static).Select(m => m.Name).Distinct()];
        Assert.Equal([], methods.Except(flat).Except(tried));
        Assert.Equal([], tried.Concat(flat).Except(methods));
    }

    [Fact]
    public void Every_rule_is_reached_by_a_case()
    {
        string[] flat = ["Greater", "GreaterOrEqual", "Less", "Equal", "Not", "And"];
        var reached = new HashSet<string>(flat);
        foreach ((string[] _, Func<Value[], Value> function, Shape[] shapes, float _, float _) in GradientCases.All.Values)
        {
            var graph = new Graph();
            Value scalar = function([.. shapes.Select((s, i) => graph.Parameter($"x{i}", s))]).Sum();
            // Of what the scalar depends on: a rule that is not on the way was not tried.
            var open = new Stack<Value>([scalar]);
            while (open.TryPop(out Value? value))
            {
                if (value.Producer is not { } node) continue;
                reached.Add(node.OperatorType);
                foreach (Value? input in node.Inputs)
                {
                    if (input is not null) open.Push(input);
                }
            }
        }

        Assert.Equal([], Gradients.SupportedOperators.Except(reached));
    }

    [Fact]
    public void What_leads_to_no_gradient_that_was_asked_for_is_not_in_the_graph()
    {
        var graph = new Graph();
        Value image = graph.Input("image", new(1, 3, 8, 8)), weights = graph.Parameter("weights", new(4, 3, 3, 3));
        Value loss = image.Conv(weights, null, new Window { Stride = 2 }).Relu().Sum();
        int before = graph.Nodes.Count;
        Value gradient = Gradients.Of(loss, [weights])[0];
        Assert.DoesNotContain(graph.Nodes, n => n.OperatorType == "ConvTranspose");
        Assert.Equal(graph.Nodes.Count - 1, gradient.Producer!.Index);
        for (int i = 0; i < graph.Nodes.Count; i++) Assert.Equal(i, graph.Nodes[i].Index);
        Assert.All(graph.Nodes.Skip(before), n => Assert.Equal(n.Output, graph.Find(n.Output.Name)));
    }
}
