using System.Text.Json;

namespace Coppice.Cli.Tests;

public sealed class SampleTests
{
    private static readonly string[] Story = ["-p", "Once upon a time", "--json"];

    [Fact]
    public async Task Greedy_sampling_gives_the_golden_tokens_in_the_documented_form()
    {
        int[] golden = await Golden();
        CommandRun run = await CommandProcess.Run(
            ["sample", "-m", TestData.Stories(), "-p", "Once upon a time", "-n", "1", "--temperature", "0", "--max-tokens", "64", "--json"]);
        Assert.Equal((0, ""), (run.Code, run.Error));
        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement root = document.RootElement;
        Assert.Equal(["model", "prompt_tokens", "reused_tokens", "choices", "timings", "memory", "traffic", "kernels", "threads"], Names(root));
        JsonElement choice = Assert.Single(root.GetProperty("choices").EnumerateArray());
        Assert.Equal(["index", "text", "token_ids", "logprobs", "finish_reason", "mean_logprob", "rank"], Names(choice));
        Assert.Equal(
            ["load_ms", "prefill_ms", "decode_ms", "prefill_tokens_per_second", "decode_tokens_per_second"], Names(root.GetProperty("timings")));
        Assert.Equal(["context_kv_bytes", "branch_kv_bytes", "peak_rss_bytes"], Names(root.GetProperty("memory")));
        Assert.Equal(["attention", "steps", "context_kv_bytes_read", "branch_kv_bytes_read"], Names(root.GetProperty("traffic")));
        Assert.Equal(golden, Tokens(choice));
        Assert.Equal("length", choice.GetProperty("finish_reason").GetString());
        Assert.Equal("bifurcated", root.GetProperty("traffic").GetProperty("attention").GetString());
        Assert.Contains(root.GetProperty("kernels").GetString(), new[] { "scalar", "avx2", "avx512" });
    }

    [Fact]
    public async Task Greedy_samples_are_all_the_same()
    {
        int[] golden = await Golden();
        SampleReport report = await Sample("-m", TestData.Stories(), "-n", "8", "--temperature", "0", "--max-tokens", "64");
        Assert.Equal(8, report.Choices.Count);
        Assert.All(report.Choices, choice => Assert.Equal(golden, choice.TokenIds));
        SampleReport unique = await Sample("-m", TestData.Stories(), "-n", "8", "--temperature", "0", "--max-tokens", "4", "--unique");
        Assert.Equal(1, Assert.Single(unique.Choices).Rank);
    }

    [Fact]
    public async Task A_seed_gives_the_same_different_samples_whatever_the_threads_and_their_number()
    {
        string[] seeded = ["-m", TestData.Stories(), "--temperature", "1", "--seed", "7", "--max-tokens", "40"];
        int[][] eight = Choices(await Sample([.. seeded, "-n", "8"]));
        Assert.Equal(8, eight.Select(tokens => string.Join(',', tokens)).Distinct().Count());
        Assert.Equal(eight, Choices(await Sample([.. seeded, "-n", "8", "--threads", "2"])));
        Assert.Equal(eight[..3], Choices(await Sample([.. seeded, "-n", "3"])));
        Assert.Equal(eight, Choices(await Sample([.. seeded, "-n", "8", "--attention", "repeated"])));
    }

    [Fact]
    public async Task The_context_is_counted_once_a_step_and_memory_is_whole_pages()
    {
        // tiny: 2 layers x 2 KV heads x 64 wide, keys and values of 2 bytes.
        const int token = 2 * 2 * 2 * 64 * 2;
        SampleReport report = await Sample("--random", "tiny:q8_0", "-n", "3", "--max-tokens", "18", "--ignore-eos", "--seed", "1");
        Assert.Equal(17, report.Traffic.Steps);
        Assert.Equal(17L * report.PromptTokens * token, report.Traffic.ContextKvBytesRead);
        Assert.Equal(3L * (17 * 18 / 2) * token, report.Traffic.BranchKvBytesRead);
        Assert.Equal((report.PromptTokens + 15) / 16 * 16 * token, report.Memory.ContextKvBytes);
        Assert.Equal(3 * 32 * token, report.Memory.BranchKvBytes);
        Assert.True(report.Memory.PeakRssBytes > 1 << 20);
    }

    [Fact]
    public async Task Ranks_follow_the_mean_log_probability()
    {
        SampleReport report = await Sample("--random", "tiny:q8_0", "-n", "5", "--max-tokens", "6", "--seed", "1");
        Assert.Equal([0, 1, 2, 3, 4], report.Choices.Select(choice => choice.Index));
        SampleChoice[] ranked = [.. report.Choices.OrderBy(choice => choice.Rank)];
        Assert.Equal([1, 2, 3, 4, 5], ranked.Select(choice => choice.Rank));
        Assert.Equal(ranked.Select(choice => choice.MeanLogprob).OrderDescending(), ranked.Select(choice => choice.MeanLogprob));
        Assert.Equal(ranked[0].Logprobs.Average(), ranked[0].MeanLogprob!.Value, 1e-4);
    }

    [Fact]
    public async Task Sampling_options_reach_the_sampler()
    {
        SampleReport report = await Sample(
            "--random", "tiny:q8_0", "-n", "2", "--max-tokens", "5", "--temperature", "0", "--ignore-eos",
            "--logit-bias", "300=100", "--logit-bias", "301=99.5", "--frequency-penalty", "1");
        // After one use the first token's logit, about 100, is below that of the second, and then they take turns.
        Assert.All(report.Choices, choice => Assert.Equal([300, 301], choice.TokenIds.Distinct().Order()));
    }

