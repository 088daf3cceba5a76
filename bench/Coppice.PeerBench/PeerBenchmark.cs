using Coppice.Kernels;
using Coppice.Kernels.Attention;
using Coppice.Kernels.Formats;
using Coppice.LlamaCpp;
using Coppice.Model;
using Coppice.ModelFiles;

namespace Coppice.PeerBench;

/// <summary>How every row is measured.</summary>
/// <param name="Threads">Threads of each engine.</param>
/// <param name="Tokens">Tokens a sample gets in a round.</param>
/// <param name="Repeats">Rounds; medians count.</param>
/// <param name="Cache">How keys and values are stored.</param>
/// <param name="Settings">llama.cpp's settings that take part where memory has room for them.</param>
/// <param name="Modes">Coppice's: bifurcated, and others beside it.</param>
internal sealed record PeerProcedure(
    int Threads, int Tokens, int Repeats, KvType Cache, IReadOnlyList<LlamaCppSetting> Settings, IReadOnlyList<AttentionMode> Modes);

/// <summary>Measures rows: both engines load a model once, and for each context all settings exist side by side.</summary>
/// <param name="procedure">How.</param>
/// <param name="team">Coppice's threads.</param>
/// <param name="log">Gets a line for whatever is done.</param>
/// <param name="cancel">Ends the work between two turns.</param>
internal sealed class PeerBenchmark(PeerProcedure procedure, WorkerTeam team, Action<string> log, CancellationToken cancel)
{
    private const int ShortPrompt = 512;

    /// <summary>Measures the missing rows of one model; each comes as soon as it is finished.</summary>
    /// <param name="path">The model's file.</param>
    /// <param name="plan">All rows of that model, which decide how large the engines are.</param>
    /// <param name="missing">Those to measure.</param>
    /// <param name="run">Index of this run in the document.</param>
    /// <param name="finished">Gets each row.</param>
    /// <exception cref="LlamaCppException">llama.cpp refuses the model or has no room for it.</exception>
    /// <exception cref="ModelFormatException">Coppice refuses the model.</exception>
    public void Measure(string path, IReadOnlyList<PeerRow> plan, IReadOnlyList<PeerRow> missing, int run, Action<RowResult> finished)
    {
        long available = AvailableMemory.Bytes();
        // Not mapped: where the system takes idle pages of files back, a mapped model is read from disk again in every turn.
        using LlamaCppModel rival = LlamaCppModel.Load(path, new LlamaCppModelOptions { MemoryMap = false });
        using ModelWeights weights = Load(path, out EngineMemory memory);
        using var pool = new LlamaCppThreads(procedure.Threads);
        foreach (IGrouping<int, PeerRow> context in missing.GroupBy(row => row.Context))
        {
            int mostSamples = plan.Where(row => row.Context == context.Key).Max(row => row.Samples ?? 1);
            var workload = new Workload(context.Key, mostSamples, procedure.Tokens, rival.VocabularySize);
            (IReadOnlyList<LlamaCppSetting> fitting, IReadOnlyList<LeftOut> leftOut) =
                memory.Choose(procedure.Settings, workload, procedure.Modes.Count, available);
            log($"{context.First().Model}, context {context.Key}");
            foreach (LeftOut setting in leftOut) log($"  llama.cpp {setting.Setting} is left out: {setting.Reason}");
            if (fitting.Count == 0) throw new LlamaCppException($"{path}, context {context.Key}: memory has no room for any setting of llama.cpp");

            var engines = new List<IBenchEngine>();
            try
            {
                TensorType cacheType = Enum.Parse<TensorType>(procedure.Cache.ToString());
                foreach (LlamaCppSetting setting in fitting) engines.Add(new LlamaCppEngine(rival, workload, setting, cacheType, pool));
                foreach (AttentionMode mode in procedure.Modes) engines.Add(new CoppiceEngine(weights, workload, mode, procedure.Cache, team));
                MeasureContext(engines, workload, context, row => finished(row with { Run = run, LeftOut = leftOut }));
            }
            finally
            {
                foreach (IBenchEngine engine in engines) engine.Dispose();
            }
        }
    }

    private ModelWeights Load(string path, out EngineMemory memory)
    {
        GgufFile file = GgufFile.Open(path);
        ModelConfig config = ModelConfig.FromGguf(file);
        memory = new EngineMemory(config, file.DataBytes, procedure.Cache);
        return ModelWeights.Load(file, config, team);
    }

    private void MeasureContext(IReadOnlyList<IBenchEngine> engines, Workload workload, IEnumerable<PeerRow> rows, Action<RowResult> finished)
    {
        var run = new InterleavedRun(engines, workload, cancel);
        double[] idle = run.WarmUp();
        bool isShort = workload.PromptTokens <= ShortPrompt;
        // Every engine needs the prompt, also where that row is finished.
        double[][] prefill = run.Prefill(isShort && rows.Any(row => row.Samples is null) ? procedure.Repeats : 1);
        foreach (PeerRow row in rows)
        {
            double[][] seconds = row.Samples is int samples ? run.Decode(samples, procedure.Repeats) : prefill;
            int tokens = row.Samples ?? row.Context;
            List<EngineResult> results = [.. engines.Select((engine, i) => EngineResult.Of(engine, procedure.Threads, tokens, seconds[i], idle[i]))];
            if (procedure.Threads > 1 && (row.Samples is not null || isShort)) results.Add(WithOneThread(run, engines, row, results));
            var result = new RowResult(row.Name, row.Model, row.Context, row.Samples, row.Floor, Run: 0, results, LeftOut: []);
            foreach (string line in ResultTable.Details(result)) log(line);
            finished(result);
        }
    }

    /// <summary>
    /// llama.cpp's best setting on one thread, which more threads could only slow down by waiting for each other: measured once, and
    /// as often as the others where that is faster.
    /// </summary>
    private EngineResult WithOneThread(InterleavedRun run, IReadOnlyList<IBenchEngine> engines, PeerRow row, IReadOnlyList<EngineResult> results)
    {
        EngineResult best = results.Where(result => result.Engine == EngineNames.LlamaCpp).MaxBy(result => result.TokensPerSecond)!;
        int index = results.ToList().IndexOf(best);
        var engine = (LlamaCppEngine)engines[index];
        int tokens = row.Samples ?? row.Context;
        var seconds = new List<double>();
        engine.UseThreads(1);
        do seconds.Add(row.Samples is int samples ? run.Decode(engine, samples) : run.Prefill(engine));
        while (seconds.Count < procedure.Repeats && tokens / Statistics.Median(seconds) > best.TokensPerSecond);
        engine.UseThreads(procedure.Threads);
        return EngineResult.Of(engine, threads: 1, tokens, seconds, best.IdleProcessorShare);
    }
}

/// <summary>Memory that this process can have.</summary>
internal static class AvailableMemory
{
    /// <summary>What is left for engines after a part for everything else.</summary>
    public static long Bytes() => (long)(0.95 * Math.Min(FreeOnLinux(), GC.GetGCMemoryInfo().TotalAvailableMemoryBytes));

    /// <summary>What the system can give without swapping; the file cache counts as free.</summary>
    private static long FreeOnLinux()
    {
        string? line = File.ReadLines("/proc/meminfo").FirstOrDefault(text => text.StartsWith("MemAvailable:", StringComparison.Ordinal));
        return line is null ? long.MaxValue : long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture) << 10;
    }
}
