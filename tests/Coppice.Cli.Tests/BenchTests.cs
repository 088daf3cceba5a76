using System.Text.Json;

namespace Coppice.Cli.Tests;

public sealed class BenchTests
{
    [Theory]
    [InlineData("tiny:q8_0", "f16")]
    [InlineData("tiny:q8_0", "f32")]
    [InlineData("tiny:q8_0", "q8_0")]
    [InlineData("tiny-starcoder:q4_0", "f16")]
    public async Task Counted_bytes_equal_the_formula(string model, string kv)
    {
        CommandRun run = await CommandRun.Of(
            "bench", "--random", model, "--prompt-tokens", "5,70", "--samples", "1,4,33", "--tokens", "3", "--attention", "both", "--repeats", "1",
            "--kv", kv, "--threads", "1", "--json");
        Assert.Equal((0, ""), (run.Code, run.Error));
        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement first = document.RootElement.GetProperty("rows")[0];
        Assert.Equal(
            ["prompt_tokens", "samples", "tokens", "attention", "prefill_tokens_per_second", "ms_per_step", "decode_tokens_per_second",
                "kv_bytes_read_per_step", "kv_bytes_formula", "peak_rss_bytes"],
            first.EnumerateObject().Select(property => property.Name));
        IReadOnlyList<BenchRow> rows = JsonSerializer.Deserialize(run.Output, CommandJson.Readable.BenchReport)!.Rows;
        Assert.Equal(12, rows.Count);
        Assert.All(rows, row => Assert.Equal(row.KvBytesFormula, row.KvBytesReadPerStep));
        Assert.All(rows, row => Assert.True(row.MsPerStep > 0 && row.PrefillTokensPerSecond > 0 && row.DecodeTokensPerSecond > 0));
        // A row written out: layers x KV heads x width x keys and values, of a prompt of 70 and 4 samples of 1, 2 and 3 tokens.
        int token = (model.StartsWith("tiny:", StringComparison.Ordinal) ? 2 * 2 * 2 : 2 * 1 * 2) * (kv switch { "f16" => 64 * 2, "f32" => 64 * 4, _ => 2 * 34 });
        Assert.Equal(token * (70 + (4 * 2)), Row("bifurcated").KvBytesFormula);
        Assert.Equal(token * 4 * (70 + 2), Row("repeated").KvBytesFormula);

        BenchRow Row(string attention) => rows.Single(row => row.PromptTokens == 70 && row.Samples == 4 && row.Attention == attention);
    }

    [Fact]
    public async Task Without_json_there_is_a_line_a_row()
    {
        CommandRun run = await CommandRun.Of(
            "bench", "--random", "tiny:q8_0", "--prompt-tokens", "20", "--samples", "1,2", "--tokens", "2", "--repeats", "2", "--warmup", "0", "--threads", "1");
        Assert.Equal((0, ""), (run.Code, run.Error));
        string[] lines = run.Output.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.Equal(lines[0].Length, lines[1].Length);
    }

    [Fact]
    public async Task The_time_to_the_first_token_is_the_sum_of_its_parts()
    {
        CommandRun run = await CommandRun.Of("bench", "--cold", "--random", "tiny:q4_0", "--repeats", "1", "--warmup", "0", "--threads", "1", "--json");
        Assert.Equal(0, run.Code);
        using JsonDocument document = JsonDocument.Parse(run.Output);
        Assert.Equal(
            ["weights", "cache", "prompt_tokens", "file_bytes", "file_bytes_cached", "open_ms", "weights_ms", "prefill_ms", "first_token_ms", "total_ms"],
            document.RootElement.GetProperty("rows")[0].EnumerateObject().Select(property => property.Name));
        IReadOnlyList<ColdRow> rows = JsonSerializer.Deserialize(run.Output, CommandJson.Readable.ColdReport)!.Rows;
        Assert.Equal(["packed cold", "packed warm", "mapped cold", "mapped warm"], rows.Select(row => $"{row.Weights} {row.Cache}"));
        Assert.All(rows, row => Assert.Equal(32, row.PromptTokens));
        Assert.All(rows, row => Assert.True(row.OpenMs > 0 && row.WeightsMs > 0 && row.PrefillMs > 0 && row.FirstTokenMs >= 0));
        Assert.All(rows, row => Assert.Equal(row.OpenMs + row.WeightsMs + row.PrefillMs + row.FirstTokenMs, row.TotalMs, 0.01));
        if (OperatingSystem.IsLinux()) Assert.All(rows.Where(row => row.Cache == "warm"), row => Assert.Equal(row.FileBytes, row.FileBytesCached));
    }

    [Fact]
    public async Task Cold_rows_are_of_the_weights_and_the_prompt_that_were_asked_for()
    {
        CommandRun run = await CommandRun.Of(
            "bench", "--cold", "--random", "tiny:q8_0", "--weights", "mapped", "--prompt-tokens", "5,9", "--repeats", "2", "--warmup", "1", "--threads", "1");
        Assert.Equal(0, run.Code);
        string[] lines = run.Output.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(5, lines.Length);
        Assert.All(lines, line => Assert.Equal(lines[0].Length, line.Length));
        Assert.All(lines[1..], line => Assert.Contains("mapped", line, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--samples", "4")]
    [InlineData("--tokens", "3")]
    [InlineData("--attention", "both")]
    public async Task What_does_not_go_with_cold_is_refused(string option, string value)
    {
        CommandRun run = await CommandRun.Of("bench", "--cold", "--random", "tiny:q8_0", option, value);
        Assert.Equal((2, ""), (run.Code, run.Output));
        Assert.Contains($"{option}: expected no such option beside --cold", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new[] { 3.0 }, 3)]
    [InlineData(new[] { 9.0, 1, 2 }, 2)]
    [InlineData(new[] { 4.0, 1, 2, 9 }, 3)]
    public void The_median_is_the_middle(double[] values, double median) => Assert.Equal(median, BenchRunner.Median(values));
}
