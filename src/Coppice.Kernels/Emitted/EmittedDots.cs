using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Coppice.Kernels.Emitted;

/// <summary>512-bit <c>vpdpbusd</c> on registers alone: the peak of the products that are emitted.</summary>
internal sealed unsafe class EmittedDots : IDisposable
{
    private const int Chains = 12;
    private const int Iterations = 250_000;
    private readonly ExecutableMemory _code;

    private EmittedDots(ExecutableMemory code) => _code = code;

    /// <summary>Emits the loop; null where emitted code is not available or the operating system refuses the pages.</summary>
    /// <param name="available">Whether emitted code may run; usually <see cref="EmittedCode.IsAvailable"/>.</param>
    public static EmittedDots? TryCreate(bool available)
    {
        if (!available) return null;
        return ExecutableMemory.TryLoad(Emit()) is { } code ? new EmittedDots(code) : null;
    }

    /// <summary>Byte operations a second of one short run.</summary>
    public MachineRate Measure(WorkerTeam team) => RegisterLoops.Measure(team, &Item, _code.Address, 2.0 * 64 * Chains * Iterations);

    /// <summary>Returns the code's memory.</summary>
    public void Dispose() => _code.Dispose();

    // Long enough for the garbage collector to have to be let in.
    private static void Item(void* loop) => ((delegate* unmanaged<nint, void>)loop)(Iterations);

    /// <summary>A function of the number of iterations; System V hands it over in rdi.</summary>
    private static byte[] Emit()
    {
        var c = new Assembler(64);
        Label loop = c.CreateLabel();
        for (int i = 0; i <= Chains; i++)
        {
            var register = new AssemblerRegisterZMM(Register.ZMM0 + i);
            c.vpxord(register, register, register);
        }

        c.Label(ref loop);
        var operand = new AssemblerRegisterZMM(Register.ZMM0 + Chains);
        for (int i = 0; i < Chains; i++) c.vpdpbusd(new AssemblerRegisterZMM(Register.ZMM0 + i), operand, operand);
        c.dec(rdi);
        c.jne(loop);
        c.vzeroupper();
        c.ret();
        using var stream = new MemoryStream();
        c.Assemble(new StreamCodeWriter(stream), rip: 0);
        return stream.ToArray();
    }
}
