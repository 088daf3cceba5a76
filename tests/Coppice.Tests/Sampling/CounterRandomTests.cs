using Coppice.Sampling;

namespace Coppice.Tests.Sampling;

public sealed class CounterRandomTests
{
    // The known answers that the Random123 library publishes for philox4x32-10.
    [Theory]
    [InlineData(0u, 0u, 0u, 0u, 0u, 0u, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(
        0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu,
        0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(
        0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u,
        0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void The_block_function_gives_the_published_answers(
        uint x0, uint x1, uint x2, uint x3, uint k0, uint k1, uint y0, uint y1, uint y2, uint y3) =>
        Assert.Equal((y0, y1, y2, y3), CounterRandom.Philox(x0, x1, x2, x3, k0, k1));

    [Fact]
    public void The_number_is_a_function_of_seed_branch_and_position()
    {
        var seen = new HashSet<ulong>();
        foreach (ulong seed in new ulong[] { 0, 1, 1UL << 32, ulong.MaxValue })
            foreach (int branch in new[] { 0, 1, 2, 255 })
                foreach (long position in new[] { 0L, 1, 2, 1L << 32 })
                    Assert.True(seen.Add(CounterRandom.Bits(seed, branch, position)));
        Assert.Equal(CounterRandom.Bits(7, 3, 11), CounterRandom.Bits(7, 3, 11));
    }

    [Fact]
    public void Numbers_are_uniform_along_positions_and_along_branches()
    {
        const int Draws = 20_000, Bins = 50;
        foreach (bool alongBranches in new[] { false, true })
        {
            var counts = new int[Bins];
            for (int i = 0; i < Draws; i++)
            {
                double u = alongBranches ? CounterRandom.Uniform(5, i, 3) : CounterRandom.Uniform(5, 3, i);
                Assert.InRange(u, 0, 1 - double.Epsilon);
                counts[(int)(u * Bins)]++;
            }

            Assert.True(Statistics.ChiSquare(counts, Enumerable.Repeat(1.0 / Bins, Bins)) < Statistics.Bound(Bins - 1));
        }
    }

    [Fact]
    public void Neighbouring_branches_positions_and_seeds_are_uncorrelated()
    {
        const int Draws = 20_000;
        double branches = 0, positions = 0, seeds = 0;
        for (int i = 0; i < Draws; i++)
        {
            double centered = CounterRandom.Uniform(9, 0, i) - 0.5;
            branches += centered * (CounterRandom.Uniform(9, 1, i) - 0.5);
            positions += centered * (CounterRandom.Uniform(9, 0, i + 1) - 0.5);
            seeds += centered * (CounterRandom.Uniform(10, 0, i) - 0.5);
        }

        // Each product has variance 1/144; five standard deviations of their sum.
        double bound = 5 * Math.Sqrt(Draws) / 12;
        Assert.All([branches, positions, seeds], sum => Assert.InRange(sum, -bound, bound));
    }

    [Fact]
    public void Every_bit_is_set_half_of_the_time()
    {
        const int Draws = 10_000;
        var set = new int[64];
        for (int i = 0; i < Draws; i++)
        {
            ulong bits = CounterRandom.Bits(1, 0, i);
            for (int bit = 0; bit < 64; bit++) set[bit] += (int)((bits >> bit) & 1);
        }

        Assert.All(set, count => Assert.InRange(count, (Draws / 2) - 300, (Draws / 2) + 300)); // six standard deviations
    }
}
