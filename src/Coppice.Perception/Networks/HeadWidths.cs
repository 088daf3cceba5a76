namespace Coppice.Perception.Networks;

/// <summary>Channels of one extra detection level: 1x1 to <paramref name="Reduced"/>, then 3x3 with stride 2 to <paramref name="Results"/>.</summary>
/// <param name="Reduced">Between the two convolutions.</param>
/// <param name="Results">Of the level.</param>
public readonly record struct ExtraLevel(int Reduced, int Results);

/// <summary>Channels of the heads.</summary>
public sealed record HeadWidths
{
    /// <summary>Those of the paper: 5.41 million weights for detection, 3.48 million for segmentation, on ResNet-50.</summary>
    public static HeadWidths Paper { get; } = new();

    /// <summary>Those of the fast variant.</summary>
    public static HeadWidths Slim { get; } = new()
    {
        ExtraLevels = [new(64, 128), new(32, 64), new(32, 64), new(32, 64)],
        SegmentationRes3 = 32,
        SegmentationRes4 = 64,
        SegmentationPools = [64, 32, 32],
    };

    /// <summary>The four detection levels behind res5.</summary>
    public IReadOnlyList<ExtraLevel> ExtraLevels { get; init; } = [new(256, 512), new(128, 256), new(128, 256), new(128, 128)];

    /// <summary>Of res3 in the segmentation.</summary>
    public int SegmentationRes3 { get; init; } = 128;

    /// <summary>Of res4 in the segmentation.</summary>
    public int SegmentationRes4 { get; init; } = 256;

    /// <summary>Of res5 pooled over 1, 2 and 4 elements.</summary>
    public IReadOnlyList<int> SegmentationPools { get; init; } = [512, 256, 128];
}
