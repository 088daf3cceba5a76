using System.Runtime.Intrinsics;
using Coppice.Kernels.Elementwise;

namespace Coppice.Kernels.Tests.Elementwise;

public sealed class VectorMathTests
{
    private static readonly float[] Special =
    [
        0f, -0f, 1f, -1f, float.Epsilon, 1e-30f, -1e-30f, 87.9f, 88.7f, 88.73f, 89f, 1e30f, float.MaxValue, float.PositiveInfinity,
        -87f, -87.4f, -95f, -103f, -103.97f, -104f, -1e30f, float.MinValue, float.NegativeInfinity, float.NaN, 0.624999f, 0.625f, -0.625f,
    ];

    [Fact]
    public void Exp_is_within_2e7_of_the_true_value()
    {
        foreach (float x in Samples(-87, 88))
        {
            double expected = Math.Exp(x);
            Assert.InRange(Math.Abs(VectorMath.Exp(x) - expected) / expected, 0, 2e-7);
        }
    }

    [Fact]
    public void Exp_keeps_its_limits()
    {
        Assert.Equal(1f, VectorMath.Exp(0f));
        Assert.Equal(0f, VectorMath.Exp(float.NegativeInfinity));
        Assert.Equal(0f, VectorMath.Exp(-1000f));
        Assert.Equal(float.PositiveInfinity, VectorMath.Exp(float.PositiveInfinity));
        Assert.Equal(float.PositiveInfinity, VectorMath.Exp(100f));
        Assert.True(float.IsNaN(VectorMath.Exp(float.NaN)));
        Assert.InRange(VectorMath.Exp(-95f) / Math.Exp(-95), 0.999, 1.001);
    }

    [Fact]
    public void Tanh_and_sigmoid_are_close_to_the_true_value()
    {
        foreach (float x in Samples(-12, 12))
        {
            Assert.InRange(Math.Abs(VectorMath.Tanh(x) - Math.Tanh(x)), 0, 3e-7 * Math.Abs(Math.Tanh(x)));
            double sigmoid = 1 / (1 + Math.Exp(-x));
            Assert.InRange(Math.Abs(VectorMath.Sigmoid(x) - sigmoid), 0, 3e-7 * sigmoid);
        }

        Assert.Equal(1f, VectorMath.Tanh(float.PositiveInfinity));
        Assert.Equal(-1f, VectorMath.Tanh(float.NegativeInfinity));
        Assert.Equal(-0f, VectorMath.Tanh(-0f));
        Assert.True(float.IsNaN(VectorMath.Tanh(float.NaN)));
        Assert.Equal(0f, VectorMath.Sigmoid(float.NegativeInfinity));
        Assert.Equal(1f, VectorMath.Sigmoid(float.PositiveInfinity));
    }

    [Fact]
    public void All_widths_give_the_same_bits()
    {
        float[] inputs = [.. Special, .. Samples(-110, 95), .. Samples(-1, 1)];
        foreach (KernelPath path in KernelPaths.Available)
        {
            if (path == KernelPath.Scalar) continue;
            for (int i = 0; i + 16 <= inputs.Length; i += 16)
            {
                Check(path, inputs.AsSpan(i, 16), VectorMath.Exp, VectorMath.Exp, VectorMath.Exp);
                Check(path, inputs.AsSpan(i, 16), VectorMath.Tanh, VectorMath.Tanh, VectorMath.Tanh);
                Check(path, inputs.AsSpan(i, 16), VectorMath.Sigmoid, VectorMath.Sigmoid, VectorMath.Sigmoid);
            }
        }
    }

    [Fact]
    public void Sums_follow_the_same_tree()
    {
        var random = new Random(3);
        for (int round = 0; round < 50; round++)
        {
            var lanes = new float[16];
            foreach (ref float lane in lanes.AsSpan()) lane = (random.NextSingle() - 0.5f) * MathF.Pow(10, random.Next(-5, 5));
            float vector = KernelPaths.Best == KernelPath.Scalar ? VectorMath.Sum(lanes.ToArray()) : VectorMath.Sum(Vector512.Create<float>(lanes));
            Assert.Equal(VectorMath.Sum(lanes), vector);
        }
    }

    private static IEnumerable<float> Samples(float low, float high)
    {
        for (int i = 0; i <= 20_000; i++) yield return low + (high - low) * (i / 20_000f);
    }

    private static void Check(
        KernelPath path,
        ReadOnlySpan<float> x,
        Func<float, float> one,
        Func<Vector256<float>, Vector256<float>> eight,
        Func<Vector512<float>, Vector512<float>> sixteen)
    {
        for (int i = 0; i < 16; i++)
        {
            float expected = one(x[i]);
            float found = path == KernelPath.Avx512
                ? sixteen(Vector512.Create(x))[i]
                : eight(Vector256.Create(x.Slice(i & 8, 8)))[i & 7];
            if (float.IsNaN(expected)) Assert.True(float.IsNaN(found));
            else Assert.Equal(BitConverter.SingleToInt32Bits(expected), BitConverter.SingleToInt32Bits(found));
        }
    }
}
