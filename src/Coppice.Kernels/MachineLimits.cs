namespace Coppice.Kernels;

/// <summary>A rate that one thread reaches and that all threads of a team reach together.</summary>
/// <param name="One">One thread, a second.</param>
/// <param name="All">All threads, a second.</param>
public readonly record struct MachineRate(double One, double All)
{
    /// <summary>All threads over one thread; with threads that have a core each, arithmetic comes to about their number.</summary>
    public double Ratio => All / One;

    internal MachineRate Best(MachineRate other) => new(Math.Max(One, other.One), Math.Max(All, other.All));
}

/// <summary>
/// What this process can reach on this machine: the rates that kernels are held against. Measured by a <see cref="LimitMeter"/>.
/// </summary>
public sealed record MachineLimits
{
    /// <summary>Of the ratio that as many cores would give, the least at which the machine counts as quiet: 1.9 of 2.</summary>
    public const double QuietShare = 0.95;

    /// <summary>Threads of the team.</summary>
    public required int Threads { get; init; }

    /// <summary>Bytes read a second from memory in huge pages.</summary>
    public required MachineRate MemoryRead { get; init; }

    /// <summary>Float operations a second of fused multiply-add in registers, two each a lane, on the widest vectors.</summary>
    public required MachineRate MultiplyAdd { get; init; }

    /// <summary>Byte operations a second of 256-bit <c>vpdpbusd</c> in registers, two each a byte; null where the processor has no AVX-VNNI.</summary>
    public MachineRate? ByteDot256 { get; init; }

    /// <summary>The same of 512-bit <c>vpdpbusd</c>, emitted; null where emitted code is not available.</summary>
    public MachineRate? ByteDot512 { get; init; }

    /// <summary>The wider of the byte dot products; null where there is neither.</summary>
    public MachineRate? ByteDot => ByteDot512 ?? ByteDot256;

    /// <summary>Whether the threads have a core each: on a shared machine two may sit on one, and then they do the arithmetic of one.</summary>
    public bool IsQuiet => MultiplyAdd.Ratio >= QuietShare * Threads;

    /// <summary>Measures some rounds at once: about a second, and <see cref="LimitMeter.MemoryBytes"/> of memory.</summary>
    /// <param name="team">The threads.</param>
    /// <exception cref="OutOfMemoryException">The memory is not to be had.</exception>
    public static MachineLimits Measure(WorkerTeam team)
    {
        const int Rounds = 8;
        using var meter = new LimitMeter(team);
        for (int round = 0; round < Rounds; round++) meter.Measure();
        return meter.Limits;
    }
}
