using Coppice.Kernels.Formats;

namespace Coppice.Kernels.Products;

/// <summary>
/// Weights [outputs, inputs] for <see cref="MatrixProduct"/>, which takes them in panels: of 16 outputs for the quantized types (see
/// <see cref="IPanelFormat"/>), of 32 for the float types (see <see cref="FloatProduct{TFormat}"/>); the last panel is filled up with
/// zeros. They are packed once (<see cref="Pack"/>), or stay as they are and are packed, a stretch at a time, by every product
/// (<see cref="Map"/>). Results have the same bits either way.
/// </summary>
public sealed unsafe class WeightMatrix : IDisposable
{
    private readonly AlignedBuffer<byte>? _packed;
    private NativeBytes _rows;

    private WeightMatrix(TensorType type, int outputs, int inputs, AlignedBuffer<byte>? packed, NativeBytes rows, bool allFinite)
    {
        AllFinite = allFinite;
        Type = type;
        Outputs = outputs;
        Inputs = inputs;
        Bytes = packed?.Bytes ?? rows.Length;
        _packed = packed;
        _rows = rows;
    }

    /// <summary>How the weights were stored, which is also how precisely they are kept.</summary>
    public TensorType Type { get; }

    /// <summary>Number of outputs.</summary>
    public int Outputs { get; }

    /// <summary>Number of inputs.</summary>
    public int Inputs { get; }

    /// <summary>Bytes of memory the weights take, packed or as they are; all are read by a product.</summary>
    public long Bytes { get; }

    /// <summary>Whether F16 weights are known to be without infinities and NaNs, which are slower to widen.</summary>
    internal bool AllFinite { get; }

    /// <summary>The packed weights.</summary>
    internal byte* Data => _packed!.Pointer;

    /// <summary>Packs weights into memory of their own, about as much as the original takes; nothing of the original is kept.</summary>
    /// <param name="type">A supported type.</param>
    /// <param name="outputs">Number of rows, at least 1.</param>
    /// <param name="inputs">Weights of a row, a multiple of the type's block.</param>
    /// <param name="rows">[outputs, inputs] as GGUF blocks, row-major; may be released afterwards.</param>
    /// <param name="team">Does the work.</param>
    /// <param name="path">How; the bytes are the same. Null: the best there is.</param>
    /// <exception cref="ArgumentException">The type is unsupported, a size is no positive multiple of its unit, or the number of bytes is wrong.</exception>
    public static WeightMatrix Pack(TensorType type, int outputs, int inputs, NativeBytes rows, WorkerTeam team, KernelPath? path = null)
    {
        ArgumentNullException.ThrowIfNull(team);
        CheckSizes(type, outputs, inputs, rows.Length);
        var work = new PackingWork(path ?? KernelPaths.Best, type, outputs, inputs) { Rows = rows.Pointer };
        return Packed(work, team);
    }

    /// <summary>Packs what is described.</summary>
    internal static WeightMatrix Packed(PackingWork work, WorkerTeam team)
    {
        // Not zeroed: the workers are the first to touch the pages, and zero what panels are filled up with.
        var packed = AlignedBuffer<byte>.Uninitialized(work.PackedBytes);
        try
        {
            work.Packed = packed.Pointer;
            team.Run(work.ItemCount, &work, &PackingWork.Item);
            return new WeightMatrix(work.Type, work.Outputs, work.Inputs, packed, default, work.AllFinite);
        }
        catch
        {
            packed.Dispose();
            throw;
        }
    }

    /// <summary>Takes weights as they are, without a copy.</summary>
    /// <param name="type">A supported type.</param>
    /// <param name="outputs">Number of rows, at least 1.</param>
    /// <param name="inputs">Weights of a row, a multiple of the type's block.</param>
    /// <param name="rows">[outputs, inputs] as GGUF blocks, row-major; must stay valid and unchanged until <see cref="Dispose"/>.</param>
    /// <exception cref="ArgumentException">The type is unsupported, a size is no positive multiple of its unit, or the number of bytes is wrong.</exception>
    public static WeightMatrix Map(TensorType type, int outputs, int inputs, NativeBytes rows)
    {
        CheckSizes(type, outputs, inputs, rows.Length);
        return new WeightMatrix(type, outputs, inputs, null, rows, allFinite: false);
    }

    /// <summary>Returns the memory of packed weights, and lets go of mapped ones.</summary>
    public void Dispose()
    {
        _packed?.Dispose();
        _rows = default;
    }

    /// <summary>Where a product finds the panels.</summary>
    /// <param name="path">How to pack those that are not packed yet.</param>
    /// <exception cref="ObjectDisposedException">The weights were returned.</exception>
    internal PanelSource Panels(KernelPath path)
    {
        ObjectDisposedException.ThrowIf(_packed is null && _rows.Pointer == null, this);
        return new PanelSource(path, Type, Outputs, Inputs, _rows.Pointer, _packed is null ? null : _packed.Pointer);
    }

    internal static void CheckSizes(TensorType type, int outputs, int inputs, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(outputs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(inputs, 1);
        long expected = checked(outputs * TensorTypes.Bytes(type, inputs));
        if (bytes != expected)
            throw new ArgumentException($"{type} [{outputs}, {inputs}]: expected {expected} bytes, found {bytes}", nameof(bytes));
    }
}
