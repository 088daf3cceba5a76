namespace Coppice.LoadBench.Tests;

public class ReportTests
{
    [Fact]
    public void Percentiles_are_values_of_the_nearest_rank()
    {
        double[] values = [15, 20, 35, 40, 50];
        Assert.Equal(35, Distribution.Percentile(values, 50));
        Assert.Equal(20, Distribution.Percentile(values, 40));
        Assert.Equal(35, Distribution.Percentile(values, 41));
        Assert.Equal(50, Distribution.Percentile(values, 95));
        Assert.Equal(50, Distribution.Percentile(values, 100));
        Assert.Equal(15, Distribution.Percentile(values, 1));
        Assert.Equal(7, Distribution.Percentile([7], 99));
    }

    [Theory]
    [InlineData(100, 50, 95, 99)]
    [InlineData(200, 100, 190, 198)]
    [InlineData(101, 51, 96, 100)]
    public void A_distribution_of_the_first_numbers_has_the_ranks_themselves(int count, double p50, double p95, double p99)
    {
        Distribution distribution = Distribution.Of(Enumerable.Range(1, count).Reverse().Select(value => (double?)value).Append(null))!;
        Assert.Equal(new Distribution(count, (count + 1) / 2.0, p50, p95, p99, count), distribution);
    }

    [Fact]
    public void Nothing_measured_has_no_distribution() => Assert.Null(Distribution.Of([null, null]));

    [Fact]
    public void Goodput_counts_complete_answers_within_every_limit()
    {
        LoadOptions options = Sample.Options with { Slo = new Slo(100, 10, null) };
        RequestOutcome[] outcomes =
        [
            Sample.Outcome(0, 100, 10, 900),
            Sample.Outcome(1, 101, 5, 900),
            Sample.Outcome(2, 50, 11, 900),
            Sample.Outcome(3, 50, null, 900),
            Sample.Outcome(4, 50, null, null, Ending.Vanished),
            Sample.Outcome(5, null, null, null, Ending.Failed) with { Failure = new Failure(FailureKind.Status, 429, "full") },
        ];
        LoadReport report = LoadReport.Of(options, "m", outcomes, TimeSpan.FromSeconds(10), interrupted: false);
        Assert.Equal((2, 2.0 / 5, 0.2), (report.Goodput!.Requests, report.Goodput.Share, report.Goodput.PerSecond));
        Assert.Equal((6, 4, 1, 1, 0), (report.Due, report.Completed, report.Vanished, report.Failed, report.Unfinished));
        // Five gaps of a second, sixty tokens in ten seconds.
        Assert.Equal((1.0, 0.4, 6.0), (report.OfferedPerSecond, report.CompletedPerSecond, report.OutputTokensPerSecond));
        Assert.Null(LoadReport.Of(Sample.Options, "m", outcomes, TimeSpan.FromSeconds(10), interrupted: false).Goodput);
    }

    [Fact]
    public void Vanished_clients_count_for_the_first_token_alone()
    {
        RequestOutcome[] outcomes =
        [
            Sample.Outcome(0, 10, 1, 100),
            Sample.Outcome(1, 30, 2, 200, Ending.Vanished),
            Sample.Outcome(2, 50, 3, 300, Ending.Failed),
            Sample.Outcome(3, 70, 4, 400, Ending.Interrupted),
        ];
        Cohort all = LoadReport.Of(Sample.Options, "m", outcomes, TimeSpan.FromSeconds(1), interrupted: true).Cohorts.Single();
        Assert.Equal((2, 30.0), (all.FirstToken!.Count, all.FirstToken.Max));
        Assert.Equal((1, 1.0, 1, 100.0), (all.Token!.Count, all.Token.Max, all.Total!.Count, all.Total.Max));
    }

    [Fact]
    public void Cohorts_tell_numbers_of_choices_and_uses_of_a_context_apart()
    {
        RequestOutcome[] outcomes =
        [
            Sample.Outcome(0, 100, 1, 200) with { Request = Sample.Request(0, samples: 1, context: 0) },
            Sample.Outcome(1, 10, 1, 110) with { Request = Sample.Request(1, samples: 4, context: 0) },
            Sample.Outcome(2, 12, 1, 120) with { Request = Sample.Request(2, samples: 4, context: 0) },
            Sample.Outcome(3, 40, 1, 150) with { Request = Sample.Request(3, samples: 4) },
        ];
        IReadOnlyList<Cohort> cohorts = LoadReport.Of(Sample.Options, "m", outcomes, TimeSpan.FromSeconds(1), interrupted: false).Cohorts;
        Assert.Equal(
            [("all", 4, 100.0), ("n=1", 1, 100.0), ("n=4", 3, 40.0), ("context, first", 1, 100.0), ("context, later", 2, 12.0), ("no context", 1, 40.0)],
            cohorts.Select(cohort => (cohort.Name, cohort.Requests, cohort.FirstToken!.Max)));
    }

    [Fact]
    public void Failures_are_counted_by_kind_with_an_example()
    {
        RequestOutcome Failed(int index, FailureKind kind, int status, string message) =>
            Sample.Outcome(index, null, null, null, Ending.Failed) with { Failure = new Failure(kind, status, message) };
        RequestOutcome[] outcomes =
        [
            Failed(0, FailureKind.Broken, 0, "gone"),
            Failed(1, FailureKind.Status, 429, "full"),
            Failed(2, FailureKind.Status, 503, "draining"),
            Failed(3, FailureKind.Status, 429, "still full"),
        ];
        LoadReport report = LoadReport.Of(Sample.Options, "m", outcomes, TimeSpan.FromSeconds(1), interrupted: false);
        Assert.Equal(
            [new FailureCount("status 429", 2, "full"), new FailureCount("broken off", 1, "gone"), new FailureCount("status 503", 1, "draining")],
            report.Failures);
    }
}
