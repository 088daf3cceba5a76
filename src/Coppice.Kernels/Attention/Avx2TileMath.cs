using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Coppice.Kernels.Elementwise;

namespace Coppice.Kernels.Attention;

/// <summary>Attention's arithmetic in 8 lanes; a sum's 16 virtual lanes are two registers.</summary>
internal readonly unsafe struct Avx2TileMath : ITileMath
{
    private const int Lanes = 8;
    private const int Pair = 16;
    private const int Stride = AttentionPlan.TileTokens;

    public static void LoadKeys(KvType type, byte* page, int headDim, int tokens, float* tile)
    {
        // What was never written is cleared before it is used as a number.
        Vector256<int> low = Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(tokens));
        Vector256<int> high = Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(tokens - Lanes));
        if (type == KvType.F16)
        {
            var halves = (ushort*)page;
            Vector128<ushort> narrowLow = Vector256.Narrow(low.AsUInt32(), low.AsUInt32()).GetLower();
            Vector128<ushort> narrowHigh = Vector256.Narrow(high.AsUInt32(), high.AsUInt32()).GetLower();
            for (int d = 0; d < headDim; d++)
            {
                HalfLanes.Widen(Vector128.Load(halves + d * Pair) & narrowLow).Store(tile + d * Stride);
                HalfLanes.Widen(Vector128.Load(halves + d * Pair + Lanes) & narrowHigh).Store(tile + d * Stride + Lanes);
            }

            return;
        }

        if (type == KvType.Q8_0)
        {
            KvBlocks.LoadKeys256(page, headDim, low, high, tile);
            return;
        }

        for (int d = 0; d < headDim; d++)
        {
            (Vector256.Load((int*)page + d * Pair) & low).AsSingle().Store(tile + d * Stride);
            (Vector256.Load((int*)page + d * Pair + Lanes) & high).AsSingle().Store(tile + d * Stride + Lanes);
        }
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
            KvBlocks.LoadValues256(page, count, tile);
            return;
        }

        for (int i = 0; i < count; i += Lanes) HalfLanes.Widen(Vector128.Load((ushort*)page + i)).Store(tile + i);
    }

    public static void Multiply(in Panel panel) => PanelProduct<Lanes8, Vector256<float>>.Multiply(panel);

    public static void Softmax(in ScoreBlock block)
    {
        float* highest = stackalloc float[ScoreBlock.Rows];
        for (int row = 0; row < block.Count; row++) highest[row] = Prepare(block, row);
        RaiseMaxima(block, highest);
        for (int row = 0; row < block.Count; row++) Weigh(block, row, block.Max[row]);
    }

    public static void Scale(float* values, float factor, int count)
    {
        Vector256<float> f = Vector256.Create(factor);
        for (int i = 0; i < count; i += Lanes) (Vector256.Load(values + i) * f).Store(values + i);
    }

    public static void Merge(float* into, float intoFactor, float* from, float fromFactor, int count)
    {
        (Vector256<float> a, Vector256<float> b) = (Vector256.Create(intoFactor), Vector256.Create(fromFactor));
        for (int i = 0; i < count; i += Lanes)
            Fma.MultiplyAdd(Vector256.Load(from + i), b, Vector256.Load(into + i) * a).Store(into + i);
    }

    public static void Divide(float* source, float divisor, float* target, int count)
    {
        Vector256<float> d = Vector256.Create(divisor);
        for (int i = 0; i < count; i += Lanes) (Vector256.Load(source + i) / d).Store(target + i);
    }

    /// <summary>m' = max(m, highest) and rescale = exp(m - m') of 8 rows at once; where a row saw nothing m stays and rescale is 1.</summary>
    /// <param name="block">Its Max and Rescale are written.</param>
    /// <param name="highest">[8]: the highest score of each row, -inf for none; overwritten past the block's rows.</param>
    internal static void RaiseMaxima(in ScoreBlock block, float* highest)
    {
        float* before = stackalloc float[ScoreBlock.Rows];
        for (int row = 0; row < ScoreBlock.Rows; row++)
        {
            before[row] = row < block.Count ? block.Max[row] : 0f;
            if (row >= block.Count) highest[row] = 0f;
        }

        Vector256<float> old = Vector256.Load(before);
        Vector256<float> seen = Vector256.Load(highest);
        Vector256<float> max = Avx.Max(seen, old);
        Vector256<float> nothing = Vector256.Equals(seen, Vector256.Create(float.NegativeInfinity));
        Vector256<float> rescale = VectorMath.Exp(old - max);
        Vector256.ConditionalSelect(nothing, Vector256.Create(1f), rescale).Store(block.Rescale);
        max.Store(highest);
        for (int row = 0; row < block.Count; row++) block.Max[row] = highest[row];
    }

    /// <summary>The highest of 8 lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Highest(Vector256<float> lanes)
    {
        Vector128<float> four = Sse.Max(lanes.GetLower(), lanes.GetUpper());
        Vector128<float> two = Sse.Max(four, Sse.MoveHighToLow(four, four));
        return Sse.MaxScalar(two, Sse.Shuffle(two, two, 1)).ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Prepare(in ScoreBlock block, int row)
    {
        float* s = block.Scores + row * Stride;
        (int begin, int end) = (block.Begin[row], block.End[row]);
        Vector256<float> lowest = Vector256.Create(float.NegativeInfinity);
        Vector256<float> highest = lowest;
        bool whole = ((begin | end) & (Pair - 1)) == 0;
        for (int c = begin & -Pair; c < end; c += Pair)
        {
            Vector256<float> x = Vector256.Load(s + c) * Vector256.Create(block.Scale);
            Vector256<float> y = Vector256.Load(s + c + Lanes) * Vector256.Create(block.Scale);
            if (block.SoftCap != 0) (x, y) = (Cap(x, block.SoftCap), Cap(y, block.SoftCap));
            if (!whole)
            {
                x = Vector256.ConditionalSelect(Seen(c, begin, end), x, lowest);
                y = Vector256.ConditionalSelect(Seen(c + Lanes, begin, end), y, lowest);
            }

            x.Store(s + c);
            y.Store(s + c + Lanes);
            highest = Avx.Max(Avx.Max(highest, x), y);
        }

        return Highest(highest);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Weigh(in ScoreBlock block, int row, float max)
    {
        float* s = block.Scores + row * Stride;
        (int begin, int end) = (block.Begin[row], block.End[row]);
        // With nothing seen by now m is -inf; 0 in its place leaves exp(-inf) = 0 for each weight instead of NaN.
        Vector256<float> m = Vector256.Create(max == float.NegativeInfinity ? 0f : max);
        (Vector256<float> low, Vector256<float> high) = (Vector256<float>.Zero, Vector256<float>.Zero);
        bool whole = ((begin | end) & (Pair - 1)) == 0;
        for (int c = begin & -Pair; c < end; c += Pair)
        {
            Vector256<float> p = Vector256.Load(s + c) - m;
            Vector256<float> q = Vector256.Load(s + c + Lanes) - m;
            if (whole)
            {
                (p, q) = (VectorMath.Exp(p), VectorMath.Exp(q));
            }
            else
            {
                // Where lanes see nothing, exp(-inf) would underflow, which costs more than all else: they compute exp(0) and drop it.
                (Vector256<float> seenLow, Vector256<float> seenHigh) = (Seen(c, begin, end), Seen(c + Lanes, begin, end));
                (p, q) = (VectorMath.Exp(p & seenLow) & seenLow, VectorMath.Exp(q & seenHigh) & seenHigh);
            }

            p.Store(s + c);
            q.Store(s + c + Lanes);
            (low, high) = (low + p, high + q);
        }

        float weights = VectorMath.Sum(low, high);
        block.Sum[row] = MathF.FusedMultiplyAdd(block.Sum[row], block.Rescale[row], weights);
        if (float.IsNaN(weights)) block.Max[row] = weights;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector256<float> Cap(Vector256<float> scores, float cap) =>
        VectorMath.Tanh(scores / Vector256.Create(cap)) * Vector256.Create(cap);

    /// <summary>All bits in the lanes whose column, counted from <paramref name="first"/>, lies in [begin, end).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Seen(int first, int begin, int end)
    {
        Vector256<int> column = Vector256<int>.Indices + Vector256.Create(first);
        return (Vector256.GreaterThanOrEqual(column, Vector256.Create(begin)) & Vector256.LessThan(column, Vector256.Create(end))).AsSingle();
    }
}
