namespace Coppice.Perception.Losses;

/// <summary>What the sum of the box losses is divided by.</summary>
public enum BoxNormalization
{
    /// <summary>The number of box values whose loss is not zero: the authors' choice (MXNet's "valid" normalization), about five for an object's anchor.</summary>
    NonZeroValues,

    /// <summary>The number of anchors that are objects.</summary>
    ObjectAnchors,
}

/// <summary>What the sum of the pixels' losses is divided by.</summary>
public enum PixelNormalization
{
    /// <summary>The number of all pixels, ignored ones included: the authors' choice (MXNet's "null" normalization with several outputs).</summary>
    AllPixels,

    /// <summary>The number of pixels that count.</summary>
    ValidPixels,
}

/// <summary>How the losses of the three tasks are made; the defaults are the paper's.</summary>
public sealed record LossOptions
{
    /// <summary>Weight of the anchors' classes.</summary>
    public float ClassWeight { get; init; } = 1;

    /// <summary>Weight of boxes and distances.</summary>
    public float BoxWeight { get; init; } = 1;

    /// <summary>Weight of the pixels' classes.</summary>
    public float SegmentationWeight { get; init; } = 4;

    /// <summary>Background anchors picked for each anchor that is an object.</summary>
    public int NegativeRatio { get; init; } = 3;

    /// <summary>Background anchors picked at least, in each image. With the paper's 0, images without objects teach nothing.</summary>
    public int LeastNegatives { get; init; }

    /// <summary>What the sum of the box losses is divided by.</summary>
    public BoxNormalization BoxNormalization { get; init; } = BoxNormalization.NonZeroValues;

    /// <summary>What the sum of the pixels' losses is divided by.</summary>
    public PixelNormalization PixelNormalization { get; init; } = PixelNormalization.AllPixels;

    /// <summary>
    /// Whether the losses of classes and boxes, which are means over the whole batch already, are divided by the number of images once
    /// more, as the authors' optimizer does. Without effect for batches of one, the authors' setting.
    /// </summary>
    public bool RescaleByBatch { get; init; }
}
