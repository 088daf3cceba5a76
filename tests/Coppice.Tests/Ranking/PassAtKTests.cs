using Coppice.Ranking;

namespace Coppice.Tests.Ranking;

public sealed class PassAtKTests
{
    [Theory]
    [InlineData(10, 0, 1, 0)]
    [InlineData(10, 3, 1, 0.3)]
    [InlineData(5, 2, 2, 0.7)] // 1 - C(3, 2) / C(5, 2) = 1 - 3 / 10
    [InlineData(4, 2, 3, 1)]
    [InlineData(7, 7, 1, 1)]
    public void Estimates_agree_with_the_formula(int samples, int right, int k, double expected) =>
        Assert.Equal(expected, PassAtK.Estimate(samples, right, k), 1e-12);

    [Fact]
    public void The_estimate_is_the_share_of_subsets_that_hold_a_right_one()
    {
        const int N = 10;
        for (int right = 0; right <= N; right++)
        {
            for (int k = 1; k <= N; k++)
            {
                var subsets = Enumerable.Range(0, 1 << N).Where(s => int.PopCount(s) == k).ToList();
                double share = subsets.Count(s => (s & ((1 << right) - 1)) != 0) / (double)subsets.Count;
                Assert.Equal(share, PassAtK.Estimate(N, right, k), 1e-12);
            }
        }
    }

    [Fact]
    public void Large_numbers_do_not_overflow() =>
        Assert.Equal(1 - Math.Pow(0.9, 5), PassAtK.Estimate(1_000_000, 100_000, 5), 1e-5);

    [Theory]
    [InlineData(0, 0, 1)]
    [InlineData(3, 4, 1)]
    [InlineData(3, -1, 1)]
    [InlineData(3, 1, 0)]
    [InlineData(3, 1, 4)]
    public void Numbers_out_of_range_are_errors(int samples, int right, int k) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => PassAtK.Estimate(samples, right, k));
}
