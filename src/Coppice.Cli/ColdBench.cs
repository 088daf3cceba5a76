// Time to the first token: from the call that loads the model to the token, in this process, whose own start and whose compilation of
// code are not part of it (a run before those that count takes them). A run is cold where the operating system was told to forget the
// file first. What lies under the operating system, a disk's own cache or a host's, is as it is.
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Coppice.Kernels;
using Coppice.ModelFiles;

namespace Coppice.Cli;

/// <summary><c>coppice bench --cold</c>.</summary>
internal static class ColdBench
{
    public static async Task<int> RunAsync(
        ModelArguments model, ColdPlan plan, RuntimeArguments runtime, ParseResult parsed, bool asJson, CancellationToken cancel)
    {
        TextWriter output = parsed.InvocationConfiguration.Output, error = parsed.InvocationConfiguration.Error;
        using ModelSource source = model.Read(parsed, 1, error, cancel);
        using (GgufFile file = GgufFile.Open(source.Path)) EngineLoading.CheckContext(file, "--prompt-tokens", plan.PromptTokens.Max() + 1);
        var rows = new List<ColdRow>();
        bool cancelled = false;
        try
        {
            await MeasureAsync(source.Path, plan, runtime, parsed, rows, asJson ? null : output, cancel);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested && rows.Count > 0)
        {
            cancelled = true;
        }

        WarnIfCached(rows, error);
        if (asJson) JsonOutput.Write(output, new ColdReport(rows), CommandJson.Readable.ColdReport);
        return cancelled ? ExitCode.Interrupted : ExitCode.Good;
    }

    private static async Task MeasureAsync(
        string path, ColdPlan plan, RuntimeArguments runtime, ParseResult parsed, List<ColdRow> rows, TextWriter? table, CancellationToken cancel)
    {
        table?.WriteLine("weights  cache  prompt  file cached  open ms  weights ms  prefill ms  first token ms  total ms");
        foreach (int promptTokens in plan.PromptTokens)
        {
            foreach (WeightStorage weights in plan.Weights)
            {
                EngineOptions options = Options(runtime, parsed, weights, promptTokens);
                for (int i = 0; i < plan.Warmup; i++) await MeasureAsync(path, options, promptTokens, isCold: false, cancel);
                foreach (bool isCold in new[] { true, false })
                {
                    var runs = new List<ColdRow>();
                    while (runs.Count < plan.Repeats) runs.Add(await MeasureAsync(path, options, promptTokens, isCold, cancel));
                    rows.Add(Median(runs));
                    table?.WriteLine(Line(rows[^1]));
                }
            }
        }
    }

    private static EngineOptions Options(RuntimeArguments runtime, ParseResult parsed, WeightStorage weights, int promptTokens) => new()
    {
        Threads = runtime.Threads(parsed),
        KvType = runtime.Kv(parsed),
        Weights = weights,
        ContextLength = promptTokens + 1,
        KvTokens = EngineLoading.KvTokens(promptTokens, 1, 1),
        MaxBranches = 1,
        PrefillChunk = Math.Min(512, promptTokens),
    };

    private static async Task<ColdRow> MeasureAsync(string path, EngineOptions options, int promptTokens, bool isCold, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        if (isCold) PageCache.Drop(path);
        long? cached = PageCache.CachedBytes(path);
        long started = Stopwatch.GetTimestamp();
        using Engine engine = await Task.Run(() => Engine.Load(path, options), CancellationToken.None);
        long loaded = Stopwatch.GetTimestamp(), prefilled = 0, sampled = 0;
        await foreach (GenerationEvent happened in engine.StreamAsync(BenchRunner.Request(engine.Model, promptTokens, 1, 1), cancel))
        {
            if (happened is PromptProcessed) prefilled = Stopwatch.GetTimestamp();
            if (happened is TokenGenerated) sampled = Stopwatch.GetTimestamp();
        }

        double open = engine.OpenTime.TotalMilliseconds;
        return new ColdRow(
            Spelling.Of(options.Weights),
            isCold ? "cold" : "warm",
            promptTokens,
            new FileInfo(path).Length,
            cached,
            open,
            Ms(started, loaded) - open,
            Ms(loaded, prefilled),
            Ms(prefilled, sampled),
            Ms(started, sampled));
    }

