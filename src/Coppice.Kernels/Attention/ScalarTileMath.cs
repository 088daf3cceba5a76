using Coppice.Kernels.Elementwise;

namespace Coppice.Kernels.Attention;

/// <summary>The specification of attention's arithmetic: plain loops.</summary>
internal readonly unsafe struct ScalarTileMath : ITileMath
{
    public static void LoadKeys(KvType type, byte* page, int headDim, int tokens, float* tile)
    {
        for (int d = 0; d < headDim; d++)
        {
            for (int t = 0; t < KvStore.PageTokens; t++)
                tile[d * AttentionPlan.TileTokens + t] = t < tokens ? LoadKey(type, page, d, t) : 0f;
        }
    }

    public static void LoadValues(KvType type, byte* page, int count, float* tile)
    {
        for (int i = 0; i < count; i++) tile[i] = type == KvType.Q8_0 ? KvBlocks.Value(page, i) : Load(type, page, i);
    }

    public static void Multiply(in Panel panel)
    {
        for (int row = 0; row < panel.Rows; row++)
        {
            float* a = panel.A + row * panel.AStride;
            float* c = panel.C + row * panel.CStride;
            for (int n = 0; n < panel.N; n++)
            {
                float sum = panel.Accumulate ? c[n] : 0f;
                for (int k = 0; k < panel.K; k++) sum = MathF.FusedMultiplyAdd(a[k], panel.B[k * panel.BStride + n], sum);
                c[n] = sum;
            }
        }
    }

    public static void Softmax(in ScoreBlock block)
    {
        for (int row = 0; row < block.Count; row++)
        {
            float* s = block.Scores + row * AttentionPlan.TileTokens;
            float highest = float.NegativeInfinity;
            for (int c = block.Begin[row]; c < block.End[row]; c++)
            {
                s[c] *= block.Scale;
                if (block.SoftCap != 0) s[c] = VectorMath.Tanh(s[c] / block.SoftCap) * block.SoftCap;
                highest = s[c] > highest ? s[c] : highest;
            }

            block.Rescale[row] = Weigh(block, row, s, highest);
        }
    }

    public static void Scale(float* values, float factor, int count)
    {
        for (int i = 0; i < count; i++) values[i] *= factor;
    }

    public static void Merge(float* into, float intoFactor, float* from, float fromFactor, int count)
    {
        for (int i = 0; i < count; i++) into[i] = MathF.FusedMultiplyAdd(from[i], fromFactor, into[i] * intoFactor);
    }

    public static void Divide(float* source, float divisor, float* target, int count)
    {
        for (int i = 0; i < count; i++) target[i] = source[i] / divisor;
    }

    private static float Weigh(in ScoreBlock block, int row, float* s, float highest)
    {
        float before = block.Max[row];
        float max = highest > before ? highest : before;
        float rescale = highest == float.NegativeInfinity ? 1f : VectorMath.Exp(before - max);
        float shift = max == float.NegativeInfinity ? 0f : max;
        Span<float> lanes = stackalloc float[16];
        lanes.Clear();
        for (int c = block.Begin[row]; c < block.End[row]; c++)
        {
            s[c] = VectorMath.Exp(s[c] - shift);
            lanes[c % 16] += s[c];
        }

        float sum = VectorMath.Sum(lanes);
        block.Sum[row] = MathF.FusedMultiplyAdd(block.Sum[row], rescale, sum);
        block.Max[row] = float.IsNaN(sum) ? sum : max;
        return rescale;
    }

    private static float LoadKey(KvType type, byte* page, int d, int token) =>
        type == KvType.Q8_0 ? KvBlocks.Key(page, d, token) : Load(type, page, d * KvStore.PageTokens + token);

    private static float Load(KvType type, byte* page, int index) =>
        type == KvType.F16 ? HalfLanes.Widen(((ushort*)page)[index]) : ((float*)page)[index];
}
