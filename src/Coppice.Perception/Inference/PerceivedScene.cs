using Coppice.Perception.Detection;

namespace Coppice.Perception.Inference;

/// <summary>What was perceived in a picture. Its memory is used again for the next picture of the same perceiver.</summary>
public sealed class PerceivedScene
{
    internal PerceivedScene()
    {
    }

    /// <summary>The picture's width, pixels.</summary>
    public int Width { get; internal set; }

    /// <summary>The picture's height, pixels.</summary>
    public int Height { get; internal set; }

    /// <summary>The objects, highest score first; boxes are fractions of the picture. Empty where the network has none to find.</summary>
    public IReadOnlyList<DetectedObject> Objects => Found;

    /// <summary>[height, width]: the class of each pixel; empty where the network tells none.</summary>
    public ReadOnlySpan<byte> Labels => LabelBytes.AsSpan(0, HasLabels ? Width * Height : 0);

    /// <summary>Whether pixels have classes.</summary>
    public bool HasLabels { get; internal set; }

    internal List<DetectedObject> Found { get; } = [];

    internal byte[] LabelBytes { get; set; } = [];
}
