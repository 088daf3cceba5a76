using Coppice.Kernels.Attention;

namespace Coppice.Kernels.Tests.Attention;

public sealed unsafe class PanelProductTests
{
    public static TheoryData<KernelPath> Paths => [.. KernelPaths.Available];

    [Theory]
    [MemberData(nameof(Paths))]
    public void Every_tile_gives_the_bits_of_the_specification_and_stays_in_bounds(KernelPath path)
    {
        int[] widths = [8, 16, 24, 32, 40, 48, 64, 72, 96, 136];
        foreach (int rows in (int[])[1, 2, 3, 4, 5, 7, 8])
            foreach (int n in widths)
                foreach (int k in (int[])[0, 1, 7, 20])
                    foreach (bool accumulate in (bool[])[false, true])
                        Check(path, rows, n, k, accumulate);
    }

    private static void Check(KernelPath path, int rows, int n, int k, bool accumulate)
    {
        const int Rim = 7;
        (int aStride, int bStride, int cStride) = (k + 3, n + 1, n + Rim);
        float[] a = Random(rows * aStride + 1, 1), b = Random((k + 1) * bStride, 2), expected = Random(rows * cStride, 3);
        var actual = (float[])expected.Clone();
        fixed (float* pa = a, pb = b, pe = expected, pc = actual)
        {
            var panel = new Panel
            {
                A = pa, AStride = aStride, B = pb, BStride = bStride, C = pe, CStride = cStride, Rows = rows, K = k, N = n, Accumulate = accumulate,
            };
            ScalarTileMath.Multiply(panel);
            panel.C = pc;
            if (path == KernelPath.Avx512) Avx512TileMath.Multiply(panel);
            else if (path == KernelPath.Avx2) Avx2TileMath.Multiply(panel);
            else ScalarTileMath.Multiply(panel);
        }

        Assert.Equal(expected, actual);
        for (int row = 0; row < rows; row++)
        {
            double sum = accumulate ? Random(rows * cStride, 3)[row * cStride] : 0;
            for (int i = 0; i < k; i++) sum += (double)a[row * aStride + i] * b[i * bStride];
            Assert.Equal(sum, actual[row * cStride], 1e-5);
        }
    }

    private static float[] Random(int count, int seed)
    {
        var random = new Random(seed);
        var values = new float[count];
        for (int i = 0; i < count; i++) values[i] = random.NextSingle() - 0.5f;
        return values;
    }
}
