using System.Text.Json;

namespace Coppice.Cli.Tests.Verifying;

public sealed class SampleVerifyTests
{
    private static readonly string[] Tiny = ["sample", "--random", "tiny:q8_0", "-n", "6", "--max-tokens", "6", "--seed", "1", "--threads", "1"];

    [Fact]
    public async Task Right_samples_rank_first_and_each_choice_says_whether_it_is_right()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the command is of a Unix shell");
        string[] args = [.. Tiny, "-p", "tuna", "--json"];
        SampleChoice[] plain = Parse(await CommandRun.Of(args));
        Assert.All(plain, choice => Assert.Null(choice.Verified));
        // Right is what ranks last and third: they come first, in the order they had.
        string[] right = [.. plain.Where(choice => choice.Rank is 3 or 6).OrderBy(choice => choice.Rank).Select(choice => choice.Text)];
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder["a"], right[0]);
        await File.WriteAllTextAsync(folder["b"], right[1]);
        CommandRun run = await CommandRun.Of([.. args, "--verify", $"cmp -s {{file}} {folder["a"]} || cmp -s - {folder["b"]}"]);
        Assert.Equal(0, run.Code);
        SampleChoice[] judged = Parse(run);
        Assert.Equal([0, 1, 2, 3, 4, 5], judged.Select(choice => choice.Index));
        int[] expected = [3, 6, 1, 2, 4, 5];
        Assert.Equal(
            expected.Select(rank => plain.Single(choice => choice.Rank == rank).Index), judged.OrderBy(choice => choice.Rank).Select(choice => choice.Index));
        Assert.Equal([true, true, false, false, false, false], judged.OrderBy(choice => choice.Rank).Select(choice => choice.Verified!.Value));
        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement first = document.RootElement.GetProperty("choices")[0];
        Assert.Equal(["verified", "verify_reason"], first.EnumerateObject().Select(property => property.Name).TakeLast(2));
    }

    [Fact]
    public async Task Puzzles_are_checked_and_the_list_says_what_is_wrong()
    {
        CommandRun run = await CommandRun.Of([.. Tiny, "-p", "make 24 from 3 8 8 2:", "--verify", "puzzle"]);
        Assert.Equal(0, run.Code);
        Assert.Equal(6, run.Output.Split("  wrong: ").Length - 1);
        Assert.Contains("right: 0 of 6 samples, 0 different", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_duplicates_the_list_says_of_how_many_samples_they_are()
    {
        CommandRun run = await CommandRun.Of([.. Tiny, "-p", "make 24 from 3 8 8 2:", "--verify", "exit 0", "--unique", "--temperature", "0"]);
        Assert.Equal(0, run.Code);
        Assert.Contains("right: 1 of 1 different texts that 6 samples gave", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_empty_name_is_no_model()
    {
        CommandRun run = await CommandRun.Of("sample", "-m", "", "-p", "x");
        Assert.Equal(2, run.Code);
        Assert.Contains("--model: expected a file, found ''", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_prompt_the_model_that_comes_along_is_asked_a_puzzle()
    {
        CommandRun run = await CommandRun.Of("sample", "-n", "2", "--max-tokens", "4", "--threads", "1", "--verify", "puzzle");
        Assert.Equal(0, run.Code);
        Assert.Contains("of 2 samples", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Right_samples_are_told_in_the_list()
    {
        var run = new SampleRun(3);
        run.Add(new TokenGenerated(0, 5, "wrong", -1));
        run.Add(new BranchFinished(0, "", FinishReason.Stop));
        run.Add(new TokenGenerated(1, 6, "right", -2));
        run.Add(new BranchFinished(1, "", FinishReason.Stop));
        run.Add(new TokenGenerated(2, 6, "right", -0.5f)); // not at its end
        run.Judge(text => new(text == "right", "because"));
        IReadOnlyList<RankedSample> ranked = run.Ranked(new Ranking.RankingOptions());
        Assert.Equal([1, 2, 0], ranked.Select(sample => sample.Index));
        Assert.Equal([1, 2, 3], ranked.Select(sample => sample.Rank));
        Assert.Equal([true, null, false], ranked.Select(sample => sample.Verdict?.IsRight));
    }

    [Fact]
    public async Task Ctrl_C_kills_the_command_and_gives_what_is_done()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are sent with kill");
        using var folder = new TemporaryFolder();
        using var command = CommandProcess.Start([.. Tiny, "-p", "tuna", "--json", "--verify", $"echo $$ >>{folder["pids"]}; sleep 300", "--verify-jobs", "2"]);
        Assert.Contains("noise", await command.ErrorLine(), StringComparison.Ordinal);
        while (!File.Exists(folder["pids"]) || (await File.ReadAllLinesAsync(folder["pids"])).Length < 2) await Task.Delay(10);
        command.Interrupt();
        CommandRun run = await command.End();
        Assert.Equal((130, ""), (run.Code, run.Error));
        SampleChoice[] choices = Parse(run);
        Assert.Equal(6, choices.Length);
        Assert.All(choices, choice => Assert.Null(choice.Verified));
        Assert.DoesNotContain(await File.ReadAllLinesAsync(folder["pids"]), id => File.Exists($"/proc/{id}/exe"));
    }

    [Theory]
    [InlineData("--verify", "command", "empty", "--verify", " ")]
    [InlineData("--verify", "make 24 from 3 8 8 2:", "'tuna'", "--verify", "puzzle")]
    [InlineData("--verify", "'no-such-program-here'", "can be run", "--verify", "no-such-program-here")]
    [InlineData("--verify", "{problem}", "{file}", "--verify", "cat {problem}")]
    [InlineData("--verify-timeout", "0.01", "'0'", "--verify", "true", "--verify-timeout", "0")]
    [InlineData("--verify-output", "'x'", "whole", "--verify", "true", "--verify-output", "x")]
    [InlineData("--verify-jobs", "'0'", "1024", "--verify", "true", "--verify-jobs", "0")]
    [InlineData("--verify-jobs", "none", "--verify", "--verify-jobs", "2")]
    [InlineData("--verify-timeout", "puzzle", "--verify", "--verify-timeout", "2", "--verify", "puzzle")]
    public async Task Wrong_options_end_with_code_2(string first, string second, string third, params string[] args) =>
        (await CommandRun.Of([.. Tiny, "-p", "tuna", .. args])).HasOneErrorLine(2, first, second, third);

    private static SampleChoice[] Parse(CommandRun run) =>
        [.. JsonSerializer.Deserialize(run.Output, CommandJson.Readable.SampleReport)!.Choices];
}
