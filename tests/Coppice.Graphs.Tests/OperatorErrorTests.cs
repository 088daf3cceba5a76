namespace Coppice.Graphs.Tests;

/// <summary>A wrong input is refused when the operator is added: the message names operator, input, what was found and what was expected.</summary>
public sealed class OperatorErrorTests
{
    private static readonly Dictionary<string, (Action<Values> Build, string[] Parts)> s_cases = new()
    {
        ["types"] = (v => v.Image.Add(v.Labels), ["Add: input 1 is 'labels' Int64 [2, 5, 7]", "Float32"]),
        ["broadcast"] = (v => v.Image.Multiply(v.Vector), ["Mul: input 1 is 'vector' Float32 [6]", "broadcasts with [2, 6, 5, 7]"]),
        ["real"] = (v => v.Labels.Exp(), ["Exp: input 0 is 'labels' Int64", "floating point"]),
        ["condition"] = (v => v.Image.Where(v.Image, v.Image), ["Where: input 0 is 'image' Float32", "Bool"]),
        ["axis"] = (v => v.Image.Softmax(4), ["Softmax: input 0 is 'image'", "axis 4"]),
        ["reshape"] = (v => v.Image.Reshape(new(2, 5)), ["Reshape: input 0 is 'image' Float32 [2, 6, 5, 7]", "10 elements"]),
        ["transpose"] = (v => v.Image.Transpose([0, 1]), ["Transpose: input 0 is 'image'", "(0, 1)"]),
        ["expand"] = (v => v.Vector.Expand(new(2, 5)), ["Expand: input 0 is 'vector' Float32 [6]", "[2, 5]"]),
        ["squeeze"] = (v => v.Image.Squeeze([1]), ["Squeeze: input 0 is 'image'", "length 1 of axis 1"]),
        ["unsqueeze"] = (v => v.Vector.Unsqueeze([1, 1]), ["Unsqueeze: input 0 is 'vector'", "(1, 1)"]),
        ["concat"] = (v => Operators.Concat([v.Image, v.Other], 1), ["Concat: input 1 is 'other' Float32 [2, 4, 5, 6]", "[2, 6, 5, 7] but for axis 1"]),
        ["split"] = (v => v.Image.Split(1, [2, 3]), ["Split: input 0 is 'image'", "(2, 3)"]),
        ["slice"] = (v => v.Image.Slice(1, 2, 7), ["Slice: input 0 is 'image'", "[2, 7)"]),
        ["slice of several axes"] = (v => v.Image.Slice([(1, 0, 2), (1, 0, 2)]), ["Slice: input 0 is 'image'", "named once"]),
        ["pad"] = (v => v.Image.Pad(1, -1, 0), ["Pad: input 0 is 'image'", "not negative"]),
        ["tile"] = (v => v.Image.Tile([1, 2]), ["Tile: input 0 is 'image'", "(1, 2)"]),
        ["products"] = (v => v.Image.MatMul(v.Other), ["MatMul: input 1 is 'other' Float32 [2, 4, 5, 6]", "[..., 7, n]"]),
        ["gemm"] = (v => v.Matrix.Gemm(v.Matrix), ["Gemm: input 1 is 'matrix' Float32 [3, 4]", "4 terms"]),
        ["indices"] = (v => v.Image.Gather(v.Vector), ["Gather: input 1 is 'vector' Float32 [6]", "Int64 or Int32"]),
        ["scatter"] = (v => v.Labels.ScatterAdd(v.Labels, v.Vector, 0), ["ScatterElements: input 2 is 'vector' Float32", "Int64"]),
        ["reductions"] = (v => v.Image.ReduceMin([5]), ["ReduceMin: input 0 is 'image'", "axis 5"]),
        ["running sums"] = (v => v.Image.CumSum(-5), ["CumSum: input 0 is 'image'", "axis -5"]),
        ["image of a convolution"] = (v => v.Matrix.Conv(v.Kernel), ["Conv: input 0 is 'matrix' Float32 [3, 4]", "[images, channels, height, width]"]),
        ["weights of a convolution"] = (v => v.Image.Conv(v.Kernel), ["Conv: input 1 is 'kernel' Float32 [4, 3, 3, 3]", "[results, 6, height, width]", "[2, 6, 5, 7]"]),
        ["results in groups"] = (v => v.Other.Conv(v.Kernel, null, null, 3), ["Conv: input 0 is 'other' Float32 [2, 4, 5, 6]", "3 equal groups"]),
        ["bias of a convolution"] = (v => v.Image.Conv(v.Kernel, v.Vector, null, 2), ["Conv: input 2 is 'vector' Float32 [6]", "[4]"]),
        ["a kernel that is too large"] = (v => v.Image.Conv(v.Kernel, null, new Window { Dilation = 3 }, 2), ["Conv: input 0 is 'image'", "7x7"]),
        ["a stride of zero"] = (v => v.Image.Conv(v.Kernel, null, new Window { Stride = 0 }, 2), ["Conv: input 0 is 'image'", "strides", "0x0"]),
        ["weights of a transposed convolution"] = (v => v.Image.ConvTranspose(v.Kernel), ["ConvTranspose: input 1 is 'kernel' Float32 [4, 3, 3, 3]", "[6, results / 1"]),
        ["output padding"] = (v => v.Other.ConvTranspose(v.Kernel, null, null, 1), ["ConvTranspose: input 0 is 'other'", "output padding", "1x1"]),
        ["a transposed convolution that leaves nothing"] = (v => v.Other.ConvTranspose(v.Kernel, null, new Window { Padding = 4 }), ["ConvTranspose: input 0 is 'other'", "-1x0"]),
        ["blocks"] = (v => v.Image.SpaceToDepth(2), ["SpaceToDepth: input 0 is 'image'", "blocks of 2"]),
        ["channels of blocks"] = (v => v.Image.DepthToSpace(2), ["DepthToSpace: input 0 is 'image'", "multiple of 4"]),
        ["pooling"] = (v => v.Image.MaxPool(6), ["MaxPool: input 0 is 'image' Float32 [2, 6, 5, 7]", "6x6"]),
        ["padding of pooling"] = (v => v.Image.AveragePool(2, new Window { Padding = 2 }), ["AveragePool: input 0 is 'image'", "smaller than the kernel"]),
        ["dilation of means"] = (v => v.Image.AveragePool(2, new Window { Dilation = 2 }), ["AveragePool: input 0 is 'image'", "without dilation"]),
        ["global pooling"] = (v => v.Vector.GlobalAveragePool(), ["GlobalAveragePool: input 0 is 'vector'"]),
        ["resizing"] = (v => v.Image.Resize(0), ["Resize: input 0 is 'image'", "1x1, not 0x0"]),
        ["resizing by products"] = (v => v.Matrix.ResizeByProducts(2), ["ResizeByProducts: input 0 is 'matrix'"]),
        ["batch normalization"] = (v => v.Image.BatchNormalization(v.Vector, v.Vector, v.Four, v.Vector), ["BatchNormalization: input 3 is 'four' Float32 [4]", "[6]"]),
        ["batch normalization in training"] = (v => v.Image.BatchNormalizationInTraining(v.Vector, v.Four), ["BatchNormalization: input 2 is 'four' Float32 [4]", "[6]"]),
        ["layer normalization"] = (v => v.Image.LayerNormalization(v.Vector), ["LayerNormalization: input 1 is 'vector' Float32 [6]", "[7]"]),
        ["root mean square normalization"] = (v => v.Image.RmsNormalization(v.Four, 1), ["RmsNormalization: input 1 is 'four' Float32 [4]", "[6]"]),
        ["group normalization"] = (v => v.Image.GroupNormalization(4, v.Vector, v.Vector), ["GroupNormalization: input 0 is 'image'", "4 equal groups"]),
        ["labels"] = (v => v.Other.CrossEntropy(v.Labels), ["CrossEntropy: input 1 is 'labels' Int64 [2, 5, 7]", "[2, 5, 6]"]),
        ["class weights"] = (v => v.Image.CrossEntropy(v.Labels, 1, v.Four), ["CrossEntropy: input 2 is 'four' Float32 [4]", "[6]"]),
        ["one-hot"] = (v => v.Image.OneHot(3), ["OneHot: input 1 is 'image' Float32", "Int64"]),
    };

