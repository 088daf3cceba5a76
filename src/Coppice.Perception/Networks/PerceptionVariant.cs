namespace Coppice.Perception.Networks;

/// <summary>Which network answers.</summary>
public enum PerceptionVariant
{
    /// <summary>DSPNet as published: ResNet-50 v2, 32.39 million weights.</summary>
    ResNet50,

    /// <summary>DSPNet's heads on ResNet-18 v2.</summary>
    ResNet18,

    /// <summary>A slim network for CPUs whose heads mean the same.</summary>
    Fast,
}
