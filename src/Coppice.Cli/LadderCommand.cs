using System.CommandLine;
using Coppice.Kernels.Attention;
using Coppice.ModelFiles;
using Spectre.Console;

namespace Coppice.Cli;

/// <summary><c>coppice bench --ladder</c>: what the machine can do, and what kernels, step and run make of it.</summary>
internal static class LadderCommand
{
    /// <summary>Measures and writes the report.</summary>
    /// <param name="source">The model's file.</param>
    /// <param name="plan">What is measured.</param>
    /// <param name="threads">Threads that compute.</param>
    /// <param name="kv">How keys and values are stored.</param>
    /// <param name="output">Where results and progress go.</param>
    /// <param name="asJson">A document instead of a table.</param>
    /// <param name="cancel">Ends it; the rounds that are done are written.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(
        ModelSource source, LadderPlan plan, int threads, KvType kv, InvocationConfiguration output, bool asJson, CancellationToken cancel)
    {
        EngineOptions options = plan.Runs.EngineOptions(threads, kv);
        using (GgufFile file = GgufFile.Open(source.Path)) EngineLoading.CheckContext(file, "--prompt-tokens", options.ContextLength!.Value);
        using Engine engine = await EngineLoading.LoadAsync(source, options, output.Error, cancel);
        (LadderReport report, bool cancelled) = await Shown(output.Error, async progress =>
        {
            progress("loading the weights");
            using var model = new LadderModel(source.Path, plan, threads, kv);
            source.Opened();
            progress("filling in the prompt");
            using var run = new LadderRun(model, engine, plan, kv, cancel);
            bool ended = false;
            try
            {
                await run.MeasureAsync(progress, cancel);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested && run.Rounds > 0)
            {
                ended = true;
            }

            return (run.Report(source.Name), ended);
        });
        if (asJson) JsonOutput.Write(output.Output, report, CommandJson.Readable.LadderReport);
        else LadderTable.Write(output.Output, report);
        return cancelled ? ExitCode.Interrupted : ExitCode.Good;
    }

    private static Task<T> Shown<T>(TextWriter error, Func<Action<string>, Task<T>> work) => EngineLoading.Terminal(error) is { } console
        ? console.Status().StartAsync("", context => work(what => context.Status(Markup.Escape(what))))
        : work(_ => { });
}
