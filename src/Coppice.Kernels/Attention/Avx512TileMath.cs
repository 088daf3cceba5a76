using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Coppice.Kernels.Elementwise;

namespace Coppice.Kernels.Attention;

/// <summary>Attention's arithmetic in 16 lanes; a remainder of 8 elements of a head takes 8 lanes.</summary>
internal readonly unsafe struct Avx512TileMath : ITileMath
{
    private const int Lanes = 16;
    private const int Stride = AttentionPlan.TileTokens;

    public static void LoadKeys(KvType type, byte* page, int headDim, int tokens, float* tile)
    {
        // A full page needs no mask; else what was never written is cleared before it is used as a number.
        Vector512<int> mask = Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(tokens));
        if (type == KvType.F16)
        {
            var halves = (ushort*)page;
            if (tokens == Lanes)
            {
                for (int d = 0; d < headDim; d++) HalfLanes.Widen(Vector256.Load(halves + d * Lanes)).Store(tile + d * Stride);
                return;
            }

            Vector256<ushort> narrowMask = Vector512.Narrow(mask.AsUInt32(), mask.AsUInt32()).GetLower();
            for (int d = 0; d < headDim; d++) HalfLanes.Widen(Vector256.Load(halves + d * Lanes) & narrowMask).Store(tile + d * Stride);
            return;
        }

        if (type == KvType.Q8_0)
        {
            KvBlocks.LoadKeys512(page, headDim, mask, tile);
            return;
        }

        for (int d = 0; d < headDim; d++) (Vector512.Load((int*)page + d * Lanes) & mask).AsSingle().Store(tile + d * Stride);
    }

    public static void LoadValues(KvType type, byte* page, int count, float* tile)
    {
        if (type == KvType.F32)
        {
            Buffer.MemoryCopy(page, tile, count * sizeof(float), count * sizeof(float));
            return;
        }

        if (type == KvType.Q8_0)
        {
            KvBlocks.LoadValues512(page, count, tile);
            return;
        }

        var halves = (ushort*)page;
        int i = 0;
        for (; i + Lanes <= count; i += Lanes) HalfLanes.Widen(Vector256.Load(halves + i)).Store(tile + i);
        if (i < count) HalfLanes.Widen(Vector128.Load(halves + i)).Store(tile + i);
    }

    public static void Multiply(in Panel panel)
    {
        int done = PanelProduct<Lanes16, Vector512<float>>.Multiply(panel);
        if (done == panel.N) return;
        Panel rest = panel;
        rest.B += done;
        rest.C += done;
        rest.N -= done;
        PanelProduct<Lanes8, Vector256<float>>.Multiply(rest);
    }

    public static void Softmax(in ScoreBlock block)
    {
        float* highest = stackalloc float[ScoreBlock.Rows];
        for (int row = 0; row < block.Count; row++) highest[row] = Prepare(block, row);
        Avx2TileMath.RaiseMaxima(block, highest);
        for (int row = 0; row < block.Count; row++) Weigh(block, row, block.Max[row]);
    }

    public static void Scale(float* values, float factor, int count)
    {
        Vector512<float> f = Vector512.Create(factor);
        int i = 0;
        for (; i + Lanes <= count; i += Lanes) (Vector512.Load(values + i) * f).Store(values + i);
        if (i < count) (Vector256.Load(values + i) * f.GetLower()).Store(values + i);
    }

    public static void Merge(float* into, float intoFactor, float* from, float fromFactor, int count)
    {
        (Vector512<float> a, Vector512<float> b) = (Vector512.Create(intoFactor), Vector512.Create(fromFactor));
        int i = 0;
        for (; i + Lanes <= count; i += Lanes)
            Avx512F.FusedMultiplyAdd(Vector512.Load(from + i), b, Vector512.Load(into + i) * a).Store(into + i);
        if (i < count) Fma.MultiplyAdd(Vector256.Load(from + i), b.GetLower(), Vector256.Load(into + i) * a.GetLower()).Store(into + i);
    }

    public static void Divide(float* source, float divisor, float* target, int count)
    {
        Vector512<float> d = Vector512.Create(divisor);
        int i = 0;
        for (; i + Lanes <= count; i += Lanes) (Vector512.Load(source + i) / d).Store(target + i);
        if (i < count) (Vector256.Load(source + i) / d.GetLower()).Store(target + i);
    }

    /// <summary>Scales, caps and masks a row; returns the highest score it sees.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Prepare(in ScoreBlock block, int row)
    {
        float* s = block.Scores + row * Stride;
        (int begin, int end) = (block.Begin[row], block.End[row]);
        Vector512<float> lowest = Vector512.Create(float.NegativeInfinity);
        Vector512<float> highest = lowest;
        Vector512<float> scale = Vector512.Create(block.Scale);
        bool whole = ((begin | end) & (Lanes - 1)) == 0;
        for (int c = begin & -Lanes; c < end; c += Lanes)
        {
            Vector512<float> x = Vector512.Load(s + c) * scale;
            if (block.SoftCap != 0) x = Cap(x, block.SoftCap);
            if (!whole) x = Vector512.ConditionalSelect(Seen(c, begin, end), x, lowest);
            x.Store(s + c);
            highest = Avx512F.Max(highest, x);
        }

        return Avx2TileMath.Highest(Avx.Max(highest.GetLower(), highest.GetUpper()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Weigh(in ScoreBlock block, int row, float max)
    {
        float* s = block.Scores + row * Stride;
        (int begin, int end) = (block.Begin[row], block.End[row]);
        // With nothing seen by now m is -inf; 0 in its place leaves exp(-inf) = 0 for each weight instead of NaN.
        Vector512<float> m = Vector512.Create(max == float.NegativeInfinity ? 0f : max);
        Vector512<float> sum = ((begin | end) & (Lanes - 1)) == 0 ? WeighWhole(s, begin, end, m) : WeighPartly(s, begin, end, m);
        float weights = VectorMath.Sum(sum);
        block.Sum[row] = MathF.FusedMultiplyAdd(block.Sum[row], block.Rescale[row], weights);
        if (float.IsNaN(weights)) block.Max[row] = weights;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> WeighWhole(float* s, int begin, int end, Vector512<float> m)
    {
        Vector512<float> sum = Vector512<float>.Zero;
        for (int c = begin; c < end; c += Lanes)
        {
            Vector512<float> p = VectorMath.Exp(Vector512.Load(s + c) - m);
            p.Store(s + c);
            sum += p;
        }

        return sum;
    }

    /// <summary>Where lanes see nothing, exp(-inf) would underflow, which costs more than all else: they compute exp(0) and drop it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector512<float> WeighPartly(float* s, int begin, int end, Vector512<float> m)
    {
        Vector512<float> sum = Vector512<float>.Zero;
        for (int c = begin & -Lanes; c < end; c += Lanes)
        {
            Vector512<float> seen = Seen(c, begin, end);
            Vector512<float> p = VectorMath.Exp((Vector512.Load(s + c) - m) & seen) & seen;
            p.Store(s + c);
            sum += p;
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector512<float> Cap(Vector512<float> scores, float cap) =>
        VectorMath.Tanh(scores / Vector512.Create(cap)) * Vector512.Create(cap);

    /// <summary>All bits in the lanes whose column, counted from <paramref name="first"/>, lies in [begin, end).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Seen(int first, int begin, int end)
    {
        Vector512<int> column = Vector512<int>.Indices + Vector512.Create(first);
        return (Vector512.GreaterThanOrEqual(column, Vector512.Create(begin)) & Vector512.LessThan(column, Vector512.Create(end))).AsSingle();
    }
}
