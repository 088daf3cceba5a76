using System.Diagnostics;
using System.Runtime.Intrinsics;

namespace Coppice.PeerBench;

/// <summary>
/// Whether the machine gives what it promises: the multiply-add rate of several threads over that of one. On a shared machine
/// two threads may sit on one physical core; a run with a ratio under 1.9 for two threads says little.
/// </summary>
internal static class MachineCheck
{
    /// <summary>The least ratio, per thread, of a run that counts.</summary>
    public const double GoodShare = 0.95;

    private const int Rounds = 4_000_000;

    /// <summary>The rate of <paramref name="threads"/> threads over that of one thread; the best of three.</summary>
    public static double ParallelRatio(int threads)
    {
        _ = Rate(threads);
        double one = 0;
        double many = 0;
        for (int i = 0; i < 3; i++)
        {
            one = Math.Max(one, Rate(1));
            many = Math.Max(many, Rate(threads));
        }

        return many / one;
    }

    private static double Rate(int threads)
    {
        float[] sinks = new float[threads * 32];
        var workers = new Thread[threads];
        for (int i = 0; i < threads; i++)
        {
            int index = i * 32;
            workers[i] = new Thread(() => sinks[index] = MultiplyAdd());
        }

        long start = Stopwatch.GetTimestamp();
        foreach (Thread worker in workers) worker.Start();
        foreach (Thread worker in workers) worker.Join();
        return threads / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Eight independent chains, as many as hide the latency of a multiply-add on two ports.</summary>
    private static float MultiplyAdd()
    {
        Vector256<float> factor = Vector256.Create(0.999f);
        Vector256<float> addend = Vector256.Create(0.001f);
        Vector256<float> a = Vector256<float>.One, b = a, c = a, d = a, e = a, f = a, g = a, h = a;
        for (int i = 0; i < Rounds; i++)
        {
            a = Vector256.FusedMultiplyAdd(a, factor, addend);
            b = Vector256.FusedMultiplyAdd(b, factor, addend);
            c = Vector256.FusedMultiplyAdd(c, factor, addend);
            d = Vector256.FusedMultiplyAdd(d, factor, addend);
            e = Vector256.FusedMultiplyAdd(e, factor, addend);
            f = Vector256.FusedMultiplyAdd(f, factor, addend);
            g = Vector256.FusedMultiplyAdd(g, factor, addend);
            h = Vector256.FusedMultiplyAdd(h, factor, addend);
        }

        return Vector256.Sum(a + b + c + d + (e + f + g + h));
    }
}
