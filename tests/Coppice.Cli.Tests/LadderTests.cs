using System.Text.Json;

namespace Coppice.Cli.Tests;

public sealed class LadderTests
{
    private const int Prompt = 40;
    private const int Samples = 3;

    [Theory]
    [InlineData("tiny:q8_0")]
    [InlineData("tiny-gemma2:q4_k")] // windows, soft caps, norms behind the blocks
    [InlineData("tiny-qwen3:q6_k")] // norms of queries and keys
    [InlineData("tiny-starcoder:f16")] // float weights, learned positions, no gate
    public async Task All_rungs_are_there_and_their_percentages_follow_from_the_figures(string model)
    {
        LadderReport report = await Measure(model);
        Assert.Equal((model, 2, Prompt, 1), (report.Model, report.Threads, report.PromptTokens, report.Rounds));
        (string, int)[] steps = [("decode", 1), ("decode", Samples), ("prefill", Prompt)];
        Assert.Equal(steps, report.Steps.Select(step => (step.Phase, step.Rows)));
        Assert.Equal(steps, report.Kernels.Select(row => (row.Phase, row.Rows)).Distinct());
        Assert.Equal([("decode", 1), ("decode", Samples), ("prefill", 1)], report.Runs.Select(run => (run.Phase, run.Samples)));
        Assert.Equal(2, report.Sampling.Count);
        Assert.All(report.Kernels, row => AssertFollows(row, report.Machine));
        Assert.All(report.Steps, step => AssertFollows(step, report));
        Assert.All(report.Runs, run => AssertShare(run.PercentOfStep, run.TokensPerSecond, run.StepTokensPerSecond));
        Assert.All(report.Sampling, row => Assert.True(row.MsPerRow > 0 && row.Vocabulary == 512));
        foreach (LadderRate rate in new[] { report.Machine.MemoryGbPerSecond, report.Machine.FmaGflopPerSecond })
        {
            Assert.True(rate.OneThread > 0 && rate.AllThreads > 0);
            Assert.Equal(rate.AllThreads / rate.OneThread, rate.Ratio, 9);
        }
    }

    [Fact]
    public async Task Work_is_that_of_the_model()
    {
        LadderReport report = await Measure("tiny:f32");
        // Width 256, 4 heads and 2 KV heads of 64, feed-forward 512, vocabulary 512, 2 layers.
        LadderKernelRow projections = Row("decode", Samples, "query, key, value");
        Assert.Equal(2.0 * Samples * 2 * 256 * (256 + 128 + 128), projections.FloatOperations);
        Assert.Equal(4L * 2 * 256 * (256 + 128 + 128), projections.Bytes);
        Assert.Equal("F32", projections.Types);
        // Only the last row of a prompt goes behind the last layer's attention.
        Assert.Equal(2.0 * (Prompt + 1) * 512 * 256, Row("prefill", Prompt, "down").FloatOperations);
        Assert.Equal(2.0 * 512 * 256, Row("prefill", Prompt, "output").FloatOperations);
        // Each branch has 2 tokens of its own in the middle of a run of 3 steps; the prompt is read once for all.
        LadderKernelRow attention = Row("decode", Samples, "attention");
        Assert.Equal(2L * 2 * 2 * 64 * 2 * (Prompt + (Samples * 2)), attention.Bytes);
        Assert.Equal(2.0 * 4 * Samples * (Prompt + 2) * 4 * 64, attention.FloatOperations);
        Assert.Equal("F16", attention.Types);
        Assert.Equal(2.0 * 4 * (Prompt * (Prompt + 1) / 2) * 4 * 64, Row("prefill", Prompt, "attention").FloatOperations);

        LadderKernelRow Row(string phase, int rows, string kernel) =>
            report.Kernels.Single(row => row.Phase == phase && row.Rows == rows && row.Kernel == kernel);
    }

