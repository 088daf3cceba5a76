using System.Runtime.Intrinsics;

namespace Coppice.Kernels.Elementwise;

/// <summary>What an element adds to its lane of a sum; k is a constant. The same steps for 1, 8 and 16 lanes.</summary>
internal interface ILaneTerm
{
    static abstract float Add(float lane, float x, float k);

    static abstract Vector256<float> Add(Vector256<float> lane, Vector256<float> x, Vector256<float> k);

    static abstract Vector512<float> Add(Vector512<float> lane, Vector512<float> x, Vector512<float> k);
}

/// <summary>
/// Sums over 16 virtual lanes: element i is added to lane i mod 16, in ascending order, and the lanes are added in the tree
/// 8+8, 4+4, 2+2, 1+1. All paths do this, so all have the same bits. The remainder goes to lanes 0, 1, ... with the scalar form.
/// </summary>
internal static unsafe class LaneSum
{
    public static float Run<TTerm>(KernelPath path, float* x, int count, float k)
        where TTerm : struct, ILaneTerm
    {
        float* lanes = stackalloc float[16];
        int i = path switch
        {
            KernelPath.Avx512 => Run512<TTerm>(x, count, k, lanes),
            KernelPath.Avx2 => Run256<TTerm>(x, count, k, lanes),
            _ => RunScalar<TTerm>(x, count, k, lanes),
        };
        for (int lane = 0; i < count; i++, lane++) lanes[lane] = TTerm.Add(lanes[lane], x[i], k);
        return VectorMath.Sum(new Span<float>(lanes, 16));
    }

    private static int RunScalar<TTerm>(float* x, int count, float k, float* lanes)
        where TTerm : struct, ILaneTerm
    {
        new Span<float>(lanes, 16).Clear();
        int i = 0;
        for (; i <= count - 16; i += 16)
            for (int lane = 0; lane < 16; lane++) lanes[lane] = TTerm.Add(lanes[lane], x[i + lane], k);
        return i;
    }

    private static int Run256<TTerm>(float* x, int count, float k, float* lanes)
        where TTerm : struct, ILaneTerm
    {
        Vector256<float> low = Vector256<float>.Zero;
        Vector256<float> high = Vector256<float>.Zero;
        Vector256<float> constant = Vector256.Create(k);
        int i = 0;
        for (; i <= count - 16; i += 16)
        {
            low = TTerm.Add(low, Vector256.Load(x + i), constant);
            high = TTerm.Add(high, Vector256.Load(x + i + 8), constant);
        }

        low.Store(lanes);
        high.Store(lanes + 8);
        return i;
    }

    private static int Run512<TTerm>(float* x, int count, float k, float* lanes)
        where TTerm : struct, ILaneTerm
    {
        Vector512<float> sum = Vector512<float>.Zero;
        Vector512<float> constant = Vector512.Create(k);
        int i = 0;
        for (; i <= count - 16; i += 16) sum = TTerm.Add(sum, Vector512.Load(x + i), constant);
        sum.Store(lanes);
        return i;
    }
}
