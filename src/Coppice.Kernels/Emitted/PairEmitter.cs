using Coppice.Kernels.Products;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Coppice.Kernels.Emitted;

/// <summary>
/// Writes the machine code of two panels times some rows, for layouts whose codes are plain bytes: the operations of
/// <see cref="TileEmitter"/> per output, in its order, so the same bits. Calling convention: System V.
/// <para>
/// A row's four activations are put into a register once and meet both panels' weights. With 6 rows a step of 32 inputs takes 78
/// loads and 122 products and multiply-adds for 96 dot products, two of each a cycle: 79% of the peak. One panel with 12 rows takes
/// 129 loads for as many and is bound by them on a Zen 5, whose float additions have units of their own.
/// </para>
/// </summary>
internal sealed class PairEmitter
{
    /// <summary>Most rows a tile of two panels can have.</summary>
    public const int MaxRows = 6;

    private readonly Assembler _code = new(64);
    private readonly TileLayout _layout;
    private readonly int _rows;

    private PairEmitter(TileLayout layout, int rows)
    {
        _layout = layout;
        _rows = rows;
    }

    // zmm0 to 11: integer sums; 12 to 23: sums of floats.
    private static AssemblerRegisterZMM X => zmm26;

    private static AssemblerRegisterZMM Magic => zmm31;

    private static AssemblerRegister64 Steps => rcx;

    private static AssemblerRegister64[] StepRegisters { get; } = [rsi, r12];

    private static AssemblerRegister64[] RowRegisters { get; } = [rbx, rdx, r8, r9, r10, r11];

    /// <summary>Integer sums of an output: two where one each would not fill the multipliers' latency.</summary>
    private int Chains => _rows <= 3 ? 2 : 1;

    private int BlockBytes => _layout.Small ? Block32.Bytes : Block256.Bytes;

    private int CodesAt => _layout.Small ? Block32.Codes : Block256.Codes;

    /// <summary>Whether a layout's codes are plain bytes.</summary>
    public static bool Takes(TileLayout layout) => layout.Planes == CodePlanes.Bytes;

    /// <summary>
    /// A function of a <see cref="TileCall"/>: the second panel lies <see cref="TileCall.PanelStride"/> bytes after the first, its sums
    /// after the first one's.
    /// </summary>
    /// <param name="layout">Where the step has what; codes are bytes.</param>
    /// <param name="rows">1 to <see cref="MaxRows"/>.</param>
    public static byte[] Emit(TileLayout layout, int rows)
    {
        var emitter = new PairEmitter(layout, rows);
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
        if (_layout.Small) SmallStep();
        else BigStep();
        foreach (AssemblerRegister64 step in StepRegisters) _code.add(step, _layout.StepBytes);
        for (int row = 0; row < _rows; row++) _code.add(RowRegisters[row], BlockBytes);
        _code.dec(Steps);
        _code.jne(loop);
        Leave();
    }

    private void Enter()
    {
        Assembler c = _code;
        c.push(rbx);
        c.push(r12);
        c.mov(StepRegisters[0], __[rdi + TileCall.PanelAt]);
        c.mov(StepRegisters[1], StepRegisters[0]);
        c.add(StepRegisters[1], __[rdi + TileCall.PanelStrideAt]);
        c.mov(rax, __[rdi + TileCall.XStrideAt]);
        c.mov(RowRegisters[0], __[rdi + TileCall.XAt]);
        for (int row = 1; row < _rows; row++) c.lea(RowRegisters[row], __[RowRegisters[row - 1] + rax]);
        c.mov(Steps, __[rdi + TileCall.StepsAt]);
        c.mov(eax, Activations.Magic);
        c.vpbroadcastd(Magic, eax);
        if (_layout.Small) ForResults((sum, result) => c.vmovups(sum, result));
    }

    private void Leave()
    {
        Assembler c = _code;
        if (_layout.Small) ForResults((sum, result) => c.vmovups(result, sum));
        c.vzeroupper();
        c.pop(r12);
        c.pop(rbx);
        c.ret();
    }

    private static AssemblerRegisterZMM Zmm(int index) => new(Register.ZMM0 + index);

    private AssemblerRegisterZMM Dot(int panel, int row, int chain = 0) => Zmm((((row * 2) + panel) * Chains) + chain);

    private AssemblerRegisterZMM Sum(int panel, int row) => Zmm((2 * MaxRows) + (panel * _rows) + row);

    private static AssemblerRegisterZMM Weights(int panel) => Zmm(24 + panel);

    private static AssemblerRegisterZMM Scale(int panel) => Zmm(27 + panel);

    /// <summary>Magic * scale, in steps of 32: in the place of the weights, which are used up by then.</summary>
    private static AssemblerRegisterZMM MagicScale(int panel) => Weights(panel);

    private static AssemblerRegisterZMM Minimum(int panel) => Zmm(29 + panel);

    /// <summary>Walks the sums in memory; uses rax.</summary>
    private void ForResults(Action<AssemblerRegisterZMM, AssemblerMemoryOperand> action)
    {
        _code.mov(rax, __[rdi + TileCall.YAt]);
        for (int i = 0; i < 2 * _rows; i++)
        {
            if (i > 0) _code.add(rax, __[rdi + TileCall.YStrideAt]);
            action(Sum(i / _rows, i % _rows), __zmmword_ptr[rax]);
        }
    }