    [Fact]
    public async Task Without_json_there_is_a_table_with_every_row()
    {
        CommandRun run = await CommandRun.Of(
            "bench", "--ladder", "--random", "tiny:q8_0", "--prompt-tokens", "20", "-n", "2", "--tokens", "1", "--repeats", "1", "--threads", "1");
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.All(
            new[] { "tiny:q8_0 (llama), prompt 20", "memory read", "512-bit VNNI", "decode, rows 1", "decode, rows 2", "prefill, rows 20", "gate, up", "attention", "rotary", "greedy", "of kernels", "of step" },
            part => Assert.Contains(part, run.Output, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(true, 1.99)]
    [InlineData(false, 1.52)]
    public void A_machine_that_is_not_quiet_is_called_so(bool quiet, double ratio)
    {
        var rate = new LadderRate(100, 100 * ratio, ratio);
        var report = new LadderReport("m", "llama", 2, "avx2", 1, 1, new LadderMachine(rate, rate, null, null, quiet), [], [], [], []);
        using var output = new StringWriter();
        LadderTable.Write(output, report);
        Assert.Equal(!quiet, output.ToString().Contains("not a quiet machine: 2 threads do 1.52 times", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--prompt-tokens 16,32", "--prompt-tokens", "one length", "2")]
    [InlineData("--attention both", "--attention", "--ladder")]
    [InlineData("--attention bifurcated", "--attention", "--ladder")]
    [InlineData("--warmup 2", "--warmup", "--ladder")]
    [InlineData("--samples 0", "--samples", "'0'")]
    [InlineData("-m a", "--model", "--random", "both")]
    public async Task What_does_not_go_with_the_ladder_ends_with_code_2_and_one_line(string line, params string[] parts) =>
        (await CommandRun.Of(["bench", "--ladder", "--random", "tiny:q8_0", .. line.Split(' ')])).HasOneErrorLine(2, parts);

    [Fact]
    public async Task A_missing_file_ends_with_code_1() =>
        (await CommandRun.Of("bench", "--ladder", "-m", "missing.gguf")).HasOneErrorLine(1, "missing.gguf");

    [Theory]
    [InlineData(0, 0, true)]
    [InlineData(1, 300, true)] // two rounds however long they take
    [InlineData(2, 50, false)] // a third would end past a minute
    [InlineData(2, 30, true)]
    [InlineData(8, 1, false)]
    public void Rounds_end_with_their_time(int done, int seconds, bool wants) =>
        Assert.Equal(wants, new LadderPlan(512, [1], 16, null).WantsRound(done, TimeSpan.FromSeconds(seconds)));

    private static async Task<LadderReport> Measure(string model)
    {
        CommandRun run = await CommandRun.Of(
            "bench", "--ladder", "--random", model, "--prompt-tokens", $"{Prompt}", "--samples", $"{Samples}", "--tokens", "3", "--repeats", "1",
            "--threads", "2", "--json");
        Assert.Equal((0, ""), (run.Code, run.Error));
        return JsonSerializer.Deserialize(run.Output, CommandJson.Readable.LadderReport)!;
    }

    private static void AssertFollows(LadderKernelRow row, LadderMachine machine)
    {
        Assert.True(row.Ms > 0 && row.Bytes > 0 && row.GbPerSecond > 0, row.Kernel);
        AssertSame(row.Bytes / row.Ms / 1e6, row.GbPerSecond);
        AssertSame((row.ByteOperations + row.FloatOperations) / row.Ms / 1e6, row.GopPerSecond);
        if (row.Bound is null)
        {
            Assert.Equal((0, "", null, null), (row.GopPerSecond, row.Types, row.BoundMs, row.PercentOfBound));
            return;
        }

        (double memory, double arithmetic) = BoundMs(row, machine);
        AssertSame(Math.Max(memory, arithmetic), row.BoundMs!.Value);
        Assert.Equal(memory >= arithmetic, row.Bound == "memory");
        AssertShare(row.PercentOfBound!.Value, row.BoundMs.Value, row.Ms);
    }

    private static void AssertFollows(LadderStepRow step, LadderReport report)
    {
        LadderKernelRow[] kernels = [.. report.Kernels.Where(row => row.Phase == step.Phase && row.Rows == step.Rows)];
        AssertSame(kernels.Sum(row => row.Ms), step.KernelsMs);
        AssertSame(kernels.Sum(row => row.BoundMs ?? 0), step.BoundMs);
        AssertSame(kernels.Where(row => row.Bound is not null).Sum(row => BoundMs(row, report.Machine).Memory), step.MemoryMs);
        AssertSame(kernels.Where(row => row.Bound is not null).Sum(row => BoundMs(row, report.Machine).Arithmetic), step.ArithmeticMs);
        AssertSame(step.Rows / step.Ms * 1e3, step.TokensPerSecond);
        AssertShare(step.PercentOfKernels, step.KernelsMs, step.Ms);
        AssertShare(step.PercentOfBound, step.BoundMs, step.Ms);
    }

    private static (double Memory, double Arithmetic) BoundMs(LadderKernelRow row, LadderMachine machine)
    {
        double fma = machine.FmaGflopPerSecond.AllThreads;
        double vnni = (machine.Vnni512GopPerSecond ?? machine.Vnni256GopPerSecond)?.AllThreads ?? fma;
        return (row.Bytes / machine.MemoryGbPerSecond.AllThreads / 1e6, (row.ByteOperations / vnni / 1e6) + (row.FloatOperations / fma / 1e6));
    }

    private static void AssertShare(double percent, double part, double whole)
    {
        Assert.True(part > 0 && whole > 0);
        AssertSame(100 * part / whole, percent);
    }

    private static void AssertSame(double expected, double found) => Assert.InRange(found, expected * (1 - 1e-9), expected * (1 + 1e-9));
}
