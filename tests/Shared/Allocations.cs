namespace Coppice.Tests.Shared;

/// <summary>What code allocates once it is warm.</summary>
internal static class Allocations
{
    private const int Runs = 8;

    /// <summary>
    /// The fewest bytes that a run allocates on this thread, of eight. The runtime itself may allocate in any one of them: a method is
    /// compiled anew in the middle of its loop, or a lock is contended for the first time. What the code allocates is in all of them.
    /// </summary>
    public static long OfWarm(Action run)
    {
        long fewest = long.MaxValue;
        for (int i = 0; i < Runs; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            run();
            fewest = Math.Min(fewest, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return fewest;
    }
}
