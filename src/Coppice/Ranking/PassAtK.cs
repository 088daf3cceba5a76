namespace Coppice.Ranking;

/// <summary>
/// pass@k: the probability that at least one of k samples is right, estimated without bias from n samples of which c are:
/// 1 - C(n - c, k) / C(n, k) (Chen et al. 2021, arXiv 2107.03374, section 2.1).
/// </summary>
public static class PassAtK
{
    /// <summary>Estimates pass@k, as a product of factors below 1, so that nothing overflows.</summary>
    /// <param name="samples">n, the number of samples.</param>
    /// <param name="right">c, how many of them are right, 0 to n.</param>
    /// <param name="k">How many samples may be tried, 1 to n.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public static double Estimate(int samples, int right, int k)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(samples);
        ArgumentOutOfRangeException.ThrowIfNegative(right);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(right, samples);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(k);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(k, samples);
        if (samples - right < k) return 1;
        double allWrong = 1; // the k tries are all wrong: product over the c right ones of 1 - k / (n - c + i)
        for (int i = 1; i <= right; i++) allWrong *= 1 - ((double)k / (samples - right + i));
        return 1 - allWrong;
    }
}
