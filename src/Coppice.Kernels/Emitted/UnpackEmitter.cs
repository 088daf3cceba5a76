using Coppice.Kernels.Products;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Coppice.Kernels.Emitted;

/// <summary>
/// Writes the machine code of <see cref="UnpackedPanel{TFormat}.Unpack"/>, in 512-bit registers: same results, a store per vector.
/// From two tiles of rows on it pays to take the planes apart once.
/// </summary>
internal static class UnpackEmitter
{
    private static AssemblerRegister64 Target => rdx;

    private static AssemblerRegisterZMM Value => zmm24;

    private static AssemblerRegisterZMM Sign => zmm31;

    /// <summary>A function of (first packed step, room for unpacked steps, number of steps of at least 1).</summary>
    /// <param name="packed">How packed steps lie in memory.</param>
    /// <param name="galois">Whether the processor has GFNI.</param>
    /// <param name="prefetch">How many bytes ahead to ask for weights; 0 for not at all.</param>
    public static byte[] Emit(TileLayout packed, bool galois, int prefetch)
    {
        TileLayout unpacked = packed.Unpacked();
        var c = new Assembler(64);
        var step = new StepEmitter(c, packed, galois);
        Label loop = c.CreateLabel();
        // System V hands over rdi, rsi, rdx.
        c.mov(rcx, rdx);
        c.mov(Target, rsi);
        c.mov(StepEmitter.Step, rdi);
        c.mov(eax, int.MinValue);
        c.vpbroadcastd(Sign, eax);
        step.Enter();
        c.Label(ref loop);
        for (int at = 0; prefetch > 0 && at < packed.StepBytes; at += 64) c.prefetcht0(__byte_ptr[StepEmitter.Step + prefetch + at]);
        Step(c, step, packed, unpacked);
        c.add(StepEmitter.Step, packed.StepBytes);
        c.add(Target, unpacked.StepBytes);
        c.dec(rcx);
        c.jne(loop);
        c.vzeroupper();
        c.ret();
        step.Constants();
        using var stream = new MemoryStream();
        c.Assemble(new StreamCodeWriter(stream), rip: 0);
        return stream.ToArray();
    }

    private static void Step(Assembler c, StepEmitter step, TileLayout packed, TileLayout unpacked)
    {
        step.EnterStep();
        for (int index = 0; index < packed.ScaleCount; index++)
        {
            step.Scale(Value, index);
            c.vmovups(__zmmword_ptr[Target + unpacked.Scales.At + (64 * index)], Value);
            if (unpacked.Minima is not { } minima) continue;
            step.Minimum(Value, index);
            if (step.MinimaAreSubtracted) c.vpxord(Value, Value, Sign);
            c.vmovups(__zmmword_ptr[Target + minima.At + (64 * index)], Value);
        }

        for (int part = 0; part < packed.Parts; part++)
        {
            for (int group = 0; group < 8; group++)
            {
                step.Codes(Value, part, group);
                c.vmovdqu32(__zmmword_ptr[Target + unpacked.CodesAt + (part * unpacked.PartBytes) + (64 * group)], Value);
            }
        }
    }
}
