namespace Coppice.Cli.Tests;

public sealed class SampleWrongInputTests
{
    [Theory]
    [InlineData("-n 0", "--samples", "'0'")]
    [InlineData("-n -1", "--samples", "'-1'")]
    [InlineData("-n 70000", "--samples", "'70000'")]
    [InlineData("--top-p 2", "top-p", "2")]
    [InlineData("--min-p 2", "min-p")]
    [InlineData("--kv f8", "--kv", "'f8'")]
    [InlineData("--attention both", "--attention", "'both'")]
    [InlineData("--bogus", "option '--bogus'")]
    [InlineData("-m x.gguf", "--model", "--random", "both")]
    [InlineData("--max-tokens 0", "--max-tokens")]
    [InlineData("--max-tokens 5000", "--max-tokens", "4096", "5000")]
    [InlineData("--context 2", "prompt", "context of 2")]
    [InlineData("--presence-penalty 3", "presence-penalty")]
    [InlineData("--repetition-penalty x", "--repetition-penalty", "'x'")]
    [InlineData("--logit-bias 3", "--logit-bias", "ID=VALUE", "'3'")]
    [InlineData("--logit-bias 99999=1", "logit-bias", "99999")]
    [InlineData("--logit-bias 3=101", "logit-bias", "101")]
    [InlineData("--rank best", "--rank", "majority", "'best'")]
    [InlineData("--rank majority --answer-pattern (", "answer-pattern", "'('")]
    [InlineData("--threads 0", "--threads")]
    public async Task A_wrong_option_ends_with_code_2_and_one_line(string options, params string[] parts) =>
        (await CommandRun.Of(["sample", "--random", "tiny:q8_0", "-p", "tuna", .. options.Split(' ')])).HasOneErrorLine(2, parts);

    [Theory]
    [InlineData("bench --random tiny:q8_0 --prompt-tokens 5,x", "--prompt-tokens", "'x'")]
    [InlineData("bench --random tiny:q8_0 --samples 0", "--samples", "'0'")]
    [InlineData("bench --random tiny:q8_0 --samples 1,", "--samples", "''")]
    [InlineData("bench --random tiny:q8_0 --tokens 0", "--tokens")]
    [InlineData("bench --random tiny:q8_0 --repeats 0", "--repeats")]
    [InlineData("bench --random tiny:q8_0 --attention none", "--attention", "'none'")]
    [InlineData("bench --random tiny-starcoder:q8_0 --prompt-tokens 2000", "--prompt-tokens", "1024")]
    [InlineData("bench", "--model", "--random", "neither")]
    [InlineData("perplexity --random tiny:q8_0", "--file", "neither")]
    [InlineData("perplexity --random tiny:q8_0 -p x --context 3", "--context")]
    [InlineData("sample --random tiny:q8_0", "--prompt", "--file", "neither")]
    public async Task Other_commands_do_the_same(string line, params string[] parts) =>
        (await CommandRun.Of(line.Split(' '))).HasOneErrorLine(2, parts);

    [Fact]
    public async Task An_empty_prompt_or_stop_text_ends_with_code_2()
    {
        (await CommandRun.Of("sample", "--random", "tiny:q8_0", "-p", "")).HasOneErrorLine(2, "prompt", "empty");
        (await CommandRun.Of("sample", "--random", "tiny:q8_0", "-p", "x", "--stop", "")).HasOneErrorLine(2, "--stop", "empty");
    }

    [Fact]
    public async Task A_prompt_longer_than_the_context_ends_with_code_2()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder["long.txt"], new string('\u00fc', 3000));
        (await CommandRun.Of("sample", "--random", "tiny:q8_0", "-f", folder["long.txt"])).HasOneErrorLine(2, "prompt", "4096");
    }

    [Fact]
    public async Task Files_that_are_missing_or_no_models_end_with_code_1()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder["text.gguf"], "Once upon a time there was a text.");
        await CommandRun.Of("random", "tiny:q8_0", "-o", folder["cut.gguf"]);
        using (FileStream file = File.OpenWrite(folder["cut.gguf"])) file.SetLength(file.Length / 2);
        foreach (string command in new[] { "sample", "bench", "perplexity" })
        {
            string[] prompt = command == "bench" ? [] : ["-p", "tuna"];
            (await CommandRun.Of([command, "-m", folder["missing.gguf"], .. prompt])).HasOneErrorLine(1, "missing.gguf");
            (await CommandRun.Of([command, "-m", folder["text.gguf"], .. prompt])).HasOneErrorLine(1, "text.gguf");
            (await CommandRun.Of([command, "-m", folder["cut.gguf"], .. prompt])).HasOneErrorLine(1, "cut.gguf");
        }

        (await CommandRun.Of("sample", "--random", "tiny:q8_0", "-f", folder["missing.txt"])).HasOneErrorLine(1, "missing.txt");
    }
}
