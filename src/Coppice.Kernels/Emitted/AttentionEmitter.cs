using Coppice.Kernels.Attention;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Coppice.Kernels.Emitted;

/// <summary>
/// Writes the machine code of attention on one tile for a head size and a storage of keys and values, in 512-bit registers: pages are
/// widened on their way into registers (<c>vcvtph2ps</c>, which .NET does not expose; codes times their scale), so that nothing but
/// sums is ever stored.
/// Every output is the chain of fused multiply-adds of <see cref="ScalarTileMath.Multiply"/>, so the bits are the same. Calling
/// convention: System V.
/// <para>
/// A register tile is some rows by up to 4 vectors (outputs of 1 and 2 rows: 8; 7 and 8 rows, and scores of 6 with quantized keys:
/// 2): at most 24 sums, the vectors and a broadcast fit in 32 registers, and 16 chains hide the latency of two multiply-adds a cycle.
/// While a page passes by, the lines that the call wants next are asked for. Tokens of a whole page are unrolled: the end of a short
/// loop is predicted wrongly.
/// </para>
/// </summary>
internal sealed class AttentionEmitter
{
    private const int Line = 64;
    private const int ScoreRowBytes = AttentionPlan.TileTokens * sizeof(float);
    private readonly Assembler _code = new(64);
    private readonly KvLayout _layout;
    private readonly int _rows;

    private AttentionEmitter(KvLayout layout, int rows)
    {
        _layout = layout;
        _rows = rows;
    }

    private static AssemblerRegister64[] Pages { get; } = [rax, rcx, rdx, rsi];

    private static AssemblerRegister64[] Wanted { get; } = [r8, r9, r10, r11];

    /// <summary>The first row's current query or weight.</summary>
    private static AssemblerRegister64 Row => rbx;

    /// <summary>Bytes walked of each page.</summary>
    private static AssemblerRegister64 At => r12;

    private static AssemblerRegister64 Stop => r13;

    private static AssemblerRegisterZMM Factor => zmm31;

    private static AssemblerRegisterZMM ValueScale => zmm30;

    private int RowBytes => _layout.HeadDim * sizeof(float);

    /// <summary>scores[rows, 16 pages] = queries[rows, headDim] keys[headDim, 16 pages].</summary>
    /// <param name="layout">How keys are stored.</param>
    /// <param name="rows">1 to 8.</param>
    /// <param name="pages">1 to 4.</param>
    public static byte[] Scores(KvLayout layout, int rows, int pages)
    {
        var emitter = new AttentionEmitter(layout, rows);
        emitter.Enter();
        emitter.AllScores(pages);
        return emitter.Leave();
    }

    /// <summary>outputs[rows, headDim] += weights[rows, columns] values[columns, headDim].</summary>
    /// <param name="layout">How values are stored.</param>
    /// <param name="rows">1 to 8.</param>
    public static byte[] Outputs(KvLayout layout, int rows)
    {
        var emitter = new AttentionEmitter(layout, rows);
        emitter.Enter();
        emitter.ForOutputs(emitter.AddColumns);
        return emitter.Leave();
    }

    /// <summary>Scores, softmax and outputs of rows that see the whole tile.</summary>
    /// <param name="layout">How keys and values are stored.</param>
    /// <param name="rows">1 to 8.</param>
    public static byte[] WholeTile(KvLayout layout, int rows)
    {
        var emitter = new AttentionEmitter(layout, rows);
        var softmax = new SoftmaxEmitter(emitter._code, rows);
        emitter.Enter();
        emitter.AllScores(AttentionCall.TilePages);
        softmax.Emit();
        emitter.ForOutputs(emitter.AddPages);
        return emitter.Leave(softmax.Constants);
    }

    private static AssemblerRegisterZMM Zmm(int index) => new(Register.ZMM0 + index);

    private void Enter()
    {
        _code.push(rbx);
        _code.push(r12);
        _code.push(r13);
    }

    private byte[] Leave(Action? constants = null)
    {
        _code.vzeroupper();
        _code.pop(r13);
        _code.pop(r12);
        _code.pop(rbx);
        _code.ret();
        constants?.Invoke();
        using var stream = new MemoryStream();
        _code.Assemble(new StreamCodeWriter(stream), rip: 0);
        return stream.ToArray();
    }

    private bool Quantized => _layout.Type == KvType.Q8_0;

    private void AllScores(int pages)
    {
        // The scales of quantized keys take a register a page.
        int width = _rows <= (Quantized ? 5 : 6) ? 4 : 2;
        for (int first = 0; first < pages; first += width) ScorePages(first, Math.Min(width, pages - first));
    }

