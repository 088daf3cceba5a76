using System.Runtime.InteropServices;

namespace Coppice.Kernels;

/// <summary>The processor time of one thread, readable by others (Linux); elsewhere it is not known.</summary>
internal readonly unsafe partial struct ThreadClock
{
    private readonly int _clock;
    private readonly bool _known;

    private ThreadClock(int clock) => (_clock, _known) = (clock, true);

    /// <summary>The clock of the calling thread, for as long as it lives.</summary>
    public static ThreadClock OfCaller()
    {
        int clock = 0;
        return OperatingSystem.IsLinux() && GetCpuClock(Self(), &clock) == 0 ? new ThreadClock(clock) : default;
    }

    /// <summary>Nanoseconds that the thread has run for.</summary>
    /// <param name="nanoseconds">The time, where it is known.</param>
    public bool TryRead(out long nanoseconds)
    {
        Time time = default;
        bool known = _known && GetTime(_clock, &time) == 0;
        nanoseconds = time.Seconds * 1_000_000_000 + time.Nanoseconds;
        return known;
    }

    [LibraryImport("libc", EntryPoint = "pthread_self")]
    private static partial nint Self();

    [LibraryImport("libc", EntryPoint = "pthread_getcpuclockid")]
    private static partial int GetCpuClock(nint thread, int* clock);

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int GetTime(int clock, Time* time);

    private struct Time
    {
        public nint Seconds;
        public nint Nanoseconds;
    }
}
