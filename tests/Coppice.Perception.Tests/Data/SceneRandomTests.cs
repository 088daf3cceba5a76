using Coppice.Perception.Data;

namespace Coppice.Perception.Tests.Data;

public sealed class SceneRandomTests
{
    [Fact]
    public void The_numbers_are_those_of_philox()
    {
        // Random123's known answer for philox4x32-10 with counter and key zero: 6627e8d5 e169c58d bc57ac4c 9b00dbd8.
        var random = new SceneRandom(0, 0);
        Assert.Equal(0xe169c58d_6627e8d5UL, random.Bits());
        Assert.Equal(0x9b00dbd8_bc57ac4cUL, random.Bits());
    }

    [Fact]
    public void Equal_seeds_and_indices_give_equal_numbers_and_others_do_not()
    {
        var first = new SceneRandom(7, 3);
        var again = new SceneRandom(7, 3);
        var index = new SceneRandom(7, 4);
        var seed = new SceneRandom(8, 3);
        var stream = new SceneRandom(7, 3, 1);
        for (int i = 0; i < 10; i++)
        {
            ulong bits = first.Bits();
            Assert.Equal(bits, again.Bits());
            Assert.NotEqual(bits, index.Bits());
            Assert.NotEqual(bits, seed.Bits());
            Assert.NotEqual(bits, stream.Bits());
        }
    }

    [Fact]
    public void Distributions_have_their_means_and_bounds()
    {
        var random = new SceneRandom(1, 1);
        double uniform = 0, normal = 0, square = 0;
        int[] counts = new int[3];
        const int draws = 20_000;
        for (int i = 0; i < draws; i++)
        {
            float between = random.Between(2, 4);
            Assert.InRange(between, 2, 4);
            uniform += between;
            float n = random.Normal();
            normal += n;
            square += n * n;
            counts[random.Below(3)]++;
        }

        Assert.Equal(3, uniform / draws, 0.02);
        Assert.Equal(0, normal / draws, 0.03);
        Assert.Equal(1, square / draws, 0.05);
        Assert.All(counts, count => Assert.InRange(count, draws / 3 - 300, draws / 3 + 300));
    }
}
