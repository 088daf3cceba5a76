using Coppice.Kernels.Products;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Coppice.Kernels.Emitted;

/// <summary>
/// Writes the machine code of <see cref="IntegerTile{TFormat,TDot}"/> for one panel times some rows, in 512-bit registers: a lane an
/// output, the same operations in the same order per output, so the same bits. Calling convention: System V.
/// <para>
/// A group of weights is put into a register once and meets each row's four activations as a broadcast memory operand of
/// <c>vpdpbusd</c>, whose second source is the signed one. With 12 rows, a step of 32 inputs of unpacked weights takes 129 loads and 121
/// vector operations, two of either a cycle, for 96 dot products: 74% of the peak on a Xeon, 64% on a Zen 5, where
/// <see cref="PairEmitter"/> reaches 73%; sums on the stack are slower.
/// </para>
/// </summary>
internal sealed class TileEmitter
{
    /// <summary>Most rows a tile can have.</summary>
    public const int MaxRows = 12;

    private readonly Assembler _code = new(64);
    private readonly StepEmitter _step;
    private readonly TileLayout _layout;
    private readonly int _rows;
    private readonly int _prefetch;
    private readonly int _panels;
    private int _panel; // whose step is written: with two panels there is one row

    private TileEmitter(TileLayout layout, int rows, int panels, bool galois, int prefetch)
    {
        _panels = panels;
        _layout = layout;
        _rows = rows;
        _prefetch = prefetch;
        _step = new StepEmitter(_code, layout, galois);
    }

    // zmm0 to 11: integer sums; 12 to 23: sums of floats; 25, 28 to 30: the step's.
    private static AssemblerRegisterZMM Weights => zmm24;

    private static AssemblerRegisterZMM Scale => zmm26;

    private static AssemblerRegisterZMM Minimum => zmm27;

    /// <summary>Magic * scale, in steps of 32.</summary>
    private static AssemblerRegisterZMM MagicScale => zmm28;

    private static AssemblerRegisterZMM Magic => zmm31;

    private static AssemblerRegister64 Steps => rcx;

    private static AssemblerRegister64[] RowRegisters { get; } = [rbx, rdx, r8, r9, r10, r11, r12, r13, r14, r15];

    private static AssemblerRegister64 RowStride => r15;

    /// <summary>From one panel to the next, where there are two and one row.</summary>
    private static AssemblerRegister64 PanelStride => r14;

    private bool OneRegisterARow => _rows <= RowRegisters.Length;

    private int RowPointers => OneRegisterARow ? _rows : (_rows + 2) / 3;

    private int BlockBytes => _layout.Small ? Block32.Bytes : Block256.Bytes;

    private int CodesAt => _layout.Small ? Block32.Codes : Block256.Codes;

    /// <summary>Integer sums of a row that go on side by side: few of them would wait for each other.</summary>
    private int Chains => _rows switch { 1 => 4, <= 4 => 2, _ => 1 };

    /// <summary>A function of the address of a <see cref="TileCall"/>.</summary>
    /// <param name="layout">How the panel lies in memory.</param>
    /// <param name="rows">1 to <see cref="MaxRows"/>.</param>
    /// <param name="galois">Whether the processor has GFNI.</param>
    /// <param name="prefetch">How many bytes ahead to ask for weights; 0 for not at all.</param>
    public static byte[] Emit(TileLayout layout, int rows, bool galois, int prefetch)
        => Emit(new TileEmitter(layout, rows, panels: 1, galois, prefetch));

    /// <summary>
    /// The same for one row and two panels, a step of either in turn. The second panel lies <see cref="TileCall.PanelStride"/> bytes after
    /// the first, its sums after the first one's.
    /// </summary>
    /// <param name="layout">How the panels lie in memory.</param>
    /// <param name="galois">Whether the processor has GFNI.</param>
    /// <param name="prefetch">How many bytes ahead to ask for weights; 0 for not at all.</param>
    public static byte[] EmitTwoPanels(TileLayout layout, bool galois, int prefetch)
        => Emit(new TileEmitter(layout, rows: 1, panels: 2, galois, prefetch));

