using System.Runtime.Intrinsics.X86;
using Coppice.Kernels.Formats;
using Coppice.Kernels.Products;

namespace Coppice.Kernels.Emitted;

/// <summary>
/// The emitted micro-kernels of one weight type: a panel, packed or unpacked, times 1 to <see cref="MaxRows"/> rows. They give the
/// bits of <see cref="IntegerTile{TFormat,TDot}"/>.
/// </summary>
internal sealed unsafe class EmittedTiles : IDisposable
{
    /// <summary>Most rows of one call.</summary>
    public const int MaxRows = TileEmitter.MaxRows;

    /// <summary>Most rows of one call for two panels.</summary>
    public const int MaxPairRows = PairEmitter.MaxRows;

    private const int Alignment = 64;
    private const int Pairs = 2 * MaxRows;
    private const int PackedPairs = Pairs + PairEmitter.MaxRows;
    private const int Unpacker = PackedPairs + PairEmitter.MaxRows;
    private const int OneRow = Unpacker + 1;
    private readonly ExecutableMemory _memory;
    private readonly nint[] _functions;

    private static readonly Lazy<EmittedTiles?>[] All
        = [.. Enumerable.Range(0, 1 + (int)TensorTypes.Supported.Max()).Select(type => new Lazy<EmittedTiles?>(() => TryCreate((TensorType)type, EmittedCode.IsAvailable)))];

    private EmittedTiles(TileLayout packed, ExecutableMemory memory, int[] starts)
    {
        StepInputs = packed.StepInputs;
        BlockBytes = packed.Small ? Block32.Bytes : Block256.Bytes;
        PackedStepBytes = packed.StepBytes;
        UnpackedStepBytes = packed.Unpacked().StepBytes;
        HasPackedPairs = PairEmitter.Takes(packed);
        _memory = memory;
        _functions = Array.ConvertAll(starts, start => (nint)(memory.Address + start));
    }

    /// <summary>Whether packed panels can be taken two at a time: their codes are plain bytes.</summary>
    public bool HasPackedPairs { get; }

    /// <summary>Inputs of a step.</summary>
    public int StepInputs { get; }

    /// <summary>Bytes of the activations of a step.</summary>
    public int BlockBytes { get; }

    /// <summary>Bytes of a step of a packed panel.</summary>
    public int PackedStepBytes { get; }

    /// <summary>Bytes of a step of an unpacked panel.</summary>
    public int UnpackedStepBytes { get; }

    /// <summary>
    /// The kernels of a type, emitted when they are first asked for and kept while the process lives; null where emitted code is not
    /// available.
    /// </summary>
    /// <param name="type">A quantized type.</param>
    public static EmittedTiles? Of(TensorType type) => All[(int)type].Value;

    /// <summary>Emits the kernels; null where emitted code is not available or the operating system refuses the pages.</summary>
    /// <param name="type">A quantized type.</param>
    /// <param name="available">Whether emitted code may run; usually <see cref="EmittedCode.IsAvailable"/>.</param>
    public static EmittedTiles? TryCreate(TensorType type, bool available)
    {
        if (!available) return null;
        TileLayout packed = TileLayout.Packed(type), unpacked = packed.Unpacked();
        bool galois = Gfni.V512.IsSupported;
        int prefetch = PanelPrefetch.Distance(packed.StepInputs);
        var starts = new int[OneRow + 1];
        using var code = new MemoryStream();
        for (int rows = 1; rows <= MaxRows; rows++)
        {
            starts[rows - 1] = Append(code, TileEmitter.Emit(packed, rows, galois, prefetch));
            starts[MaxRows + rows - 1] = Append(code, TileEmitter.Emit(unpacked, rows, galois, prefetch: 0));
        }

        for (int rows = 1; rows <= PairEmitter.MaxRows; rows++)
        {
            starts[Pairs + rows - 1] = Append(code, PairEmitter.Emit(unpacked, rows));
            if (PairEmitter.Takes(packed)) starts[PackedPairs + rows - 1] = Append(code, PairEmitter.Emit(packed, rows));
        }

        starts[Unpacker] = Append(code, UnpackEmitter.Emit(packed, galois, prefetch));
        // Where codes are bytes, a pair shares what is read of the row as well, and asks for nothing ahead.
        starts[OneRow] = PairEmitter.Takes(packed) ? starts[PackedPairs] : Append(code, TileEmitter.EmitTwoPanels(packed, galois, PanelPrefetch.FarPanels));
        ExecutableMemory? memory = ExecutableMemory.TryLoad(code.GetBuffer().AsSpan(0, (int)code.Length));
        return memory is null ? null : new EmittedTiles(packed, memory, starts);
    }

    /// <summary>A packed panel times some rows.</summary>
    /// <param name="rows">1 to <see cref="MaxRows"/>.</param>
    /// <param name="call">Operands.</param>
    public void Packed(int rows, TileCall* call) => Call(_functions[rows - 1], call);

    /// <summary>An unpacked panel times some rows.</summary>
    /// <param name="rows">1 to <see cref="MaxRows"/>.</param>
    /// <param name="call">Operands.</param>
    public void Unpacked(int rows, TileCall* call) => Call(_functions[MaxRows + rows - 1], call);

    /// <summary>Two panels times some rows, sharing what is read of the rows.</summary>
    /// <param name="unpacked">Whether the panels are unpacked; if not, <see cref="HasPackedPairs"/>.</param>
    /// <param name="rows">1 to <see cref="MaxPairRows"/>.</param>
    /// <param name="call">Operands; the second panel's sums follow the first one's.</param>
    public void Pair(bool unpacked, int rows, TileCall* call) => Call(_functions[(unpacked ? Pairs : PackedPairs) + rows - 1], call);

    /// <summary>Two packed panels, <see cref="TileCall.PanelStride"/> bytes apart, times one row.</summary>
    /// <param name="call">Operands; the second panel's sums follow the first one's.</param>
    public void TwoPanels(TileCall* call) => Call(_functions[OneRow], call);

    /// <summary>Takes steps of a packed panel apart.</summary>
    /// <param name="packed">The first step.</param>
    /// <param name="unpacked">Room for as many unpacked steps.</param>
    /// <param name="steps">How many, at least 1.</param>
    public void Unpack(byte* packed, byte* unpacked, nint steps)
        => ((delegate* unmanaged[SuppressGCTransition]<byte*, byte*, nint, void>)_functions[Unpacker])(packed, unpacked, steps);

    /// <summary>Returns the code's memory; no kernel may be running.</summary>
    public void Dispose() => _memory.Dispose();

    // A call lasts some microseconds at most, too short to let the garbage collector in between.
    private static void Call(nint tile, TileCall* call) => ((delegate* unmanaged[SuppressGCTransition]<TileCall*, void>)tile)(call);

    private static int Append(MemoryStream code, byte[] function)
    {
        while (code.Length % Alignment != 0) code.WriteByte(0xCC);
        int start = (int)code.Length;
        code.Write(function);
        return start;
    }
}
