namespace Coppice.Tests.Sampling;

internal static class Statistics
{
    /// <summary>Pearson's statistic of counts against probabilities; a token that cannot occur must not.</summary>
    public static double ChiSquare(IReadOnlyList<int> counts, IEnumerable<double> probabilities)
    {
        int draws = counts.Sum();
        double sum = 0;
        foreach (var (count, probability) in counts.Zip(probabilities))
        {
            if (probability == 0) Assert.Equal(0, count);
            else sum += (count - (draws * probability)) * (count - (draws * probability)) / (draws * probability);
        }

        return sum;
    }

    /// <summary>About five standard deviations above the mean of a chi-square distribution.</summary>
    public static double Bound(int degreesOfFreedom) => degreesOfFreedom + (5 * Math.Sqrt(2 * degreesOfFreedom)) + 5;
}
