using System.Runtime.Intrinsics.X86;
using Coppice.Kernels.Formats;

namespace Coppice.Kernels.Emitted;

/// <summary>
/// The emitted micro-kernels of one weight type: 1 to <see cref="MaxRows"/> rows times one or two panels, packed or unpacked. They
/// give the bits of <see cref="Products.IntegerTile{TFormat,TDot}"/>.
/// </summary>
internal sealed unsafe class EmittedTiles : IDisposable
{
    /// <summary>Most rows of one call.</summary>
    public const int MaxRows = TileEmitter.MaxRows;

    /// <summary>Most panels of one call.</summary>
    public const int MaxPanels = 2;

    private const int Alignment = 64;
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
        TileLayout packed = TileLayout.Packed(type), unpackedLayout = packed.Unpacked();
        bool galois = Gfni.V512.IsSupported;
        var starts = new int[2 * MaxPanels * MaxRows];
        using var code = new MemoryStream();
        foreach (bool unpacked in new[] { false, true })
        {
            for (int panels = 1; panels <= MaxPanels; panels++)
            {
                for (int rows = 1; rows <= MaxRows; rows++)
                {
                    while (code.Length % Alignment != 0) code.WriteByte(0xCC);
                    starts[Index(unpacked, rows, panels)] = (int)code.Length;
                    code.Write(TileEmitter.Emit(unpacked ? unpackedLayout : packed, rows, panels, galois));
                }
            }
        }

        ExecutableMemory? memory = ExecutableMemory.TryLoad(code.GetBuffer().AsSpan(0, (int)code.Length));
        return memory is null ? null : new EmittedTiles(memory, starts);
    }

    /// <summary>Some panels times some rows.</summary>
    /// <param name="unpacked">Whether the panels are unpacked.</param>
    /// <param name="rows">1 to <see cref="MaxRows"/>.</param>
    /// <param name="panels">1 to <see cref="MaxPanels"/>.</param>
    /// <param name="call">Operands.</param>
    public void Multiply(bool unpacked, int rows, int panels, TileCall* call)
        => ((delegate* unmanaged[SuppressGCTransition]<TileCall*, void>)_tiles[Index(unpacked, rows, panels)])(call);

    /// <summary>Returns the code's memory; no kernel may be running.</summary>
    public void Dispose() => _memory.Dispose();

    private static int Index(bool unpacked, int rows, int panels)
        => ((((unpacked ? 1 : 0) * MaxPanels) + (panels - 1)) * MaxRows) + (rows - 1);
}
