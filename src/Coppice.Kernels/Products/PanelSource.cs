using Coppice.Kernels.Formats;

namespace Coppice.Kernels.Products;

/// <summary>Where the panels of a matrix come from: memory that holds them packed, or rows that are packed as they are asked for.</summary>
internal readonly unsafe struct PanelSource
{
    private readonly PanelPacker _packer;
    private readonly byte* _rows;
    private readonly byte* _packed;
    private readonly nint _rowBytes;
    private readonly int _outputs;

    /// <summary>Describes a matrix.</summary>
    /// <param name="path">How to pack.</param>
    /// <param name="type">The type.</param>
    /// <param name="outputs">Number of outputs.</param>
    /// <param name="inputs">Number of inputs.</param>
    /// <param name="rows">The rows as GGUF blocks, if they are to be packed.</param>
    /// <param name="packed">All panels, or null.</param>
    public PanelSource(KernelPath path, TensorType type, int outputs, int inputs, byte* rows, byte* packed)
    {
        _packer = new PanelPacker(path, type);
        _rows = rows;
        _packed = packed;
        _outputs = outputs;
        StepCount = inputs / TensorTypes.BlockSize(type);
        _rowBytes = (nint)StepCount * _packer.BlockBytes;
        PanelCount = (outputs + Lanes - 1) / Lanes;
        PanelBytes = (long)StepCount * StepBytes;
    }

    /// <summary>Whether panels are packed as they are asked for.</summary>
    public bool IsMapped => _packed == null;

    /// <summary>Outputs of a panel.</summary>
    public int Lanes => _packer.Lanes;

    /// <summary>Number of panels.</summary>
    public int PanelCount { get; }

    /// <summary>Steps of a panel.</summary>
    public int StepCount { get; }

    /// <summary>Bytes of a packed step.</summary>
    public int StepBytes => _packer.StepBytes;

    /// <summary>Bytes of a packed panel.</summary>
    public long PanelBytes { get; }

    /// <summary>The steps [first, first + steps) of a panel: where they lie, or packed into <paramref name="buffer"/>.</summary>
    public byte* Steps(int panel, int first, int steps, byte* buffer)
    {
        if (!IsMapped) return _packed + (panel * PanelBytes) + ((long)first * StepBytes);
        Pack(panel, first, steps, buffer);
        return buffer;
    }

    /// <summary>Packs the steps [first, first + steps) of a panel.</summary>
    public void Pack(int panel, int first, int steps, byte* target)
    {
        byte* rows = _rows + (panel * Lanes * _rowBytes) + ((nint)first * _packer.BlockBytes);
        _packer.Pack(rows, _rowBytes, Math.Min(Lanes, _outputs - (panel * Lanes)), steps, target, rows + (Lanes * _rowBytes));
    }
}
