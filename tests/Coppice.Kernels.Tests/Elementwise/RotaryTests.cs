using Coppice.Kernels.Elementwise;

namespace Coppice.Kernels.Tests.Elementwise;

public sealed class RotaryTests
{
    public static TheoryData<RotaryStyle, int, int> Shapes
    {
        get
        {
            var data = new TheoryData<RotaryStyle, int, int>();
            foreach (RotaryStyle style in Enum.GetValues<RotaryStyle>())
                foreach ((int headDim, int rotaryDims) in new[] { (8, 8), (16, 16), (64, 64), (128, 128), (80, 32), (20, 14), (66, 66), (8, 0), (4, 2) })
                    data.Add(style, headDim, rotaryDims);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Every_path_gives_the_scalar_bits_and_turns_pairs_by_the_angle(RotaryStyle style, int headDim, int rotaryDims)
    {
        int[] positions = [0, 1, 300, 7, 299];
        var shape = new RotaryShape(3, headDim, 3 * headDim + 5, style);
        float[] x = KernelGrid.Normal(4 * shape.RowStride + 3 * headDim, headDim);
        using var table = new RotaryTable(rotaryDims, 10000f, 1f, [], 1f, 512);
        table.EnsurePositions(301);

        using var scalar = new GuardedFloats(x);
        Rotary.Rotate(KernelPath.Scalar, scalar.Span, shape, positions, table);
        CheckAgainstDouble(x, scalar.Span, shape, positions, rotaryDims, i => Math.Pow(10000, -2.0 * i / rotaryDims));
        foreach (KernelPath path in KernelPaths.Available)
        {
            using var found = new GuardedFloats(x);
            Rotary.Rotate(path, found.Span, shape, positions, table);
            KernelGrid.AssertSameBits(scalar.Span, found.Span);
        }
    }

    [Fact]
    public void Factors_scale_and_attention_factor_enter_as_defined()
    {
        float[] factors = [1, 2, 4, 8];
        using var table = new RotaryTable(8, 500000f, 0.5f, factors, 1.25f, 64);
        table.EnsurePositions(20);
        var shape = new RotaryShape(1, 8, 8, RotaryStyle.Halves);
        float[] x = KernelGrid.Normal(8, 1);
        float[] y = [.. x];
        Rotary.Rotate(KernelPaths.Best, y, shape, [19], table);
        float[] scaled = [.. x.Select(v => v * 1.25f)];
        CheckAgainstDouble(scaled, y, shape, [19], 8, i => 0.5 * Math.Pow(500000, -2.0 * i / 8) / factors[i]);
    }

    [Fact]
    public void Given_frequencies_equal_those_of_a_base()
    {
        using var given = new RotaryTable([1.0, 0.01], 1f, 16);
        using var fromBase = new RotaryTable(4, 10000f, 1f, [], 1f, 16);
        given.EnsurePositions(16);
        fromBase.EnsurePositions(16);
        float[] a = [1, 2, 3, 4];
        float[] b = [1, 2, 3, 4];
        var shape = new RotaryShape(1, 4, 4, RotaryStyle.Interleaved);
        Rotary.Rotate(KernelPaths.Best, a, shape, [15], given);
        Rotary.Rotate(KernelPaths.Best, b, shape, [15], fromBase);
        Assert.Equal(a, b);
    }

    [Fact]
    public void Growth_keeps_the_rows_and_stops_at_the_maximum()
    {
        using var small = new RotaryTable(6, 10000f, 1f, [], 1f, 1000);
        using var large = new RotaryTable(6, 10000f, 1f, [], 1f, 1000);
        large.EnsurePositions(1000);
        foreach (int count in new[] { 1, 256, 257, 900, 1000 })
        {
            small.EnsurePositions(count);
            Assert.InRange(small.Positions, count, 1000);
        }

        var shape = new RotaryShape(1, 6, 6, RotaryStyle.Halves);
        int[] positions = [.. Enumerable.Range(0, 1000)];
        float[] a = KernelGrid.Normal(6000, 2);
        float[] b = [.. a];
        Rotary.Rotate(KernelPaths.Best, a, shape, positions, small);
        Rotary.Rotate(KernelPaths.Best, b, shape, positions, large);
        KernelGrid.AssertSameBits(b, a);
        Assert.Throws<ArgumentOutOfRangeException>(() => small.EnsurePositions(1001));
    }

    [Fact]
    public void A_team_changes_no_bit()
    {
        using var team = new WorkerTeam(2);
        using var table = new RotaryTable(64, 10000f, 1f, [], 1f, 512);
        table.EnsurePositions(512);
        var shape = new RotaryShape(8, 64, 512, RotaryStyle.Interleaved);
        int[] positions = [.. Enumerable.Range(0, 130).Select(i => i * 3)];
        float[] alone = KernelGrid.Normal(130 * 512, 3);
        float[] shared = [.. alone];
        foreach (KernelPath path in KernelPaths.Available)
        {
            Rotary.Rotate(path, alone, shape, positions, table);
            Rotary.Rotate(path, shared, shape, positions, table, team);
            KernelGrid.AssertSameBits(alone, shared);
        }
    }

    [Fact]
    public void Positions_outside_the_table_and_shapes_that_do_not_fit_are_refused()
    {
        using var table = new RotaryTable(8, 10000f, 1f, [], 1f, 512);
        var shape = new RotaryShape(1, 8, 8, RotaryStyle.Halves);
        Assert.Throws<ArgumentOutOfRangeException>(() => Rotary.Rotate(KernelPath.Scalar, new float[8], shape, [0], table));
        table.EnsurePositions(4);
        Assert.Throws<ArgumentOutOfRangeException>(() => Rotary.Rotate(KernelPath.Scalar, new float[8], shape, [-1], table));
        Assert.Throws<ArgumentOutOfRangeException>(() => Rotary.Rotate(KernelPath.Scalar, new float[8], shape, [table.Positions], table));
        Assert.Throws<ArgumentException>(() => Rotary.Rotate(KernelPath.Scalar, new float[15], shape, [0, 1], table));
        Assert.Throws<ArgumentException>(() => Rotary.Rotate(KernelPath.Scalar, new float[8], shape with { HeadDim = 6 }, [0], table));
        Assert.Throws<ArgumentException>(() => Rotary.Rotate(KernelPath.Scalar, new float[8], shape with { RowStride = 7 }, [0], table));
        Assert.Throws<ArgumentException>(() => new RotaryTable(7, 10000f, 1f, [], 1f, 1));
        Assert.Throws<ArgumentException>(() => new RotaryTable(8, 10000f, 1f, [1f], 1f, 1));
    }

    private static void CheckAgainstDouble(
        float[] before, ReadOnlySpan<float> after, RotaryShape shape, int[] positions, int rotaryDims, Func<int, double> frequency)
    {
        float[] expected = [.. before];
        int half = rotaryDims / 2;
        for (int row = 0; row < positions.Length; row++)
        {
            for (int head = 0; head < shape.Heads; head++)
            {
                int start = row * shape.RowStride + head * shape.HeadDim;
                for (int i = 0; i < half; i++)
                {
                    (int first, int second) = shape.Style == RotaryStyle.Halves ? (start + i, start + i + half) : (start + 2 * i, start + 2 * i + 1);
                    (double sin, double cos) = Math.SinCos(positions[row] * frequency(i));
                    expected[first] = (float)(before[first] * cos - before[second] * sin);
                    expected[second] = (float)(before[first] * sin + before[second] * cos);
                }
            }
        }

        for (int i = 0; i < before.Length; i++) KernelGrid.AssertNear(expected[i], after[i], 1e-6, 1e-6);
    }
}
