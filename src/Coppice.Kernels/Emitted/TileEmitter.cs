using Coppice.Kernels.Products;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Coppice.Kernels.Emitted;

/// <summary>What a tile's code is called with.</summary>
internal unsafe struct TileCall
{
    /// <summary>The panel's first step.</summary>
    public byte* Panel;

    /// <summary>The first activation block of the first row.</summary>
    public byte* X;

    /// <summary>Bytes from one row of blocks to the next.</summary>
    public nint XStride;

    /// <summary>16 sums a row, continued.</summary>
    public float* Y;

    /// <summary>Bytes from one row of sums to the next.</summary>
    public nint YStrideBytes;

    /// <summary>Number of steps, at least 1.</summary>
    public nint Steps;
}

/// <summary>
/// Writes the machine code of <see cref="IntegerTile{TFormat,TDot}"/> for a number of rows, in 512-bit registers: a lane an output,
/// the same operations in the same order per output, so the same bits. A group of weights is loaded (and its planes put together)
/// once and meets each row's four activations as a broadcast memory operand of <c>vpdpbusd</c>.
/// <para>
/// Registers: sums of integers (<see cref="Chains"/> a row), sums of floats (a row each), 8 for the rest. Integer sums start from
/// values made in general registers and handed over through the stack, because vector slots are what is scarce.
/// </para>
/// </summary>
internal sealed class TileEmitter
{
    /// <summary>Most rows a tile can have.</summary>
    public const int MaxRows = 12;

    private const int MagicBits = 0x4B400000;

    private readonly Assembler _code;
    private readonly TileLayout _layout;
    private readonly int _rows;
    private readonly int _startBytes;
    private Label _lowNibbles;

    private TileEmitter(Assembler code, TileLayout layout, int rows)
    {
        _code = code;
        _layout = layout;
        _rows = rows;
        _startBytes = layout.Small ? 64 : 64 * rows;
        _lowNibbles = code.CreateLabel();
    }

    private int Chains => _rows switch { 1 => 4, <= 3 => 2, _ => 1 };

    private static AssemblerRegisterZMM Weights => zmm24;

    private static AssemblerRegisterZMM Other => zmm25;

    private static AssemblerRegisterZMM Scale => zmm26;

    private static AssemblerRegisterZMM Halves => zmm27;

    private static AssemblerRegisterZMM Minimum => zmm28;

    private static AssemblerRegisterZMM LowMask => zmm29;

    private static AssemblerRegisterZMM HighMask => zmm30;

    private static AssemblerRegisterZMM Magic => zmm31;

    private bool HasOffset => _layout.OffsetShift >= 0;

    private int BlockBytes => _layout.Small ? Block32.Bytes : Block256.Bytes;

    private int CodesAt => _layout.Small ? Block32.Codes : Block256.Codes;

    /// <summary>The code for <paramref name="rows"/> rows: a function of the address of a <see cref="TileCall"/> in rdi.</summary>
    /// <param name="layout">How the panel lies in memory.</param>
    /// <param name="rows">1 to <see cref="MaxRows"/>.</param>
    public static byte[] Emit(TileLayout layout, int rows)
    {
        var code = new Assembler(64);
        new TileEmitter(code, layout, rows).Function();
        using var stream = new MemoryStream();
        code.Assemble(new StreamCodeWriter(stream), rip: 0);
        return stream.ToArray();
    }

    private static AssemblerRegisterZMM Zmm(int index) => new(Register.ZMM0 + index);

    private AssemblerRegisterZMM Dot(int row, int chain = 0) => Zmm((row * Chains) + chain);

    private AssemblerRegisterZMM Sum(int row) => Zmm(12 + row);

    private static AssemblerRegister64[] RowRegisters { get; } = [rbx, rdx, r8, r9, r10, r11, r12, r13, r14, r15];

