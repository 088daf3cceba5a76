using System.Text.Json;

namespace Coppice.Cli.Tests;

public sealed class CommandTests
{
    [Fact]
    public async Task Help_lists_every_command_and_ends_well()
    {
        CommandRun run = await CommandRun.Of("--help");
        Assert.Equal(0, run.Code);
        Assert.Equal("", run.Error);
        Assert.All(new[] { "coppice [command]", "inspect", "tokenize", "random" }, part => Assert.Contains(part, run.Output, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Help_of_a_subcommand_leaves_out_the_argument_of_the_command_above()
    {
        CommandRun below = await CommandRun.Of("eval", "perception", "--help");
        Assert.Equal(0, below.Code);
        Assert.Contains("coppice eval perception [options]", below.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("puzzles", below.Output, StringComparison.Ordinal);
        Assert.Contains("puzzles|FILE", (await CommandRun.Of("eval", "--help")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Version_is_a_number()
    {
        CommandRun run = await CommandRun.Of("--version");
        Assert.Equal(0, run.Code);
        Assert.Matches(@"^\d+\.\d+\.\d+", run.Output);
    }

    [Fact]
    public async Task Random_writes_the_same_file_for_a_seed_and_says_so_on_standard_error()
    {
        using var folder = new TemporaryFolder();
        CommandRun run = await CommandRun.Of("random", "tiny:q4_0", "-o", folder["a"], "--seed", "5");
        Assert.Equal(0, run.Code);
        Assert.Equal("", run.Output);
        Assert.Contains(folder["a"], run.Error, StringComparison.Ordinal);
        await CommandRun.Of("random", "tiny:q4_0", "-o", folder["b"], "--seed", "5");
        await CommandRun.Of("random", "tiny:q4_0", "-o", folder["c"], "--seed", "6");
        byte[] first = await File.ReadAllBytesAsync(folder["a"]);
        Assert.Equal(first, await File.ReadAllBytesAsync(folder["b"]));
        Assert.NotEqual(first, await File.ReadAllBytesAsync(folder["c"]));
    }

    [Fact]
    public async Task Inspect_gives_the_shape_that_was_written()
    {
        using var folder = new TemporaryFolder();
        await CommandRun.Of("random", "tiny-qwen3:q4_k", "-o", folder["m.gguf"]);
        CommandRun run = await CommandRun.Of("inspect", folder["m.gguf"], "--json");
        Assert.Equal("", run.Error);
        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement root = document.RootElement;
        Assert.Equal("qwen3", root.GetProperty("architecture").GetString());
        Assert.Equal(2, root.GetProperty("layers").GetInt32());
        Assert.Equal(128, root.GetProperty("key_length").GetInt32());
        Assert.Equal(512, root.GetProperty("vocabulary").GetProperty("tokens").GetInt32());
        Assert.False(root.GetProperty("has_chat_template").GetBoolean());
        // 2 layers x 2 KV heads x (128 + 128) elements x 2 bytes.
        Assert.Equal(2 * 2 * 256 * 2, root.GetProperty("kv_bytes_per_token_f16").GetInt64());
        Assert.Equal(2 * 2 * 256 / 32 * 34, root.GetProperty("kv_bytes_per_token_q8_0").GetInt64());
        JsonElement[] tensors = [.. root.GetProperty("tensors").EnumerateArray()];
        Assert.Equal(root.GetProperty("tensor_bytes").GetInt64(), tensors.Sum(tensor => tensor.GetProperty("bytes").GetInt64()));
        Assert.Equal(
            root.GetProperty("parameters").GetInt64(),
            tensors.Sum(tensor => tensor.GetProperty("dimensions").EnumerateArray().Aggregate(1L, (product, size) => product * size.GetInt64())));
    }

    [Fact]
    public async Task Inspect_lists_tensors_when_asked()
    {
        using var folder = new TemporaryFolder();
        await CommandRun.Of("random", "tiny:q8_0", "-o", folder["m.gguf"]);
        Assert.DoesNotContain("blk.1.ffn_down.weight", (await CommandRun.Of("inspect", folder["m.gguf"])).Output, StringComparison.Ordinal);
        string listed = (await CommandRun.Of("inspect", folder["m.gguf"], "--tensors")).Output;
        Assert.Contains("blk.1.ffn_down.weight  Q8_0  [512, 256]", listed, StringComparison.Ordinal);
        Assert.Contains("1.44 million", listed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tokenize_gives_ids_and_pieces()
    {
        using var folder = new TemporaryFolder();
        await CommandRun.Of("random", "tiny:q8_0", "-o", folder["m.gguf"]);
        TokenizeReport report = await Tokenize("-m", folder["m.gguf"], "-p", "tuna \u00fc");
        Assert.Equal(["<s>", "\u2581tu", "na", "\u2581", "<0xC3>", "<0xBC>"], report.Pieces);
        Assert.Equal(1, report.Ids[0]);
        Assert.Equal(report.Pieces.Length, report.Ids.Length);
    }

    [Theory]
    [InlineData("@tuna")]
    [InlineData("-x")]
    [InlineData("--frob")]
    [InlineData("")]
    public async Task Any_text_can_be_a_prompt(string text)
    {
        using var folder = new TemporaryFolder();
        await CommandRun.Of("random", "tiny:q8_0", "-o", folder["m.gguf"]);
        await File.WriteAllTextAsync(folder["prompt.txt"], text);
        TokenizeReport fromFile = await Tokenize("-m", folder["m.gguf"], "-f", folder["prompt.txt"]);
        TokenizeReport fromOption = await Tokenize("-m", folder["m.gguf"], "-p", text);
        Assert.Equal(fromFile.Ids, fromOption.Ids);
        Assert.Equal(text, string.Concat(fromOption.Pieces.Skip(1)).TrimStart('\u2581'));
    }

    [Fact]
    public async Task Tokenize_without_special_tokens_adds_none_and_finds_none()
    {
        using var folder = new TemporaryFolder();
        await CommandRun.Of("random", "tiny:q8_0", "-o", folder["m.gguf"]);
        TokenizeReport with = await Tokenize("-m", folder["m.gguf"], "-p", "a</s>");
        TokenizeReport without = await Tokenize("-m", folder["m.gguf"], "-p", "a</s>", "--no-special");
        Assert.Equal(["<s>", "\u2581", "a", "</s>"], with.Pieces);
        Assert.DoesNotContain("<s>", without.Pieces);
        Assert.DoesNotContain("</s>", without.Pieces);
    }

    [Fact]
    public async Task Tokenize_without_json_writes_a_token_a_line()
    {
        using var folder = new TemporaryFolder();
        await CommandRun.Of("random", "tiny:q8_0", "-o", folder["m.gguf"]);
        string[] lines = (await CommandRun.Of("tokenize", "-m", folder["m.gguf"], "-p", "tuna")).Output.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.EndsWith("\"\u2581tu\"", lines[1], StringComparison.Ordinal);
    }

    private static async Task<TokenizeReport> Tokenize(params string[] args)
    {
        CommandRun run = await CommandRun.Of(["tokenize", .. args, "--json"]);
        Assert.Equal("", run.Error);
        return JsonSerializer.Deserialize(run.Output, CommandJson.Readable.TokenizeReport)!;
    }
}