    public static TheoryData<string> Cases => [.. s_cases.Keys];

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_message_names_operator_input_found_and_expected(string name)
    {
        (Action<Values> build, string[] parts) = s_cases[name];
        var graph = new Graph();
        var values = new Values(graph);
        string message = Assert.Throws<GraphException>(() => build(values)).Message;
        Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
        Assert.DoesNotContain('\n', message);
        Assert.Empty(graph.Outputs);
    }

    [Fact]
    public void Values_of_two_graphs_do_not_mix_and_names_are_taken_once()
    {
        var graph = new Graph();
        Value x = graph.Input("x", new(2)), foreign = new Graph().Input("foreign", new(2));
        Assert.Contains("Add 'sum': input 1 'foreign'", Assert.Throws<GraphException>(() => x.Add(foreign, "sum")).Message, StringComparison.Ordinal);
        Assert.Contains("'foreign'", Assert.Throws<GraphException>(() => graph.Output(foreign)).Message, StringComparison.Ordinal);
        Assert.Contains("the name 'x' is taken", Assert.Throws<GraphException>(() => graph.Parameter("x", new(1))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("auto_pad", "SAME_UPPER", "auto_pad")]
    [InlineData("strides", "two", "'strides' is a String")]
    public void A_node_that_can_t_be_differentiated_is_named_with_the_attribute(string attribute, string value, string expected)
    {
        var graph = new Graph();
        Value x = graph.Parameter("x", new(1, 1, 4, 4)), w = graph.Parameter("w", new(1, 1, 1, 1));
        Value y = graph.Add("Conv", [x, w], [(x.Type, x.Shape)], [(attribute, value)], "odd").Output;
        string message = Assert.Throws<GraphException>(() => Gradients.Of(y.Sum(), [x])).Message;
        Assert.Contains("Conv 'odd'", message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    public sealed class Values(Graph graph)
    {
        public Value Image { get; } = graph.Input("image", new(2, 6, 5, 7));

        public Value Other { get; } = graph.Input("other", new(2, 4, 5, 6));

        public Value Kernel { get; } = graph.Input("kernel", new(4, 3, 3, 3));

        public Value Matrix { get; } = graph.Input("matrix", new(3, 4));

        public Value Vector { get; } = graph.Input("vector", new(6));

        public Value Four { get; } = graph.Input("four", new(4));

        public Value Labels { get; } = graph.Input("labels", new(2, 5, 7), ElementType.Int64);
    }
}
