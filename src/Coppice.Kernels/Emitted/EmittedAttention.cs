using System.Collections.Concurrent;
using Coppice.Kernels.Attention;

namespace Coppice.Kernels.Emitted;

/// <summary>Attention's emitted code for a layout: 1 to 8 rows and one tile. It gives the bits of the C# paths.</summary>
internal sealed unsafe class EmittedAttention : IDisposable
{
    private const int Alignment = 64;
    private const int RowFunctions = AttentionCall.TilePages + 2;
    private static readonly ConcurrentDictionary<KvLayout, Lazy<EmittedAttention?>> s_all = new();
    private readonly ExecutableMemory _memory;
    private readonly AlignedBuffer<nint> _functions;

    private EmittedAttention(ExecutableMemory memory, List<int> starts)
    {
        _memory = memory;
        _functions = new AlignedBuffer<nint>(starts.Count);
        for (int i = 0; i < starts.Count; i++) _functions.Span[i] = (nint)(memory.Address + starts[i]);
    }

    /// <summary>The functions, for the calls below.</summary>
    public nint* Functions => _functions.Pointer;

    /// <summary>
    /// The code of a layout, emitted when it is first asked for and kept while the process lives; null where emitted code is not
    /// available or a head is not whole vectors of 16.
    /// </summary>
    public static EmittedAttention? Of(KvLayout layout)
        => s_all.GetOrAdd(layout, key => new Lazy<EmittedAttention?>(() => TryCreate(key, EmittedCode.IsAvailable))).Value;

    /// <summary>Emits the code; null where it is not available, a head is not whole vectors or the operating system refuses the pages.</summary>
    /// <param name="layout">How keys and values are stored.</param>
    /// <param name="available">Whether emitted code may run; usually <see cref="EmittedCode.IsAvailable"/>.</param>
    public static EmittedAttention? TryCreate(KvLayout layout, bool available)
    {
        if (!available || layout.HeadDim % 16 != 0) return null;
        var starts = new List<int>();
        using var code = new MemoryStream();
        for (int rows = 1; rows <= ScoreBlock.Rows; rows++)
        {
            Append(AttentionEmitter.WholeTile(layout, rows));
            for (int pages = 1; pages <= AttentionCall.TilePages; pages++) Append(AttentionEmitter.Scores(layout, rows, pages));
            Append(AttentionEmitter.Outputs(layout, rows));
        }

        ExecutableMemory? memory = ExecutableMemory.TryLoad(code.GetBuffer().AsSpan(0, (int)code.Length));
        return memory is null ? null : new EmittedAttention(memory, starts);

        void Append(byte[] function)
        {
            while (code.Length % Alignment != 0) code.WriteByte(0xCC);
            starts.Add((int)code.Length);
            code.Write(function);
        }
    }

    /// <summary>Scores, softmax and outputs of rows that see a whole tile.</summary>
    /// <param name="functions"><see cref="Functions"/>.</param>
    /// <param name="rows">1 to 8.</param>
    /// <param name="call">Operands.</param>
    public static void WholeTile(nint* functions, int rows, AttentionCall* call) => Call(functions[(rows - 1) * RowFunctions], call);

    /// <summary>Scores of some rows with some pages.</summary>
    /// <param name="functions"><see cref="Functions"/>.</param>
    /// <param name="rows">1 to 8.</param>
    /// <param name="pages">1 to 4.</param>
    /// <param name="call">Operands.</param>
    public static void Scores(nint* functions, int rows, int pages, AttentionCall* call)
        => Call(functions[((rows - 1) * RowFunctions) + pages], call);

    /// <summary>Adds some rows' weighted values to their outputs.</summary>
    /// <param name="functions"><see cref="Functions"/>.</param>
    /// <param name="rows">1 to 8.</param>
    /// <param name="call">Operands.</param>
    public static void Outputs(nint* functions, int rows, AttentionCall* call)
        => Call(functions[(rows * RowFunctions) - 1], call);

    /// <summary>Returns the code's memory; none of it may be running.</summary>
    public void Dispose()
    {
        _memory.Dispose();
        _functions.Dispose();
    }

    // A call lasts some microseconds at most, too short to let the garbage collector in between.
    private static void Call(nint function, AttentionCall* call) => ((delegate* unmanaged[SuppressGCTransition]<AttentionCall*, void>)function)(call);
}
