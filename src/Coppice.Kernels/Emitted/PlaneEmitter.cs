using Coppice.Kernels.Products;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Coppice.Kernels.Emitted;

/// <summary>
/// Writes the code that puts a group's codes together from <see cref="Planes"/>. Moving bits down and masking them takes a shift
/// and an and, or one product with a bit matrix where the processor has GFNI; 16-bit shifts carry bits between neighbours,
/// which the masks remove.
/// </summary>
internal sealed class PlaneEmitter
{
    private const byte AOrBAndC = 0xF8;

    private readonly Assembler _code;
    private readonly TileLayout _layout;
    private readonly bool _galois;
    private readonly AssemblerRegisterZMM _other;
    private readonly AssemblerRegisterZMM _lowMask;
    private readonly AssemblerRegisterZMM _highMask;
    private readonly int _lowBits;
    private readonly int _highBits;
    private readonly Label[] _matrices = new Label[8];
    private Label _fifteen;

    /// <summary>Prepares a function's code.</summary>
    /// <param name="code">Where to write.</param>
    /// <param name="layout">What planes there are.</param>
    /// <param name="galois">Whether to use GFNI.</param>
    /// <param name="other">A register for temporary values.</param>
    /// <param name="lowMask">A register to keep.</param>
    /// <param name="highMask">A register to keep.</param>
    public PlaneEmitter(
        Assembler code, TileLayout layout, bool galois,
        AssemblerRegisterZMM other, AssemblerRegisterZMM lowMask, AssemblerRegisterZMM highMask)
    {
        _code = code;
        _layout = layout;
        _galois = galois;
        _other = other;
        _lowMask = lowMask;
        _highMask = highMask;
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

    /// <summary>Fills the registers to keep; uses eax.</summary>
    public void Enter()
    {
        if (_lowBits != 0) Fill(_lowMask, _lowBits);
        if (_highBits != 0) Fill(_highMask, _highBits);
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

    /// <summary>Keeps the low four bits of each lane.</summary>
    public void LowNibbles(AssemblerRegisterZMM target) => _code.vpandd(target, target, __dword_bcst[_fifteen]);

    /// <summary>The codes of a group.</summary>
    /// <param name="target">Gets 16 lanes of 4 codes.</param>
    /// <param name="step">Address of the step.</param>
    /// <param name="part">Which 32 inputs of the step.</param>
    /// <param name="group">Which 4 inputs of the part.</param>
    public void Codes(AssemblerRegisterZMM target, AssemblerRegister64 step, int part, int group)
    {
        AssemblerMemoryOperand At(int at) => __zmmword_ptr[step + _layout.CodesAt + (part * _layout.PartBytes) + at];
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
            _code.vpandd(target, _lowMask, plane);
        }
        else if (_galois)
        {
            _code.vmovdqu32(target, plane);
            _code.vgf2p8affineqb(target, target, __qword_bcst[_matrices[from]], 0);
        }
        else
        {
            _code.vpsrlw(target, plane, (byte)from);
            _code.vpandd(target, target, _lowMask);
        }
    }

    /// <summary>Bits of a plane, or-ed to the codes from bit <paramref name="to"/>.</summary>
    private void Above(AssemblerRegisterZMM target, AssemblerMemoryOperand plane, int from, int to)
    {
        if (from == to)
        {
            _code.vpternlogd(target, _highMask, plane, AOrBAndC);
            return;
        }

        if (from < to) _code.vpsllw(_other, plane, (byte)(to - from));
        else _code.vpsrlw(_other, plane, (byte)(from - to));
        _code.vpternlogd(target, _other, _highMask, AOrBAndC);
    }

    private void Fill(AssemblerRegisterZMM register, int bits)
    {
        _code.mov(eax, bits * 0x01010101);
        _code.vpbroadcastd(register, eax);
    }
}