    /// <summary>An address in a row's current block. Up to 10 rows have a register each; more share one by threes.</summary>
    private AssemblerMemoryOperand Row(int row, int at)
        => _rows <= RowRegisters.Length ? __[RowRegisters[row] + at]
        : (row % 3) switch
        {
            0 => __[RowRegisters[row / 3] + at],
            1 => __[RowRegisters[row / 3] + (r15 * 1) + at],
            _ => __[RowRegisters[row / 3] + (r15 * 2) + at],
        };

    private AssemblerMemoryOperand RowDword(int row, int at)
        => _rows <= RowRegisters.Length ? __dword_bcst[RowRegisters[row] + at]
        : (row % 3) switch
        {
            0 => __dword_bcst[RowRegisters[row / 3] + at],
            1 => __dword_bcst[RowRegisters[row / 3] + (r15 * 1) + at],
            _ => __dword_bcst[RowRegisters[row / 3] + (r15 * 2) + at],
        };

    private int RowPointers => _rows <= RowRegisters.Length ? _rows : (_rows + 2) / 3;

    private void Function()
    {
        Label loop = _code.CreateLabel();
        Enter();
        _code.Label(ref loop);
        if (_layout.Small) SmallStep();
        else BigStep();
        _code.add(rsi, _layout.StepBytes);
        for (int i = 0; i < RowPointers; i++) _code.add(RowRegisters[i], BlockBytes);
        _code.dec(rcx);
        _code.jne(loop);
        Leave();
        Constants();
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
        c.sub(rsp, _startBytes);
        c.and(rsp, -64);
        c.mov(rsi, __[rdi + 0]);
        c.mov(rax, __[rdi + 16]);
        c.mov(rcx, __[rdi + 40]);
        c.mov(rbx, __[rdi + 8]);
        if (_rows > RowRegisters.Length) c.lea(r15, __[rax + (rax * 2)]);
        for (int i = 1; i < RowPointers; i++)
            c.lea(RowRegisters[i], __[RowRegisters[i - 1] + (_rows > RowRegisters.Length ? r15 : rax)]);
        if (_rows > RowRegisters.Length) c.mov(r15, rax);
        Fill(Magic, MagicBits);
        (int low, int high) = Masks();
        if (low != 0) Fill(LowMask, low);
        if (high != 0) Fill(HighMask, high);
        if (!_layout.Small) return;
        ForSums((row, sum) => c.vmovups(Sum(row), sum));
    }

