namespace Coppice.Kernels.Emitted;

/// <summary>What a tile's code is called with: its address is the only argument.</summary>
internal unsafe struct TileCall
{
    /// <summary>The (first) panel's first step.</summary>
    public byte* Panel;

    /// <summary>Bytes from one panel to the next.</summary>
    public nint PanelStride;

    /// <summary>The first activation block of the first row.</summary>
    public byte* X;

    /// <summary>Bytes from one row of blocks to the next.</summary>
    public nint XStride;

    /// <summary>16 sums a row and panel, continued; those of a second panel follow the first's.</summary>
    public float* Y;

    /// <summary>Bytes from one row of sums to the next.</summary>
    public nint YStride;

    /// <summary>Number of steps, at least 1.</summary>
    public nint Steps;
}
