using System.Numerics.Tensors;

namespace Coppice.Sampling;

/// <summary>The exponentials under a softmax, with the maximum subtracted, and their sum.</summary>
internal static class TokenWeights
{
    private const int Block = 2048; // three passes over what stays in the first-level cache

    /// <summary>weights = exp((logits - max) / temperature), at most 1.</summary>
    /// <param name="logits">[tokens].</param>
    /// <param name="max">The largest logit; finite.</param>
    /// <param name="temperature">More than 0. It divides, since 1 / temperature may overflow.</param>
    /// <param name="weights">[tokens]; may be <paramref name="logits"/>.</param>
    public static void Weigh(ReadOnlySpan<float> logits, float max, float temperature, Span<float> weights)
    {
        for (int start = 0; start < logits.Length; start += Block)
        {
            int count = Math.Min(Block, logits.Length - start);
            var block = weights.Slice(start, count);
            TensorPrimitives.Subtract(logits.Slice(start, count), max, block);
            if (temperature != 1) TensorPrimitives.Divide(block, temperature, block);
            TensorPrimitives.Exp<float>(block, block);
        }
    }

    /// <summary>The sum in double: four running sums, element i in sum i % 4, since one alone would wait for each addition.</summary>
    /// <param name="values">[tokens].</param>
    public static double Sum(ReadOnlySpan<float> values)
    {
        double sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
        int i = 0;
        for (; i + 4 <= values.Length; i += 4)
        {
            var four = values.Slice(i, 4);
            sum0 += four[0];
            sum1 += four[1];
            sum2 += four[2];
            sum3 += four[3];
        }

        for (; i < values.Length; i++) sum0 += values[i];
        return sum0 + sum2 + (sum1 + sum3);
    }
}
