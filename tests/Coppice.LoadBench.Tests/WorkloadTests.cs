namespace Coppice.LoadBench.Tests;

public class WorkloadTests
{
    [Fact]
    public void Fixed_arrivals_have_equal_gaps_from_the_start()
    {
        LoadOptions options = Sample.Options with { Arrivals = ArrivalKind.Fixed, Rate = 4, Requests = 5 };
        Assert.Equal([0, 0.25, 0.5, 0.75, 1], new Workload(options).Requests().Select(request => request.Due.TotalSeconds));
    }

    [Fact]
    public void Poisson_gaps_have_the_mean_and_the_spread_of_the_exponential_distribution()
    {
        LoadOptions options = Sample.Options with { Rate = 8, Requests = 20_000 };
        double[] due = [.. new Workload(options).Requests().Select(request => request.Due.TotalSeconds)];
        double[] gaps = [.. due.Select((time, index) => time - (index == 0 ? 0 : due[index - 1]))];
        double mean = gaps.Average(), deviation = Math.Sqrt(gaps.Average(gap => (gap - mean) * (gap - mean)));
        Assert.InRange(mean * 8, 0.97, 1.03);
        Assert.InRange(deviation * 8, 0.96, 1.04);
        Assert.InRange((double)gaps.Count(gap => gap > 1.0 / 8) / gaps.Length, 0.355, 0.381);
        Assert.All(gaps, gap => Assert.True(gap >= 0));
    }

    [Fact]
    public void The_seed_decides_everything_and_the_rate_only_the_times()
    {
        LoadOptions options = Sample.Options with
        {
            Requests = 50, Contexts = 3, SharedShare = 0.7, Samples = Sample.Mix("1:0.5,4:0.5"), PrivateSize = Sample.Mix("3,9"), VanishShare = 0.3, Seed = 5,
        };
        PlannedRequest[] requests = [.. new Workload(options).Requests()];
        Assert.Equal(requests, new Workload(options).Requests());
        Assert.Equal(
            requests.Select(request => request with { Due = default }),
            new Workload(options with { Rate = 77, Arrivals = ArrivalKind.Fixed }).Requests().Select(request => request with { Due = default }));
        Assert.NotEqual(requests, new Workload(options with { Seed = 6 }).Requests());
        Assert.NotEqual(new Workload(options).Contexts[0], new Workload(options with { Seed = 6 }).Contexts[0]);
    }

    [Fact]
    public void Shares_are_kept_and_the_first_use_of_each_context_is_marked()
    {
        LoadOptions options = Sample.Options with
        {
            Requests = 4000, Contexts = 5, SharedShare = 0.8, Samples = Sample.Mix("1:0.5,4:0.3,8:0.2"), MaxTokens = Sample.Mix("16"), VanishShare = 0.25,
        };
        PlannedRequest[] requests = [.. new Workload(options).Requests()];
        Assert.InRange(requests.Count(request => request.Context >= 0), 3100, 3300);
        Assert.InRange(requests.Count(request => request.Samples == 1), 1880, 2120);
        Assert.InRange(requests.Count(request => request.Samples == 4), 1090, 1310);
        Assert.InRange(requests.Count(request => request.VanishAfter is not null), 900, 1100);
        Assert.All(requests.Where(request => request.VanishAfter is not null), request => Assert.InRange(request.VanishAfter!.Value, 1, request.Samples * 8));
        foreach (var uses in requests.Where(request => request.Context >= 0).GroupBy(request => request.Context))
            Assert.Equal([uses.First().Index], uses.Where(request => request.FirstOfContext).Select(request => request.Index));
    }

    [Fact]
    public void A_duration_ends_the_arrivals()
    {
        LoadOptions options = Sample.Options with { Arrivals = ArrivalKind.Fixed, Rate = 10, Requests = null, Duration = TimeSpan.FromSeconds(1) };
        Assert.Equal(10, new Workload(options).Requests().Count());
        Assert.Equal(3, new Workload(options with { Requests = 3 }).Requests().Count());
    }

    [Fact]
    public void Parts_have_the_size_asked_for_in_words_or_in_ids_of_the_range()
    {
        var words = new Workload(Sample.Options with { Contexts = 1, SharedSize = Sample.Mix("40") });
        Assert.Equal(40, Workload.Text(words.Contexts[0]).Split(' ').Length);
        Assert.Equal(5, Workload.Text(words.PrivatePart(Sample.Request())).Split(' ').Length);
        Assert.NotEqual(words.PrivatePart(Sample.Request(1)), words.PrivatePart(Sample.Request(2)));

        var ids = new Workload(Sample.Options with { Contexts = 1, SharedSize = Sample.Mix("500"), TokenIds = (10, 12) });
        Assert.Equal([10, 11, 12], ids.Contexts[0].Distinct().Order());
        Assert.Equal(500, ids.Contexts[0].Length);
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("1:")]
    [InlineData("1:0")]
    [InlineData("1:-1")]
    [InlineData("1:1:1")]
    [InlineData("0")]
    [InlineData("11")]
    [InlineData("1,,2")]
    [InlineData("1:1e3")]
    public void What_is_no_mix_is_refused(string text) => Assert.False(WeightedSizes.TryParse(text, 1, 10, out _));

    [Fact]
    public void A_mix_is_drawn_by_its_weights()
    {
        WeightedSizes mix = Sample.Mix("2:3,7:1");
        var random = new Random(1);
        int[] drawn = [.. Enumerable.Range(0, 4000).Select(_ => mix.Draw(random))];
        Assert.InRange(drawn.Count(size => size == 2), 2900, 3100);
        Assert.Equal([2, 7], drawn.Distinct().Order());
        Assert.Equal("2:3,7:1", mix.ToString());
    }
}
