namespace Coppice.Graphs.Tests;

public sealed class GraphSessionTests
{
    [Fact]
    public void Buffers_stay_where_they_are_from_run_to_run()
    {
        using var session = new GraphSession(Doubling());
        using var x = new GraphBuffer(ElementType.Float32, new(2, 2));
        using var y = new GraphBuffer(ElementType.Float32, new(2, 2));
        for (int run = 1; run <= 3; run++)
        {
            x.As<float>()[3] = run;
            session.Run([x], [y]);
            Assert.Equal([0f, 0, 0, 2 * run], y.ToData().As<float>().ToArray());
        }
    }

    [Fact]
    public void Wrong_buffers_are_refused_by_name()
    {
        using var session = new GraphSession(Doubling());
        using var right = new GraphBuffer(ElementType.Float32, new(2, 2));
        using var other = new GraphBuffer(ElementType.Float32, new(2, 2));
        using var turned = new GraphBuffer(ElementType.Float32, new(4));
        using var typed = new GraphBuffer(ElementType.Int32, new(2, 2));
        AssertRefused("input 'x' is Float32 [4]; expected Float32 [2, 2]", () => session.Run([turned], [right]));
        AssertRefused("output 'y' is Int32 [2, 2]; expected Float32 [2, 2]", () => session.Run([right], [typed]));
        AssertRefused("1 inputs, not 2", () => session.Run([right, other], [turned]));
        AssertRefused("1 outputs, not 0", () => session.Run([right], []));
        AssertRefused("output 'y': its buffer is an input", () => session.Run([right], [right]));
        session.Run([right], [other]);
    }

    [Fact]
    public void Inputs_that_are_missing_unknown_or_of_another_shape_are_named()
    {
        using var session = new GraphSession(Doubling());
        TensorData right = TensorData.Of<float>(new(2, 2), [1, 2, 3, 4]), wrong = TensorData.Of<float>(new(1), [1]);
        AssertRefused("'x' is missing", () => session.Run(new Dictionary<string, TensorData>()));
        AssertRefused("no input 'z'; it has x", () => session.Run(new Dictionary<string, TensorData> { ["x"] = right, ["z"] = right }));
        AssertRefused("input 'x' is Float32 [1]; expected Float32 [2, 2]", () => session.Run(new Dictionary<string, TensorData> { ["x"] = wrong }));
        Assert.Equal([2f, 4, 6, 8], session.Run(new Dictionary<string, TensorData> { ["x"] = right })["y"].As<float>().ToArray());
    }

    [Fact]
    public void A_graph_that_the_runtime_refuses_is_one_line()
    {
        var graph = new Graph();
        graph.Output(graph.Add("NoSuchOperator", [graph.Input("x", new(1))], [(ElementType.Float32, new(1))]).Output);
        AssertRefused("NoSuchOperator", () => new GraphSession(graph).Dispose());
        AssertRefused("ONNX Runtime refuses", () => new GraphSession([1, 2, 3]).Dispose());
        AssertRefused("ONNX Runtime refuses", () => new GraphSession([]).Dispose());
    }

    [Fact]
    public void What_is_disposed_is_not_used()
    {
        var session = new GraphSession(Doubling());
        var buffer = new GraphBuffer(ElementType.Float32, new(2, 2));
        using var other = new GraphBuffer(ElementType.Float32, new(2, 2));
        buffer.Dispose();
        buffer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => buffer.Bytes.Length);
        Assert.Throws<ObjectDisposedException>(() => buffer.As<float>().Length);
        Assert.Throws<ObjectDisposedException>(() => buffer.ToData());
        Assert.Throws<ObjectDisposedException>(() => session.Run([buffer], [other]));
        session.Dispose();
        session.Dispose();
        Assert.Throws<ObjectDisposedException>(() => session.Run([other], [other]));
        Assert.Throws<ObjectDisposedException>(() => session.Run(new Dictionary<string, TensorData>()));
    }

    [Fact]
    public void Buffers_take_and_give_elements_of_their_own_type_alone()
    {
        using var buffer = new GraphBuffer(ElementType.Float32, new(2));
        Assert.All(buffer.Bytes.ToArray(), b => Assert.Equal(0, b));
        buffer.Load(TensorData.Of<float>(new(2), [1, 2]));
        Assert.Equal([1f, 2], buffer.As<float>().ToArray());
        AssertRefused("Float32 [2] can't take Float32 [1, 2]", () => buffer.Load(TensorData.Of<float>(new(1, 2), [1, 2])));
        AssertRefused("Float32, not Int64", () => buffer.As<long>());
        AssertRefused("element type 0", () => new GraphBuffer(ElementType.None, new(1)).Dispose());
        using var scalar = new GraphBuffer(ElementType.Int64, Shape.Scalar);
        Assert.Equal(8, scalar.Bytes.Length);
        using var none = new GraphBuffer(ElementType.Float32, new(0, 3));
        Assert.Equal(0, none.Bytes.Length);
    }

    private static void AssertRefused(string expected, Action action)
    {
        string message = Assert.Throws<GraphException>(action).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    private static Graph Doubling()
    {
        var graph = new Graph();
        graph.Output(graph.Input("x", new(2, 2)).Multiply(graph.Scalar(2), "y"));
        return graph;
    }
}