    private void SmallStep()
    {
        Start(Block32.Start(_layout.OffsetShift));
        Groups(0, 0, 8);
        Factors(0);
        ForPanels(panel => _code.vmulps(MagicScale(panel), Scale(panel), Magic));
        for (int row = 0; row < _rows; row++)
        {
            // As in TileEmitter: dot * scale with one rounding, and NaN where the scale is infinite.
            ForPanels(panel => _code.vfmsub132ps(Dot(panel, row), MagicScale(panel), Scale(panel)));
            _code.vbroadcastss(X, __dword_ptr[RowRegisters[row] + Block32.Scale]);
            ForPanels(panel => _code.vfmadd231ps(Sum(panel, row), Dot(panel, row), X));
            AddMinimum(row, Block32.ScaledSum);
        }
    }

    private void BigStep()
    {
        Assembler c = _code;
        for (int row = 0; row < _rows; row++) ForPanels(panel => c.vpxord(Sum(panel, row), Sum(panel, row), Sum(panel, row)));
        int pieces = 32 / _layout.ScaleInputs;
        for (int index = 0; index < _layout.ScaleCount; index++)
        {
            Start(Block256.Starts(_layout.OffsetShift) + (4 * index));
            Groups(index / pieces, index % pieces * 4, 8 / pieces);
            Factors(index);
            int at = _layout.ScaleInputs == 16 ? Block256.Sums16 : Block256.Sums32;
            for (int row = 0; row < _rows; row++)
            {
                ForPanels(panel => c.vsubps(Dot(panel, row), Dot(panel, row), Magic));
                ForPanels(panel => c.vfmadd231ps(Sum(panel, row), Dot(panel, row), Scale(panel)));
                AddMinimum(row, at + (4 * index));
            }
        }

        int i = 0;
        ForResults((sum, result) =>
        {
            if (i < _rows) c.vbroadcastss(Zmm(i), __dword_ptr[RowRegisters[i] + Block256.Scale]);
            c.vmovups(X, result);
            c.vfmadd231ps(X, sum, Zmm(i % _rows));
            c.vmovups(result, X);
            i++;
        });
    }

    private static void ForPanels(Action<int> action)
    {
        action(0);
        action(1);
    }

    /// <summary>Starts the integer sums; <paramref name="at"/> is where blocks have the values if codes have an offset.</summary>
    private void Start(int at)
    {
        Assembler c = _code;
        for (int row = 0; row < _rows; row++)
        {
            if (_layout.OffsetShift >= 0) c.vpbroadcastd(Dot(0, row), __dword_ptr[RowRegisters[row] + at]);
            else c.vmovdqa32(Dot(0, row), Magic);
            c.vmovdqa32(Dot(1, row), Dot(0, row));
            if (Chains == 2) ForPanels(panel => c.vpxord(Dot(panel, row, 1), Dot(panel, row, 1), Dot(panel, row, 1)));
        }
    }

    /// <summary>Integer sums over groups of four inputs.</summary>
    private void Groups(int part, int first, int count)
    {
        Assembler c = _code;
        for (int group = first; group < first + count; group++)
        {
            int at = _layout.CodesAt + (part * _layout.PartBytes) + (64 * group);
            ForPanels(panel => c.vmovdqu32(Weights(panel), __zmmword_ptr[StepRegisters[panel] + at]));
            for (int row = 0; row < _rows; row++)
            {
                c.vpbroadcastd(X, __dword_ptr[RowRegisters[row] + CodesAt + (32 * part) + (4 * group)]);
                ForPanels(panel => c.vpdpbusd(Dot(panel, row, group % Chains), Weights(panel), X));
            }
        }

        if (Chains == 1) return;
        for (int row = 0; row < _rows; row++) ForPanels(panel => c.vpaddd(Dot(panel, row), Dot(panel, row), Dot(panel, row, 1)));
    }

    /// <summary>Scale and minimum number <paramref name="index"/> of both steps.</summary>
    private void Factors(int index) => ForPanels(panel =>
    {
        AssemblerRegister64 step = StepRegisters[panel];
        if (_layout.Scales.Form == ScaleForm.Halves) _code.vcvtph2ps(Scale(panel), __ymmword_ptr[step + _layout.Scales.At]);
        else _code.vmovups(Scale(panel), __zmmword_ptr[step + _layout.Scales.At + (64 * index)]);
        if (_layout.Minima is { } minima) _code.vmovups(Minimum(panel), __zmmword_ptr[step + minima.At + (64 * index)]);
    });

    /// <summary>Adds the minimum times the sum of activations at <paramref name="at"/>, where there are minima.</summary>
    private void AddMinimum(int row, int at)
    {
        if (_layout.Minima is null) return;
        _code.vbroadcastss(X, __dword_ptr[RowRegisters[row] + at]);
        ForPanels(panel => _code.vfmadd231ps(Sum(panel, row), Minimum(panel), X));
    }
}
