namespace Coppice.Graphs.Tests;

/// <summary>Functions whose gradients are compared with differences: the operators that each tries, shapes and range of its arguments.</summary>
internal static class GradientCases
{
    public static readonly Dictionary<string, (string[] Methods, Func<Value[], Value> Function, Shape[] Shapes, float Low, float High)> All = new()
    {
        ["add, broadcast"] = (["Add"], a => a[0] + a[1], [new(2, 3, 4), new(3, 1)], -1, 1),
        ["subtract, broadcast"] = (["Subtract"], a => a[0] - a[1], [new(4), new(2, 3, 4)], -1, 1),
        ["multiply, broadcast"] = (["Multiply"], a => a[0] * a[1], [new(2, 1, 4), new(3, 1)], -1, 1),
        ["divide, broadcast"] = (["Divide"], a => a[0] / a[1], [new(2, 3), new(3)], 0.5f, 2),
        ["the same value twice"] = (["Multiply"], a => a[0] * a[0] * a[0], [new(5)], -1, 1),
        ["max"] = (["Max"], a => a[0].Max(a[1]), [new(30), new(30)], -1, 1),
        ["min"] = (["Min"], a => a[0].Min(a[1]), [new(2, 15), new(15)], -1, 1),
        ["power"] = (["Power"], a => a[0].Power(2.5f), [new(7)], 0.5f, 2),
        ["negate, abs"] = (["Negate", "Abs"], a => (-a[0]).Abs(), [new(9)], 0.1f, 1),
        ["exp, log"] = (["Exp", "Log"], a => a[0].Exp() + a[1].Log(), [new(7), new(7)], 0.3f, 2),
        ["sqrt, reciprocal"] = (["Reciprocal", "Sqrt"], a => a[0].Sqrt() * a[1].Reciprocal(), [new(7), new(7)], 0.5f, 2),
        ["sigmoid, tanh"] = (["Sigmoid", "Tanh"], a => a[0].Sigmoid() + a[0].Tanh(), [new(7)], -2, 2),
        ["erf, softplus"] = (["Erf", "Softplus"], a => a[0].Erf() + a[0].Softplus(), [new(7)], -2, 2),
        ["silu, gelu"] = (["Gelu", "Silu"], a => a[0].Silu() + a[0].Gelu(), [new(7)], -2, 2),
        ["relu"] = (["LeakyRelu", "Relu"], a => a[0].Relu() + (-a[1]).LeakyRelu(0.2f), [new(9), new(9)], 0.1f, 1),
        ["clip"] = (["Clip"], a => (a[0] * 3).Clip(-1, 1), [new(40)], -0.3f, 0.3f),
        ["where"] = (["Where"], a => a[0].Greater(a[0].Graph.Scalar(0)).Where(a[1], a[2]), [new(3, 4), new(3, 4), new(4)], 0.1f, 1),
        ["softmax"] = (["Softmax"], a => a[0].Softmax(1), [new(3, 5, 2)], -2, 2),
        ["log-softmax"] = (["LogSoftmax"], a => a[0].LogSoftmax(), [new(3, 5)], -2, 2),
        ["reshape, transpose"] = (["Reshape", "Transpose"], a => a[0].Reshape(new(4, 3, 2)).Transpose([2, 0, 1]), [new(2, 12)], -1, 1),
        ["last axes exchanged"] = (["TransposeLast"], a => a[0].TransposeLast(), [new(2, 3, 4)], -1, 1),
        ["expand"] = (["Expand"], a => a[0].Expand(new(2, 3, 4)), [new(3, 1)], -1, 1),
        ["concat"] = (["Concat"], a => Operators.Concat([a[0], a[1], a[0]], 1), [new(2, 3), new(2, 1)], -1, 1),
        ["slice"] = (["Slice"], a => a[0].Slice(1, 1, 4), [new(3, 5)], -1, 1),
        ["slice with steps, to the end"] = (["Slice"], a => a[0].Slice(1, 1, 8, 3), [new(2, 8)], -1, 1),
        ["slice with steps, short of it"] = (["Slice"], a => a[0].Slice(0, 0, 5, 2), [new(9, 2)], -1, 1),
        ["pad"] = (["Pad"], a => a[0].Pad(1, 2, 1), [new(2, 3)], -1, 1),
        ["matrix product"] = (["MatMul"], a => a[0].MatMul(a[1]), [new(3, 4), new(4, 5)], -1, 1),
        ["matrix product, one matrix for all"] = (["MatMul"], a => a[0].MatMul(a[1]), [new(2, 3, 4), new(4, 5)], -1, 1),
        ["matrix product, batches that broadcast"] = (["MatMul"], a => a[0].MatMul(a[1]), [new(2, 1, 3, 4), new(3, 4, 2)], -1, 1),
        ["gemm"] = (["Gemm"], a => a[0].Gemm(a[1]), [new(3, 4), new(4, 5)], -1, 1),
        ["gemm, first transposed"] = (["Gemm"], a => a[0].Gemm(a[1], transposeA: true), [new(4, 3), new(4, 5)], -1, 1),
        ["gemm, second transposed"] = (["Gemm"], a => a[0].Gemm(a[1], transposeB: true), [new(3, 4), new(5, 4)], -1, 1),
        ["gemm, both transposed"] = (["Gemm"], a => a[0].Gemm(a[1], true, true), [new(4, 3), new(5, 4)], -1, 1),
        ["sums"] = (["ReduceSum", "Sum"], a => a[0].ReduceSum([0, 2]) * a[0].ReduceSum([1], keep: false).Sum(), [new(2, 3, 4)], -1, 1),
        ["means"] = (["Mean", "ReduceMean"], a => a[0].ReduceMean([-1]) + a[0].Mean(), [new(2, 3, 4)], -1, 1),
        ["greatest"] = (["ReduceMax"], a => a[0].ReduceMax([1]), [new(4, 30)], -1, 1),
        ["gather, some twice"] = (["Gather"], a => a[0].Gather(a[0].Graph.Integers(2, 0, 2)), [new(4, 3)], -1, 1),
        ["gather along another axis"] = (["Gather"], a => a[0].Gather(a[0].Graph.Integers(1, 1), 1), [new(2, 3, 4)], -1, 1),
        ["gather elements"] = (["GatherElements"], a => a[0].GatherElements(Indices(a[0].Graph), 1), [new(2, 3)], -1, 1),
        ["scatter"] = (["ScatterAdd"], a => a[0].ScatterAdd(Indices(a[0].Graph), a[1], 1), [new(2, 3), new(2, 2)], -1, 1),
        ["identity, cast"] = (["Identity", "Cast"], a => (a[0].Identity().Cast(ElementType.Float64) * a[0].Cast(ElementType.Float64)).Cast(ElementType.Float32), [new(5)], -1, 1),
        ["sine, cosine"] = (["Sin", "Cos"], a => a[0].Sin() * a[1].Cos(), [new(7), new(7)], -2, 2),
        ["elu, above and below"] = (["Elu"], a => a[0].Elu(0.7f) + (-a[1]).Elu(), [new(9), new(9)], 0.1f, 2),
        ["hard sigmoid, in three parts"] = (["HardSigmoid"], a => (a[0] * 4).HardSigmoid(0.3f, 0.4f), [new(40)], -1, 1),
        ["hard swish, in three parts"] = (["HardSwish"], a => (a[0] * 4).HardSwish(), [new(40)], -1, 1),
        ["squeeze, unsqueeze"] = (["Squeeze", "Unsqueeze"], a => a[0].Squeeze([1]).Unsqueeze([0, -1]), [new(3, 1, 4)], -1, 1),
        ["slice of several axes"] = (["Slice"], a => a[0].Slice([(2, 1, 3), (0, 0, 1)]), [new(2, 3, 4)], -1, 1),
        ["pad of an image"] = (["Pad"], a => a[0].Pad(new Border(1, 0, 2, 3), 0.5f), [new(1, 2, 3, 2)], -1, 1),
        ["split, not all parts used"] = (["Split"], Parts, [new(2, 6)], -1, 1),
        ["tile"] = (["Tile"], a => a[0].Tile([2, 1, 3]), [new(2, 3, 2)], -1, 1),
        ["smallest"] = (["ReduceMin"], a => a[0].ReduceMin([0, 2], keep: false), [new(4, 3, 5)], -1, 1),
        ["squares"] = (["ReduceSumSquare"], a => a[0].ReduceSumSquare([1]), [new(3, 4)], -1, 1),
        ["norm"] = (["ReduceL2"], a => a[0].ReduceL2([-1], keep: false), [new(3, 4)], 0.3f, 1),
        ["running sums"] = (["CumSum"], a => a[0].CumSum(1) * a[0].CumSum(0, exclusive: true, reverse: true), [new(3, 4)], -1, 1),
        ["convolution"] = (["Conv"], a => a[0].Conv(a[1], a[2], new Window { Stride = 2, Padding = 1 }), [new(2, 3, 6, 5), new(4, 3, 3, 3), new(4)], -1, 1),
        ["convolution, many channels"] = (["Conv"], a => a[0].Conv(a[1]), [new(2, 70, 4, 4), new(2, 70, 3, 2)], -1, 1),
        ["convolution of each channel"] = (["Conv"], a => a[0].Conv(a[1], null, new Window { Padding = 1 }, 3), [new(2, 3, 6, 5), new(6, 1, 3, 3)], -1, 1),
        ["transposed convolution"] = (["ConvTranspose"], a => a[0].ConvTranspose(a[1], a[2], new Window { Stride = 2, Padding = 1 }, 1), [new(2, 4, 3, 4), new(4, 3, 3, 3), new(3)], -1, 1),
        ["space to depth"] = (["SpaceToDepth"], a => a[0].SpaceToDepth(2), [new(1, 3, 4, 6)], -1, 1),
        ["depth to space"] = (["DepthToSpace"], a => a[0].DepthToSpace(2), [new(1, 8, 2, 3)], -1, 1),
        ["greatest of windows"] = (["MaxPool"], a => a[0].MaxPool(3, new Window { Stride = 2, Padding = 1 }), [new(1, 2, 5, 5)], -1, 1),
        ["means of windows"] = (["AveragePool"], a => a[0].AveragePool(3, new Window { Stride = 2, Padding = 1 }), [new(1, 2, 6, 5)], -1, 1),
        ["means of images"] = (["GlobalAveragePool"], a => a[0].GlobalAveragePool(), [new(2, 3, 4, 5)], -1, 1),
        ["resize"] = (["Resize", "ResizeByProducts"], a => a[0].Resize(new(7, 5)) * a[0].ResizeByProducts(new(7, 5), ResizeMode.Nearest), [new(1, 2, 3, 3)], -1, 1),
        ["batch normalization with given statistics"] = (["BatchNormalization"], a => a[0].BatchNormalization(a[1], a[2], a[3], a[4], 0.1f), [new(3, 4, 5), new(4), new(4), new(4), new(4)], 0.5f, 2),
        ["batch normalization with the batch's statistics"] = (["BatchNormalizationInTraining"], Normalized, [new(3, 2, 4, 3), new(2), new(2)], -1, 1),
        ["layer normalization"] = (["LayerNormalization"], a => a[0].LayerNormalization(a[1], a[2], 1, 0.01f), [new(3, 4, 2), new(4, 2), new(4, 2)], -1, 1),
        ["layer normalization without bias"] = (["LayerNormalization"], a => a[0].LayerNormalization(a[1]), [new(3, 7), new(7)], -1, 1),
        ["root mean square normalization"] = (["RmsNormalization"], a => a[0].RmsNormalization(a[1], 1) + a[0].RmsNormalization(), [new(3, 4, 2), new(4)], 0.2f, 1),
        ["group normalization"] = (["GroupNormalization"], a => a[0].GroupNormalization(2, a[1], a[2]), [new(2, 6, 3, 2), new(6), new(6)], -1, 1),
        ["cross-entropy of pixels, weights, one label ignored, one no class"] = (["CrossEntropy"], a => a[0].CrossEntropy(Labels(a[0].Graph, new(2, 2, 2), [0, 1, 2, 3, 255, 2, 0, 0]), 1, a[1].Graph.Constant(TensorData.Of<float>(new(4), [1, 2, 0.5f, 3])), 1) + a[1].Sum(), [new(2, 4, 2, 2), new(1)], -2, 2),
        ["cross-entropy of rows"] = (["CrossEntropy"], a => a[0].CrossEntropy(Labels(a[0].Graph, new(3), [4, 0, 2]), -1), [new(3, 5)], -2, 2),
        ["binary cross-entropy"] = (["BinaryCrossEntropy"], a => a[0].BinaryCrossEntropy(a[1]), [new(3, 5), new(5)], -2, 2),
        ["smooth L1, both parts"] = (["SmoothL1"], a => (a[0] * 2).SmoothL1(a[1], 0.6f), [new(40), new(40)], -1, 1),
    };

    private static Value Normalized(Value[] a)
    {
        (Value result, Value mean, Value variance) = a[0].BatchNormalizationInTraining(a[1], a[2], 0.1f);
        return result + Operators.Unsqueeze(mean * variance, [1, 2]);
    }

    private static Value Parts(Value[] a)
    {
        IReadOnlyList<Value> parts = a[0].Split(1, [2, 1, 3]);
        return parts[0] * parts[2].Slice(1, 1, 3);
    }

    private static Value Indices(Graph graph) => graph.Constant(TensorData.Of<long>(new(2, 2), [0, 2, 1, 1]));

    private static Value Labels(Graph graph, Shape shape, long[] labels) => graph.Constant(TensorData.Of<long>(shape, labels));
}
