using System.Diagnostics;
using System.Globalization;

namespace Coppice.Server.Tests;

/// <summary>The command <c>coppice</c> as a process of its own.</summary>
internal sealed class ServeProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private readonly Process _process;

    private ServeProcess(Process process, Uri address) => (_process, Address) = (process, address);

    public Uri Address { get; }

    /// <summary>Starts <c>coppice serve</c> on a free port and waits until it listens.</summary>
    public static async Task<ServeProcess> StartAsync(params string[] options)
    {
        Process process = Start(["serve", "--port", "0", "--threads", "1", .. options]);
        while (await process.StandardError.ReadLineAsync().WaitAsync(Patience) is { } line)
        {
            int at = line.IndexOf("http://", StringComparison.Ordinal);
            if (at >= 0) return new ServeProcess(process, new Uri(line[at..].Split(' ')[0].TrimEnd(':')));
        }

        throw new InvalidOperationException("it ended before it listened");
    }

    /// <summary>Runs a command to its end.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using Process process = Start(arguments);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Patience);
        return (process.ExitCode, await output, await error);
    }

    /// <summary>Sends SIGTERM.</summary>
    public void Terminate()
    {
        using Process kill = Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <summary>Waits for the end.</summary>
    /// <returns>The exit code, and what it wrote to standard error since it listens.</returns>
    public async Task<(int ExitCode, string Error)> EndAsync()
    {
        Task<string> error = _process.StandardError.ReadToEndAsync();
        await _process.WaitForExitAsync().WaitAsync(Patience);
        return (_process.ExitCode, await error);
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

    private static Process Start(string[] arguments) => Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Coppice.Cli.dll"), .. arguments])
    {
        UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true,
    })!;
}
