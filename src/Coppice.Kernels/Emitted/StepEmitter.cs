using Coppice.Kernels.Products;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Coppice.Kernels.Emitted;

/// <summary>
/// Writes the code that reads a panel's step: codes put together from <see cref="Planes"/>, scales and minima as floats. Moving
/// bits down and masking them takes a shift and an and, or one product with a bit matrix where the processor has GFNI; 16-bit
/// shifts carry bits between neighbours, which the masks remove.
/// </summary>
internal sealed class StepEmitter
{
    private const byte AOrBAndC = 0xF8;

    private readonly Assembler _code;
    private readonly TileLayout _layout;
    private readonly bool _galois;
    private readonly int _lowBits;
    private readonly int _highBits;
    private readonly Label[] _matrices = new Label[8];
    private Label _fifteen;

    /// <summary>Prepares a function's code.</summary>
    /// <param name="code">Where to write.</param>
    /// <param name="layout">How the step lies in memory.</param>
    /// <param name="galois">Whether to use GFNI.</param>
    public StepEmitter(Assembler code, TileLayout layout, bool galois)
    {
        _code = code;
        _layout = layout;
        _galois = galois;
        (_lowBits, _highBits) = layout.Planes switch
        {
            CodePlanes.Fours => (0x0F, 0),
            CodePlanes.FoursOnes => (0x0F, 0x10),
            CodePlanes.FoursTwos => (0x0F, 0x30),
            CodePlanes.TwosOnes => (0x03, 0x04),
            CodePlanes.Twos => (0x03, 0),
            _ => (0, 0),
        };
        _fifteen = code.CreateLabel();
        for (int i = 0; i < _matrices.Length; i++) _matrices[i] = code.CreateLabel();
    }

    /// <summary>The address of the step.</summary>
    public static AssemblerRegister64 Step => rsi;

    /// <summary>Holds nothing after a call.</summary>
    public static AssemblerRegisterZMM Other => zmm25;

    /// <summary>Half scales, widened by <see cref="EnterStep"/>, in steps of 256.</summary>
    private static AssemblerRegisterZMM Halves => zmm28;

    private static AssemblerRegisterZMM LowMask => zmm29;

    private static AssemblerRegisterZMM HighMask => zmm30;

    /// <summary>Whether minima come out as they are stored, to be subtracted, instead of added.</summary>
    public bool MinimaAreSubtracted => _layout.Minima is { Form: not (ScaleForm.Floats or ScaleForm.Halves) };

    /// <summary>Fills the masks; uses eax.</summary>
    public void Enter()
    {
        if (_lowBits != 0) Fill(LowMask, _lowBits);
        if (_highBits != 0) Fill(HighMask, _highBits);
    }

    /// <summary>Comes before the other reads of a step.</summary>
    public void EnterStep()
    {
        if (!_layout.Small && _layout.Scales.Form != ScaleForm.Floats)
            _code.vcvtph2ps(Halves, __ymmword_ptr[Step + _layout.Scales.At]);
    }

    /// <summary>What the code reads; comes after its last instruction.</summary>
    public void Constants()
    {
        for (int from = 0; from < _matrices.Length; from++)
        {
            _code.Label(ref _matrices[from]);
            _code.dq(Matrix(from, _lowBits));
        }

        _code.Label(ref _fifteen);
        _code.dd(15);
    }

    /// <summary>Scale number <paramref name="index"/> of the step.</summary>
    public void Scale(AssemblerRegisterZMM target, int index) => Floats(target, _layout.Scales, index);

    /// <summary>Minimum number <paramref name="index"/> of the step, where there are minima.</summary>
    public void Minimum(AssemblerRegisterZMM target, int index)
    {
        if (_layout.Minima is { } minima) Floats(target, minima, index);
    }

