using Coppice.Kernels.Products;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Coppice.Kernels.Emitted;

/// <summary>
/// Writes the machine code of <see cref="IntegerTile{TFormat,TDot}"/> for some rows times one or two panels, in 512-bit registers:
/// a lane an output, the same operations in the same order per output, so the same bits. Calling convention: System V.
/// <para>
/// What bounds it, per 8 <c>vpdpbusd</c> (32 inputs of a row and a panel): the two vector slots of a cycle, of which scaling takes
/// 2 more, and the two loads of a cycle, of which a single panel takes 8 and more, since every dot reads its own activations. With
/// two panels an activation load serves two dots. Integer sums therefore start from values that are made in general registers
/// and handed over through the stack. Sums of floats have registers if they are up to 12 and stay on the stack otherwise.
/// </para>
/// </summary>
internal sealed class TileEmitter
{
    /// <summary>Most rows a tile can have.</summary>
    public const int MaxRows = 12;

    private const int MagicBits = 0x4B400000;
    private const int SumRegisters = 12;

    private readonly Assembler _code = new(64);
    private readonly PlaneEmitter _planes;
    private readonly TileLayout _layout;
    private readonly int _rows;
    private readonly int _panels;
    private readonly int _startsBytes;

    private TileEmitter(TileLayout layout, int rows, int panels, bool galois)
    {
        _layout = layout;
        _rows = rows;
        _panels = panels;
        _startsBytes = layout.Small ? 64 : 64 * rows;
        _planes = new PlaneEmitter(_code, layout, galois, other: Spread, lowMask: zmm29, highMask: zmm30);
    }

    private static AssemblerRegisterZMM[] Weights { get; } = [zmm24, zmm25];

    /// <summary>Activations, spread.</summary>
    private static AssemblerRegisterZMM Spread => zmm26;

    private static AssemblerRegisterZMM Minimum => zmm27;

    private static AssemblerRegisterZMM Other => zmm28;

    private static AssemblerRegisterZMM Magic => zmm31;

    // While sums are scaled, the weights' registers are free.
    private static AssemblerRegisterZMM Scale => zmm24;

    private static AssemblerRegisterZMM MagicScale => zmm25;

    private static AssemblerRegister64[] PanelRegisters { get; } = [rsi, r14];

    private static AssemblerRegister64[] RowRegisters { get; } = [rbx, rdx, r8, r9, r10, r11, r12, r13];

    private static AssemblerRegister64 RowStride => r15;

    private bool HasOffset => _layout.OffsetShift >= 0;

    private int BlockBytes => _layout.Small ? Block32.Bytes : Block256.Bytes;

    private int CodesAt => _layout.Small ? Block32.Codes : Block256.Codes;

    /// <summary>Integer sums of a row and panel, which go on side by side: few of them would wait for each other.</summary>
    private int Chains => (_rows * _panels) switch { 1 => 4, <= 4 => 2, _ => 1 };

    private bool SumsInRegisters => _rows * _panels <= SumRegisters;

    private bool OneRegisterARow => _rows <= RowRegisters.Length;

    private int RowPointers => OneRegisterARow ? _rows : (_rows + 2) / 3;

    // On the stack, from rsp: starts of integer sums, widened halves of scales and of minima per panel, sums of floats.
    private int HalvesAt => _startsBytes;

    private int MinimumHalvesAt => HalvesAt + (64 * _panels);

    private int SumsAt => MinimumHalvesAt + (64 * _panels);

    private int StackBytes => SumsAt + (SumsInRegisters ? 0 : 64 * _rows * _panels);

    /// <summary>A function of the address of a <see cref="TileCall"/>.</summary>
    /// <param name="layout">How a panel lies in memory.</param>
    /// <param name="rows">1 to <see cref="MaxRows"/>.</param>
    /// <param name="panels">1 or 2.</param>
    /// <param name="galois">Whether the processor has GFNI.</param>
    public static byte[] Emit(TileLayout layout, int rows, int panels, bool galois)
    {
        var emitter = new TileEmitter(layout, rows, panels, galois);
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
        for (int panel = 0; panel < _panels; panel++) _code.add(PanelRegisters[panel], _layout.StepBytes);
        for (int i = 0; i < RowPointers; i++) _code.add(RowRegisters[i], BlockBytes);
        _code.dec(rcx);
        _code.jne(loop);
        Leave();
        _planes.Constants();
    }

