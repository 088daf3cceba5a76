using System.Diagnostics;
using System.Globalization;

namespace Coppice.Cli.Tests;

/// <summary>The command as a process of its own, as users start it.</summary>
internal sealed class CommandProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private readonly Process _process;
    private readonly Task<string> _output;
    private Task<string> _error;

    private CommandProcess(string[] args)
    {
        var start = new ProcessStartInfo("dotnet", [Program(), .. args])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _process = Process.Start(start)!;
        _output = _process.StandardOutput.ReadToEndAsync();
        _error = Task.FromResult("");
    }

    /// <summary>Starts it and leaves it running.</summary>
    public static CommandProcess Start(params string[] args) => new(args);

    /// <summary>Runs it to its end.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="input">Standard input.</param>
    public static async Task<CommandRun> Run(string[] args, string input = "")
    {
        using var command = new CommandProcess(args);
        await command._process.StandardInput.WriteAsync(input);
        command._process.StandardInput.Close();
        return await command.End();
    }

    /// <summary>Waits for one line on standard error.</summary>
    public async Task<string?> ErrorLine() => await _process.StandardError.ReadLineAsync().WaitAsync(Patience);

    /// <summary>What Ctrl-C sends.</summary>
    public void Interrupt()
    {
        using Process kill = Process.Start("kill", ["-INT", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <summary>Ends it without a chance to do anything more.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync().WaitAsync(Patience);
    }

    /// <summary>Waits for the end.</summary>
    public async Task<CommandRun> End()
    {
        _error = _process.StandardError.ReadToEndAsync();
        await _process.WaitForExitAsync().WaitAsync(Patience);
        return new CommandRun(_process.ExitCode, await _output, await _error);
    }

    /// <summary>The lines of a file that a process keeps to itself, as a program without locks sees them.</summary>
    public static string[] Lines(string file)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "files in use can't be read");
        using Process cat = Process.Start(new ProcessStartInfo("cat", [file]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        string text = cat.StandardOutput.ReadToEnd();
        cat.WaitForExit();
        return text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    /// <summary>The program beside the tests, or in its own project's output of the same configuration.</summary>
    private static string Program()
    {
        const string name = "Coppice.Cli.dll";
        string here = AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar);
        string[] places = [Path.Combine(here, name), Path.Combine(here, "..", "..", "Coppice.Cli", Path.GetFileName(here), name)];
        return places.FirstOrDefault(path => File.Exists(path) && File.Exists(Path.ChangeExtension(path, ".runtimeconfig.json")))
            ?? throw new FileNotFoundException($"{name} is neither beside the tests nor in its own output");
    }
}
