using System.Diagnostics;

namespace Coppice.KernelBench;

internal static class Clock
{
    /// <summary>Count processor time, not elapsed time: for one thread on a machine that others use too.</summary>
    public static bool Processor { get; set; }

    /// <summary>The fewest seconds of some runs, after one that does not count.</summary>
    public static double Best(int runs, Action action)
    {
        action();
        using var self = Process.GetCurrentProcess();
        var seconds = new double[runs];
        for (int i = 0; i < runs; i++)
        {
            self.Refresh();
            TimeSpan used = self.TotalProcessorTime;
            long start = Stopwatch.GetTimestamp();
            action();
            seconds[i] = Stopwatch.GetElapsedTime(start).TotalSeconds;
            self.Refresh();
            if (Processor) seconds[i] = (self.TotalProcessorTime - used).TotalSeconds;
        }

        Array.Sort(seconds);
        return seconds[0];
    }
}
