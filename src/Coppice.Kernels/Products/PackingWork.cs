using System.Runtime.InteropServices;
using Coppice.Kernels.Formats;

namespace Coppice.Kernels.Products;

/// <summary>
/// The packing of a whole matrix as items for the team: a few panels each, of rows that are in memory or that the item reads from a file
/// into its worker's room first. Lives on the caller's stack.
/// </summary>
internal unsafe struct PackingWork
{
    /// <summary>Bytes of rows that an item takes if they are at least a panel: what is read stays in the second cache until it is packed.</summary>
    private const int RowBytesPerItem = 256 << 10;

    private readonly KernelPath _path;
    private readonly long _panelBytes;
    private readonly nint _panelRowBytes;
    private readonly int _lanes;
    private readonly int _panelsPerItem;
    private readonly int _panelCount;
    private int _notFinite;

    /// <summary>Describes a matrix.</summary>
    /// <param name="path">How to pack.</param>
    /// <param name="type">A supported type.</param>
    /// <param name="outputs">Number of outputs.</param>
    /// <param name="inputs">Number of inputs, a multiple of the type's block.</param>
    public PackingWork(KernelPath path, TensorType type, int outputs, int inputs)
    {
        var source = new PanelSource(path, type, outputs, inputs, null, null);
        (_path, Type, Outputs, Inputs) = (path, type, outputs, inputs);
        _lanes = source.Lanes;
        _panelBytes = source.PanelBytes;
        _panelCount = source.PanelCount;
        _panelRowBytes = checked((nint)TensorTypes.Bytes(type, inputs) * _lanes);
        _panelsPerItem = (int)Math.Clamp(RowBytesPerItem / _panelRowBytes, 1, 8);
    }

    public TensorType Type { get; }

    public int Outputs { get; }

    public int Inputs { get; }

    /// <summary>The first row, where the rows are in memory.</summary>
    public byte* Rows { get; init; }

    /// <summary>A <see cref="FilePacker"/>, where they are not.</summary>
    public GCHandle File { get; init; }

    /// <summary>Where the rows start in the file.</summary>
    public long FileStart { get; init; }

    /// <summary>Gets the panels.</summary>
    public byte* Packed { get; set; }

    /// <summary>Bytes of all panels.</summary>
    public readonly long PackedBytes => checked(_panelCount * _panelBytes);

    /// <summary>Most bytes of rows of an item.</summary>
    public readonly nint ItemRowBytes => checked(_panelRowBytes / _lanes * Math.Min(Outputs, _panelsPerItem * _lanes));

    public readonly int ItemCount => (_panelCount + _panelsPerItem - 1) / _panelsPerItem;

    /// <summary>Whether the weights are halves without infinities and NaNs, when all items are done.</summary>
    public readonly bool AllFinite => Type == TensorType.F16 && _notFinite == 0;

    /// <summary>Runs an item of a <see cref="PackingWork"/>.</summary>
    public static void Item(void* state, int item, int worker)
    {
        PackingWork* work = (PackingWork*)state;
        int first = item * work->_panelsPerItem, end = Math.Min(work->_panelCount, first + work->_panelsPerItem);
        int outputs = Math.Min(work->Outputs, end * work->_lanes) - (first * work->_lanes);
        byte* rows = work->RowsOf(first, outputs, worker), target = work->Packed + (first * work->_panelBytes);
        var source = new PanelSource(work->_path, work->Type, outputs, work->Inputs, rows, null);
        for (int panel = 0; panel < source.PanelCount; panel++, target += work->_panelBytes)
        {
            source.Pack(panel, 0, source.StepCount, target);
            if (work->Type == TensorType.F16 && PanelPacker.HasExponent31((ushort*)target, (nint)work->_panelBytes / sizeof(ushort)))
                Volatile.Write(ref work->_notFinite, 1);
        }
    }

    private readonly byte* RowsOf(int panel, int outputs, int worker)
    {
        long start = panel * (long)_panelRowBytes;
        if (Rows != null) return Rows + start;
        return ((FilePacker)File.Target!).Read(FileStart + start, checked((int)(_panelRowBytes / _lanes * outputs)), worker);
    }
}