    private void Enter()
    {
        Assembler c = _code;
        c.push(rbp);
        c.mov(rbp, rsp);
        c.push(rbx);
        c.push(r12);
        c.push(r13);
        c.push(r14);
        c.push(r15);
        c.sub(rsp, StackBytes);
        c.and(rsp, -64);
        c.mov(rsi, __[rdi + 0]);
        c.mov(r14, rsi);
        c.add(r14, __[rdi + 8]);
        c.mov(rbx, __[rdi + 16]);
        c.mov(RowStride, __[rdi + 24]);
        c.mov(rcx, __[rdi + 48]);
        if (!OneRegisterARow) c.lea(RowStride, __[RowStride + (RowStride * 2)]);
        for (int i = 1; i < RowPointers; i++) c.lea(RowRegisters[i], __[RowRegisters[i - 1] + RowStride]);
        c.mov(RowStride, __[rdi + 24]);
        c.mov(eax, MagicBits);
        c.vpbroadcastd(Magic, eax);
        _planes.Enter();
        if (!_layout.Small) return;
        ForResults((row, panel, result) =>
        {
            AssemblerRegisterZMM sum = SumsInRegisters ? Sum(row, panel) : Other;
            c.vmovups(sum, result);
            if (!SumsInRegisters) c.vmovaps(SumOnStack(row, panel), sum);
        });
    }

    private void Leave()
    {
        Assembler c = _code;
        if (_layout.Small)
        {
            ForResults((row, panel, result) =>
            {
                AssemblerRegisterZMM sum = SumsInRegisters ? Sum(row, panel) : Other;
                if (!SumsInRegisters) c.vmovaps(sum, SumOnStack(row, panel));
                c.vmovups(result, sum);
            });
        }

        c.vzeroupper();
        c.lea(rsp, __[rbp - 40]);
        c.pop(r15);
        c.pop(r14);
        c.pop(r13);
        c.pop(r12);
        c.pop(rbx);
        c.pop(rbp);
        c.ret();
    }

    private static AssemblerRegisterZMM Zmm(int index) => new(Register.ZMM0 + index);

    private AssemblerRegisterZMM Dot(int row, int panel, int chain = 0) => Zmm((((row * _panels) + panel) * Chains) + chain);

    private AssemblerRegisterZMM Sum(int row, int panel) => Zmm(SumRegisters + (row * _panels) + panel);

    private AssemblerMemoryOperand SumOnStack(int row, int panel) => __zmmword_ptr[rsp + SumsAt + (64 * ((row * _panels) + panel))];

    /// <summary>An address in a row's current block. Up to 8 rows have a register each; more share one by threes.</summary>
    private AssemblerMemoryOperand Row(AssemblerMemoryOperandFactory size, int row, int at)
    {
        if (OneRegisterARow) return size[RowRegisters[row] + at];
        AssemblerRegister64 first = RowRegisters[row / 3];
        return (row % 3) == 0 ? size[first + at] : size[first + (RowStride * (row % 3)) + at];
    }

    /// <summary>Walks the sums in memory.</summary>
    private void ForResults(Action<int, int, AssemblerMemoryOperand> action)
    {
        _code.mov(rax, __[rdi + 32]);
        for (int row = 0; row < _rows; row++)
        {
            for (int panel = 0; panel < _panels; panel++) action(row, panel, __zmmword_ptr[rax + (64 * panel)]);
            if (row + 1 < _rows) _code.add(rax, __[rdi + 40]);
        }
    }