    private void Leave()
    {
        Assembler c = _code;
        if (_layout.Small) ForSums((row, sum) => c.vmovups(sum, Sum(row)));
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

    private void Constants()
    {
        _code.Label(ref _lowNibbles);
        _code.dd(15);
    }

    private void Fill(AssemblerRegisterZMM register, int value)
    {
        _code.mov(eax, value);
        _code.vpbroadcastd(register, eax);
    }

    /// <summary>Walks the rows of sums in memory.</summary>
    private void ForSums(Action<int, AssemblerMemoryOperand> action)
    {
        _code.mov(rax, __[rdi + 24]);
        for (int row = 0; row < _rows; row++)
        {
            action(row, __zmmword_ptr[rax]);
            if (row + 1 < _rows) _code.add(rax, __[rdi + 32]);
        }
    }

    private (int Low, int High) Masks() => _layout.Planes switch
    {
        CodePlanes.Fours => (0x0F0F0F0F, 0),
        CodePlanes.FoursOnes => (0x0F0F0F0F, 0x10101010),
        CodePlanes.FoursTwos => (0x0F0F0F0F, 0x30303030),
        CodePlanes.TwosOnes => (0x03030303, 0x04040404),
        CodePlanes.Twos => (0x03030303, 0),
        _ => (0, 0),
    };

    private void SmallStep()
    {
        Assembler c = _code;
        if (HasOffset)
        {
            for (int row = 0; row < _rows; row++)
            {
                c.imul(eax, Row(row, Block32.Sum), -(1 << _layout.OffsetShift));
                c.add(eax, MagicBits);
                c.mov(__dword_ptr[rsp + (4 * row)], eax);
            }
        }

        for (int row = 0; row < _rows; row++) Start(row, 4 * row);
        Load(Scale, _layout.Scales, 0);
        if (_layout.Minima is { } minima) Load(Minimum, minima, 0);
        Groups(0, 0, 8);
        for (int row = 0; row < _rows; row++)
        {
            c.vmulps(Weights, Scale, RowDword(row, Block32.Scale));
            c.vsubps(Dot(row), Dot(row), Magic);
            c.vfmadd231ps(Sum(row), Dot(row), Weights);
            AddMinimum(row, Block32.ScaledSum);
        }
    }

    private void BigStep()
    {
        Assembler c = _code;
        for (int row = 0; row < _rows; row++) c.vpxord(Sum(row), Sum(row), Sum(row));
        for (int row = 0; row < _rows && HasOffset; row++)
        {
            c.vpslld(Weights, Row(row, Block256.Sums), (byte)_layout.OffsetShift);
            c.vpsubd(Weights, Magic, Weights);
            c.vmovdqa32(__[rsp + (64 * row)], Weights);
        }

        if (_layout.Scales.Form != ScaleForm.Floats) c.vcvtph2ps(Halves, __ymmword_ptr[rsi + _layout.Scales.At]);
        int pieces = 32 / _layout.ScaleInputs;
        for (int index = 0; index < _layout.ScaleCount; index++)
        {
            int part = index / pieces, half = index % pieces;
            for (int row = 0; row < _rows; row++) Start(row, (64 * row) + (4 * ((2 * part) + half)));
            Load(Scale, _layout.Scales, index);
            if (_layout.Minima is { } minima) Load(Minimum, minima, index);
            Groups(part, half * 4, 8 / pieces);
            int at = _layout.ScaleInputs == 16 ? Block256.FloatSums16 : Block256.FloatSums32;
            for (int row = 0; row < _rows; row++)
            {
                c.vsubps(Dot(row), Dot(row), Magic);
                c.vfmadd231ps(Sum(row), Dot(row), Scale);
                AddMinimum(row, at + (4 * index));
            }
        }

        ForSums((row, sum) =>
        {
            c.vmovups(Weights, sum);
            c.vfmadd231ps(Weights, Sum(row), RowDword(row, Block256.Scale));
            c.vmovups(sum, Weights);
        });
    }

    /// <summary>Starts a row's integer sums; <paramref name="at"/> is where the stack has the value if codes have an offset.</summary>
    private void Start(int row, int at)
    {
        if (HasOffset) _code.vpbroadcastd(Dot(row), __dword_ptr[rsp + at]);
        else _code.vmovdqa32(Dot(row), Magic);
        for (int chain = 1; chain < Chains; chain++) _code.vpxord(Dot(row, chain), Dot(row, chain), Dot(row, chain));
    }

    /// <summary>Adds the minimum times the sum of activations at <paramref name="at"/>, where there are minima.</summary>
    private void AddMinimum(int row, int at)
    {
        if (_layout.Minima is not { } minima) return;
        // Minima made of a half and a byte are stored positive and subtracted.
        if (minima.Form is ScaleForm.Floats or ScaleForm.Halves) _code.vfmadd231ps(Sum(row), Minimum, RowDword(row, at));
        else _code.vfnmadd231ps(Sum(row), Minimum, RowDword(row, at));
    }

    /// <summary>Integer sums over groups of four inputs.</summary>
    private void Groups(int part, int first, int count)
    {
        for (int group = first; group < first + count; group++)
        {
            Codes(part, group);
            for (int row = 0; row < _rows; row++)
                _code.vpdpbusd(Dot(row, group % Chains), Weights, RowDword(row, CodesAt + (32 * part) + (4 * group)));
        }

        for (int row = 0; row < _rows; row++)
        {
            for (int step = 1; step < Chains; step *= 2)
            {
                for (int chain = 0; chain < Chains; chain += 2 * step)
                    _code.vpaddd(Dot(row, chain), Dot(row, chain), Dot(row, chain + step));
            }
        }
    }

    /// <summary>The codes of a group to <see cref="Weights"/>.</summary>
    private void Codes(int part, int group)
    {
        int at = _layout.CodesAt + (part * _layout.PartBytes);
        switch (_layout.Planes)
        {
            case CodePlanes.Bytes:
                _code.vmovdqu32(Weights, __[rsi + at + (64 * group)]);
                break;
            case CodePlanes.Fours:
                Fours(at, group);
                break;
            case CodePlanes.FoursOnes:
                Fours(at, group);
                Above(at + Planes.FoursBytes, group, 4);
                break;
            case CodePlanes.FoursTwos:
                Fours(at, group);
                Above(at + Planes.FoursBytes + (64 * (group / 4)), 2 * (group % 4), 4);
                break;
            case CodePlanes.TwosOnes:
                Low(at + (64 * (group / 4)), 2 * (group % 4));
                Above(at + Planes.TwosBytes, group, 2);
                break;
            default:
                Low(at + (64 * (group / 4)), 2 * (group % 4));
                break;
        }
    }

    private void Fours(int at, int group) => Low(at + (64 * (group % 4)), 4 * (group / 4));

    /// <summary>Bits from <paramref name="from"/> of a plane, as the lowest bits of a code. 16-bit shifts are masked to bytes.</summary>
    private void Low(int at, int from)
    {
        if (from == 0)
        {
            _code.vpandd(Weights, LowMask, __[rsi + at]);
            return;
        }

        _code.vpsrlw(Weights, __zmmword_ptr[rsi + at], (byte)from);
        _code.vpandd(Weights, Weights, LowMask);
    }

    /// <summary>Bits from <paramref name="from"/> of a plane, or-ed to the codes from bit <paramref name="to"/>.</summary>
    private void Above(int at, int from, int to)
    {
        const byte AOrBAndC = 0xF8;
        if (from == to)
        {
            _code.vpternlogd(Weights, HighMask, __zmmword_ptr[rsi + at], AOrBAndC);
            return;
        }

        if (from < to) _code.vpsllw(Other, __zmmword_ptr[rsi + at], (byte)(to - from));
        else _code.vpsrlw(Other, __zmmword_ptr[rsi + at], (byte)(from - to));
        _code.vpternlogd(Weights, Other, HighMask, AOrBAndC);
    }

    /// <summary>Scale (or minimum) number <paramref name="index"/> of the step as floats.</summary>
    private void Load(AssemblerRegisterZMM target, ScalePlace place, int index)
    {
        Assembler c = _code;
        AssemblerMemoryOperand bytes = __xmmword_ptr[rsi + place.BytesAt + (16 * index)];
        switch (place.Form)
        {
            case ScaleForm.Floats:
                c.vmovups(target, __[rsi + place.At + (64 * index)]);
                return;
            case ScaleForm.Halves:
                c.vcvtph2ps(target, __ymmword_ptr[rsi + place.At]);
                return;
            case ScaleForm.TimesSignedBytes:
                c.vpmovsxbd(target, bytes);
                break;
            default:
                c.vpmovzxbd(target, bytes);
                break;
        }

        if (place.Form == ScaleForm.TimesLowNibbles) c.vpandd(target, target, __dword_bcst[_lowNibbles]);
        if (place.Form == ScaleForm.TimesHighNibbles) c.vpsrld(target, target, 4);
        c.vcvtdq2ps(target, target);
        if (place == _layout.Scales)
        {
            c.vmulps(target, target, Halves);
            return;
        }

        c.vcvtph2ps(Other, __ymmword_ptr[rsi + place.At]);
        c.vmulps(target, target, Other);
    }
}
