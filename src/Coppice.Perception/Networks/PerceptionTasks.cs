namespace Coppice.Perception.Networks;

/// <summary>What a network answers. Distance needs Detection: it belongs to the boxes.</summary>
[Flags]
public enum PerceptionTasks
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Boxes and their classes.</summary>
    Detection = 1,

    /// <summary>The distance of each box.</summary>
    Distance = 2,

    /// <summary>A class for each pixel.</summary>
    Segmentation = 4,

    /// <summary>Everything.</summary>
    All = Detection | Distance | Segmentation,
}