    private static byte[] Emit(TileEmitter emitter)
    {
        emitter.Function();
        using var stream = new MemoryStream();
        emitter._code.Assemble(new StreamCodeWriter(stream), rip: 0);
        return stream.ToArray();
    }

    private void Function()
    {
        Label loop = _code.CreateLabel();
        Enter();
        _code.Label(ref loop);
        for (_panel = 0; _panel < _panels; _panel++)
        {
            if (_panel > 0) _code.add(StepEmitter.Step, PanelStride);
            if (_layout.Small) SmallStep();
            else BigStep();
        }

        if (_panels > 1) _code.sub(StepEmitter.Step, PanelStride);
        _code.add(StepEmitter.Step, _layout.StepBytes);
        for (int i = 0; i < RowPointers; i++) _code.add(RowRegisters[i], BlockBytes);
        _code.dec(Steps);
        _code.jne(loop);
        Leave();
        _step.Constants();
    }

    private void Enter()
    {
        Assembler c = _code;
        c.push(rbx);
        c.push(r12);
        c.push(r13);
        c.push(r14);
        c.push(r15);
        c.mov(StepEmitter.Step, __[rdi + TileCall.PanelAt]);
        c.mov(rax, __[rdi + TileCall.XStrideAt]);
        c.mov(rbx, __[rdi + TileCall.XAt]);
        c.mov(Steps, __[rdi + TileCall.StepsAt]);
        if (!OneRegisterARow) c.lea(rax, __[rax + (rax * 2)]);
        for (int i = 1; i < RowPointers; i++) c.lea(RowRegisters[i], __[RowRegisters[i - 1] + rax]);
        if (!OneRegisterARow) c.mov(RowStride, __[rdi + TileCall.XStrideAt]);
        if (_panels > 1) c.mov(PanelStride, __[rdi + TileCall.PanelStrideAt]);
        c.mov(eax, Activations.Magic);
        c.vpbroadcastd(Magic, eax);
        _step.Enter();
        if (_layout.Small) ForResults(0, _rows * _panels, (sum, result) => c.vmovups(Sum(sum), result));
    }

    private void Leave()
    {
        Assembler c = _code;
        if (_layout.Small) ForResults(0, _rows * _panels, (sum, result) => c.vmovups(result, Sum(sum)));
        c.vzeroupper();
        c.pop(r15);
        c.pop(r14);
        c.pop(r13);
        c.pop(r12);
        c.pop(rbx);
        c.ret();
    }

    private static AssemblerRegisterZMM Zmm(int index) => new(Register.ZMM0 + index);

    private AssemblerRegisterZMM Dot(int row, int chain = 0) => Zmm((row * Chains) + chain);

    /// <summary>The sum of a row, or of one of two panels.</summary>
    private static AssemblerRegisterZMM Sum(int index) => Zmm(MaxRows + index);

    /// <summary>An address in a row's current block. Up to 10 rows have a register each; more share one by threes.</summary>
    private AssemblerMemoryOperand Row(AssemblerMemoryOperandFactory size, int row, int at)
    {
        if (OneRegisterARow) return size[RowRegisters[row] + at];
        AssemblerRegister64 first = RowRegisters[row / 3];
        return row % 3 == 0 ? size[first + at] : size[first + (RowStride * (row % 3)) + at];
    }

    /// <summary>Walks the sums [first, end) in memory; uses rax.</summary>
    private void ForResults(int first, int end, Action<int, AssemblerMemoryOperand> action)
    {
        _code.mov(rax, __[rdi + TileCall.YAt]);
        for (int sum = 0; sum < end; sum++)
        {
            if (sum > 0) _code.add(rax, __[rdi + TileCall.YStrideAt]);
            if (sum >= first) action(sum, __zmmword_ptr[rax]);
        }
    }

