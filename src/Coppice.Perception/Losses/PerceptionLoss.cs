using Coppice.Graphs;
using Coppice.Perception.Detection;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Losses;

/// <summary>
/// The loss of a network as part of its graph, with what is known about the images as inputs (DSPNet, arXiv 1803.03778, and its code):
/// <code>
/// class        softmax cross-entropy over objects and picked background anchors, divided by their number
/// box          smooth L1 of dx, dy, dw, dh and z over objects
/// segmentation softmax cross-entropy over pixels
/// total        class + box + 4 * segmentation
/// </code>
/// Background anchors are picked by the graph itself: three for each object, those that the network thinks least to be background. No
/// gradient goes through the choice.
/// </summary>
public sealed class PerceptionLoss
{
    private PerceptionLoss(Value total) => Total = total;

    /// <summary>The weighted sum, a scalar.</summary>
    public Value Total { get; }

    /// <summary>Unweighted loss of the anchors' classes, a scalar; null without detection.</summary>
    public Value? Class { get; private init; }

    /// <summary>Unweighted loss of boxes and distances, a scalar; null without detection.</summary>
    public Value? Box { get; private init; }

    /// <summary>Unweighted loss of the pixels' classes, a scalar; null without segmentation.</summary>
    public Value? Segmentation { get; private init; }

    /// <summary>Input <c>targets.classes</c>, Int64 [batch, anchors], as <see cref="TargetAssignment"/> writes it; null without detection.</summary>
    public Value? ClassTargets { get; private init; }

    /// <summary>Input <c>targets.boxes</c>, [batch, anchors, 5]; null without detection.</summary>
    public Value? BoxTargets { get; private init; }

    /// <summary>Input <c>targets.box_mask</c>, [batch, anchors, 5], 1 where a number counts; null without detection.</summary>
    public Value? BoxMask { get; private init; }

    /// <summary>Input <c>targets.labels</c>, Int64 [batch, height, width] of the labels' logits; others than classes do not count; null without segmentation.</summary>
    public Value? LabelTargets { get; private init; }

    /// <summary>Adds the losses of a network's outputs, and the inputs that they need, to its graph.</summary>
    /// <param name="outputs">The outputs.</param>
    /// <param name="options">How; null for the paper's.</param>
    /// <exception cref="GraphException">There is no output, or they are not of one network.</exception>
    public static PerceptionLoss Add(PerceptionOutputs outputs, LossOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(outputs);
        options ??= new LossOptions();
        Graph g = (outputs.Classes ?? outputs.Labels)?.Graph ?? throw new GraphException("a network without outputs has no loss");
        using IDisposable scope = g.Scope("targets");
        Value? classTargets = null, boxTargets = null, boxMask = null, labelTargets = null, classLoss = null, boxLoss = null, pixelLoss = null;
        if (outputs.Classes is { } classes)
        {
            if (outputs.Boxes is not { } boxes) throw new GraphException("classes without boxes have no loss");
            int batch = classes.Shape[0];
            classTargets = g.Input("classes", new(batch, classes.Shape[1]), ElementType.Int64);
            boxTargets = g.Input("boxes", boxes.Shape);
            boxMask = g.Input("box_mask", boxes.Shape);
            float rescale = options.RescaleByBatch ? 1f / batch : 1;
            classLoss = Scaled(Classes(classes, classTargets, options), rescale);
            boxLoss = Scaled(Boxes(boxes, boxTargets, boxMask, classTargets, options.BoxNormalization), rescale);
        }

        if (outputs.Labels is { } labels)
        {
            labelTargets = g.Input("labels", new(labels.Shape[0], labels.Shape[2], labels.Shape[3]), ElementType.Int64);
            pixelLoss = Pixels(labels, labelTargets, options.PixelNormalization);
        }

        return new PerceptionLoss(Sum([(classLoss, options.ClassWeight), (boxLoss, options.BoxWeight), (pixelLoss, options.SegmentationWeight)]))
        {
            Class = classLoss,
            Box = boxLoss,
            Segmentation = pixelLoss,
            ClassTargets = classTargets,
            BoxTargets = boxTargets,
            BoxMask = boxMask,
            LabelTargets = labelTargets,
        };
    }

