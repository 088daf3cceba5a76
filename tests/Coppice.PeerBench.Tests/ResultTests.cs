namespace Coppice.PeerBench.Tests;

public sealed class ResultTests
{
    [Theory]
    [InlineData(new[] { 3.0 }, 3)]
    [InlineData(new[] { 9.0, 1, 2 }, 2)]
    [InlineData(new[] { 4.0, 1, 2, 9 }, 3)]
    public void The_median_is_the_middle(double[] values, double median) => Assert.Equal(median, Statistics.Median(values));

    [Fact]
    public void The_rate_is_the_medians_not_that_of_the_fastest_round()
    {
        EngineResult result = EngineResult.Of(new FakeEngine("llama.cpp", "fa,unified", []), threads: 2, tokens: 32, [0.5, 0.1, 1], idle: 0);
        Assert.Equal(64, result.TokensPerSecond);
        Assert.Equal([0.5, 0.1, 1], result.Seconds);
    }

    [Fact]
    public void The_rivals_fastest_setting_counts_and_one_thread_is_named()
    {
        RowResult row = Sample.Row(512, 32, floor: 3.5, coppice: 200, ("fa,unified", 2, 40), ("nofa,unified", 2, 50), ("fa,streams", 2, 45));
        Assert.Equal(("nofa,unified", 50.0, 4.0), (row.BestSetting, row.LlamaCpp.TokensPerSecond, row.Ratio));
        row = Sample.Row(512, 32, floor: 3.5, coppice: 200, ("fa,unified", 2, 40), ("fa,unified", 1, 80));
        Assert.Equal(("fa,unified,1 thread", 2.5), (row.BestSetting, row.Ratio));
    }

    [Theory]
    [InlineData(3.5, 175, true)]
    [InlineData(3.5, 174.9, false)]
    [InlineData(null, 10, null)]
    public void A_floor_is_met_or_not(double? floor, double coppice, bool? met) =>
        Assert.Equal(met, Sample.Row(512, 32, floor, coppice, ("fa,unified", 2, 50)).Met);

    [Theory]
    [InlineData(1.95, 1.95, 40, 40, "")]
    [InlineData(1.95, 1.95, 40, 34.1, "")]
    [InlineData(1.89, 1.95, 40, 40, "at the start 2 threads did 1.89 times the arithmetic of one")]
    [InlineData(1.95, 1.34, 40, 40, "at the end 2 threads did 1.34 times the arithmetic of one")]
    [InlineData(1.95, 1.95, 40, 33.9, "memory bandwidth fell from 40.0 to 33.9 GB/s")]
    public void A_run_on_a_machine_that_is_not_quiet_is_flagged(double beginRatio, double endRatio, double beginRead, double endRead, string flag)
    {
        var run = new PeerRun(DateTime.UnixEpoch, 2, new MachineSpeed(beginRatio, beginRead), new MachineSpeed(endRatio, endRead));
        Assert.Equal(flag.Length == 0 ? [] : [flag], run.Flags);
    }

    [Fact]
    public void A_run_without_an_end_is_flagged() =>
        Assert.Equal(["the run did not come to its end"], new PeerRun(DateTime.UnixEpoch, 2, new MachineSpeed(2, 40), null).Flags);

    [Fact]
    public void The_table_has_a_line_a_row_and_says_what_to_take_with_care()
    {
        RowResult one = Sample.Row(512, 32, 3.5, 200, ("fa,unified", 2, 40), ("nofa,unified", 2, 50), ("nofa,unified", 1, 26));
        RowResult other = Sample.Row(2048, null, null, 300.04, ("fa,unified", 2, 600)) with { LeftOut = [new LeftOut("fa,streams", "is too large")] };
        PeerDocument document = Sample.Document(one, other);
        string[] lines = [.. ResultTable.Lines(document, document.Rows)];
        Assert.Contains("| shape:q8_0 |     512 | 32 samples |          50.0 | nofa,unified |       200.0 | 4.00x |  3.5x | met |", lines);
        Assert.Contains("| shape:q8_0 |    2048 | prefill    |         600.0 | fa,unified   |       300.0 | 0.50x |       |     |", lines);
        Assert.Contains("left out at shape:q8_0, context 2048: llama.cpp fa,streams is too large", lines);
        Assert.Contains("llama.cpp on one thread was slower in all 1 rows tried", lines);
        Assert.Contains("floors met: 1 of 1", lines);
        Assert.DoesNotContain(lines, line => line.Contains("FLAGGED", StringComparison.Ordinal));

        document = document with { Runs = [document.Runs[0] with { End = new MachineSpeed(1.2, 40) }] };
        Assert.Contains(ResultTable.Lines(document, document.Rows), line => line.Contains("FLAGGED: at the end", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Q8_0", true)]
    [InlineData("q8_0/512", true)]
    [InlineData("512/16", true)]
    [InlineData("/16", true)]
    [InlineData("512/1", false)]
    [InlineData("q8_0/51", false)]
    [InlineData("q4_0", false)]
    public void A_row_is_named_by_a_part_of_its_name(string text, bool meant) =>
        Assert.Equal(meant, new PeerRow("shape:q8_0", 512, 16).IsMeant(text));

    [Fact]
    public void The_suite_demands_what_is_promised()
    {
        Assert.Equal(Suite.Rows.Count, Suite.Rows.Select(row => row.Name).Distinct().Count());
        Assert.Equal(12, Suite.Rows.Count(row => row.Floor is not null));
        Assert.Equal(3.5, Suite.Rows.Single(row => row.Name == "llama-3.2-1b:q8_0/512/32").Floor);
        Assert.Equal(1.3, Suite.Rows.Single(row => row.Name == "llama-3.2-1b:q4_k/512/prefill").Floor);
    }
}
