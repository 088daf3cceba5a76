using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Coppice.Kernels.Formats;

/// <summary>
/// Finds the scale (and minimum) with which a sub-block of 16 or 32 weights loses least when its codes are small integers.
/// <para>
/// For a guess of the scale the codes are the nearest integers; for those codes the best scale and minimum solve a weighted
/// least-squares problem in closed form. The search walks a fan of guesses around range / codes, solves each, keeps the best and
/// then repeats code and solve from there while it gains. Weights are rms + |w|: large weights matter more, small ones still
/// count. The operations are elementwise on 8 lanes and sums in a fixed tree, so that every machine finds the same blocks.
/// </para>
/// </summary>
internal static class ScaleSearch
{
    private const int Polishes = 4;

    /// <summary>Fits w ~ scale * code - minimum with codes in [0, highest], scale and minimum not negative.</summary>
    /// <param name="values">[16 or 32].</param>
    /// <param name="highest">The highest code.</param>
    /// <returns>The scale and the minimum that is subtracted.</returns>
    public static (float Scale, float Minimum) FitWithMinimum(ReadOnlySpan<float> values, int highest)
    {
        (float least, float greatest) = Range(values);
        if (least > 0) least = 0;
        if (greatest <= least) return (0, -least);

        var sums = new WeightedSums(values);
        float range = greatest - least;
        (float Scale, float Minimum) best = (range / highest, -least);
        double bestGain = double.NegativeInfinity;
        for (int step = -10; step <= 10; step++)
        {
            float inverse = (highest + 0.1f * step) / range;
            if (sums.SolveWithMinimum(values, inverse, -least, highest, out (float, float) found, out double gain) && gain > bestGain)
                (best, bestGain) = (found, gain);
        }

        for (int i = 0; i < Polishes && best.Scale > 0; i++)
        {
            if (!sums.SolveWithMinimum(values, 1 / best.Scale, best.Minimum, highest, out (float, float) found, out double gain)) break;
            if (gain <= bestGain) break;
            (best, bestGain) = (found, gain);
        }

        return best;
    }

    /// <summary>Fits w ~ scale * code with codes in [-codes, codes - 1]; the scale may be negative.</summary>
    /// <param name="values">[16 or 32].</param>
    /// <param name="codes">Half the number of codes.</param>
    /// <returns>The scale.</returns>
    public static float FitCentred(ReadOnlySpan<float> values, int codes)
    {
        (float least, float greatest) = Range(values);
        // The side with the larger magnitude gets the extra code.
        float extreme = -least > greatest ? least : greatest;
        if (extreme == 0) return 0;

        var sums = new WeightedSums(values);
        float best = extreme / -codes;
        double bestGain = double.NegativeInfinity;
        for (int step = -10; step <= 10; step++)
        {
            float inverse = -(codes + 0.1f * step) / extreme;
            if (sums.SolveCentred(values, inverse, codes, out float found, out double gain) && gain > bestGain)
                (best, bestGain) = (found, gain);
        }

        for (int i = 0; i < Polishes && best != 0; i++)
        {
            if (!sums.SolveCentred(values, 1 / best, codes, out float found, out double gain) || gain <= bestGain) break;
            (best, bestGain) = (found, gain);
        }

        return best;
    }

    private static (float Least, float Greatest) Range(ReadOnlySpan<float> values)
    {
        float least = values[0];
        float greatest = values[0];
        foreach (float value in values)
        {
            if (value < least) least = value;
            if (value > greatest) greatest = value;
        }

        return (least, greatest);
    }

    private static float Sum(Vector256<float> lanes)
    {
        Vector128<float> four = lanes.GetLower() + lanes.GetUpper();
        return (four[0] + four[2]) + (four[1] + four[3]);
    }

    /// <summary>The sums that do not depend on the codes. Gains are the error's decrease against all-zero weights.</summary>
    private readonly ref struct WeightedSums
    {
        private readonly float _rms;
        private readonly double _w;
        private readonly double _wx;

        public WeightedSums(ReadOnlySpan<float> values)
        {
            Vector256<float> squares = default;
            for (int i = 0; i < values.Length; i += 8)
            {
                Vector256<float> x = Vector256.Create(values.Slice(i, 8));
                squares += x * x;
            }

            _rms = MathF.Sqrt(Sum(squares) / values.Length);
            Vector256<float> w = default;
            Vector256<float> wx = default;
            for (int i = 0; i < values.Length; i += 8)
            {
                Vector256<float> x = Vector256.Create(values.Slice(i, 8));
                Vector256<float> weight = Weight(x);
                w += weight;
                wx += weight * x;
            }

            _w = Sum(w);
            _wx = Sum(wx);
        }

        /// <summary>Codes from round((x + minimum) * inverse), then the best scale and minimum for them.</summary>
        public bool SolveWithMinimum(
            ReadOnlySpan<float> values, float inverse, float minimum, int highest, out (float Scale, float Minimum) found, out double gain)
        {
            Vector256<float> sumQ = default;
            Vector256<float> sumQQ = default;
            Vector256<float> sumQX = default;
            for (int i = 0; i < values.Length; i += 8)
            {
                Vector256<float> x = Vector256.Create(values.Slice(i, 8));
                Vector256<float> q = Codes((x + Vector256.Create(minimum)) * inverse, 0, highest);
                Vector256<float> wq = Weight(x) * q;
                sumQ += wq;
                sumQQ += wq * q;
                sumQX += wq * x;
            }

            (double wq1, double wqq, double wqx) = (Sum(sumQ), Sum(sumQQ), Sum(sumQX));
            double determinant = _w * wqq - wq1 * wq1;
            found = default;
            gain = 0;
            if (determinant <= 0 || wqq <= 0) return false;
            double scale = (_w * wqx - _wx * wq1) / determinant;
            double bias = (wqq * _wx - wq1 * wqx) / determinant;
            if (bias > 0) (bias, scale) = (0, wqx / wqq);
            if (!(scale > 0)) return false;
            gain = 2 * (scale * wqx + bias * _wx) - scale * scale * wqq - 2 * scale * bias * wq1 - bias * bias * _w;
            found = ((float)scale, (float)-bias);
            return true;
        }

        /// <summary>Codes from round(x * inverse), then the best scale for them.</summary>
        public bool SolveCentred(ReadOnlySpan<float> values, float inverse, int codes, out float scale, out double gain)
        {
            Vector256<float> sumQQ = default;
            Vector256<float> sumQX = default;
            for (int i = 0; i < values.Length; i += 8)
            {
                Vector256<float> x = Vector256.Create(values.Slice(i, 8));
                Vector256<float> q = Codes(x * inverse, -codes, codes - 1);
                Vector256<float> wq = Weight(x) * q;
                sumQQ += wq * q;
                sumQX += wq * x;
            }

            (double wqq, double wqx) = (Sum(sumQQ), Sum(sumQX));
            scale = wqq > 0 ? (float)(wqx / wqq) : 0;
            gain = wqq > 0 ? wqx * wqx / wqq : 0;
            return wqq > 0;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Vector256<float> Weight(Vector256<float> x) => Vector256.Create(_rms) + Vector256.Abs(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector256<float> Codes(Vector256<float> x, int lowest, int highest) =>
            Vector256.MinNative(Vector256.MaxNative(Vector256.Round(x), Vector256.Create((float)lowest)), Vector256.Create((float)highest));
    }
}
