using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels;

/// <summary>
/// Arithmetic on registers alone, 12 independent chains: enough to hide a latency of 4 or 5 cycles on two ports, and few enough
/// for 16 registers.
/// </summary>
internal static unsafe class RegisterLoops
{
    private const int Chains = 12;
    private const int Iterations = 250_000;

    /// <summary>Short items, so that a thread that wakes late or is taken away leaves its share to the others.</summary>
    private const int ItemsPerThread = 16;

    /// <summary>Whether the processor has AVX-VNNI.</summary>
    public static bool HasByteDot256 => AvxVnni.IsSupported;

    /// <summary>Float operations a second of one short run.</summary>
    public static MachineRate MultiplyAdd(WorkerTeam team)
        => Measure(team, &MultiplyAddItem, null, 2.0 * (Vector512.IsHardwareAccelerated ? 16 : 8) * Chains * Iterations);

    /// <summary>Byte operations a second of one short run; the processor has AVX-VNNI.</summary>
    public static MachineRate ByteDot256(WorkerTeam team) => Measure(team, &ByteDotItem, null, 2.0 * 32 * Chains * Iterations);

    /// <summary>The rates of one short run, some milliseconds, of one thread and of all.</summary>
    /// <param name="team">The threads.</param>
    /// <param name="body">An item of work, some 0.1 to 0.5 ms.</param>
    /// <param name="state">Handed to each.</param>
    /// <param name="work">Operations of an item.</param>
    public static MachineRate Measure(WorkerTeam team, delegate*<void*, void> body, void* state, double work)
    {
        var all = new Run { Body = body, State = state, Repeats = 1 };
        Run one = all with { Repeats = ItemsPerThread };
        int items = ItemsPerThread * team.Threads;
        return new MachineRate(
            LimitMeter.Rate(team, 1, &one, &Repeat, ItemsPerThread * work),
            LimitMeter.Rate(team, items, &all, &Repeat, items * work));
    }

    /// <summary>Keeps a result alive.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Keep<T>(Vector128<T> result) => _ = result;

    private static void Repeat(void* state, int item, int worker)
    {
        var run = (Run*)state;
        for (int i = 0; i < run->Repeats; i++) run->Body(run->State);
    }

    private static void MultiplyAddItem(void* state)
    {
        if (Vector512.IsHardwareAccelerated) MultiplyAdd512();
        else MultiplyAdd256();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyAdd512()
    {
        Vector512<float> a = default, b = default, c = default, d = default, e = default, f = default;
        Vector512<float> g = default, h = default, i = default, j = default, k = default, l = default;
        Vector512<float> x = Vector512<float>.One;
        for (int n = 0; n < Iterations; n++)
        {
            a = Vector512.FusedMultiplyAdd(x, x, a);
            b = Vector512.FusedMultiplyAdd(x, x, b);
            c = Vector512.FusedMultiplyAdd(x, x, c);
            d = Vector512.FusedMultiplyAdd(x, x, d);
            e = Vector512.FusedMultiplyAdd(x, x, e);
            f = Vector512.FusedMultiplyAdd(x, x, f);
            g = Vector512.FusedMultiplyAdd(x, x, g);
            h = Vector512.FusedMultiplyAdd(x, x, h);
            i = Vector512.FusedMultiplyAdd(x, x, i);
            j = Vector512.FusedMultiplyAdd(x, x, j);
            k = Vector512.FusedMultiplyAdd(x, x, k);
            l = Vector512.FusedMultiplyAdd(x, x, l);
        }

        Keep((a + b + c + d + e + f + g + h + i + j + k + l).GetLower().GetLower());
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyAdd256()
    {
        Vector256<float> a = default, b = default, c = default, d = default, e = default, f = default;
        Vector256<float> g = default, h = default, i = default, j = default, k = default, l = default;
        Vector256<float> x = Vector256<float>.One;
        for (int n = 0; n < Iterations; n++)
        {
            a = Vector256.FusedMultiplyAdd(x, x, a);
            b = Vector256.FusedMultiplyAdd(x, x, b);
            c = Vector256.FusedMultiplyAdd(x, x, c);
            d = Vector256.FusedMultiplyAdd(x, x, d);
            e = Vector256.FusedMultiplyAdd(x, x, e);
            f = Vector256.FusedMultiplyAdd(x, x, f);
            g = Vector256.FusedMultiplyAdd(x, x, g);
            h = Vector256.FusedMultiplyAdd(x, x, h);
            i = Vector256.FusedMultiplyAdd(x, x, i);
            j = Vector256.FusedMultiplyAdd(x, x, j);
            k = Vector256.FusedMultiplyAdd(x, x, k);
            l = Vector256.FusedMultiplyAdd(x, x, l);
        }

        Keep((a + b + c + d + e + f + g + h + i + j + k + l).GetLower());
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ByteDotItem(void* state)
    {
        Vector256<int> a = default, b = default, c = default, d = default, e = default, f = default;
        Vector256<int> g = default, h = default, i = default, j = default, k = default, l = default;
        Vector256<byte> w = Vector256<byte>.One;
        Vector256<sbyte> x = Vector256<sbyte>.One;
        for (int n = 0; n < Iterations; n++)
        {
            a = AvxVnni.MultiplyWideningAndAdd(a, w, x);
            b = AvxVnni.MultiplyWideningAndAdd(b, w, x);
            c = AvxVnni.MultiplyWideningAndAdd(c, w, x);
            d = AvxVnni.MultiplyWideningAndAdd(d, w, x);
            e = AvxVnni.MultiplyWideningAndAdd(e, w, x);
            f = AvxVnni.MultiplyWideningAndAdd(f, w, x);
            g = AvxVnni.MultiplyWideningAndAdd(g, w, x);
            h = AvxVnni.MultiplyWideningAndAdd(h, w, x);
            i = AvxVnni.MultiplyWideningAndAdd(i, w, x);
            j = AvxVnni.MultiplyWideningAndAdd(j, w, x);
            k = AvxVnni.MultiplyWideningAndAdd(k, w, x);
            l = AvxVnni.MultiplyWideningAndAdd(l, w, x);
        }

        Keep((a + b + c + d + e + f + g + h + i + j + k + l).GetLower());
    }

    private struct Run
    {
        public delegate*<void*, void> Body;
        public void* State;
        public int Repeats;
    }
}
