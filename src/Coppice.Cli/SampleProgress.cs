using System.Diagnostics;
using System.Globalization;
using Spectre.Console;

namespace Coppice.Cli;

/// <summary>Runs a request to its end, or to where it is cancelled, and shows how far it is when standard error is a terminal.</summary>
internal static class SampleProgress
{
    private static readonly TimeSpan Refresh = TimeSpan.FromMilliseconds(100);

    /// <summary>Feeds the events of a request to a run.</summary>
    /// <returns>Whether it was cancelled.</returns>
    public static async Task<bool> RunAsync(
        TextWriter error, Engine engine, GenerationRequest request, SampleRun run, CancellationToken cancel)
    {
        try
        {
            if (EngineLoading.Terminal(error) is not { } console)
            {
                await foreach (GenerationEvent happened in engine.StreamAsync(request, cancel)) run.Add(happened);
                return false;
            }

            await console.Progress()
                .AutoClear(true)
                .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
                .StartAsync(context => Show(context, engine, request, run, cancel));
            return false;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            return true;
        }
    }

    private static async Task Show(
        ProgressContext context, Engine engine, GenerationRequest request, SampleRun run, CancellationToken cancel)
    {
        long most = (long)request.Samples * request.MaxTokens;
        ProgressTask bar = context.AddTask($"reading {request.PromptTokens!.Count} tokens", maxValue: most);
        long shown = Stopwatch.GetTimestamp();
        await foreach (GenerationEvent happened in engine.StreamAsync(request, cancel))
        {
            run.Add(happened);
            if (Stopwatch.GetElapsedTime(shown) < Refresh) continue;
            shown = Stopwatch.GetTimestamp();
            double rate = run.Decode > TimeSpan.Zero ? run.Tokens / run.Decode.TotalSeconds : 0;
            bar.Description = string.Create(
                CultureInfo.InvariantCulture, $"{run.Tokens} tokens, {rate:0} t/s, {run.Finished} of {request.Samples} done");
            bar.Value = run.Tokens;
        }
    }
}
