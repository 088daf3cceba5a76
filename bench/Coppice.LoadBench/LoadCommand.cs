using System.CommandLine;
using System.Text.Json;
using Spectre.Console;

namespace Coppice.LoadBench;

/// <summary>The program: reads the command line, sends the load and reports. Exit 0 good, 1 nothing worked, 2 the command line was wrong, 130 interrupted.</summary>
internal static class LoadCommand
{
    private const int Good = 0;
    private const int Failed = 1;
    private const int Wrong = 2;
    private const int Interrupted = 130;

    /// <summary>Runs a command line.</summary>
    /// <param name="args">The arguments.</param>
    /// <param name="output">Gets the table or the JSON document.</param>
    /// <param name="error">Gets progress and the one line of an error.</param>
    /// <param name="cancel">Ends the run; what is done is reported.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error, CancellationToken cancel)
    {
        var arguments = new LoadArguments();
        ParseResult parsed = arguments.Root.Parse(args);
        if (parsed.Action is { Terminating: true } help && parsed.Errors.Count == 0)
            return await parsed.InvokeAsync(new InvocationConfiguration { Output = output }, CancellationToken.None).ConfigureAwait(false);
        if (parsed.Errors.Count > 0) return End(Wrong, parsed.Errors[0].Message);
        try
        {
            LoadOptions options = arguments.Read(parsed);
            var workload = new Workload(options);
            using var client = new LoadClient(options, workload);
            if (await client.ConnectAsync(cancel).ConfigureAwait(false) is { } failure)
                return End(Failed, $"{options.Server}models: {failure.Name}: {failure.Message}");
            var run = new LoadRun(options, client, workload);
            (IReadOnlyList<RequestOutcome> outcomes, TimeSpan elapsed) = await WatchAsync(run, options, error, cancel).ConfigureAwait(false);
            LoadReport report = LoadReport.Of(options, client.Model, outcomes, elapsed, cancel.IsCancellationRequested);
            Write(report, options, output);
            if (cancel.IsCancellationRequested) return End(Interrupted, "interrupted; the report is of what was done");
            return report.Completed + report.Vanished > 0 ? Good : End(Failed, "no request was answered");
        }
        catch (WrongOptionException exception)
        {
            return End(Wrong, exception.Message);
        }
        catch (OperationCanceledException)
        {
            return End(Interrupted, "interrupted before the first request");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return End(Failed, exception.Message);
        }

        int End(int code, string message)
        {
            error.WriteLine("load: " + message.ReplaceLineEndings(" "));
            return code;
        }
    }

    private static void Write(LoadReport report, LoadOptions options, TextWriter output)
    {
        if (options.Json) output.WriteLine(JsonSerializer.Serialize(report, LoadJson.Default.LoadReport));
        else LoadTable.Write(report, output);
        if (options.Chart is { } chart) LoadChart.Save(chart, report);
    }

    /// <summary>Runs with a line of progress where standard error is a terminal.</summary>
    private static async Task<(IReadOnlyList<RequestOutcome> Outcomes, TimeSpan Elapsed)> WatchAsync(
        LoadRun run, LoadOptions options, TextWriter error, CancellationToken cancel)
    {
        if (error != Console.Error || Console.IsErrorRedirected) return await run.RunAsync(cancel).ConfigureAwait(false);
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(error) });
        return await console.Status().StartAsync("starting", async context =>
        {
            Task<(IReadOnlyList<RequestOutcome>, TimeSpan)> running = run.RunAsync(cancel);
            string of = options.Requests is int count ? $" of {count}" : "";
            while (await Task.WhenAny(running, Task.Delay(TimeSpan.FromMilliseconds(500), CancellationToken.None)).ConfigureAwait(false) != running)
                context.Status($"{run.Sent}{of} sent, {run.InFlight} open, {run.Ended} ended");
            return await running.ConfigureAwait(false);
        }).ConfigureAwait(false);
    }
}
