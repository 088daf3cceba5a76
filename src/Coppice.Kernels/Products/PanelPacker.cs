using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Coppice.Kernels.Formats;

namespace Coppice.Kernels.Products;

/// <summary>
/// Packs stretches of panels of one type: 16 outputs for the quantized types (see <see cref="IPanelFormat"/>), 32 for the float types
/// ([inputs, 32]). Whole panels take vector code where the path has any, one that the outputs do not fill takes the scalar code, which
/// is the specification; the bytes are the same.
/// </summary>
internal readonly unsafe struct PanelPacker
{
    private const int FloatsPerTurn = 64;
    private readonly delegate*<byte*, byte*, int, void> _lane;
    private readonly delegate*<byte*, nint, int, byte*, ReadAhead, void> _whole;

    /// <summary>Chooses the code.</summary>
    /// <param name="path">A path this processor has.</param>
    /// <param name="type">A supported type.</param>
    public PanelPacker(KernelPath path, TensorType type)
    {
        BlockBytes = TensorTypes.BlockBytes(type);
        IsFloat = TensorTypes.BlockSize(type) == 1;
        Lanes = IsFloat ? FloatPanels.Lanes : 16;
        StepBytes = IsFloat ? Lanes * BlockBytes : QuantizedStepBytes(type);
        _lane = IsFloat ? null : Lane(type);
        _whole = path == KernelPath.Scalar ? null : Whole(type);
    }

    /// <summary>Outputs of a panel.</summary>
    public int Lanes { get; }

    /// <summary>Bytes of a step, which takes a block of each output (of the float types, one input).</summary>
    public int StepBytes { get; }

    /// <summary>Bytes of a block as it is stored in a file.</summary>
    public int BlockBytes { get; }

    private bool IsFloat { get; }

    /// <summary>Packs.</summary>
    /// <param name="rows">The first output's first block.</param>
    /// <param name="rowBytes">Bytes from one output to the next.</param>
    /// <param name="lanes">Outputs there are, 1 to <see cref="Lanes"/>; the rest of the panel is zeroed.</param>
    /// <param name="steps">How many steps.</param>
    /// <param name="target">Room for the steps.</param>
    /// <param name="later">As <paramref name="rows"/>, what will be packed later: asked for, never read.</param>
    public void Pack(byte* rows, nint rowBytes, int lanes, int steps, byte* target, byte* later)
    {
        int whole = _whole == null || lanes < Lanes ? 0 : IsFloat ? steps & ~31 : steps;
        if (whole > 0) _whole(rows, rowBytes, whole, target, new ReadAhead(later, rowBytes, (nint)steps * BlockBytes));
        if (whole == steps) return;
        rows += (nint)whole * BlockBytes;
        target += (nint)whole * StepBytes;
        if (lanes < Lanes) new Span<byte>(target, (steps - whole) * StepBytes).Clear();
        if (IsFloat) PackFloats(rows, rowBytes, lanes, steps - whole, target);
        else PackBlocks(rows, rowBytes, lanes, steps, target);
    }

    /// <summary>Whether one of the halves is an infinity or a NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool HasExponent31(ushort* halves, nint count)
    {
        Vector256<ushort> exponent = Vector256.Create((ushort)0x7C00), found = default;
        nint i = 0;
        for (; i + 16 <= count; i += 16) found |= Vector256.Equals(Vector256.Load(halves + i) & exponent, exponent);
        bool any = found != default;
        for (; i < count; i++) any |= (halves[i] & 0x7C00) == 0x7C00;
        return any;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackBlocks(byte* rows, nint rowBytes, int lanes, int steps, byte* target)
    {
        for (int i = 0; i < steps; i++, rows += BlockBytes, target += StepBytes)
            for (int lane = 0; lane < lanes; lane++) _lane(rows + (lane * rowBytes), target, lane);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackFloats(byte* rows, nint rowBytes, int lanes, int inputs, byte* target)
    {
        // Some inputs at a time, so that what is being written stays in the first cache.
        for (int first = 0; first < inputs; first += FloatsPerTurn)
        {
            int end = Math.Min(inputs, first + FloatsPerTurn);
            for (int lane = 0; lane < lanes; lane++)
            {
                byte* row = rows + (lane * rowBytes);
                if (BlockBytes == 4)
                    for (int i = first; i < end; i++) ((uint*)target)[((nint)i * FloatPanels.Lanes) + lane] = ((uint*)row)[i];
                else
                    for (int i = first; i < end; i++) ((ushort*)target)[((nint)i * FloatPanels.Lanes) + lane] = ((ushort*)row)[i];
            }
        }
    }

    private static int QuantizedStepBytes(TensorType type) => type switch
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
        _ => PanelQ6_K.StepBytes,
    };

    private static delegate*<byte*, byte*, int, void> Lane(TensorType type) => type switch
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

    private static delegate*<byte*, nint, int, byte*, ReadAhead, void> Whole(TensorType type) => type switch
    {
        TensorType.F32 => &PanelPacking.Floats32,
        TensorType.F16 or TensorType.BF16 => &PanelPacking.Floats16,
        TensorType.Q8_0 => &PanelPacking.Q8_0,
        TensorType.Q4_0 => &PanelPacking.Q4_0,
        TensorType.Q4_1 => &PanelPacking.Q4_1,
        TensorType.Q5_0 => &PanelPacking.Q5_0,
        TensorType.Q5_1 => &PanelPacking.Q5_1,
        TensorType.Q2_K => &PanelPacking.Q2_K,
        TensorType.Q3_K => &PanelPacking.Q3_K,
        TensorType.Q4_K => &PanelPacking.Q4_K,
        TensorType.Q5_K => &PanelPacking.Q5_K,
        _ => &PanelPacking.Q6_K,
    };
}
