using Coppice.Kernels.Elementwise;

namespace Coppice.Kernels.Tests.Elementwise;

public sealed class NormTests
{
    private delegate void Kernel(
        KernelPath path, ReadOnlySpan<float> x, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, Span<float> output, WorkerTeam? team);

    private const float Epsilon = 1e-5f;

    public static TheoryData<string> Names => ["RmsNorm", "LayerNorm", "LayerNorm without bias"];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_path_gives_the_scalar_bits_and_is_near_the_true_value(string name)
    {
        Kernel kernel = Find(name);
        foreach (int width in KernelGrid.Lengths)
        {
            if (width == 0) continue;
            const int Rows = 3;
            float[] x = [.. KernelGrid.Normal(Rows * width, width).Select(v => v + 2)];
            using var input = new GuardedFloats(x);
            using var weight = new GuardedFloats(KernelGrid.Normal(width, 5));
            using var bias = new GuardedFloats(KernelGrid.Normal(width, 6));
            var expected = new float[x.Length];
            kernel(KernelPath.Scalar, input.Span, weight.Span, bias.Span, expected, null);
            for (int row = 0; row < Rows; row++)
            {
                double[] truth = Truth(name, x.AsSpan(row * width, width).ToArray(), weight.Span.ToArray(), bias.Span.ToArray());
                for (int i = 0; i < width; i++) KernelGrid.AssertNear(truth[i], expected[row * width + i], 3e-6, 3e-6);
            }

            foreach (KernelPath path in KernelPaths.Available)
            {
                using var output = new GuardedFloats(new float[x.Length]);
                kernel(path, input.Span, weight.Span, bias.Span, output.Span, null);
                KernelGrid.AssertSameBits(expected, output.Span);

                using var inPlace = new GuardedFloats(x);
                kernel(path, inPlace.Span, weight.Span, bias.Span, inPlace.Span, null);
                KernelGrid.AssertSameBits(expected, inPlace.Span);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_row_does_not_depend_on_its_mates_or_the_team(string name)
    {
        Kernel kernel = Find(name);
        const int Width = 1000;
        float[] x = KernelGrid.Normal(100 * Width, 8);
        float[] weight = KernelGrid.Normal(Width, 5);
        float[] bias = KernelGrid.Normal(Width, 6);
        using var team = new WorkerTeam(2);
        foreach (KernelPath path in KernelPaths.Available)
        {
            var shared = new float[x.Length];
            kernel(path, x, weight, bias, shared, team);
            foreach (int row in new[] { 0, 15, 16, 17, 99 })
            {
                var alone = new float[Width];
                kernel(path, x.AsSpan(row * Width, Width), weight, bias, alone, null);
                KernelGrid.AssertSameBits(alone, shared.AsSpan(row * Width, Width));
            }

            var whole = new float[x.Length];
            kernel(path, x, weight, bias, whole, null);
            KernelGrid.AssertSameBits(whole, shared);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Zeros_stay_finite_and_a_NaN_stays_in_its_row(string name)
    {
        Kernel kernel = Find(name);
        float[] weight = [.. Enumerable.Repeat(1f, 33)];
        foreach (KernelPath path in KernelPaths.Available)
        {
            var x = new float[66];
            x[40] = float.NaN;
            kernel(path, x, weight, new float[33], x, null);
            Assert.All(x.Take(33), v => Assert.Equal(0f, v));
            Assert.All(x.Skip(33), v => Assert.True(float.IsNaN(v)));
        }
    }

    [Fact]
    public void No_rows_are_allowed_and_broken_rows_refused()
    {
        RmsNorm.Normalize(KernelPath.Scalar, [], [1f], Epsilon, []);
        LayerNorm.Normalize(KernelPath.Scalar, [], [1f], [], Epsilon, []);
        Assert.Throws<ArgumentException>(() => RmsNorm.Normalize(KernelPath.Scalar, new float[5], new float[2], Epsilon, new float[5]));
        Assert.Throws<ArgumentException>(() => RmsNorm.Normalize(KernelPath.Scalar, new float[4], [], Epsilon, new float[4]));
        Assert.Throws<ArgumentException>(() => LayerNorm.Normalize(KernelPath.Scalar, new float[4], new float[2], new float[1], Epsilon, new float[4]));
    }

    private static Kernel Find(string name) => name switch
    {
        "RmsNorm" => (path, x, weight, _, output, team) => RmsNorm.Normalize(path, x, weight, Epsilon, output, team),
        "LayerNorm" => (path, x, weight, bias, output, team) => LayerNorm.Normalize(path, x, weight, bias, Epsilon, output, team),
        _ => (path, x, weight, _, output, team) => LayerNorm.Normalize(path, x, weight, [], Epsilon, output, team),
    };

    private static double[] Truth(string name, float[] x, float[] weight, float[] bias)
    {
        double mean = name == "RmsNorm" ? 0 : x.Average(v => (double)v);
        double inverse = 1 / Math.Sqrt(x.Average(v => (v - mean) * (v - mean)) + Epsilon);
        return [.. x.Select((v, i) => (v - mean) * inverse * weight[i] + (name == "LayerNorm" ? bias[i] : 0))];
    }
}
