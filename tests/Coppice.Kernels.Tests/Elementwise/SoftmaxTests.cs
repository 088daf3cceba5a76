using Coppice.Kernels.Elementwise;

namespace Coppice.Kernels.Tests.Elementwise;

public sealed class SoftmaxTests
{
    [Fact]
    public void Every_path_gives_the_scalar_bits_and_is_near_the_true_value()
    {
        foreach (int length in KernelGrid.Lengths)
        {
            foreach (float shift in new[] { 0f, 1000f, -1000f })
            {
                float[] x = [.. KernelGrid.Normal(length, length, 5).Select(v => v + shift)];
                if (length > 3) x[2] = float.NegativeInfinity;
                using var logits = new GuardedFloats(x);
                var expected = new float[length];
                float logSum = Softmax.Normalize(KernelPath.Scalar, logits.Span, expected);
                if (length > 0)
                {
                    double max = x.Max();
                    double sum = x.Sum(v => Math.Exp(v - max));
                    KernelGrid.AssertNear(max + Math.Log(sum), logSum, 2e-7, 0);
                    // The difference x - max, up to 32, is rounded to a float: half a unit in its last place is 1e-6.
                    for (int i = 0; i < length; i++) KernelGrid.AssertNear(Math.Exp(x[i] - max) / sum, expected[i], 1.4e-6, 1e-38);
                }

                foreach (KernelPath path in KernelPaths.Available)
                {
                    using var inPlace = new GuardedFloats(x);
                    KernelGrid.AssertSameBits([logSum], [Softmax.LogSumExp(path, logits.Span)]);
                    KernelGrid.AssertSameBits([logSum], [Softmax.Normalize(path, inPlace.Span, inPlace.Span)]);
                    KernelGrid.AssertSameBits(expected, inPlace.Span);
                }
            }
        }
    }

    [Fact]
    public void A_large_vocabulary_keeps_its_small_probabilities()
    {
        // One logit of 0 and a million of -14: the tail holds 45 percent of the mass.
        float[] x = [0f, .. Enumerable.Repeat(-14f, 1_000_000)];
        double expected = Math.Log(1 + 1e6 * Math.Exp(-14));
        foreach (KernelPath path in KernelPaths.Available) KernelGrid.AssertNear(expected, Softmax.LogSumExp(path, x), 3e-7, 0);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(40)]
    public void No_mass_is_minus_infinity_and_zeros(int length)
    {
        foreach (KernelPath path in KernelPaths.Available)
        {
            float[] x = [.. Enumerable.Repeat(float.NegativeInfinity, length)];
            Assert.Equal(float.NegativeInfinity, Softmax.LogSumExp(path, x));
            Assert.Equal(float.NegativeInfinity, Softmax.Normalize(path, x, x));
            Assert.All(x, p => Assert.Equal(0f, p));
            Assert.Equal(float.NegativeInfinity, Softmax.LogSumExp(path, []));
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_broken_logit_is_not_hidden(float broken)
    {
        foreach (KernelPath path in KernelPaths.Available)
        {
            foreach (int place in new[] { 0, 5, 17, 39 })
            {
                foreach (float others in new[] { 1f, float.NegativeInfinity })
                {
                    float[] x = [.. Enumerable.Repeat(others, 40)];
                    x[place] = broken;
                    Assert.True(float.IsNaN(Softmax.LogSumExp(path, x)));
                    Assert.True(float.IsNaN(Softmax.Normalize(path, x, x)));
                    Assert.True(float.IsNaN(x[place]));
                }
            }
        }
    }

    [Fact]
    public void One_logit_has_all_the_mass()
    {
        foreach (KernelPath path in KernelPaths.Available)
        {
            var p = new float[1];
            Assert.Equal(-3f, Softmax.Normalize(path, [-3f], p));
            Assert.Equal(1f, p[0]);
        }
    }
}
