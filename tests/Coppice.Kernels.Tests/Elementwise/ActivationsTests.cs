using Coppice.Kernels.Elementwise;

namespace Coppice.Kernels.Tests.Elementwise;

public sealed class ActivationsTests
{
    private delegate void Kernel(KernelPath path, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> output, WorkerTeam? team);

    public static TheoryData<string> Names => ["SwiGlu", "GeGlu", "Gelu", "SoftCap", "Add", "Scale"];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_path_gives_the_scalar_bits_and_is_near_the_true_value(string name)
    {
        (Kernel kernel, Func<double, double, double> truth) = Find(name);
        foreach (int length in KernelGrid.Lengths)
        {
            float[] first = KernelGrid.Normal(length, length, 4);
            float[] second = KernelGrid.Normal(length, length + 1);
            using var a = new GuardedFloats(first);
            using var b = new GuardedFloats(second);
            var expected = new float[length];
            kernel(KernelPath.Scalar, a.Span, b.Span, expected, null);
            for (int i = 0; i < length; i++) KernelGrid.AssertNear(truth(first[i], second[i]), expected[i], 4e-6, 1e-12);

            foreach (KernelPath path in KernelPaths.Available)
            {
                using var output = new GuardedFloats(new float[length]);
                kernel(path, a.Span, b.Span, output.Span, null);
                KernelGrid.AssertSameBits(expected, output.Span);

                using var inPlace = new GuardedFloats(first);
                kernel(path, inPlace.Span, b.Span, inPlace.Span, null);
                KernelGrid.AssertSameBits(expected, inPlace.Span);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_team_changes_no_bit(string name)
    {
        (Kernel kernel, _) = Find(name);
        float[] a = KernelGrid.Normal(50_001, 1);
        float[] b = KernelGrid.Normal(50_001, 2);
        using var team = new WorkerTeam(2);
        foreach (KernelPath path in KernelPaths.Available)
        {
            var alone = new float[a.Length];
            var shared = new float[a.Length];
            kernel(path, a, b, alone, null);
            kernel(path, a, b, shared, team);
            KernelGrid.AssertSameBits(alone, shared);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Special_values_are_the_same_on_every_path(string name)
    {
        (Kernel kernel, _) = Find(name);
        float[] one = [0f, -0f, float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, float.MinValue, float.Epsilon, 1e-40f, -88f, 88f, 1e20f];
        float[] a = [.. one, .. one, .. one];
        float[] b = [.. one.Reverse(), .. one, .. Enumerable.Repeat(1f, 12)];
        var expected = new float[a.Length];
        kernel(KernelPath.Scalar, a, b, expected, null);
        foreach (KernelPath path in KernelPaths.Available)
        {
            var found = new float[a.Length];
            kernel(path, a, b, found, null);
            KernelGrid.AssertSameBits(expected, found);
        }
    }

    [Fact]
    public void Limits_are_kept()
    {
        foreach (KernelPath path in KernelPaths.Available)
        {
            float[] x = [.. Enumerable.Repeat(new[] { float.PositiveInfinity, 1e30f, -1e30f, 0f, float.NaN }, 5).SelectMany(v => v)];
            float[] ones = [.. x.Select(_ => 1f)];
            var y = new float[x.Length];
            Activations.SwiGlu(path, x, ones, y);
            Assert.Equal([float.PositiveInfinity, 1e30f, -0f, 0f, float.NaN], y[20..]);
            Activations.Gelu(path, x, y);
            Assert.Equal([float.PositiveInfinity, 1e30f, -0f, 0f, float.NaN], y[20..]);
            Activations.SoftCap(path, x, 30, y);
            Assert.Equal([30f, 30f, -30f, 0f, float.NaN], y[20..]);
        }
    }

    [Fact]
    public void A_bias_is_added_to_every_row()
    {
        foreach (KernelPath path in KernelPaths.Available)
        {
            foreach (int width in KernelGrid.Lengths)
            {
                float[] x = KernelGrid.Normal(3 * width, width);
                float[] bias = KernelGrid.Normal(width, 77);
                using var values = new GuardedFloats(x);
                using var guardedBias = new GuardedFloats(bias);
                Arithmetic.AddBias(path, values.Span, guardedBias.Span, values.Span);
                for (int i = 0; i < x.Length; i++) Assert.Equal(x[i] + bias[i % width], values.Span[i]);
            }
        }
    }

    [Fact]
    public void Wrong_lengths_and_shifted_overlaps_are_refused()
    {
        var x = new float[40];
        Assert.Throws<ArgumentException>(() => Arithmetic.Add(KernelPath.Scalar, x, x.AsSpan(1), x));
        Assert.Throws<ArgumentException>(() => Activations.Gelu(KernelPath.Scalar, x.AsSpan(0, 30), x.AsSpan(1, 30)));
        Assert.Throws<ArgumentException>(() => Arithmetic.AddBias(KernelPath.Scalar, x, x.AsSpan(0, 7), x));
    }

    [Fact]
    public void A_call_allocates_nothing()
    {
        float[] x = KernelGrid.Normal(40_000, 4);
        var y = new float[x.Length];
        using var team = new WorkerTeam(2);
        Assert.Equal(0, Allocations.OfWarm(() => Activations.SwiGlu(KernelPaths.Best, x, x, y, team)));
    }

    private static (Kernel, Func<double, double, double>) Find(string name) => name switch
    {
        "SwiGlu" => (Activations.SwiGlu, (a, b) => a / (1 + Math.Exp(-a)) * b),
        "GeGlu" => (Activations.GeGlu, (a, b) => Gelu(a) * b),
        "Gelu" => ((path, a, _, output, team) => Activations.Gelu(path, a, output, team), (a, _) => Gelu(a)),
        "SoftCap" => ((path, a, _, output, team) => Activations.SoftCap(path, a, 5, output, team), (a, _) => 5 * Math.Tanh(a / 5)),
        "Add" => (Arithmetic.Add, (a, b) => (float)a + (float)b),
        _ => ((path, a, _, output, team) => Arithmetic.Scale(path, a, 1.7f, output, team), (a, _) => a * 1.7f),
    };

    // 0.5 x (1 + tanh u) = x / (1 + e^-2u), the form that keeps its digits for negative x.
    private static double Gelu(double x) => x / (1 + Math.Exp(-2 * Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
}
