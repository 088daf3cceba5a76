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

/// <summary>
/// How the losses of the three tasks are made; the defaults are the paper's. Its properties can be set for the sake of recipes in JSON: the
/// serializer of generated code gives init-only ones that a file leaves out no default.
/// </summary>
public sealed record LossOptions
{
    /// <summary>Weight of the anchors' classes.</summary>
    public float ClassWeight { get; set; } = 1;

    /// <summary>Weight of boxes and distances.</summary>
    public float BoxWeight { get; set; } = 1;

    /// <summary>Weight of the pixels' classes.</summary>
    public float SegmentationWeight { get; set; } = 4;

    /// <summary>Background anchors picked for each anchor that is an object.</summary>
    public int NegativeRatio { get; set; } = 3;

    /// <summary>Background anchors picked at least, in each image. With the paper's 0, images without objects teach nothing.</summary>
    public int LeastNegatives { get; set; }

    /// <summary>What the sum of the box losses is divided by.</summary>
    public BoxNormalization BoxNormalization { get; set; } = BoxNormalization.NonZeroValues;

    /// <summary>What the sum of the pixels' losses is divided by.</summary>
    public PixelNormalization PixelNormalization { get; set; } = PixelNormalization.AllPixels;

    /// <summary>
    /// Whether the losses of classes and boxes, which are means over the whole batch already, are divided by the number of images once
    /// more, as the authors' optimizer does. Without effect for batches of one, the authors' setting.
    /// </summary>
    public bool RescaleByBatch { get; set; }
}
