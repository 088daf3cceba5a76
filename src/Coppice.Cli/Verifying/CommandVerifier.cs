// A command is untrusted: so is what it runs. It may hang, print without end, not read its input, ignore signals, or leave processes
// behind that outlive it and hold its streams open. So it runs under a limit of time and one of output, its streams are served by
// threads of their own, and at the end it is killed with all that it started: its tree while that stands, and by its session and a mark
// in the environment what has left the tree (MarkedProcesses).
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Coppice.Cli.Verifying;

/// <summary>Runs a shell command on each sample: exit code 0 means right.</summary>
internal sealed partial class CommandVerifier : IVerifier
{
    /// <summary>How long the streams of a command that has ended are waited for before what holds them is killed.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(300);

    /// <summary>How long a killed process is waited for.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Gives a command a session of its own and becomes it: the process started leads none, so no other is made. Null where there is none.</summary>
    private static readonly string? s_setsid = Array.Find(["/usr/bin/setsid", "/bin/setsid"], File.Exists);

    private readonly VerifySettings _settings;
    private readonly string _mark = $"{Guid.NewGuid():N}-";
    private int _number;

    private CommandVerifier(VerifySettings settings) => _settings = settings;

    /// <inheritdoc/>
    public string Name => string.Create(
        CultureInfo.InvariantCulture, $"{_settings.Command} ({_settings.Timeout.TotalSeconds} s, {_settings.OutputBytes} bytes)");

    /// <summary>Makes a verifier after a look at its command.</summary>
    /// <param name="settings">The command and its limits.</param>
    /// <param name="withProblems">Whether samples belong to problems of a file.</param>
    /// <exception cref="RequestRejectedException">There is no such program, or it asks for a file that there is not.</exception>
    public static CommandVerifier Create(VerifySettings settings, bool withProblems)
    {
        if (!withProblems && SubmissionFiles.AsksForProblem(settings.Command))
            throw new RequestRejectedException(VerifyArguments.Name, "{file}, {sample} or {prompt} where no file holds problems", "{problem}");
        // A shell would say so once for each sample; only a first word that the shell does not change can be looked for.
        Match first = FirstWord().Match(settings.Command);
        if (first.Success && !OperatingSystem.IsWindows() && !IsThere(first.Groups["word"].Value))
            throw new RequestRejectedException(VerifyArguments.Name, "a command that can be run", $"'{first.Groups["word"].Value}', which is not there or no program");
        return new CommandVerifier(settings);
    }

    /// <inheritdoc/>
    public async Task<Verdict> CheckAsync(Submission submission, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        using var files = new SubmissionFiles(_settings.Command, submission);
        string mark = $"{_mark}{Interlocked.Increment(ref _number)}";
        using Process process = Start(files.Command, mark);
        var output = new BoundedOutput(_settings.OutputBytes);
        Task reading = Task.WhenAll(
            Blocking(() => output.ReadOutput(process.StandardOutput.BaseStream)),
            Blocking(() => output.ReadError(process.StandardError.BaseStream)));
        Task feeding = Blocking(() => Feed(process.StandardInput.BaseStream, SubmissionFiles.Bytes(submission.Program)));
        bool ended = await EndsAsync(process, output.Overflow, cancel);
        if (!ended) Kill(process, mark);
        await StreamsEndAsync(Task.WhenAll(reading, feeding), output.Overflow, () => MarkedProcesses.Kill(mark, process.Id));
        cancel.ThrowIfCancellationRequested();
        if (output.Overflow.IsCompleted) return new(false, $"it printed more than {_settings.OutputBytes} bytes");
        if (!ended) return new(false, string.Create(CultureInfo.InvariantCulture, $"it took longer than {_settings.Timeout.TotalSeconds} s"));
        string line = output.LastLine();
        return new(process.ExitCode == 0, line.Length > 0 ? $"exit {process.ExitCode}: {line}" : $"exit {process.ExitCode}");
    }

    /// <summary>Kills what commands have left behind.</summary>
    public void Dispose() => MarkedProcesses.KillAll(_mark);

    /// <summary>Waits for the end of a command within its limits.</summary>
    /// <returns>Whether it ended by itself.</returns>
    private async Task<bool> EndsAsync(Process process, Task overflow, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(_settings.Timeout);
        try
        {
            Task exit = process.WaitForExitAsync(limit.Token);
            if (await Task.WhenAny(exit, overflow) != exit) return false;
            await exit;
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Lets a command's streams end, kills what it left behind, whether that holds them or not.</summary>
    private static async Task StreamsEndAsync(Task streams, Task overflow, Action killRest)
    {
        await Task.WhenAny(streams, overflow, Task.Delay(Grace));
        killRest();
        // Where a process can't be found, its streams are left to the threads that read them.
        await Task.WhenAny(streams, Task.Delay(Patience));
    }

    private static void Kill(Process process, string mark)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It has just ended, or part of it belongs to somebody else.
        }

        MarkedProcesses.Kill(mark, process.Id);
        process.WaitForExit(Patience);
    }

    private static void Feed(Stream input, byte[] bytes)
    {
        try
        {
            using (input) input.Write(bytes);
        }
        catch (IOException)
        {
            // The command need not read it.
        }
    }

    private static Process Start(string command, string mark)
    {
        // Ctrl-C in a terminal goes to all its processes; whether a command ends then is decided here, and a verdict is not made of it.
        string[] shell = ["/bin/sh", "-c", $"trap '' INT QUIT\n{command}"];
        ProcessStartInfo start = OperatingSystem.IsWindows() ? new ProcessStartInfo("cmd.exe", $"/d /s /c \"{command}\"")
            : s_setsid is null ? new ProcessStartInfo(shell[0], shell[1..])
            : new ProcessStartInfo(s_setsid, shell);
        start.UseShellExecute = false;
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        start.Environment[MarkedProcesses.Variable] = mark;
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new IOException($"{VerifyArguments.Name}: the shell can't be started ({e.Message})", e);
        }
    }

    private static bool IsThere(string word)
    {
        const string script = "case $1 in */*) [ -x \"$1\" ] && [ ! -d \"$1\" ];; *) command -v -- \"$1\" >/dev/null 2>&1;; esac";
        var start = new ProcessStartInfo("/bin/sh", ["-c", script, "sh", word]) { UseShellExecute = false };
        using Process look = Process.Start(start)!;
        look.WaitForExit();
        return look.ExitCode == 0;
    }

    private static Task Blocking(Action work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    [GeneratedRegex(@"^\s*(?<word>[A-Za-z0-9_./+-]+)(?=\s|$)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex FirstWord();
}
