using System.Diagnostics;
using Coppice.Kernels.Emitted;

namespace Coppice.Kernels;

/// <summary>
/// Measures <see cref="MachineLimits"/> in rounds. A limit is a maximum, and whatever else runs on a machine can only take from it:
/// so a round makes short runs of every kind, and the best of all rounds counts. A disturbance has to last through all of
/// them to show. Memory is shared with neighbours for minutes: whoever holds kernels against these limits measures them in rounds
/// too, one of each in turn, so that both see the same machine.
/// </summary>
public sealed unsafe class LimitMeter : IDisposable
{
    /// <summary>Bytes that the memory rates are measured on: more than the last-level caches of the processors this is made for.</summary>
    public const long MemoryBytes = 512L << 20;

    private readonly WorkerTeam _team;
    private readonly MemoryReads _reads;
    private readonly EmittedDots? _dots;
    private MachineRate _memory, _multiplyAdd, _dot256, _dot512;

    /// <summary>Takes <see cref="MemoryBytes"/> of memory and touches it.</summary>
    /// <param name="team">The threads.</param>
    /// <exception cref="OutOfMemoryException">The memory is not to be had.</exception>
    public LimitMeter(WorkerTeam team)
        : this(team, MemoryBytes)
    {
    }

    internal LimitMeter(WorkerTeam team, long memoryBytes)
    {
        ArgumentNullException.ThrowIfNull(team);
        _team = team;
        _reads = new MemoryReads(team, memoryBytes);
        _dots = EmittedDots.TryCreate(EmittedCode.IsAvailable);
    }

    /// <summary>The best of the rounds so far.</summary>
    /// <exception cref="InvalidOperationException">There was none.</exception>
    public MachineLimits Limits => _memory.All == 0
        ? throw new InvalidOperationException("nothing has been measured yet")
        : new MachineLimits
        {
            Threads = _team.Threads,
            MemoryRead = _memory,
            MultiplyAdd = _multiplyAdd,
            ByteDot256 = RegisterLoops.HasByteDot256 ? _dot256 : null,
            ByteDot512 = _dots is null ? null : _dot512,
        };

    /// <summary>One round: about a tenth of a second.</summary>
    public void Measure()
    {
        _memory = _memory.Best(_reads.Measure());
        _multiplyAdd = _multiplyAdd.Best(RegisterLoops.MultiplyAdd(_team));
        if (RegisterLoops.HasByteDot256) _dot256 = _dot256.Best(RegisterLoops.ByteDot256(_team));
        if (_dots is not null) _dot512 = _dot512.Best(_dots.Measure(_team));
    }

    /// <summary>Returns the memory.</summary>
    public void Dispose()
    {
        _reads.Dispose();
        _dots?.Dispose();
    }

    /// <summary>Runs a loop once and gives the rate at which <paramref name="work"/> units were done.</summary>
    internal static double Rate(WorkerTeam team, int items, void* state, delegate*<void*, int, int, void> body, double work)
    {
        long start = Stopwatch.GetTimestamp();
        team.Run(items, state, body);
        return work / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
