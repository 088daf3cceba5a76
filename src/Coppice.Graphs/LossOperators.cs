namespace Coppice.Graphs;

/// <content>Losses. All are composed of other operators and are stable for large logits.</content>
public static partial class Operators
{
    /// <summary>
    /// Mean of -ln(softmax(logits)) at the labels; with class weights the weighted mean. Zero if no label counts.
    /// </summary>
    /// <param name="logits">[..., classes, ...].</param>
    /// <param name="labels">Int64 or Int32, of the shape of the logits without the axis of classes. A label that is no class does not count.</param>
    /// <param name="axis">Axis of the classes.</param>
    /// <param name="classWeights">[classes], or null for equal weights.</param>
    /// <param name="ignoredLabel">A label that does not count, if it is one of the classes; others than classes need not be named.</param>
    /// <param name="name">Name of the result, a scalar.</param>
    public static Value CrossEntropy(
        this Value logits, Value labels, int axis = 1, Value? classWeights = null, long? ignoredLabel = null, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentNullException.ThrowIfNull(labels);
        RequireType("CrossEntropy", logits, 0, ElementType.Float32);
        RequireIndices("CrossEntropy", labels);
        int along = CheckAxis("CrossEntropy", logits, axis), rank = logits.Shape.Rank, classes = logits.Shape[along];
        Shape column = logits.Shape.With(along, 1), expected = new([.. logits.Shape.Dims[..along], .. logits.Shape.Dims[(along + 1)..]]);
        if (labels.Shape != expected) throw Wrong("CrossEntropy", 1, labels, $"{expected}, for {logits.Shape}");
        if (classWeights is not null) RequireVector("CrossEntropy", classWeights, 2, classes, logits.Type);
        // No label equals the class that is ignored.
        long[] counted = [.. Enumerable.Range(0, classes).Select(c => c == ignoredLabel ? long.MinValue : c)];
        Graph g = logits.Graph;
        Value target = labels.Cast(ElementType.Int64).Reshape(column).EqualTo(Along(g.Integers(counted), rank, along)).Cast(logits.Type);
        if (classWeights is not null) target *= Along(classWeights, rank, along);
        Value weight = target.StopGradient().Sum().Max(g.Scalar(1e-12f));
        return (-(target * LogProbabilities(logits, along)).Sum()).Divide(weight, name);
    }

    /// <summary>Along axes that are not the last, ONNX Runtime's LogSoftmax takes several times as long as its parts (docs/graphs.md).</summary>
    private static Value LogProbabilities(Value logits, int axis)
    {
        if (axis == logits.Shape.Rank - 1) return logits.LogSoftmax(axis);
        Value apart = logits - logits.ReduceMax([axis]).StopGradient();
        return apart - apart.Exp().ReduceSum([axis]).Log();
    }

    /// <summary>-(t * ln(sigmoid(x)) + (1 - t) * ln(1 - sigmoid(x))), elementwise: softplus(x) - t * x.</summary>
    /// <param name="logits">x.</param>
    /// <param name="targets">t, in [0, 1], of a shape that broadcasts with the logits'.</param>
    /// <param name="name">Name of the result.</param>
    public static Value BinaryCrossEntropy(this Value logits, Value targets, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(logits);
        return logits.Softplus().Subtract(logits * targets, name);
    }

    /// <summary>
    /// d * d / (2 * beta) where d = |x - target| is below beta, d - beta / 2 elsewhere; elementwise.
    /// </summary>
    /// <param name="x">Any tensor of numbers.</param>
    /// <param name="target">Of a shape that broadcasts with that of x.</param>
    /// <param name="beta">Where the square ends; above 0.</param>
    /// <param name="name">Name of the result.</param>
    public static Value SmoothL1(this Value x, Value target, float beta = 1, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (!(beta > 0)) throw new ArgumentOutOfRangeException(nameof(beta), beta, "above 0");
        Value distance = (x - target).Abs(), square = distance.Min(x.Graph.Scalar(beta));
        return square.Multiply((distance - (square * 0.5f)) * (1 / beta), name);
    }
}
