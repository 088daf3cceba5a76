namespace Coppice.Graphs.Tests;

public sealed class GradientTests
{
    private static readonly Dictionary<string, (Func<Value[], Value> Function, Shape[] Shapes, float Low, float High)> s_cases = new()
    {
        ["add, broadcast"] = (a => a[0] + a[1], [new(2, 3, 4), new(3, 1)], -1, 1),
        ["subtract, broadcast"] = (a => a[0] - a[1], [new(4), new(2, 3, 4)], -1, 1),
        ["multiply, broadcast"] = (a => a[0] * a[1], [new(2, 1, 4), new(3, 1)], -1, 1),
        ["divide, broadcast"] = (a => a[0] / a[1], [new(2, 3), new(3)], 0.5f, 2),
        ["the same value twice"] = (a => a[0] * a[0] * a[0], [new(5)], -1, 1),
        ["max"] = (a => a[0].Max(a[1]), [new(30), new(30)], -1, 1),
        ["min"] = (a => a[0].Min(a[1]), [new(2, 15), new(15)], -1, 1),
        ["power"] = (a => a[0].Power(2.5f), [new(7)], 0.5f, 2),
        ["negate, abs"] = (a => (-a[0]).Abs(), [new(9)], 0.1f, 1),
        ["exp, log"] = (a => a[0].Exp() + a[1].Log(), [new(7), new(7)], 0.3f, 2),
        ["sqrt, reciprocal"] = (a => a[0].Sqrt() * a[1].Reciprocal(), [new(7), new(7)], 0.5f, 2),
        ["sigmoid, tanh"] = (a => a[0].Sigmoid() + a[0].Tanh(), [new(7)], -2, 2),
        ["erf, softplus"] = (a => a[0].Erf() + a[0].Softplus(), [new(7)], -2, 2),
        ["silu, gelu"] = (a => a[0].Silu() + a[0].Gelu(), [new(7)], -2, 2),
        ["relu"] = (a => a[0].Relu() + (-a[1]).LeakyRelu(0.2f), [new(9), new(9)], 0.1f, 1),
        ["clip"] = (a => (a[0] * 3).Clip(-1, 1), [new(40)], -0.3f, 0.3f),
        ["where"] = (a => a[0].Greater(a[0].Graph.Scalar(0)).Where(a[1], a[2]), [new(3, 4), new(3, 4), new(4)], 0.1f, 1),
        ["softmax"] = (a => a[0].Softmax(1), [new(3, 5, 2)], -2, 2),
        ["log-softmax"] = (a => a[0].LogSoftmax(), [new(3, 5)], -2, 2),
        ["reshape, transpose"] = (a => a[0].Reshape(new(4, 3, 2)).Transpose([2, 0, 1]), [new(2, 12)], -1, 1),
        ["expand"] = (a => a[0].Expand(new(2, 3, 4)), [new(3, 1)], -1, 1),
        ["concat"] = (a => Operators.Concat([a[0], a[1], a[0]], 1), [new(2, 3), new(2, 1)], -1, 1),
        ["slice"] = (a => a[0].Slice(1, 1, 4), [new(3, 5)], -1, 1),
        ["slice with steps, to the end"] = (a => a[0].Slice(1, 1, 8, 3), [new(2, 8)], -1, 1),
        ["slice with steps, short of it"] = (a => a[0].Slice(0, 0, 5, 2), [new(9, 2)], -1, 1),
        ["pad"] = (a => a[0].Pad(1, 2, 1), [new(2, 3)], -1, 1),
        ["matrix product"] = (a => a[0].MatMul(a[1]), [new(3, 4), new(4, 5)], -1, 1),
        ["matrix product, one matrix for all"] = (a => a[0].MatMul(a[1]), [new(2, 3, 4), new(4, 5)], -1, 1),
        ["matrix product, batches that broadcast"] = (a => a[0].MatMul(a[1]), [new(2, 1, 3, 4), new(3, 4, 2)], -1, 1),
        ["gemm"] = (a => a[0].Gemm(a[1]), [new(3, 4), new(4, 5)], -1, 1),
        ["gemm, first transposed"] = (a => a[0].Gemm(a[1], transposeA: true), [new(4, 3), new(4, 5)], -1, 1),
        ["gemm, second transposed"] = (a => a[0].Gemm(a[1], transposeB: true), [new(3, 4), new(5, 4)], -1, 1),
        ["gemm, both transposed"] = (a => a[0].Gemm(a[1], true, true), [new(4, 3), new(5, 4)], -1, 1),
        ["sums"] = (a => a[0].ReduceSum([0, 2]) * a[0].ReduceSum([1], keep: false).Sum(), [new(2, 3, 4)], -1, 1),
        ["means"] = (a => a[0].ReduceMean([-1]) + a[0].Mean(), [new(2, 3, 4)], -1, 1),
        ["greatest"] = (a => a[0].ReduceMax([1]), [new(4, 30)], -1, 1),
        ["gather, some twice"] = (a => a[0].Gather(a[0].Graph.Integers(2, 0, 2)), [new(4, 3)], -1, 1),
        ["gather along another axis"] = (a => a[0].Gather(a[0].Graph.Integers(1, 1), 1), [new(2, 3, 4)], -1, 1),
        ["gather elements"] = (a => a[0].GatherElements(Indices(a[0].Graph), 1), [new(2, 3)], -1, 1),
        ["scatter"] = (a => a[0].ScatterAdd(Indices(a[0].Graph), a[1], 1), [new(2, 3), new(2, 2)], -1, 1),
    };

    public static TheoryData<string> Cases => [.. s_cases.Keys];

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_gradient_is_the_limit_of_differences(string name)
    {
        (Func<Value[], Value> function, Shape[] shapes, float low, float high) = s_cases[name];
        for (int seed = 1; seed <= 3; seed++) FiniteDifferences.Check(function, shapes, seed, low, high);
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

    private static Value Indices(Graph graph) => graph.Constant(TensorData.Of<long>(new(2, 2), [0, 2, 1, 1]));
}
