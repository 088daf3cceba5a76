namespace Coppice.Graphs;

/// <summary>How an element of a resized image is made.</summary>
public enum ResizeMode
{
    /// <summary>The nearest element; between two, the one before.</summary>
    Nearest,

    /// <summary>The four elements around, each by its nearness; outside the image, the element at the edge.</summary>
    Linear,
}

/// <summary>Where element i of a resized axis lies in the image.</summary>
public enum ResizeCoordinates
{
    /// <summary>Elements have an extent: at (i + 0.5) * image / result - 0.5.</summary>
    HalfPixel,

    /// <summary>Elements are points, and the corners of both images are the same: at i * (image - 1) / (result - 1).</summary>
    AlignCorners,
}