    private void ScorePages(int first, int count)
    {
        Assembler c = _code;
        for (int page = 0; page < count; page++)
        {
            c.mov(Pages[page], __[rdi + AttentionCall.KeysAt + (8 * (first + page))]);
            c.mov(Wanted[page], __[rdi + AttentionCall.NextKeysAt + (8 * (first + page))]);
        }

        c.mov(Row, __[rdi + AttentionCall.QueriesAt]);
        c.xor(r12d, r12d);
        for (int sum = 0; sum < _rows * count; sum++) c.vxorps(Zmm(sum), Zmm(sum), Zmm(sum));
        const int Steps = 8;
        int stepBytes = _layout.VectorBytes;
        Label block = c.CreateLabel(), loop = c.CreateLabel();
        if (Quantized)
        {
            c.Label(ref block);
            for (int page = 0; page < count; page++) c.vcvtph2ps(KeyScale(count, page), __ymmword_ptr[Pages[page] + At]);
            c.add(At, KvBlocks.KeyCodesAt);
            c.lea(Stop, __[At + (KvBlocks.KeyBytes - KvBlocks.KeyCodesAt)]);
        }
        else
        {
            c.mov(Stop, _layout.HalfPageBytes);
        }

        c.Label(ref loop);
        for (int step = 0; step < Steps; step++)
        {
            for (int page = 0; page < count; page++)
            {
                Load(Vector(count, page), Pages[page] + At + (step * stepBytes), KeyScale(count, page));
                if (step * stepBytes % Line == 0) c.prefetcht0(__byte_ptr[Wanted[page] + At + (step * stepBytes)]);
            }

            Accumulate(count, step * sizeof(float), RowBytes);
        }

        c.add(Row, Steps * sizeof(float));
        c.add(At, Steps * stepBytes);
        c.cmp(At, Stop);
        c.jb(loop);
        if (Quantized)
        {
            c.cmp(At, _layout.HalfPageBytes);
            c.jb(block);
        }

        c.mov(r9, __[rdi + AttentionCall.ScoresAt]);
        for (int sum = 0; sum < _rows * count; sum++)
            c.vmovups(__zmmword_ptr[r9 + ((sum / count * ScoreRowBytes) + ((first + (sum % count)) * Line))], Zmm(sum));
    }

    /// <summary>Cuts the outputs into register tiles.</summary>
    private void ForOutputs(Action<int, int> add)
    {
        int vectors = _layout.HeadDim / 16;
        int width = _rows <= 2 ? 8 : _rows <= 6 ? 4 : 2;
        for (int first = 0; first < vectors; first += width) add(first, Math.Min(width, vectors - first));
    }

    /// <summary>Columns [Begin, End), page by page.</summary>
    private void AddColumns(int first, int count)
    {
        Assembler c = _code;
        c.mov(r9, __[rdi + AttentionCall.OutputsAt]);
        for (int sum = 0; sum < _rows * count; sum++) c.vmovups(Zmm(sum), Output(sum, first, count));
        c.mov(r8d, __[rdi + AttentionCall.BeginAt]);
        c.mov(Row, __[rdi + AttentionCall.ScoresAt]);
        c.lea(Row, __[Row + (r8 * sizeof(float))]);
        Label page = c.CreateLabel(), token = c.CreateLabel();
        c.Label(ref page);
        BeginPage();
        c.Label(ref token);
        AddToken(first, count, 0, 0);
        c.add(Row, sizeof(float));
        c.add(At, _layout.ValueRowBytes);
        c.cmp(At, Stop);
        c.jb(token);
        c.cmp(r8d, __[rdi + AttentionCall.EndAt]);
        c.jb(page);
        StoreOutputs(first, count);
    }

    /// <summary>All columns; outputs are rescaled first.</summary>
    private void AddPages(int first, int count)
    {
        Assembler c = _code;
        c.mov(r9, __[rdi + AttentionCall.OutputsAt]);
        c.mov(r8, __[rdi + AttentionCall.RescaleAt]);
        for (int sum = 0; sum < _rows * count; sum++)
        {
            if (sum % count == 0) c.vbroadcastss(Factor, __dword_ptr[r8 + (sum / count * sizeof(float))]);
            c.vmulps(Zmm(sum), Factor, Output(sum, first, count));
        }

        c.mov(Row, __[rdi + AttentionCall.ScoresAt]);
        c.xor(r12d, r12d);
        c.xor(r8d, r8d);
        Label page = c.CreateLabel();
        c.Label(ref page);
        c.mov(rax, __[rdi + (r8 * 8) + AttentionCall.ValuesAt]);
        c.mov(rcx, __[rdi + (r8 * 8) + AttentionCall.NextValuesAt]);
        for (int token = 0; token < KvStore.PageTokens; token++) AddToken(first, count, token * _layout.ValueRowBytes, token * sizeof(float));
        c.add(Row, KvStore.PageTokens * sizeof(float));
        c.inc(r8d);
        c.cmp(r8d, AttentionCall.TilePages);
        c.jb(page);
        StoreOutputs(first, count);
    }

