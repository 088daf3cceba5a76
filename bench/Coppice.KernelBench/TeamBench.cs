using System.Diagnostics;
using System.Globalization;
using Coppice.Kernels;

namespace Coppice.KernelBench;

/// <summary>
/// What a loop of a worker team costs, on a machine left alone and beside threads that never rest: the same items run by one thread
/// and by the team in turn, with a short stretch of the caller's own between loops, as in a decode step.
/// </summary>
internal static class TeamBench
{
    private const int Rounds = 9;
    private const double SecondsARound = 0.1;
    private static readonly (int Items, double Microseconds)[] s_shapes = [(2, 1), (8, 2), (16, 20), (8, 500), (64, 1000)];
    private static volatile bool s_stop;

    public static void Run(string[] args)
    {
        int threads = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : Environment.ProcessorCount;
        int[] busy = [.. (args.Length > 1 ? args[1] : "0,1,2").Split(',').Select(s => int.Parse(s, CultureInfo.InvariantCulture))];
        Calibrate();
        double perMicrosecond = Calibrate();
        Console.WriteLine($"{threads} threads; medians of {Rounds} rounds in turn");
        Console.WriteLine("busy threads  items   us each |  alone, us a loop    team  alone/team    worst");
        foreach (int others in busy)
        {
            s_stop = false;
            Thread[] spinners = [.. Enumerable.Range(0, others).Select(_ => new Thread(Burn) { IsBackground = true })];
            foreach (Thread spinner in spinners) spinner.Start();
            foreach ((int items, double each) in s_shapes) Measure(threads, others, items, each, (long)(each * perMicrosecond));
            s_stop = true;
            foreach (Thread spinner in spinners) spinner.Join();
        }
    }

    private static void Measure(int threads, int others, int items, double each, long turns)
    {
        using var one = new WorkerTeam(1);
        using var team = new WorkerTeam(threads);
        var alone = new double[Rounds];
        var together = new double[Rounds];
        for (int round = 0; round < Rounds; round++)
        {
            alone[round] = Loop(one, items, turns);
            together[round] = Loop(team, items, turns);
        }

        double worst = together.Max();
        Array.Sort(alone);
        Array.Sort(together);
        double a = alone[Rounds / 2], t = together[Rounds / 2];
        Console.WriteLine($"{others,12} {items,6} {each,9} | {a,17:f1} {t,7:f1} {a / t,11:f2} {worst,8:f1}");
    }

    private static double Loop(WorkerTeam team, int items, long turns)
    {
        Action<int, int> body = (_, _) => Turn(turns);
        long start = Stopwatch.GetTimestamp();
        int loops = 0;
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < SecondsARound)
        {
            for (int i = 0; i < 4; i++, loops++)
            {
                team.Run(items, body);
                Turn(500);
            }
        }

        return Stopwatch.GetElapsedTime(start).TotalMicroseconds / loops;
    }

    private static double Turn(long turns)
    {
        double x = 1;
        for (long i = 0; i < turns; i++) x = x * 0.999 + 0.001;
        return x > 2 ? throw new UnreachableException() : x;
    }

    private static double Calibrate()
    {
        double best = double.MaxValue;
        for (int i = 0; i < 50; i++)
        {
            long start = Stopwatch.GetTimestamp();
            Turn(100_000);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        }

        return 100_000 / best;
    }

    private static void Burn()
    {
        while (!s_stop) Turn(1000);
    }
}
