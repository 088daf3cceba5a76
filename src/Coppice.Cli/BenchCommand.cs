using System.CommandLine;
using System.Globalization;
using Coppice.Kernels.Attention;
using Coppice.ModelFiles;
using Spectre.Console;

namespace Coppice.Cli;

/// <summary><c>coppice bench</c>: speed, and bytes of keys and values read, over lengths of the prompt and numbers of samples.</summary>
internal static class BenchCommand
{
    public static Command Create()
    {
        var model = new ModelArguments();
        var bench = new BenchArguments();
        var runtime = new RuntimeArguments();
        Option<bool> json = JsonOutput.Option();
        var command = new Command("bench", "Measures speed and traffic on prompts of random tokens, the time to the first one, or the way from the machine's limits to whole runs.");
        model.AddTo(command);
        bench.AddTo(command);
        runtime.AddTo(command, withAttention: false);
        command.Add(json);
        command.SetAction(async (parsed, cancel) =>
        {
            bool asJson = parsed.GetValue(json);
            if (bench.ReadLadder(parsed) is { } ladder)
            {
                using ModelSource measured = model.Read(parsed, 1, parsed.InvocationConfiguration.Error, cancel);
                return await LadderCommand.RunAsync(
                    measured, ladder, runtime.Threads(parsed), runtime.Kv(parsed), parsed.InvocationConfiguration, asJson, cancel);
            }

            if (bench.ReadCold(parsed) is { } cold) return await ColdBench.RunAsync(model, cold, runtime, parsed, asJson, cancel);
            BenchPlan plan = bench.Read(parsed);
            EngineOptions options = plan.EngineOptions(runtime.Threads(parsed), runtime.Kv(parsed)) with { Weights = runtime.Weights(parsed) };
            TextWriter output = parsed.InvocationConfiguration.Output;
            var rows = new List<BenchRow>();
            bool cancelled = false;
            using ModelSource source = model.Read(parsed, 1, parsed.InvocationConfiguration.Error, cancel);
            using (GgufFile file = GgufFile.Open(source.Path))
                EngineLoading.CheckContext(file, "--prompt-tokens", options.ContextLength!.Value);
            try
            {
                await MeasureAsync(source, plan, options, rows, asJson ? null : output, parsed.InvocationConfiguration.Error, cancel);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested && rows.Count > 0)
            {
                cancelled = true;
            }

            if (asJson) JsonOutput.Write(output, new BenchReport(rows), CommandJson.Readable.BenchReport);
            return cancelled ? ExitCode.Interrupted : ExitCode.Good;
        });
        return command;
    }

    private static async Task MeasureAsync(
        ModelSource source, BenchPlan plan, EngineOptions options, List<BenchRow> rows, TextWriter? table, TextWriter error, CancellationToken cancel)
    {
        IAnsiConsole? console = EngineLoading.Terminal(error);
        table?.WriteLine("prompt  samples  tokens   attention  prefill t/s     ms/step  decode t/s  KV read/step  by formula  peak memory");
        using Engine engine = await EngineLoading.LoadAsync(source, options, error, cancel);
        source.Opened();
        var runner = new BenchRunner(engine, plan, options.KvType);
        await Shown(console, "warming up", async () =>
        {
            await runner.WarmUpAsync(cancel);
            return 0;
        });
        foreach (int promptTokens in plan.PromptTokens)
        {
            foreach (int samples in plan.Samples)
            {
                string what = $"row {rows.Count + 1} of {plan.Rows}: prompt {promptTokens}, samples {samples}";
                rows.AddRange(await Shown(console, what, () => runner.MeasureAsync(promptTokens, samples, cancel)));
                foreach (BenchRow row in rows.TakeLast(plan.Modes.Length)) table?.WriteLine(Line(row));
            }
        }
    }

    private static Task<T> Shown<T>(IAnsiConsole? console, string what, Func<Task<T>> work) =>
        console is null ? work() : console.Status().StartAsync(what, _ => work());

    private static string Line(BenchRow row) => string.Create(
        CultureInfo.InvariantCulture,
        $"{row.PromptTokens,6}  {row.Samples,7}  {row.Tokens,6}  {row.Attention,10}  {row.PrefillTokensPerSecond,11:0.0}  {row.MsPerStep,10:0.000}  {row.DecodeTokensPerSecond,10:0.0}  {SizeText.Bytes(row.KvBytesReadPerStep),12}  {SizeText.Bytes(row.KvBytesFormula),10}  {SizeText.Bytes(row.PeakRssBytes),11}");
}