    private void SmallStep()
    {
        Assembler c = _code;
        for (int row = 0; row < _rows && HasOffset; row++)
        {
            c.imul(eax, Row(__dword_ptr, row, Block32.Sum), -(1 << _layout.OffsetShift));
            c.add(eax, MagicBits);
            c.mov(__dword_ptr[rsp + (4 * row)], eax);
        }

        for (int row = 0; row < _rows; row++) Start(row, 4 * row);
        Groups(0, 0, 8);
        for (int panel = 0; panel < _panels; panel++)
        {
            LoadScale(Scale, _layout.Scales, panel, 0);
            if (_layout.Minima is { } minima) LoadScale(Minimum, minima, panel, 0);
            c.vmulps(MagicScale, Scale, Magic);
            for (int row = 0; row < _rows; row++)
            {
                // (magic + dot) * scale - magic * scale is dot * scale with one rounding: magic * scale is exact.
                c.vfmsub132ps(Dot(row, panel), MagicScale, Scale);
                AssemblerRegisterZMM sum = TakeSum(row, panel);
                c.vfmadd231ps(sum, Dot(row, panel), Row(__dword_bcst, row, Block32.Scale));
                AddMinimum(sum, row, Block32.ScaledSum);
                KeepSum(row, panel);
            }
        }
    }

    private void BigStep()
    {
        Assembler c = _code;
        BigStarts();
        for (int index = 0; index < _layout.ScaleCount; index++)
        {
            int pieces = 32 / _layout.ScaleInputs, part = index / pieces, piece = index % pieces;
            for (int row = 0; row < _rows; row++) Start(row, (64 * row) + (4 * ((2 * part) + piece)));
            Groups(part, piece * 4, 8 / pieces);
            int at = (_layout.ScaleInputs == 16 ? Block256.FloatSums16 : Block256.FloatSums32) + (4 * index);
            for (int panel = 0; panel < _panels; panel++)
            {
                LoadScale(Scale, _layout.Scales, panel, index);
                if (_layout.Minima is { } minima) LoadScale(Minimum, minima, panel, index);
                for (int row = 0; row < _rows; row++)
                {
                    c.vsubps(Dot(row, panel), Dot(row, panel), Magic);
                    AssemblerRegisterZMM sum = TakeSum(row, panel);
                    c.vfmadd231ps(sum, Dot(row, panel), Scale);
                    AddMinimum(sum, row, at);
                    KeepSum(row, panel);
                }
            }
        }

        ForResults((row, panel, result) =>
        {
            AssemblerRegisterZMM sum = TakeSum(row, panel);
            c.vmovups(Spread, result);
            c.vfmadd231ps(Spread, sum, Row(__dword_bcst, row, Block256.Scale));
            c.vmovups(result, Spread);
        });
    }

    /// <summary>Sums of floats to zero, starts of integer sums and widened halves to the stack.</summary>
    private void BigStarts()
    {
        Assembler c = _code;
        if (!SumsInRegisters) c.vpxord(Other, Other, Other);
        for (int row = 0; row < _rows; row++)
        {
            for (int panel = 0; panel < _panels; panel++)
            {
                if (SumsInRegisters) c.vpxord(Sum(row, panel), Sum(row, panel), Sum(row, panel));
                else KeepSum(row, panel);
            }

            if (!HasOffset) continue;
            c.vpslld(Spread, Row(__zmmword_ptr, row, Block256.Sums), (byte)_layout.OffsetShift);
            c.vpsubd(Spread, Magic, Spread);
            c.vmovdqa32(__zmmword_ptr[rsp + (64 * row)], Spread);
        }

        for (int panel = 0; panel < _panels; panel++)
        {
            if (_layout.Scales.Form != ScaleForm.Floats) Widen(_layout.Scales, HalvesAt);
            if (_layout.Minima is { Form: not ScaleForm.Floats } minima) Widen(minima, MinimumHalvesAt);

            void Widen(ScalePlace place, int at)
            {
                c.vcvtph2ps(Spread, __ymmword_ptr[PanelRegisters[panel] + place.At]);
                c.vmovaps(__zmmword_ptr[rsp + at + (64 * panel)], Spread);
            }
        }
    }