    private static Value Classes(Value logits, Value targets, LossOptions options)
    {
        Value picked = PickedNegatives(logits, targets, options);
        Graph g = logits.Graph;
        Value none = g.Constant(TensorData.Of<long>(Shape.Scalar, [TargetAssignment.Ignored]));
        Value background = g.Constant(TensorData.Of<long>(Shape.Scalar, [TargetAssignment.Background]));
        Value isObject = targets.Greater(background);
        Value counted = isObject.Where(targets, picked.Where(background, none));
        return logits.CrossEntropy(counted, axis: 2);
    }

    /// <summary>
    /// Bool [batch, anchors]: the candidates for background with the lowest background probability, in each image ratio times as many as
    /// it has objects; of equal ones, the first.
    /// </summary>
    private static Value PickedNegatives(Value logits, Value targets, LossOptions options)
    {
        Graph g = logits.Graph;
        int batch = logits.Shape[0], anchors = logits.Shape[1];
        Value zero = g.Constant(TensorData.Of<long>(Shape.Scalar, [TargetAssignment.Background]));
        Value isCandidate = targets.EqualTo(zero);
        Value background = logits.StopGradient().LogSoftmax(2).Slice(2, 0, 1).Reshape(new(batch, anchors));
        Value order = isCandidate.Where(-background, g.Scalar(-1));
        // Hardness of a candidate is at least 0: all others come last.
        Value all = g.Integers(anchors);
        IReadOnlyList<Value> sorted = g.Add(
            "TopK",
            [order, all],
            [(ElementType.Float32, order.Shape), (ElementType.Int64, order.Shape)],
            [("axis", 1L), ("largest", 1L), ("sorted", 1L)]).Outputs;
        float[] places = [.. Enumerable.Range(0, anchors).Select(i => (float)i)];
        Value place = g.Constant(TensorData.Of<float>(new(1, anchors), places)).Expand(order.Shape);
        Value rank = g.Fill(0, order.Shape).ScatterAdd(sorted[1], place, 1);
        Value objects = targets.Greater(zero).Cast(ElementType.Float32).ReduceSum([1]);
        Value wanted = (objects * options.NegativeRatio).Max(g.Scalar(options.LeastNegatives));
        return isCandidate.And(rank.Less(wanted));
    }

    private static Value Boxes(Value boxes, Value targets, Value mask, Value classTargets, BoxNormalization normalization)
    {
        Graph g = boxes.Graph;
        Value loss = (boxes * mask).SmoothL1(targets * mask);
        Value zero = g.Constant(TensorData.Of<long>(Shape.Scalar, [TargetAssignment.Background]));
        Value counted = normalization == BoxNormalization.NonZeroValues
            ? loss.StopGradient().Greater(g.Scalar(0))
            : classTargets.Greater(zero);
        return loss.Sum() / counted.Cast(ElementType.Float32).Sum().Max(g.Scalar(1));
    }

    private static Value Pixels(Value logits, Value targets, PixelNormalization normalization)
    {
        Value mean = logits.CrossEntropy(targets, axis: 1);
        if (normalization == PixelNormalization.ValidPixels) return mean;
        Graph g = logits.Graph;
        Value classes = g.Constant(TensorData.Of<long>(Shape.Scalar, [logits.Shape[1]])), below = g.Constant(TensorData.Of<long>(Shape.Scalar, [-1]));
        Value counted = targets.Less(classes).And(targets.Greater(below)).Cast(ElementType.Float32);
        return mean * counted.Mean();
    }

    private static Value Scaled(Value loss, float factor) => factor == 1 ? loss : loss * factor;

    private static Value Sum(IEnumerable<(Value? Loss, float Weight)> parts) =>
        parts.Where(p => p.Loss is not null).Select(p => Scaled(p.Loss!, p.Weight)).Aggregate((a, b) => a + b);
}