    /// <summary>The codes of a group.</summary>
    /// <param name="target">Gets 16 lanes of 4 codes.</param>
    /// <param name="part">Which 32 inputs of the step.</param>
    /// <param name="group">Which 4 inputs of the part.</param>
    public void Codes(AssemblerRegisterZMM target, int part, int group)
    {
        AssemblerMemoryOperand At(int at) => __zmmword_ptr[Step + _layout.CodesAt + (part * _layout.PartBytes) + at];
        int two = 64 * (group / 4), twoFrom = 2 * (group % 4);
        switch (_layout.Planes)
        {
            case CodePlanes.Bytes:
                _code.vmovdqu32(target, At(64 * group));
                return;
            case CodePlanes.TwosOnes:
                Low(target, At(two), twoFrom);
                Above(target, At(Planes.TwosBytes), group, 2);
                return;
            case CodePlanes.Twos:
                Low(target, At(two), twoFrom);
                return;
        }

        Low(target, At(64 * (group % 4)), 4 * (group / 4));
        if (_layout.Planes == CodePlanes.FoursOnes) Above(target, At(Planes.FoursBytes), group, 4);
        if (_layout.Planes == CodePlanes.FoursTwos) Above(target, At(Planes.FoursBytes + two), twoFrom, 4);
    }

    /// <summary>The matrix that moves bits <paramref name="from"/> and up to 0 and up, and keeps <paramref name="mask"/>: row 7 - i makes bit i.</summary>
    private static ulong Matrix(int from, int mask)
    {
        ulong matrix = 0;
        for (int bit = 0; bit + from < 8; bit++)
            if ((mask >> bit & 1) != 0) matrix |= 1UL << (8 * (7 - bit)) << (bit + from);
        return matrix;
    }

    /// <summary>Bits of a plane, as the lowest bits of a code.</summary>
    private void Low(AssemblerRegisterZMM target, AssemblerMemoryOperand plane, int from)
    {
        if (from == 0)
        {
            _code.vpandd(target, LowMask, plane);
        }
        else if (_galois)
        {
            _code.vmovdqu32(target, plane);
            _code.vgf2p8affineqb(target, target, __qword_bcst[_matrices[from]], 0);
        }
        else
        {
            _code.vpsrlw(target, plane, (byte)from);
            _code.vpandd(target, target, LowMask);
        }
    }

    /// <summary>Bits of a plane, or-ed to the codes from bit <paramref name="to"/>.</summary>
    private void Above(AssemblerRegisterZMM target, AssemblerMemoryOperand plane, int from, int to)
    {
        if (from == to)
        {
            _code.vpternlogd(target, HighMask, plane, AOrBAndC);
            return;
        }

        if (from < to) _code.vpsllw(Other, plane, (byte)(to - from));
        else _code.vpsrlw(Other, plane, (byte)(from - to));
        _code.vpternlogd(target, Other, HighMask, AOrBAndC);
    }

    private void Floats(AssemblerRegisterZMM target, ScalePlace place, int index)
    {
        Assembler c = _code;
        AssemblerMemoryOperand bytes = __xmmword_ptr[Step + place.BytesAt + (16 * index)];
        switch (place.Form)
        {
            case ScaleForm.Floats: c.vmovups(target, __zmmword_ptr[Step + place.At + (64 * index)]); return;
            case ScaleForm.Halves: c.vcvtph2ps(target, __ymmword_ptr[Step + place.At]); return;
            case ScaleForm.TimesSignedBytes: c.vpmovsxbd(target, bytes); break;
            default: c.vpmovzxbd(target, bytes); break;
        }

        if (place.Form == ScaleForm.TimesLowNibbles) c.vpandd(target, target, __dword_bcst[_fifteen]);
        if (place.Form == ScaleForm.TimesHighNibbles) c.vpsrld(target, target, 4);
        c.vcvtdq2ps(target, target);
        if (place != _layout.Scales) c.vcvtph2ps(Other, __ymmword_ptr[Step + place.At]);
        c.vmulps(target, target, place == _layout.Scales ? Halves : Other);
    }

    private void Fill(AssemblerRegisterZMM register, int bits)
    {
        _code.mov(eax, bits * 0x01010101);
        _code.vpbroadcastd(register, eax);
    }
}