    /// <summary>Starts a row's integer sums; <paramref name="at"/> is where the stack has the value if codes have an offset.</summary>
    private void Start(int row, int at)
    {
        Assembler c = _code;
        for (int panel = 0; panel < _panels; panel++)
        {
            if (panel > 0) c.vmovdqa32(Dot(row, panel), Dot(row, 0));
            else if (HasOffset) c.vpbroadcastd(Dot(row, 0), __dword_ptr[rsp + at]);
            else c.vmovdqa32(Dot(row, 0), Magic);
            for (int chain = 1; chain < Chains; chain++)
                c.vpxord(Dot(row, panel, chain), Dot(row, panel, chain), Dot(row, panel, chain));
        }
    }

    /// <summary>Integer sums over groups of four inputs.</summary>
    private void Groups(int part, int first, int count)
    {
        Assembler c = _code;
        for (int group = first; group < first + count; group++)
        {
            for (int panel = 0; panel < _panels; panel++) _planes.Codes(Weights[panel], PanelRegisters[panel], part, group);
            for (int row = 0; row < _rows; row++)
            {
                int at = CodesAt + (32 * part) + (4 * group), chain = group % Chains;
                if (_panels == 1)
                {
                    c.vpdpbusd(Dot(row, 0, chain), Weights[0], Row(__dword_bcst, row, at));
                    continue;
                }

                c.vpbroadcastd(Spread, Row(__dword_ptr, row, at));
                for (int panel = 0; panel < _panels; panel++) c.vpdpbusd(Dot(row, panel, chain), Weights[panel], Spread);
            }
        }

        for (int row = 0; row < _rows; row++)
            for (int panel = 0; panel < _panels; panel++)
                for (int step = Chains / 2; step > 0; step /= 2)
                    for (int chain = 0; chain < step; chain++)
                        c.vpaddd(Dot(row, panel, chain), Dot(row, panel, chain), Dot(row, panel, chain + step));
    }

    private AssemblerRegisterZMM TakeSum(int row, int panel)
    {
        if (SumsInRegisters) return Sum(row, panel);
        _code.vmovaps(Other, SumOnStack(row, panel));
        return Other;
    }

    private void KeepSum(int row, int panel)
    {
        if (!SumsInRegisters) _code.vmovaps(SumOnStack(row, panel), Other);
    }

    /// <summary>Adds the minimum times the sum of activations at <paramref name="at"/>, where there are minima.</summary>
    private void AddMinimum(AssemblerRegisterZMM sum, int row, int at)
    {
        if (_layout.Minima is not { } minima) return;
        // Minima made of a half and a byte are stored positive and subtracted.
        if (minima.Form is ScaleForm.Floats or ScaleForm.Halves) _code.vfmadd231ps(sum, Minimum, Row(__dword_bcst, row, at));
        else _code.vfnmadd231ps(sum, Minimum, Row(__dword_bcst, row, at));
    }

    /// <summary>Scale (or minimum) number <paramref name="index"/> of a panel's step, as floats.</summary>
    private void LoadScale(AssemblerRegisterZMM target, ScalePlace place, int panel, int index)
    {
        Assembler c = _code;
        AssemblerRegister64 step = PanelRegisters[panel];
        AssemblerMemoryOperand bytes = __xmmword_ptr[step + place.BytesAt + (16 * index)];
        switch (place.Form)
        {
            case ScaleForm.Floats: c.vmovups(target, __zmmword_ptr[step + place.At + (64 * index)]); return;
            case ScaleForm.Halves: c.vcvtph2ps(target, __ymmword_ptr[step + place.At]); return;
            case ScaleForm.TimesSignedBytes: c.vpmovsxbd(target, bytes); break;
            default: c.vpmovzxbd(target, bytes); break;
        }

        if (place.Form == ScaleForm.TimesLowNibbles) _planes.LowNibbles(target);
        if (place.Form == ScaleForm.TimesHighNibbles) c.vpsrld(target, target, 4);
        c.vcvtdq2ps(target, target);
        c.vmulps(target, target, __zmmword_ptr[rsp + (place == _layout.Scales ? HalvesAt : MinimumHalvesAt) + (64 * panel)]);
    }
}
