using System.Text.Json;

namespace Coppice.Cli.Tests;

public sealed class PerplexityTests
{
    [Fact]
    public async Task The_second_half_of_each_window_is_scored_after_a_begin_token()
    {
        string text = string.Join(' ', Enumerable.Repeat("Once upon a time, there was a little girl named Lily.", 6));
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder["text.txt"], text);
        CommandRun run = await CommandRun.Of("perplexity", "-m", TestData.Stories(), "-f", folder["text.txt"], "--context", "32", "--threads", "1", "--json");
        Assert.Equal((0, ""), (run.Code, run.Error));
        PerplexityReport report = JsonSerializer.Deserialize(run.Output, CommandJson.Readable.PerplexityReport)!;

        using Engine engine = Engine.Load(TestData.Stories(), new EngineOptions { Threads = 1 });
        int[] tokens = engine.Tokenizer.Encode(text);
        double sum = 0;
        int scored = 0;
        for (int start = 0; start + 32 <= tokens.Length; start += 32)
        {
            int[] window = tokens[start..(start + 32)];
            window[0] = engine.Tokenizer.BosId;
            IReadOnlyList<float> logprobs = await engine.ScoreAsync(window);
            foreach (float logprob in logprobs.Skip(16))
            {
                sum += logprob;
                scored++;
            }
        }

        int windows = tokens.Length / 32;
        Assert.Equal(15 * windows, scored);
        Assert.Equal((windows, 32, 32L * windows), (report.Windows, report.Context, report.Tokens));
        Assert.Equal(Math.Exp(-sum / scored), report.Perplexity, 1e-6);
        // Its own kind of text is easy for it; without a model's help each of the 512 tokens is as likely.
        Assert.InRange(report.Perplexity, 1, 20);
    }

    [Fact]
    public async Task The_document_has_the_documented_names_and_the_text_has_one_line()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder["text.txt"], new string('a', 64));
        string[] args = ["perplexity", "--random", "tiny:q8_0", "-f", folder["text.txt"], "--context", "16", "--threads", "1"];
        using JsonDocument document = JsonDocument.Parse((await CommandRun.Of([.. args, "--json"])).Output);
        Assert.Equal(
            ["model", "perplexity", "tokens", "windows", "context", "seconds", "tokens_per_second"],
            document.RootElement.EnumerateObject().Select(property => property.Name));
        Assert.Single((await CommandRun.Of(args)).Output.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task A_text_that_is_too_short_ends_with_code_2()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder["text.txt"], "tuna");
        (await CommandRun.Of("perplexity", "--random", "tiny:q8_0", "-f", folder["text.txt"])).HasOneErrorLine(2, "at least 1024 tokens");
    }
}
