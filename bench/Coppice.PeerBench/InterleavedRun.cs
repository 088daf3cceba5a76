using System.Diagnostics;

namespace Coppice.PeerBench;

/// <summary>
/// Measures engines that exist side by side: round after round, each in turn, so that a change of the machine's speed meets all of
/// them. Each round begins with another engine, so that none always follows the same one.
/// </summary>
/// <param name="engines">The engines; at least one.</param>
/// <param name="workload">The prompt and its continuations.</param>
/// <param name="cancel">Ends the run between two turns.</param>
internal sealed class InterleavedRun(IReadOnlyList<IBenchEngine> engines, Workload workload, CancellationToken cancel)
{
    private const int WarmUpPromptTokens = 512;
    private const int WarmUpSteps = 2;
    private const int IdleWindows = 3;
    private static readonly TimeSpan s_idleWindow = TimeSpan.FromMilliseconds(50);
    private readonly int[] _prompt = workload.Prompt();

    /// <summary>Part of the prompt, not measured: it pays for the weights' pages, compiled code and the engines' own preparations.</summary>
    /// <returns>For each engine, how much processor time passes in a second after its turn, all threads together.</returns>
    public double[] WarmUp()
    {
        double[] idle = new double[engines.Count];
        for (int i = 0; i < engines.Count; i++)
        {
            IBenchEngine engine = engines[i];
            Turn(engine, () => engine.Prefill(_prompt.AsSpan(0, Math.Min(WarmUpPromptTokens, _prompt.Length))));
            idle[i] = IdleProcessorShare();
        }

        return idle;
    }

    /// <summary>The whole prompt in each engine.</summary>
    /// <param name="rounds">How often.</param>
    /// <returns>Seconds: [engines][rounds].</returns>
    public double[][] Prefill(int rounds) => Rounds(rounds, Prefill);

    /// <summary>The whole prompt in one engine.</summary>
    /// <returns>Seconds.</returns>
    public double Prefill(IBenchEngine engine) => Turn(engine, () => engine.Prefill(_prompt));

    /// <summary>Fork, steps and rewind in each engine, after a short round that does not count.</summary>
    /// <param name="samples">Continuations.</param>
    /// <param name="rounds">How often.</param>
    /// <returns>Seconds of a step: [engines][rounds].</returns>
    public double[][] Decode(int samples, int rounds)
    {
        foreach (IBenchEngine engine in engines) Decode(engine, workload.Steps(samples)[..Math.Min(WarmUpSteps, workload.Tokens)]);
        return Rounds(rounds, engine => Decode(engine, samples));
    }

    /// <summary>Fork, steps and rewind in one engine.</summary>
    /// <returns>Seconds of a step.</returns>
    public double Decode(IBenchEngine engine, int samples) => Decode(engine, workload.Steps(samples));

    private double Decode(IBenchEngine engine, int[][] steps)
    {
        double seconds = 0;
        Turn(engine, () =>
        {
            engine.Fork(steps[0].Length);
            long start = Stopwatch.GetTimestamp();
            foreach (int[] tokens in steps) engine.Step(tokens);
            seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            engine.Rewind();
        });
        return seconds / steps.Length;
    }

    private double[][] Rounds(int rounds, Func<IBenchEngine, double> measure)
    {
        double[][] seconds = [.. engines.Select(_ => new double[rounds])];
        for (int round = 0; round < rounds; round++)
        {
            for (int turn = 0; turn < engines.Count; turn++)
            {
                int engine = (round + turn) % engines.Count;
                seconds[engine][round] = measure(engines[engine]);
            }
        }

        return seconds;
    }

    private double Turn(IBenchEngine engine, Action work)
    {
        cancel.ThrowIfCancellationRequested();
        engine.Wake();
        try
        {
            long start = Stopwatch.GetTimestamp();
            work();
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
        finally
        {
            engine.Rest();
        }
    }

    /// <summary>Processor time over elapsed time while nobody has a turn; the least of a few windows, as code may still be compiled behind the scenes.</summary>
    private static double IdleProcessorShare()
    {
        using var self = Process.GetCurrentProcess();
        double least = double.PositiveInfinity;
        for (int i = 0; i < IdleWindows; i++)
        {
            self.Refresh();
            TimeSpan used = self.TotalProcessorTime;
            long start = Stopwatch.GetTimestamp();
            Thread.Sleep(s_idleWindow);
            self.Refresh();
            least = Math.Min(least, (self.TotalProcessorTime - used) / Stopwatch.GetElapsedTime(start));
        }

        return least;
    }
}