    private static double Ms(long from, long to) => Stopwatch.GetElapsedTime(from, to).TotalMilliseconds;

    /// <summary>Each figure's median; of the bytes in the cache the most.</summary>
    private static ColdRow Median(List<ColdRow> runs) => runs[0] with
    {
        FileBytesCached = runs.Max(run => run.FileBytesCached),
        OpenMs = BenchRunner.Median(runs.Select(run => run.OpenMs)),
        WeightsMs = BenchRunner.Median(runs.Select(run => run.WeightsMs)),
        PrefillMs = BenchRunner.Median(runs.Select(run => run.PrefillMs)),
        FirstTokenMs = BenchRunner.Median(runs.Select(run => run.FirstTokenMs)),
        TotalMs = BenchRunner.Median(runs.Select(run => run.TotalMs)),
    };

    private static void WarnIfCached(List<ColdRow> rows, TextWriter error)
    {
        ColdRow[] cold = [.. rows.Where(row => row.Cache == "cold")];
        if (cold.Any(row => row.FileBytesCached is null))
            error.WriteLine("this system can't be told to drop the file from its page cache: the cold rows may be warm");
        else if (cold.FirstOrDefault(row => row.FileBytesCached > row.FileBytes / 100) is { } warm)
            error.WriteLine($"{SizeText.Bytes(warm.FileBytesCached!.Value)} of the file stayed in the page cache: the cold rows are not cold");
    }

    private static string Line(ColdRow row)
    {
        string cached = row.FileBytesCached is long bytes ? (100.0 * bytes / row.FileBytes).ToString("0.0", CultureInfo.InvariantCulture) + "%" : "unknown";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{row.Weights,7}  {row.Cache,5}  {row.PromptTokens,6}  {cached,11}  {row.OpenMs,7:0.0}  {row.WeightsMs,10:0.0}  {row.PrefillMs,10:0.0}  {row.FirstTokenMs,14:0.0}  {row.TotalMs,8:0.0}");
    }
}

/// <summary>What <c>bench --cold</c> measures.</summary>
/// <param name="PromptTokens">Lengths of the prompt.</param>
/// <param name="Weights">Where weights are.</param>
/// <param name="Repeats">Runs of a row.</param>
/// <param name="Warmup">Runs that do not count, before the rows of each of <paramref name="Weights"/>.</param>
internal sealed record ColdPlan(int[] PromptTokens, WeightStorage[] Weights, int Repeats, int Warmup)
{
    public const int DefaultPromptTokens = 32;
    public const int DefaultRepeats = 5;
}

/// <summary>What <c>bench --cold --json</c> writes.</summary>
internal sealed record ColdReport(IReadOnlyList<ColdRow> Rows);

/// <summary>Time to the first token: medians over the repeats.</summary>
/// <param name="Weights">packed or mapped.</param>
/// <param name="Cache">cold, where the page cache was told to forget the file before each run, or warm.</param>
/// <param name="PromptTokens">Length of the prompt.</param>
/// <param name="FileBytes">Size of the file.</param>
/// <param name="FileBytesCached">Of them, how many were in the page cache when loading began; null where the system does not tell.</param>
/// <param name="OpenMs">Opening the file, reading metadata and tokenizer.</param>
/// <param name="WeightsMs">The rest of loading: weights, and memory for keys and values.</param>
/// <param name="PrefillMs">From there until the prompt is processed.</param>
/// <param name="FirstTokenMs">From there to the first token.</param>
/// <param name="TotalMs">All of it.</param>
internal sealed record ColdRow(
    string Weights,
    string Cache,
    int PromptTokens,
    long FileBytes,
    long? FileBytesCached,
    double OpenMs,
    double WeightsMs,
    double PrefillMs,
    double FirstTokenMs,
    double TotalMs);