    /// <summary>One token's values at At + <paramref name="offset"/> of the page in rax, and their weights at Row.</summary>
    private void AddToken(int first, int count, int offset, int weight)
    {
        int bytes = (int)_layout.Type.Bytes(count * 16), from = offset + (int)_layout.Type.Bytes(first * 16);
        // The few bytes of a line's beginning belong to the next token as well.
        for (int line = 0; line + 8 < bytes; line += Line) _code.prefetcht0(__byte_ptr[rcx + At + (from + line)]);
        for (int vector = 0; vector < count; vector++)
        {
            int at = from + (vector * _layout.VectorBytes);
            if (Quantized)
            {
                int block = from + (vector / 2 * KvBlocks.Bytes);
                if (vector % 2 == 0) LoadValueScale(rax + At + block);
                at = block + sizeof(ushort) + (vector % 2 * _layout.VectorBytes);
            }

            Load(Vector(count, vector), rax + At + at, ValueScale);
        }

        Accumulate(count, weight, ScoreRowBytes);
    }

    /// <summary>Column r8 onwards: its page in rax and rcx, [At, Stop) in bytes; r8 goes on to the next page's first column.</summary>
    private void BeginPage()
    {
        Assembler c = _code;
        c.mov(r9d, r8d);
        c.shr(r9d, 4);
        c.mov(rax, __[rdi + (r9 * 8) + AttentionCall.ValuesAt]);
        c.mov(rcx, __[rdi + (r9 * 8) + AttentionCall.NextValuesAt]);
        c.shl(r9d, 4);
        c.mov(r12d, r8d);
        c.sub(r12d, r9d);
        c.imul(At, At, _layout.ValueRowBytes);
        c.mov(r13d, __[rdi + AttentionCall.EndAt]);
        c.sub(r13d, r9d);
        c.mov(r10d, KvStore.PageTokens);
        c.cmp(r13d, r10d);
        c.cmova(r13d, r10d);
        c.imul(Stop, Stop, _layout.ValueRowBytes);
        c.lea(r8d, __[r9 + KvStore.PageTokens]);
    }

    private void StoreOutputs(int first, int count)
    {
        _code.mov(r9, __[rdi + AttentionCall.OutputsAt]);
        for (int sum = 0; sum < _rows * count; sum++) _code.vmovups(Output(sum, first, count), Zmm(sum));
    }

    /// <summary>A sum's place, from r9.</summary>
    private AssemblerMemoryOperand Output(int sum, int first, int count) =>
        __zmmword_ptr[r9 + ((sum / count * RowBytes) + ((first + (sum % count)) * Line))];

    /// <summary>The registers behind the sums of a tile <paramref name="count"/> vectors wide.</summary>
    private AssemblerRegisterZMM Vector(int count, int index) => Zmm((_rows * count) + index);

    private AssemblerRegisterZMM KeyScale(int count, int page) => Zmm(((_rows + 1) * count) + page);

    private void LoadValueScale(AssemblerMemoryOperand at)
    {
        _code.vpbroadcastw(ValueScale, __word_ptr[at]);
        _code.vcvtph2ps(ValueScale, ymm30);
    }

    /// <summary>Widens 16 elements; quantized ones are multiplied by their scale.</summary>
    private void Load(AssemblerRegisterZMM target, AssemblerMemoryOperand at, AssemblerRegisterZMM scale)
    {
        switch (_layout.Type)
        {
            case KvType.F16:
                _code.vcvtph2ps(target, __ymmword_ptr[at]);
                break;
            case KvType.F32:
                _code.vmovups(target, __zmmword_ptr[at]);
                break;
            default:
                _code.vpmovsxbd(target, __xmmword_ptr[at]);
                _code.vcvtdq2ps(target, target);
                _code.vmulps(target, target, scale);
                break;
        }
    }

    /// <summary>Each row's sums += its factor, at Row + <paramref name="offset"/>, times the vectors.</summary>
    private void Accumulate(int count, int offset, int strideBytes)
    {
        for (int row = 0; row < _rows; row++)
        {
            _code.vbroadcastss(Factor, __dword_ptr[Row + (offset + (row * strideBytes))]);
            for (int vector = 0; vector < count; vector++)
                _code.vfmadd231ps(Zmm((row * count) + vector), Factor, Vector(count, vector));
        }
    }
}
