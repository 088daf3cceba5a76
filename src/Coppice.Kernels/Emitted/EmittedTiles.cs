using Coppice.Kernels.Formats;

namespace Coppice.Kernels.Emitted;

/// <summary>
/// The emitted micro-kernels of one weight type, for 1 to <see cref="MaxRows"/> rows, over packed and over unpacked panels. They
/// give the bits of <see cref="Products.IntegerTile{TFormat,TDot}"/>.
/// </summary>
internal sealed unsafe class EmittedTiles : IDisposable
{
    /// <summary>Most rows of one call.</summary>
    public const int MaxRows = TileEmitter.MaxRows;

    private const int Alignment = 64;
    private readonly ExecutableMemory _memory;
    private readonly nint[] _packed = new nint[MaxRows];
    private readonly nint[] _unpacked = new nint[MaxRows];

    private EmittedTiles(ExecutableMemory memory, int[] starts)
    {
        _memory = memory;
        for (int i = 0; i < MaxRows; i++)
        {
            _packed[i] = (nint)(memory.Address + starts[i]);
            _unpacked[i] = (nint)(memory.Address + starts[MaxRows + i]);
        }
    }

    /// <summary>Emits the kernels; null where emitted code is not available or the operating system refuses the pages.</summary>
    /// <param name="type">A quantized type.</param>
    /// <param name="available">Whether emitted code may run; usually <see cref="EmittedCode.IsAvailable"/>.</param>
    public static EmittedTiles? TryCreate(TensorType type, bool available)
    {
        if (!available) return null;
        TileLayout packed = TileLayout.Packed(type), unpacked = packed.Unpacked();
        var starts = new int[2 * MaxRows];
        using var code = new MemoryStream();
        for (int i = 0; i < starts.Length; i++)
        {
            while (code.Length % Alignment != 0) code.WriteByte(0xCC);
            starts[i] = (int)code.Length;
            code.Write(TileEmitter.Emit(i < MaxRows ? packed : unpacked, 1 + (i % MaxRows)));
        }

        ExecutableMemory? memory = ExecutableMemory.TryLoad(code.GetBuffer().AsSpan(0, (int)code.Length));
        return memory is null ? null : new EmittedTiles(memory, starts);
    }

    /// <summary>One packed panel times some rows.</summary>
    /// <param name="call">Operands.</param>
    /// <param name="rows">1 to <see cref="MaxRows"/>.</param>
    public void Packed(TileCall* call, int rows) => ((delegate* unmanaged[SuppressGCTransition]<TileCall*, void>)_packed[rows - 1])(call);

    /// <summary>One unpacked panel times some rows.</summary>
    /// <param name="call">Operands.</param>
    /// <param name="rows">1 to <see cref="MaxRows"/>.</param>
    public void Unpacked(TileCall* call, int rows) => ((delegate* unmanaged[SuppressGCTransition]<TileCall*, void>)_unpacked[rows - 1])(call);

    /// <summary>Returns the code's memory; no kernel may be running.</summary>
    public void Dispose() => _memory.Dispose();
}
