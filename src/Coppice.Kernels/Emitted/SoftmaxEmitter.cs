using Coppice.Kernels.Attention;
using Coppice.Kernels.Elementwise;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Coppice.Kernels.Emitted;

/// <summary>
/// Writes the machine code of <see cref="ITileMath.Softmax"/> for up to 8 rows that see all 64 columns of a tile, without a cap: the
/// operations of <see cref="ScalarTileMath"/> in their order, so the same bits. Maxima and sums of the rows are taken across lanes
/// together, in the fixed tree 8+8, 4+4, 2+2, 1+1: row by row their latencies would cost as much as the exponentials.
/// </summary>
internal sealed class SoftmaxEmitter
{
    private const int Vectors = AttentionPlan.TileTokens / 16;
    private const int RowBytes = AttentionPlan.TileTokens * sizeof(float);
    private const int VectorBytes = 64;
    private const int ShiftAt = ScoreBlock.Rows * sizeof(float);
    private const byte IsEqual = 0, IsNaN = 3, IsOther = 4;
    private readonly Assembler _code;
    private readonly int _rows;
    private readonly (Label Label, float Value)[] _constants;

    /// <summary>Prepares the code of a function.</summary>
    /// <param name="code">Where to write.</param>
    /// <param name="rows">1 to 8.</param>
    public SoftmaxEmitter(Assembler code, int rows)
    {
        (_code, _rows) = (code, rows);
        float[] values =
        [
            VectorMath.ExpLow, VectorMath.ExpHigh, VectorMath.Log2E, VectorMath.RoundMagic, -VectorMath.Ln2High, -VectorMath.Ln2Low,
            VectorMath.E0, VectorMath.E1, VectorMath.E2, VectorMath.E3, VectorMath.E4, VectorMath.E5, 1f, float.NegativeInfinity,
        ];
        _constants = Array.ConvertAll(values, value => (code.CreateLabel(), value));
    }

    // Masks are written for 512-bit registers alone: instructions on low 256-bit ones are encoded without.
    // zmm0 to 7: maxima, then sums, of the rows; zmm8 to 15: at work; zmm16 to 29: constants, in the order of the array above.
    private static AssemblerRegisterZMM Low => zmm16;

    private static AssemblerRegisterZMM One => zmm28;

    private static AssemblerRegisterZMM Lowest => zmm29;

    private static AssemblerRegisterZMM Scale => zmm30;

    /// <summary>Writes the code; it uses rax, rcx, rdx, rsi, r8 and all vectors.</summary>
    public void Emit()
    {
        Assembler c = _code;
        c.mov(rsi, __[rdi + AttentionCall.ScoresAt]);
        c.mov(rdx, __[rdi + AttentionCall.MaxAt]);
        c.mov(rcx, __[rdi + AttentionCall.SumAt]);
        c.mov(r8, __[rdi + AttentionCall.RescaleAt]);
        c.vbroadcastss(Scale, __dword_ptr[rdi + AttentionCall.ScaleAt]);
        for (int i = 0; i < _constants.Length; i++) c.vbroadcastss(Zmm(16 + i), __dword_ptr[_constants[i].Label]);
        c.mov(eax, (1 << _rows) - 1);
        c.kmovd(k1, eax);
        for (int row = 0; row < _rows; row++) FindMaximum(row);
        AcrossLanes(c.vmaxps);
        RaiseMaxima();
        for (int row = 0; row < _rows; row++) Weigh(row);
        AcrossLanes(c.vaddps);
        AddSums();
    }

    /// <summary>Writes what the code reads, behind the function's end.</summary>
    public void Constants()
    {
        for (int i = 0; i < _constants.Length; i++)
        {
            _code.Label(ref _constants[i].Label);
            _code.dd(_constants[i].Value);
        }
    }

    private static AssemblerRegisterZMM Zmm(int index) => new(Register.ZMM0 + index);

    private static AssemblerRegisterYMM Ymm(int index) => new(Register.YMM0 + index);

    private static AssemblerRegisterXMM Xmm(int index) => new(Register.XMM0 + index);

    private static AssemblerMemoryOperand Score(int row, int vector) => __zmmword_ptr[rsi + ((row * RowBytes) + (vector * VectorBytes))];

    private void FindMaximum(int row)
    {
        Assembler c = _code;
        for (int vector = 0; vector < Vectors; vector++)
        {
            c.vmulps(Zmm(8 + vector), Scale, Score(row, vector));
            c.vmovups(Score(row, vector), Zmm(8 + vector));
        }

        c.vmaxps(zmm8, zmm8, zmm9);
        c.vmaxps(zmm10, zmm10, zmm11);
        c.vmaxps(Zmm(row), zmm8, zmm10);
    }

