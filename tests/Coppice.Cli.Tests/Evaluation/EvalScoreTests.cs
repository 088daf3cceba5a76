using Coppice.Cli.Evaluation;
using Coppice.Kernels.Attention;

namespace Coppice.Cli.Tests.Evaluation;

public sealed class EvalScoreTests
{
    private static readonly EvalRun Run = new(4, AttentionMode.Bifurcated);

    // Right are two of four, none, and all; the likeliest three different ones hold a right one in the first and last.
    private static readonly EvalOutcome[] Outcomes =
    [
        Outcome(1, ("a", -1, false), ("b", -2, true), ("b", -2, true), ("c", -3, false)),
        Outcome(2, ("a", -1, false), ("b", -2, false), ("c", -3, false), ("d", null, false)),
        Outcome(3, ("x", -1, true), ("x", -2, true), ("x", -2, true), ("x", -3, true)),
    ];

    [Fact]
    public void Shares_are_means_over_problems()
    {
        var score = new EvalScore(Run, Outcomes);
        Assert.Equal(3, score.Problems);
        Assert.Equal((0.5 + 0 + 1) / 3, score.PassAt(1), 1e-12);
        Assert.Equal((1 - (1 / 6.0) + 0 + 1) / 3, score.PassAt(2), 1e-12);
        Assert.Equal(2 / 3.0, score.PassAt(4), 1e-12);
        Assert.Equal(2 / 3.0, score.PassAtTop3, 1e-12);
        Assert.Equal(2 / 3.0, score.Majority, 1e-12);
        Assert.Equal((6, 2, 20.0, 30), (score.Seconds, score.SecondsPerProblem, score.TokensPerProblem, score.ContextKvBytesRead));
    }

    [Fact]
    public void Without_a_finished_problem_shares_are_0()
    {
        var score = new EvalScore(Run, []);
        Assert.Equal((0, 0, 0, 0, 0), (score.PassAt(1), score.PassAtTop3, score.Majority, score.SecondsPerProblem, score.TokensPerProblem));
    }

    [Fact]
    public void The_top_three_leave_out_what_is_less_likely()
    {
        EvalOutcome outcome = Outcome(1, ("a", -1, false), ("b", -2, false), ("c", -3, false), ("d", -4, true));
        var score = new EvalScore(Run, [outcome]);
        Assert.Equal((0, 1), (score.PassAtTop3, score.PassAt(4)));
    }

    [Theory]
    [InlineData(32, new[] { 1, 3, 8, 32 })]
    [InlineData(16, new[] { 1, 3, 8, 16 })]
    [InlineData(1, new[] { 1 })]
    public void Tries_fit_the_samples(int samples, int[] ks) => Assert.Equal(ks, Plan([]).KsOf(samples));

    [Fact]
    public void Tries_that_were_asked_for_are_left_out_where_they_do_not_fit() => Assert.Equal([2], Plan([2, 9]).KsOf(4));

    [Fact]
    public void The_table_goes_between_its_lines_and_nowhere_else()
    {
        using var folder = new TemporaryFolder();
        string page = folder["page.md"];
        EvalScore[] scores = [new(Run, Outcomes)];
        EvalMarkdown.Write(page, "title", scores);
        string alone = File.ReadAllText(page);
        Assert.StartsWith(EvalMarkdown.Begin + "\ntitle\n\n| samples |", alone, StringComparison.Ordinal);
        Assert.Contains("| 4 | bifurcated | 3 | 50.0% | 66.7% | 66.7% | 66.7% | 2000.0 | 20.0 | 30 B |\n" + EvalMarkdown.End, alone, StringComparison.Ordinal);
        File.WriteAllText(page, $"# before\r\n\r\n{EvalMarkdown.Begin}\r\nold\r\n{EvalMarkdown.End}\r\n\r\nafter\r\n");
        EvalMarkdown.Require(page);
        EvalMarkdown.Write(page, "title", scores);
        Assert.Equal($"# before\n\n{alone}\nafter\n", File.ReadAllText(page));
        File.WriteAllText(page, "# a page of somebody's");
        Assert.Contains("page.md", Assert.Throws<IOException>(() => EvalMarkdown.Require(page)).Message, StringComparison.Ordinal);
        Assert.Throws<IOException>(() => EvalMarkdown.Write(page, "title", scores));
        Assert.Equal("# a page of somebody's", File.ReadAllText(page));
    }

    [Fact]
    public void Charts_are_drawn_for_one_run_and_for_several()
    {
        using var folder = new TemporaryFolder();
        EvalChart.Write(folder["one.png"], "title", [new(Run, Outcomes)]);
        EvalChart.Write(folder["two.png"], "title", [new(Run, Outcomes), new(Run with { Attention = AttentionMode.Repeated }, Outcomes)]);
        Assert.All(folder.Files, file => Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], File.ReadAllBytes(folder[file])[..4]));
        Assert.Equal(["one.png", "two.png"], folder.Files.Order());
    }

    private static EvalPlan Plan(int[] ks) => new([32], ks, [AttentionMode.Bifurcated], null, null, null, new Sampling.SamplingOptions(), null, null, null);

    private static EvalOutcome Outcome(int seconds, params (string Text, double? Mean, bool Right)[] choices) => new(
        $"problem {seconds}", choices.Length, "bifurcated", 5, 20, seconds, 0, 10,
        [.. choices.Select(choice => new EvalChoice(choice.Text, choice.Mean, choice.Right, null))]);
}
