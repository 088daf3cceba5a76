using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels.Elementwise;

/// <summary>
/// p = e^(x - max) / sum e^(x - max), and log sum e^x = max + log sum e^(x - max) (natural log). The sum runs over 16 virtual
/// lanes of doubles, added in a fixed tree, so all paths have the same bits and a vocabulary's tail is not lost. Logits of -infinity
/// have probability 0; where all are (or none is there), the sum's logarithm is -infinity and every probability 0. A logit that is
/// NaN or +infinity makes the result NaN.
/// </summary>
public static unsafe class Softmax
{
    /// <summary>log of the sum of e^logit.</summary>
    /// <param name="path">Instruction set; all give the same bits.</param>
    /// <param name="logits">[n].</param>
    /// <returns>max + log(sum(e^(logit - max))).</returns>
    public static float LogSumExp(KernelPath path, ReadOnlySpan<float> logits)
    {
        fixed (float* x = logits)
        {
            float max = Max(path, x, logits.Length);
            if (max == float.NegativeInfinity) return NothingOrNaN(logits);
            return (float)(max + Math.Log(SumExp(path, x, max, null, logits.Length)));
        }
    }

    /// <summary>Turns logits into probabilities.</summary>
    /// <param name="path">Instruction set; all give the same bits.</param>
    /// <param name="logits">[n].</param>
    /// <param name="probabilities">[n]; may be <paramref name="logits"/> itself.</param>
    /// <returns>The log of the sum of e^logit: a token's log-probability is its logit minus this.</returns>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static float Normalize(KernelPath path, ReadOnlySpan<float> logits, Span<float> probabilities)
    {
        KernelArguments.CheckSameLength(logits.Length, probabilities.Length);
        KernelArguments.CheckOverlap(logits, probabilities);
        fixed (float* x = logits, p = probabilities)
        {
            float max = Max(path, x, logits.Length);
            if (max == float.NegativeInfinity)
            {
                float result = NothingOrNaN(logits);
                probabilities.Fill(float.IsNaN(result) ? float.NaN : 0f);
                return result;
            }

            double sum = SumExp(path, x, max, p, logits.Length);
            ElementLoop.Run<Multiply>(path, p, p, (float)(1 / sum), p, logits.Length);
            return (float)(max + Math.Log(sum));
        }
    }

    /// <summary>The greatest logit; NaN is passed over here and reappears in the sum.</summary>
    private static float Max(KernelPath path, float* x, int count)
    {
        float max = float.NegativeInfinity;
        int i = 0;
        if (path == KernelPath.Avx512 && count >= 16)
        {
            Vector512<float> lanes = Vector512.Create(max);
            // VMAXPS returns its second operand where one is NaN.
            for (; i <= count - 16; i += 16) lanes = Avx512F.Max(Vector512.Load(x + i), lanes);
            for (int lane = 0; lane < 16; lane++) max = lanes[lane] > max ? lanes[lane] : max;
        }
        else if (path == KernelPath.Avx2 && count >= 8)
        {
            Vector256<float> lanes = Vector256.Create(max);
            for (; i <= count - 8; i += 8) lanes = Avx.Max(Vector256.Load(x + i), lanes);
            for (int lane = 0; lane < 8; lane++) max = lanes[lane] > max ? lanes[lane] : max;
        }

        for (; i < count; i++) max = x[i] > max ? x[i] : max;
        return max;
    }

    /// <summary>Sum of e^(x - max), whose terms are also stored where an output is given.</summary>
    private static double SumExp(KernelPath path, float* x, float max, float* output, int count)
    {
        double* lanes = stackalloc double[16];
        int i = path switch
        {
            KernelPath.Avx512 => SumExp512(x, max, output, count, lanes),
            KernelPath.Avx2 => SumExp256(x, max, output, count, lanes),
            _ => SumExpScalar(x, max, output, count, lanes),
        };
        for (int lane = 0; i < count; i++, lane++)
        {
            float e = VectorMath.Exp(x[i] - max);
            lanes[lane] += e;
            if (output != null) output[i] = e;
        }

        for (int half = 8; half > 0; half >>= 1)
            for (int lane = 0; lane < half; lane++) lanes[lane] += lanes[lane + half];
        return lanes[0];
    }

    private static int SumExpScalar(float* x, float max, float* output, int count, double* lanes)
    {
        new Span<double>(lanes, 16).Clear();
        int i = 0;
        for (; i <= count - 16; i += 16)
        {
            for (int lane = 0; lane < 16; lane++)
            {
                float e = VectorMath.Exp(x[i + lane] - max);
                lanes[lane] += e;
                if (output != null) output[i + lane] = e;
            }
        }

        return i;
    }

    private static int SumExp256(float* x, float max, float* output, int count, double* lanes)
    {
        Vector256<float> shift = Vector256.Create(max);
        Vector256<double> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
        int i = 0;
        for (; i <= count - 16; i += 16)
        {
            Vector256<float> low = VectorMath.Exp(Vector256.Load(x + i) - shift);
            Vector256<float> high = VectorMath.Exp(Vector256.Load(x + i + 8) - shift);
            sum0 += Avx.ConvertToVector256Double(low.GetLower());
            sum1 += Avx.ConvertToVector256Double(low.GetUpper());
            sum2 += Avx.ConvertToVector256Double(high.GetLower());
            sum3 += Avx.ConvertToVector256Double(high.GetUpper());
            if (output == null) continue;
            low.Store(output + i);
            high.Store(output + i + 8);
        }

        sum0.Store(lanes);
        sum1.Store(lanes + 4);
        sum2.Store(lanes + 8);
        sum3.Store(lanes + 12);
        return i;
    }

    private static int SumExp512(float* x, float max, float* output, int count, double* lanes)
    {
        Vector512<float> shift = Vector512.Create(max);
        Vector512<double> low = default, high = default;
        int i = 0;
        for (; i <= count - 16; i += 16)
        {
            Vector512<float> e = VectorMath.Exp(Vector512.Load(x + i) - shift);
            low += Avx512F.ConvertToVector512Double(e.GetLower());
            high += Avx512F.ConvertToVector512Double(e.GetUpper());
            if (output != null) e.Store(output + i);
        }

        low.Store(lanes);
        high.Store(lanes + 8);
        return i;
    }

    private static float NothingOrNaN(ReadOnlySpan<float> logits)
    {
        foreach (float logit in logits)
            if (float.IsNaN(logit)) return float.NaN;
        return float.NegativeInfinity;
    }
}
