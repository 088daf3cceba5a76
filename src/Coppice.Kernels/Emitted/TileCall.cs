using System.Runtime.InteropServices;

namespace Coppice.Kernels.Emitted;

/// <summary>What a tile's code is called with: its address is the only argument.</summary>
[StructLayout(LayoutKind.Explicit)]
internal unsafe struct TileCall
{
    /// <summary>Byte offsets of the fields, for the emitter.</summary>
    public const int PanelAt = 0, XAt = 8, XStrideAt = 16, YAt = 24, YStrideAt = 32, StepsAt = 40, PanelStrideAt = 48;

    /// <summary>The panel's first step.</summary>
    [FieldOffset(PanelAt)]
    public byte* Panel;

    /// <summary>The first activation block of the first row.</summary>
    [FieldOffset(XAt)]
    public byte* X;

    /// <summary>Bytes from one row of blocks to the next.</summary>
    [FieldOffset(XStrideAt)]
    public nint XStride;

    /// <summary>16 sums a row, continued.</summary>
    [FieldOffset(YAt)]
    public float* Y;

    /// <summary>Bytes from one row of sums to the next.</summary>
    [FieldOffset(YStrideAt)]
    public nint YStride;

    /// <summary>Number of steps, at least 1.</summary>
    [FieldOffset(StepsAt)]
    public nint Steps;

    /// <summary>Bytes from the first panel to the second, for tiles of two.</summary>
    [FieldOffset(PanelStrideAt)]
    public nint PanelStride;
}