    private void SmallStep()
    {
        Assembler c = _code;
        Prefetch(0, _layout.StepBytes);
        Start(Block32.Start(_layout.OffsetShift));
        _step.Scale(Scale, 0);
        _step.Minimum(Minimum, 0);
        c.vmulps(MagicScale, Scale, Magic);
        Groups(0, 0, 8);
        for (int row = 0; row < _rows; row++)
        {
            // (magic + dot) * scale - magic * scale is dot * scale with one rounding: magic * scale is exact.
            c.vfmsub132ps(Dot(row), MagicScale, Scale);
            c.vfmadd231ps(Sum(_panel + row), Dot(row), Row(__dword_bcst, row, Block32.Scale));
            AddMinimum(row, Block32.ScaledSum);
        }
    }

    private void BigStep()
    {
        Assembler c = _code;
        for (int row = 0; row < _rows; row++) c.vpxord(Sum(_panel + row), Sum(_panel + row), Sum(_panel + row));
        _step.EnterStep();
        int pieces = 32 / _layout.ScaleInputs;
        for (int index = 0; index < _layout.ScaleCount; index++)
        {
            Prefetch(_layout.StepBytes * index / _layout.ScaleCount, _layout.StepBytes * (index + 1) / _layout.ScaleCount);
            Start(Block256.Starts(_layout.OffsetShift) + (4 * index));
            _step.Scale(Scale, index);
            _step.Minimum(Minimum, index);
            Groups(index / pieces, index % pieces * 4, 8 / pieces);
            int at = _layout.ScaleInputs == 16 ? Block256.Sums16 : Block256.Sums32;
            for (int row = 0; row < _rows; row++)
            {
                c.vsubps(Dot(row), Dot(row), Magic);
                c.vfmadd231ps(Sum(_panel + row), Dot(row), Scale);
                AddMinimum(row, at + (4 * index));
            }
        }

        ForResults(_panel, _panel + _rows, (sum, result) =>
        {
            c.vmovups(StepEmitter.Other, result);
            c.vfmadd231ps(StepEmitter.Other, Sum(sum), Row(__dword_bcst, sum - _panel, Block256.Scale));
            c.vmovups(result, StepEmitter.Other);
        });
    }

    /// <summary>Asks for the lines that lie ahead of [from, to) of the step.</summary>
    private void Prefetch(int from, int to)
    {
        if (_prefetch == 0) return;
        for (int at = (from + 63) / 64 * 64; at < to; at += 64) _code.prefetcht0(__byte_ptr[StepEmitter.Step + _prefetch + at]);
    }

    /// <summary>Starts the integer sums; <paramref name="at"/> is where blocks have the values if codes have an offset.</summary>
    private void Start(int at)
    {
        Assembler c = _code;
        for (int row = 0; row < _rows; row++)
        {
            if (_layout.OffsetShift >= 0) c.vpbroadcastd(Dot(row), Row(__dword_ptr, row, at));
            else c.vmovdqa32(Dot(row), Magic);
            for (int chain = 1; chain < Chains; chain++) c.vpxord(Dot(row, chain), Dot(row, chain), Dot(row, chain));
        }
    }

    /// <summary>Integer sums over groups of four inputs.</summary>
    private void Groups(int part, int first, int count)
    {
        Assembler c = _code;
        for (int group = first; group < first + count; group++)
        {
            _step.Codes(Weights, part, group);
            for (int row = 0; row < _rows; row++)
                c.vpdpbusd(Dot(row, group % Chains), Weights, Row(__dword_bcst, row, CodesAt + (32 * part) + (4 * group)));
        }

        for (int row = 0; row < _rows; row++)
            for (int half = Chains / 2; half > 0; half /= 2)
                for (int chain = 0; chain < half; chain++)
                    c.vpaddd(Dot(row, chain), Dot(row, chain), Dot(row, chain + half));
    }

    /// <summary>Adds the minimum times the sum of activations at <paramref name="at"/>, where there are minima.</summary>
    private void AddMinimum(int row, int at)
    {
        if (_layout.Minima is null) return;
        if (_step.MinimaAreSubtracted) _code.vfnmadd231ps(Sum(_panel + row), Minimum, Row(__dword_bcst, row, at));
        else _code.vfmadd231ps(Sum(_panel + row), Minimum, Row(__dword_bcst, row, at));
    }
}
