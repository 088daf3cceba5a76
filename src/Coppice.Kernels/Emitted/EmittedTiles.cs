using System.Runtime.Intrinsics.X86;
using Coppice.Kernels.Formats;

namespace Coppice.Kernels.Emitted;

/// <summary>
/// The emitted micro-kernels of one weight type: a panel, packed or unpacked, times 1 to <see cref="MaxRows"/> rows. They give the
/// bits of <see cref="Products.IntegerTile{TFormat,TDot}"/>.
/// </summary>
internal sealed unsafe class EmittedTiles : IDisposable
{
    /// <summary>Most rows of one call.</summary>
    public const int MaxRows = TileEmitter.MaxRows;

    private const int Alignment = 64;
    private const int PrefetchBytes = 6144;
    private readonly ExecutableMemory _memory;
    private readonly nint[] _tiles;

    private EmittedTiles(ExecutableMemory memory, int[] starts)
    {
        _memory = memory;
        _tiles = Array.ConvertAll(starts, start => (nint)(memory.Address + start));
    }

    /// <summary>Emits the kernels; null where emitted code is not available or the operating system refuses the pages.</summary>
    /// <param name="type">A quantized type.</param>
    /// <param name="available">Whether emitted code may run; usually <see cref="EmittedCode.IsAvailable"/>.</param>
    public static EmittedTiles? TryCreate(TensorType type, bool available)
    {
        if (!available) return null;
        TileLayout packed = TileLayout.Packed(type), unpacked = packed.Unpacked();
        bool galois = Gfni.V512.IsSupported;
        var starts = new int[2 * MaxRows];
        using var code = new MemoryStream();
        for (int i = 0; i < starts.Length; i++)
        {
            while (code.Length % Alignment != 0) code.WriteByte(0xCC);
            starts[i] = (int)code.Length;
            code.Write(i < MaxRows
                ? TileEmitter.Emit(packed, i + 1, galois, PrefetchBytes)
                : TileEmitter.Emit(unpacked, i - MaxRows + 1, galois, prefetch: 0));
        }

        ExecutableMemory? memory = ExecutableMemory.TryLoad(code.GetBuffer().AsSpan(0, (int)code.Length));
        return memory is null ? null : new EmittedTiles(memory, starts);
    }

    /// <summary>A packed panel times some rows.</summary>
    /// <param name="rows">1 to <see cref="MaxRows"/>.</param>
    /// <param name="call">Operands.</param>
    public void Packed(int rows, TileCall* call) => Call(_tiles[rows - 1], call);

    /// <summary>An unpacked panel times some rows.</summary>
    /// <param name="rows">1 to <see cref="MaxRows"/>.</param>
    /// <param name="call">Operands.</param>
    public void Unpacked(int rows, TileCall* call) => Call(_tiles[MaxRows + rows - 1], call);

    /// <summary>Returns the code's memory; no kernel may be running.</summary>
    public void Dispose() => _memory.Dispose();

    private static void Call(nint tile, TileCall* call) => ((delegate* unmanaged[SuppressGCTransition]<TileCall*, void>)tile)(call);
}