    /// <summary>Reduces each row's register to a lane of ymm0, row r in lane r.</summary>
    private void AcrossLanes(Action<AssemblerRegisterYMM, AssemblerRegisterYMM, AssemblerRegisterYMM> combine)
    {
        Assembler c = _code;
        for (int row = 0; row < _rows; row++)
        {
            c.vextractf64x4(Ymm(8 + row), Zmm(row), 1);
            combine(Ymm(row), Ymm(row), Ymm(8 + row));
        }

        for (int pair = 0; pair < Math.Min(4, _rows); pair++)
        {
            int other = pair + 4 < _rows ? pair + 4 : pair;
            c.vinsertf128(Ymm(8 + pair), Ymm(pair), Xmm(other), 1);
            c.vperm2f128(Ymm(12 + pair), Ymm(pair), Ymm(other), 0x31);
            combine(Ymm(pair), Ymm(8 + pair), Ymm(12 + pair));
        }

        for (int first = 0; first < Math.Min(4, _rows); first += 2)
        {
            int other = first + 1 < _rows ? first + 1 : first;
            c.vunpcklpd(Ymm(8 + first), Ymm(first), Ymm(other));
            c.vunpckhpd(Ymm(12 + first), Ymm(first), Ymm(other));
            combine(Ymm(first), Ymm(8 + first), Ymm(12 + first));
        }

        AssemblerRegisterYMM last = _rows > 2 ? ymm2 : ymm0;
        c.vshufps(ymm8, ymm0, last, 0x88);
        c.vshufps(ymm12, ymm0, last, 0xDD);
        combine(ymm0, ymm8, ymm12);
    }

    /// <summary>m' = max(m, highest), rescale = exp(m - m') or 1 where a row saw nothing, shift = m' or 0 where it is -inf.</summary>
    private void RaiseMaxima()
    {
        Assembler c = _code;
        c.vmovups(zmm1.k1.z, __zmmword_ptr[rdx]);
        c.vmaxps(ymm2, ymm0, ymm1);
        c.vcmpps(k2, zmm0, Lowest, IsEqual);
        c.vsubps(ymm8, ymm1, ymm2);
        Exponentials(1);
        c.vmovaps(zmm8.k2, One);
        c.vmovups(__ymmword_ptr[r8], ymm8);
        c.vmovups(__zmmword_ptr[rdx].k1, zmm2);
        c.vcmpps(k2, zmm2, Lowest, IsOther);
        c.vmovaps(zmm3.k2.z, zmm2);
        c.vmovups(__ymmword_ptr[r8 + ShiftAt], ymm3);
    }

    private void Weigh(int row)
    {
        Assembler c = _code;
        c.vbroadcastss(zmm31, __dword_ptr[r8 + (ShiftAt + (row * sizeof(float)))]);
        for (int vector = 0; vector < Vectors; vector += 2)
        {
            for (int i = 0; i < 2; i++)
            {
                c.vmovups(Zmm(8 + i), Score(row, vector + i));
                c.vsubps(Zmm(8 + i), Zmm(8 + i), zmm31);
            }

            Exponentials(2);
            for (int i = 0; i < 2; i++)
            {
                c.vmovups(Score(row, vector + i), Zmm(8 + i));
                if (vector + i == 0) c.vmovaps(Zmm(row), zmm8);
                else c.vaddps(Zmm(row), Zmm(row), Zmm(8 + i));
            }
        }
    }

    /// <summary>zmm8 and, for two, zmm9 become their exponentials; uses zmm10 to 15. See <see cref="VectorMath.Exp(float)"/>.</summary>
    private void Exponentials(int count)
    {
        Assembler c = _code;
        Each((x, t, p) => c.vmaxps(x, Low, x));
        Each((x, t, p) => c.vminps(x, zmm17, x));
        Each((x, t, p) => c.vmovaps(t, zmm19));
        Each((x, t, p) => c.vfmadd231ps(t, x, zmm18));
        Each((x, t, p) => c.vsubps(t, t, zmm19));
        Each((x, t, p) => c.vfmadd231ps(x, t, zmm20));
        Each((x, t, p) => c.vfmadd231ps(x, t, zmm21));
        Each((x, t, p) => c.vmovaps(p, zmm22));
        for (int power = 23; power <= 27; power++) Each((x, t, p) => c.vfmadd213ps(p, x, Zmm(power)));
        for (int i = 0; i < count; i++)
        {
            (AssemblerRegisterZMM x, AssemblerRegisterZMM t, AssemblerRegisterZMM p, AssemblerRegisterZMM square)
                = (Zmm(8 + i), Zmm(10 + i), Zmm(12 + i), Zmm(14 + i));
            c.vmulps(square, x, x);
            c.vfmadd213ps(p, square, x);
            c.vaddps(p, p, One);
            c.vscalefps(x, p, t);
        }

        void Each(Action<AssemblerRegisterZMM, AssemblerRegisterZMM, AssemblerRegisterZMM> write)
        {
            for (int i = 0; i < count; i++) write(Zmm(8 + i), Zmm(10 + i), Zmm(12 + i));
        }
    }

    /// <summary>l' = fma(l, rescale, sum of weights); a sum that is NaN becomes m too.</summary>
    private void AddSums()
    {
        Assembler c = _code;
        c.vmovups(zmm1.k1.z, __zmmword_ptr[rcx]);
        c.vfmadd132ps(ymm1, ymm0, __ymmword_ptr[r8]);
        c.vmovups(__zmmword_ptr[rcx].k1, zmm1);
        c.vcmpps(k2.k1, zmm0, zmm0, IsNaN);
        c.vmovups(__zmmword_ptr[rdx].k2, zmm0);
    }
}
