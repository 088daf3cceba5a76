namespace Coppice.Cli.Tests;

/// <summary>What a run of the command left: its exit code and both streams.</summary>
internal sealed record CommandRun(int Code, string Output, string Error)
{
    public static async Task<CommandRun> Of(params string[] args) => await Of(CancellationToken.None, args);

    public static async Task<CommandRun> Of(CancellationToken cancel, params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        int code = await CoppiceCommand.RunAsync(args, output, error, cancel);
        return new CommandRun(code, output.ToString(), error.ToString());
    }

    /// <summary>Checks that nothing is on standard output and one line on standard error.</summary>
    /// <param name="code">The exit code it must have.</param>
    /// <param name="parts">What the line must hold.</param>
    public void HasOneErrorLine(int code, params string[] parts)
    {
        Assert.Equal("", Output);
        Assert.EndsWith(Environment.NewLine, Error, StringComparison.Ordinal);
        string line = Error[..^Environment.NewLine.Length];
        Assert.DoesNotContain('\n', line);
        Assert.StartsWith("coppice: ", line, StringComparison.Ordinal);
        Assert.All(parts, part => Assert.Contains(part, line, StringComparison.Ordinal));
        Assert.Equal(code, Code);
    }
}

/// <summary>A folder of its own that goes away at the end.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("coppice-cli-");

    public string this[string name] => Path.Combine(_folder.FullName, name);

    public string[] Files => [.. _folder.GetFiles().Select(file => file.Name)];

    public void Dispose() => _folder.Delete(recursive: true);
}
