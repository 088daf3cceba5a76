using System.Runtime.CompilerServices;
using Coppice.Kernels.Formats;

namespace Coppice.Kernels.Products;

/// <summary>
/// Weights [outputs, inputs] repacked for <see cref="MatrixProduct"/>: panels of 16 outputs for the quantized types (see
/// <see cref="IPanelFormat"/>), of 32 for the float types (see <see cref="FloatProduct{TFormat}"/>); the last panel is filled up
/// with zeros. Takes about as much memory as the original. Owns its memory; nothing of the original is kept.
/// </summary>
public sealed unsafe class WeightMatrix : IDisposable
{
    private readonly AlignedBuffer<byte> _data;

    private WeightMatrix(TensorType type, int outputs, int inputs, AlignedBuffer<byte> data, bool allFinite)
    {
        AllFinite = allFinite;
        Type = type;
        Outputs = outputs;
        Inputs = inputs;
        _data = data;
    }

    /// <summary>How the weights were stored, which is also how precisely they are kept.</summary>
    public TensorType Type { get; }

    /// <summary>Number of outputs.</summary>
    public int Outputs { get; }

    /// <summary>Number of inputs.</summary>
    public int Inputs { get; }

    /// <summary>Bytes of memory the packed weights take; all are read by a product.</summary>
    public long Bytes => _data.Bytes;

    /// <summary>Whether F16 weights are known to be without infinities and NaNs, which are slower to widen.</summary>
    internal bool AllFinite { get; }

    internal byte* Data => _data.Pointer;

    /// <summary>Packs weights.</summary>
    /// <param name="type">A supported type.</param>
    /// <param name="outputs">Number of rows, at least 1.</param>
    /// <param name="inputs">Weights of a row, a multiple of the type's block.</param>
    /// <param name="rows">[outputs, inputs] as GGUF blocks, row-major; may be released afterwards.</param>
    /// <param name="team">Does the work.</param>
    /// <exception cref="ArgumentException">The type is unsupported, a size is no positive multiple of its unit, or the number of bytes is wrong.</exception>
    public static WeightMatrix Pack(TensorType type, int outputs, int inputs, NativeBytes rows, WorkerTeam team)
    {
        ArgumentNullException.ThrowIfNull(team);
        ArgumentOutOfRangeException.ThrowIfLessThan(outputs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(inputs, 1);
        long expected = checked(outputs * TensorTypes.Bytes(type, inputs));
        if (rows.Length != expected)
            throw new ArgumentException($"{type} [{outputs}, {inputs}]: expected {expected} bytes, found {rows.Length}", nameof(rows));
        bool floats = TensorTypes.BlockSize(type) == 1;
        int lanes = floats ? FloatPanels.Lanes : 16;
        int steps = inputs / TensorTypes.BlockSize(type);
        int stepBytes = StepBytes(type);
        int panels = (outputs + lanes - 1) / lanes;
        var data = new AlignedBuffer<byte>(checked((long)panels * steps * stepBytes));
        var work = new Work
        {
            Rows = rows.Pointer,
            RowBytes = expected / outputs,
            Outputs = outputs,
            Panels = data.Pointer,
            Steps = steps,
            StepBytes = stepBytes,
            BlockBytes = TensorTypes.BlockBytes(type),
            Pack = floats ? null : Packer(type),
        };
        team.Run(panels, &work, floats ? &PackFloats : &PackBlocks);
        return new WeightMatrix(type, outputs, inputs, data, type == TensorType.F16 && work.NotFinite == 0);
    }

    /// <summary>Returns the memory.</summary>
    public void Dispose() => _data.Dispose();

    private static int StepBytes(TensorType type) => type switch
    {
        TensorType.Q8_0 => PanelQ8_0.StepBytes,
        TensorType.Q4_0 => PanelQ4_0.StepBytes,
        TensorType.Q4_1 => PanelQ4_1.StepBytes,
        TensorType.Q5_0 => PanelQ5_0.StepBytes,
        TensorType.Q5_1 => PanelQ5_1.StepBytes,
        TensorType.Q2_K => PanelQ2_K.StepBytes,
        TensorType.Q3_K => PanelQ3_K.StepBytes,
        TensorType.Q4_K => PanelQ4_K.StepBytes,
        TensorType.Q5_K => PanelQ5_K.StepBytes,
        TensorType.Q6_K => PanelQ6_K.StepBytes,
        _ => FloatPanels.Lanes * TensorTypes.BlockBytes(type),
    };

    private static delegate*<byte*, byte*, int, void> Packer(TensorType type) => type switch
    {
        TensorType.Q8_0 => &BlockPacking.Q8_0,
        TensorType.Q4_0 => &BlockPacking.Q4_0,
        TensorType.Q4_1 => &BlockPacking.Q4_1,
        TensorType.Q5_0 => &BlockPacking.Q5_0,
        TensorType.Q5_1 => &BlockPacking.Q5_1,
        TensorType.Q2_K => &BlockPacking.Q2_K,
        TensorType.Q3_K => &BlockPacking.Q3_K,
        TensorType.Q4_K => &BlockPacking.Q4_K,
        TensorType.Q5_K => &BlockPacking.Q5_K,
        _ => &BlockPacking.Q6_K,
    };

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackBlocks(void* state, int panel, int worker)
    {
        Work* work = (Work*)state;
        byte* step = work->Panels + ((long)panel * work->Steps * work->StepBytes);
        byte* rows = work->Rows + (panel * 16L * work->RowBytes);
        int lanes = Math.Min(16, work->Outputs - (panel * 16));
        for (int i = 0; i < work->Steps; i++, step += work->StepBytes)
            for (int lane = 0; lane < lanes; lane++)
                work->Pack(rows + (lane * work->RowBytes) + ((long)i * work->BlockBytes), step, lane);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackFloats(void* state, int panel, int worker)
    {
        const int Lanes = FloatPanels.Lanes;
        Work* work = (Work*)state;
        byte* target = work->Panels + ((long)panel * work->Steps * work->StepBytes);
        byte* rows = work->Rows + ((long)panel * Lanes * work->RowBytes);
        int lanes = Math.Min(Lanes, work->Outputs - (panel * Lanes));
        // 64 inputs at a time, so that what is being written stays in the first cache.
        for (int first = 0; first < work->Steps; first += 64)
        {
            int end = Math.Min(work->Steps, first + 64);
            for (int lane = 0; lane < lanes; lane++)
            {
                byte* row = rows + (lane * work->RowBytes);
                if (work->BlockBytes == 4)
                    for (int i = first; i < end; i++) ((uint*)target)[((long)i * Lanes) + lane] = ((uint*)row)[i];
                else
                    for (int i = first; i < end; i++) ((ushort*)target)[((long)i * Lanes) + lane] = ((ushort*)row)[i];
                if (work->BlockBytes == 2 && HasExponent31(new ReadOnlySpan<ushort>((ushort*)row + first, end - first)))
                    Volatile.Write(ref work->NotFinite, 1);
            }
        }
    }

    /// <summary>Whether one of the halves is an infinity or a NaN.</summary>
    private static bool HasExponent31(ReadOnlySpan<ushort> halves)
    {
        foreach (ushort h in halves)
            if ((h & 0x7C00) == 0x7C00) return true;
        return false;
    }

    private struct Work
    {
        public byte* Rows;
        public long RowBytes;
        public int Outputs;
        public byte* Panels;
        public int Steps;
        public int StepBytes;
        public int BlockBytes;
        public int NotFinite;
        public delegate*<byte*, byte*, int, void> Pack;
    }
}
