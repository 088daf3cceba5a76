using System.Diagnostics;

namespace Coppice.Kernels;

/// <summary>
/// Where one thread sleeps until another wakes it. Waking a thread that is awake costs a read. Each thread has its own: with one
/// semaphore for all, a worker that finished early and lay down again could take the signal meant for another, which then
/// slept for ever.
/// </summary>
internal sealed class Bed : IDisposable
{
    // An event, not a slim one: those spin and yield first, which the sleeper has done for as long as it pays.
    private readonly AutoResetEvent _signal = new(false);
    private int _asleep;
    private long _woken;

    /// <summary>Whether the thread sleeps, or is about to.</summary>
    public bool IsTaken => Volatile.Read(ref _asleep) != 0;

    /// <summary>
    /// First half of going to sleep: from here on <see cref="Wake"/> counts. The thread then looks once more at what it waits for,
    /// which whoever wakes it has written before, and calls <see cref="Sleep"/> or <see cref="Leave"/>.
    /// </summary>
    public void Enter() => Interlocked.Exchange(ref _asleep, 1);

    /// <summary>Sleeps until woken; it may be for something that is over.</summary>
    /// <returns>The ticks of <see cref="Stopwatch"/> from being woken to being awake.</returns>
    public long Sleep()
    {
        _signal.WaitOne();
        return Stopwatch.GetTimestamp() - _woken;
    }

    /// <summary>Does not sleep after all.</summary>
    public void Leave()
    {
        // Whoever clears the flag also knows whether a signal is on its way.
        if (Interlocked.Exchange(ref _asleep, 0) == 0) _signal.WaitOne();
    }

    /// <summary>Wakes the thread if it sleeps. Comes after a full fence behind the write of what it waits for.</summary>
    public void Wake()
    {
        if (Volatile.Read(ref _asleep) == 0 || Interlocked.Exchange(ref _asleep, 0) == 0) return;
        _woken = Stopwatch.GetTimestamp();
        _signal.Set();
    }

    public void Dispose() => _signal.Dispose();
}
