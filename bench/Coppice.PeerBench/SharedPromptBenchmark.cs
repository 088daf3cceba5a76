using System.Diagnostics;

namespace Coppice.PeerBench;

/// <summary>What is measured: one prompt, continued by so many samples at a time.</summary>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="Samples">Numbers of samples, each measured by itself.</param>
/// <param name="Tokens">Tokens a sample gets.</param>
/// <param name="Repeats">How often each is measured; the fastest counts.</param>
/// <param name="VocabularySize">Token ids are drawn below it.</param>
internal sealed record Workload(int PromptTokens, int[] Samples, int Tokens, int Repeats, int VocabularySize)
{
    /// <summary>The prompt's token ids; the same for every engine.</summary>
    public int[] Prompt()
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, PromptTokens).Select(_ => random.Next(VocabularySize))];
    }

    /// <summary>The token ids of one step, one a sample; the same for every engine.</summary>
    public int[] StepTokens(int step, int samples)
    {
        var random = new Random(1000 + step);
        return [.. Enumerable.Range(0, samples).Select(_ => random.Next(VocabularySize))];
    }
}

/// <summary>One line of the table: times in seconds.</summary>
internal sealed record Measurement(string Engine, string Setting, int PromptTokens, int Samples, double Prefill, double Fork, double StepSeconds)
{
    public double PrefillRate => PromptTokens / Prefill;

    public double DecodeRate => Samples / StepSeconds;
}

/// <summary>Prefill once, then for each number of samples: fork, step, rewind.</summary>
internal static class SharedPromptBenchmark
{
    private const int WarmUpTokens = 16;

    /// <summary>Measures one engine; lines come as they are ready.</summary>
    public static IEnumerable<Measurement> Run(IBenchEngine engine, Workload workload)
    {
        int[] prompt = workload.Prompt();
        // The first tokens pay for the weights' pages and the engine's own preparations.
        engine.Prefill(prompt.AsSpan(0, Math.Min(WarmUpTokens, prompt.Length)));
        double prefill = double.PositiveInfinity;
        for (int i = 0; i < workload.Repeats; i++) prefill = Math.Min(prefill, Seconds(() => engine.Prefill(prompt)));

        foreach (int samples in workload.Samples)
        {
            double fork = double.PositiveInfinity;
            double steps = double.PositiveInfinity;
            for (int i = 0; i < workload.Repeats; i++)
            {
                fork = Math.Min(fork, Seconds(() => engine.Fork(samples)));
                steps = Math.Min(steps, Steps(engine, workload, samples));
                engine.Rewind();
            }

            yield return new Measurement(engine.Name, engine.Setting, prompt.Length, samples, prefill, fork, steps / workload.Tokens);
        }
    }

    private static double Steps(IBenchEngine engine, Workload workload, int samples)
    {
        int[][] tokens = [.. Enumerable.Range(0, workload.Tokens).Select(step => workload.StepTokens(step, samples))];
        return Seconds(() =>
        {
            foreach (int[] step in tokens) engine.Step(step);
        });
    }

    private static double Seconds(Action work)
    {
        long start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
