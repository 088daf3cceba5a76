using System.Diagnostics;

namespace Coppice.Cli.Tests;

public sealed class WrongInputTests
{
    [Theory]
    [InlineData("", "no command")]
    [InlineData("frobnicate", "command 'frobnicate'")]
    [InlineData("--frob", "option '--frob'")]
    [InlineData("inspect", "FILE")]
    [InlineData("inspect a b", "argument 'b'")]
    [InlineData("inspect --frob", "option '--frob'")]
    [InlineData("inspect --frob a", "option '--frob'")]
    [InlineData("inspect a --frob", "option '--frob'")]
    [InlineData("inspect a -x", "option '-x'")]
    [InlineData("inspect a --json=yes", "yes")]
    [InlineData("tokenize -p text", "--model")]
    [InlineData("tokenize -m", "-m")]
    [InlineData("tokenize -m a -m b -p text", "-m")]
    [InlineData("tokenize -m --frob -p text", "option '--frob'")]
    [InlineData("tokenize -m a", "--prompt", "--file", "neither")]
    [InlineData("tokenize -m a -p x -f y", "--prompt", "--file", "both")]
    [InlineData("random -o x.gguf", "SHAPE:TYPE")]
    [InlineData("random tiny:q4_0", "--output")]
    [InlineData("random tiny -o x.gguf", "SHAPE:TYPE", "'tiny'")]
    [InlineData("random giant:q4_0 -o x.gguf", "'giant'", "llama-2-7b")]
    [InlineData("random tiny:q4_9 -o x.gguf", "'q4_9'", "q4_0")]
    [InlineData("random tiny:q4_0 -o x.gguf --seed -1", "--seed", "'-1'")]
    [InlineData("random tiny:q4_0 -o x.gguf --seed 1.5", "--seed", "'1.5'")]
    [InlineData("random tiny:q4_0 -o x.gguf --seed 18446744073709551616", "--seed", "at least 0")]
    public async Task A_wrong_request_ends_with_code_2_and_one_line_that_names_what_is_wrong(string line, params string[] parts)
    {
        CommandRun run = await CommandRun.Of(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        run.HasOneErrorLine(2, parts);
        Assert.False(File.Exists("x.gguf"));
    }

    [Theory]
    [InlineData("inspect missing.gguf", "missing.gguf")]
    [InlineData("tokenize -m missing.gguf -p text", "missing.gguf")]
    [InlineData("tokenize -m missing.gguf -f missing.txt", "missing.txt")]
    [InlineData("random tiny:q4_0 -o missing/x.gguf", "missing")]
    public async Task A_missing_file_ends_with_code_1_and_its_name(string line, string name) =>
        (await CommandRun.Of(line.Split(' '))).HasOneErrorLine(1, name);

    [Fact]
    public async Task A_folder_in_place_of_a_file_ends_with_code_1()
    {
        using var folder = new TemporaryFolder();
        string path = folder["folder"];
        Directory.CreateDirectory(path);
        (await CommandRun.Of("inspect", path)).HasOneErrorLine(1, path);
        (await CommandRun.Of("random", "tiny:q8_0", "-o", path)).HasOneErrorLine(1, path);
    }

    [Fact]
    public async Task A_damaged_file_ends_with_code_1_and_its_name()
    {
        using var folder = new TemporaryFolder();
        string path = folder["damaged.gguf"];
        await File.WriteAllTextAsync(path, "GGUF but not really");
        (await CommandRun.Of("inspect", path)).HasOneErrorLine(1, "damaged.gguf");
        (await CommandRun.Of("tokenize", "-m", path, "-p", "text")).HasOneErrorLine(1, "damaged.gguf");
    }

    [Fact]
    public async Task A_truncated_model_ends_with_code_1_and_its_name()
    {
        using var folder = new TemporaryFolder();
        string path = folder["model.gguf"];
        await CommandRun.Of("random", "tiny:q8_0", "-o", path);
        using (FileStream file = File.OpenWrite(path)) file.SetLength(file.Length / 2);
        (await CommandRun.Of("inspect", path)).HasOneErrorLine(1, "model.gguf");
    }

    [Fact]
    public async Task A_prompt_file_that_is_not_utf8_ends_with_code_1_and_the_offset()
    {
        using var folder = new TemporaryFolder();
        string path = folder["prompt.txt"];
        await File.WriteAllBytesAsync(path, [0xEF, 0xBB, 0xBF, (byte)'a', 0xFF, (byte)'b']);
        (await CommandRun.Of("tokenize", "-m", "x", "-f", path)).HasOneErrorLine(1, "prompt.txt", "UTF-8", "offset 4");
    }

    [Fact]
    public async Task An_interrupted_command_ends_with_code_130_and_leaves_no_file()
    {
        using var folder = new TemporaryFolder();
        CommandRun run = await CommandRun.Of(new CancellationToken(canceled: true), "random", "tiny:q8_0", "-o", folder["x.gguf"]);
        run.HasOneErrorLine(130, "interrupted");
        Assert.Empty(folder.Files);
    }

    [Fact]
    public void Text_from_a_file_cannot_break_the_line()
    {
        string line = CommandErrors.OneLine("model 'a\r\nb\u001b[31mc\u2028d'");
        Assert.DoesNotContain(line, c => char.IsControl(c) || c == '\u2028');
    }

    [Fact]
    public async Task The_process_itself_ends_with_that_code_and_line()
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Coppice.Cli.dll"), "inspect", "--frob"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        new CommandRun(process.ExitCode, await output, await error).HasOneErrorLine(2, "--frob");
    }
}