    [Fact]
    public async Task A_stop_text_ends_a_sample_and_is_not_in_it()
    {
        SampleReport report = await Sample("-m", TestData.Stories(), "-n", "1", "--temperature", "0", "--stop", "Lily", "--stop", "-x");
        Assert.Equal(", there was a little girl named ", report.Choices[0].Text);
        Assert.Equal("stop", report.Choices[0].FinishReason);
    }

    [Fact]
    public async Task Without_a_model_the_one_beside_the_program_writes_and_says_so_where_it_is_noise()
    {
        CommandRun run = await CommandProcess.Run(["sample", "-n", "2", "--max-tokens", "4"]);
        Assert.Equal(0, run.Code);
        Assert.Equal(ModelName.Default(AppContext.BaseDirectory).HasRandomWeights, run.Error.Contains("noise", StringComparison.Ordinal));
        Assert.Contains("#1  score -", run.Output, StringComparison.Ordinal);
        Assert.Contains("#2  score -", run.Output, StringComparison.Ordinal);
        Assert.Contains("t/s", run.Output, StringComparison.Ordinal);
        Assert.Contains("times as much", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_trained_model_is_the_default_where_it_is_beside_the_program()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["assets"]);
        ModelName without = ModelName.Default(folder["."]);
        Assert.Equal(("assets/tiny-noise.gguf", true, false), (without.Text, without.HasRandomWeights, without.AnswersPuzzles));
        File.WriteAllText(folder["assets/puzzles.gguf"], "");
        ModelName with = ModelName.Default(folder["."]);
        Assert.Equal(("assets/puzzles.gguf", false, true), (with.Text, with.HasRandomWeights, with.AnswersPuzzles));
        Assert.True(File.Exists(with.DefaultPath));
    }

    [Fact]
    public async Task The_prompt_can_come_from_standard_input()
    {
        string[] args = ["sample", "--random", "tiny:q8_0", "--max-tokens", "4", "--temperature", "0", "--threads", "1", "--json"];
        CommandRun piped = await CommandProcess.Run([.. args, "-f", "-"], "tuna");
        CommandRun given = await CommandRun.Of([.. args, "-p", "tuna"]);
        Assert.Equal(Choices(Parse(given)), Choices(Parse(piped)));
    }

    [Fact]
    public async Task Ctrl_C_gives_what_is_done_as_one_document_and_code_130()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are sent with kill");
        using var command = CommandProcess.Start(
            "sample", "--random", "tiny:q8_0", "-p", "tuna", "-n", "2", "--max-tokens", "4000", "--ignore-eos", "--json");
        Assert.Contains("noise", await command.ErrorLine(), StringComparison.Ordinal);
        command.Interrupt();
        CommandRun run = await command.End();
        Assert.Equal((130, ""), (run.Code, run.Error));
        SampleReport report = Parse(run);
        Assert.Equal(2, report.Choices.Count);
        Assert.All(report.Choices, choice => Assert.Equal("cancelled", choice.FinishReason));
        Assert.All(report.Choices, choice => Assert.Equal(choice.TokenIds.Count, choice.Logprobs.Count));
    }

    [Fact]
    public void What_is_done_when_a_run_is_cancelled_is_ranked_too()
    {
        var run = new SampleRun(2);
        run.Add(new PromptProcessed(3, 0, TimeSpan.FromMilliseconds(1)));
        run.Add(new TokenGenerated(0, 5, "a", -2));
        run.Add(new TokenGenerated(1, 6, "b", -1));
        run.Add(new TokenGenerated(1, 7, "c", -1));
        run.Add(new BranchFinished(1, "d", FinishReason.Stop));
        IReadOnlyList<RankedSample> ranked = run.Ranked(new Ranking.RankingOptions());
        Assert.Equal(["bcd", "a"], ranked.Select(sample => sample.Text));
        Assert.Equal([FinishReason.Stop, null], ranked.Select(sample => sample.Reason));
        Assert.Equal((1, 1, 3, 1), (run.Steps, run.DecodedTokens, run.Tokens, run.Finished));
    }

    private static async Task<SampleReport> Sample(params string[] args)
    {
        // One thread unless it is said: tests run side by side.
        string[] threads = args.Contains("--threads") ? [] : ["--threads", "1"];
        CommandRun run = await CommandRun.Of(["sample", .. args, .. threads, .. Story]);
        Assert.Equal(0, run.Code);
        return Parse(run);
    }

    private static SampleReport Parse(CommandRun run) => JsonSerializer.Deserialize(run.Output, CommandJson.Readable.SampleReport)!;

    private static int[][] Choices(SampleReport report) => [.. report.Choices.Select(choice => choice.TokenIds.ToArray())];

    private static string[] Names(JsonElement element) => [.. element.EnumerateObject().Select(property => property.Name)];

    private static int[] Tokens(JsonElement choice) => [.. choice.GetProperty("token_ids").EnumerateArray().Select(id => id.GetInt32())];

    private static async Task<int[]> Golden()
    {
        using JsonDocument golden = JsonDocument.Parse((await File.ReadAllLinesAsync(TestData.StoriesGoldens()))[0]);
        Assert.Equal("Once upon a time", golden.RootElement.GetProperty("prompt").GetString());
        return [.. golden.RootElement.GetProperty("tokens").EnumerateArray().Select(id => id.GetInt32())];
    }
}
