// What a decode step reads of keys and values (Athiwaratkun et al. 2024, arXiv 2403.08845, section 4.1), with L layers, g KV heads
// of width k, elements of e bytes (Q8_0: 34/32), a context of m_c tokens, b samples of m_d tokens each:
//
//   bifurcated   2 L g k e (m_c + b m_d)
//   repeated     2 L g k e  b (m_c + m_d)
//
// m_d counts the token that the step writes: it is t in step t, so that its mean over T steps is (T + 1) / 2.
using System.Diagnostics;
using Coppice.Kernels.Attention;
using Coppice.Model;
using Coppice.Sampling;

namespace Coppice.Cli;

/// <summary>Measures rows on one engine.</summary>
internal sealed class BenchRunner(Engine engine, BenchPlan plan, KvType kv)
{
    private const int DefaultRepeats = 3;
    private const int WarmupPromptTokens = 128;
    private static readonly TimeSpan RowTime = TimeSpan.FromMinutes(1);

    /// <summary>Short runs, so that code is compiled and memory is touched before the first row.</summary>
    public async Task WarmUpAsync(CancellationToken cancel)
    {
        for (int i = 0; i < plan.Warmup; i++)
            await engine.GenerateAsync(Request(Math.Min(WarmupPromptTokens, plan.PromptTokens.Min()), plan.Samples[0]), cancel);
    }

    /// <summary>Measures one row of each mode, a run of each in turn: what else the machine does then falls on all of them.</summary>
    /// <param name="promptTokens">Length of the prompt.</param>
    /// <param name="samples">Number of samples.</param>
    /// <param name="cancel">Ends it without a result.</param>
    public async Task<IReadOnlyList<BenchRow>> MeasureAsync(int promptTokens, int samples, CancellationToken cancel)
    {
        GenerationRequest request = Request(promptTokens, samples);
        List<GenerationResult>[] results = [.. plan.Modes.Select(_ => new List<GenerationResult>())];
        long started = Stopwatch.GetTimestamp();
        do
        {
            for (int i = 0; i < results.Length; i++)
            {
                engine.Attention = plan.Modes[i];
                results[i].Add(await engine.GenerateAsync(request, cancel));
            }
        }
        while (plan.Repeats is int repeats
            ? results[0].Count < repeats
            : results[0].Count < DefaultRepeats && Stopwatch.GetElapsedTime(started) < RowTime * results.Length);

        return [.. results.Select((runs, i) => Row(plan.Modes[i], promptTokens, samples, runs))];
    }

    private BenchRow Row(AttentionMode mode, int promptTokens, int samples, List<GenerationResult> results)
    {
        AttentionTraffic traffic = results[0].Traffic;
        double stepMs = Median(results.Select(result => result.Timings.Decode.TotalMilliseconds)) / traffic.Steps;
        return new BenchRow(
            promptTokens,
            samples,
            plan.Tokens,
            Spelling.Of(mode),
            Median(results.Select(result => result.Timings.PrefillTokensPerSecond)),
            stepMs,
            Median(results.Select(result => result.Timings.DecodeTokensPerSecond)),
            (traffic.ContextBytesRead + traffic.BranchBytesRead) / traffic.Steps,
            BytesByFormula(engine.Model, kv, mode, promptTokens, samples, plan.Tokens),
            PeakMemory.Bytes());
    }

    /// <summary>Bytes of keys and values that a step reads, mean over the steps.</summary>
    public static long BytesByFormula(ModelConfig model, KvType kv, AttentionMode mode, int promptTokens, int samples, int steps)
    {
        long perToken = model.KvBytesPerToken(kv);
        long contexts = mode == AttentionMode.Repeated ? samples : 1;
        // The bytes of a token are even, so that half of them is exact.
        return (perToken * contexts * promptTokens) + (perToken / 2 * samples * (steps + 1));
    }

    /// <summary>The middle value, or the mean of the two in the middle.</summary>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    private GenerationRequest Request(int promptTokens, int samples) => Request(engine.Model, promptTokens, samples, plan.MaxTokens);

    /// <summary>Random tokens, the same in every run; greedy, as drawing tokens is not what is measured.</summary>
    public static GenerationRequest Request(ModelConfig model, int promptTokens, int samples, int maxTokens)
    {
        var random = new Random(1);
        int[] prompt = new int[promptTokens];
        foreach (ref int token in prompt.AsSpan()) token = random.Next(model.Vocabulary);
        return new GenerationRequest(prompt)
        {
            Samples = samples,
            MaxTokens = maxTokens,
            IgnoreEnd = true,
            ReusePrefix = false, // the prompt is measured in every run
            Sampling = new SamplingOptions { Temperature = 0, Seed = 1 },
        };
    }
}
