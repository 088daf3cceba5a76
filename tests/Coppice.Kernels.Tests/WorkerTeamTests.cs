using Coppice.Kernels;

namespace Coppice.Kernels.Tests;

public sealed unsafe class WorkerTeamTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Every_item_runs_once_whatever_the_thread_count(int threads)
    {
        using var team = new WorkerTeam(threads);
        for (int items = 0; items < 200; items++)
        {
            var counts = new int[Math.Max(1, items)];
            fixed (int* p = counts)
            {
                team.Run(items, p, &Count);
            }

            Assert.All(counts.Take(items), c => Assert.Equal(1, c));
        }
    }

    [Fact]
    public void A_managed_loop_runs_every_item_once_among_loops_of_the_other_kind()
    {
        using var team = new WorkerTeam(3);
        int[] runs = new int[100];
        Action<int, int> body = (item, worker) =>
        {
            Assert.InRange(worker, 0, 2);
            Interlocked.Increment(ref runs[item]);
        };
        for (int i = 0; i < 50; i++)
        {
            team.Run(runs.Length, body);
            RunPointers(team);
            team.Run(1, body);
        }

        Assert.Equal(100, runs[0]);
        Assert.All(runs[1..], count => Assert.Equal(50, count));
    }

    [Fact]
    public void A_loop_allocates_nothing()
    {
        using var team = new WorkerTeam(2);
        int* counts = stackalloc int[64];
        Assert.Equal(0, Allocations.OfWarm(() =>
        {
            for (int i = 0; i < 100; i++) team.Run(64, counts, &Count);
        }));
    }

    [Fact]
    public void A_failing_item_fails_the_loop_and_the_team_lives()
    {
        using var team = new WorkerTeam(2);
        int* counts = stackalloc int[64];
        Assert.Throws<InvalidOperationException>(() => RunFailing(team));
        team.Run(64, counts, &Count);
        Assert.Equal(1, counts[63]);
    }

    [Fact]
    public void A_team_that_slept_wakes()
    {
        using var team = new WorkerTeam(3);
        int* counts = stackalloc int[8];
        for (int i = 1; i <= 5; i++)
        {
            Thread.Sleep(20);
            team.Run(8, counts, &Count);
            Assert.Equal(i, counts[7]);
        }
    }

    [Fact]
    public void Loops_with_a_few_long_items_end_whoever_takes_them()
    {
        using var team = new WorkerTeam(3);
        int[] runs = new int[4];
        // Long enough for the caller to stop spinning and sleep.
        Action<int, int> body = (item, _) =>
        {
            if (item == 1) Thread.Sleep(10);
            Interlocked.Increment(ref runs[item]);
        };
        for (int i = 1; i <= 20; i++)
        {
            team.Run(runs.Length, body);
            Assert.All(runs, count => Assert.Equal(i, count));
        }
    }

    [Fact]
    public void More_teams_than_cores_all_end()
    {
        Parallel.For(0, 6, new ParallelOptions { MaxDegreeOfParallelism = 6 }, _ =>
        {
            using var team = new WorkerTeam(3);
            int* counts = stackalloc int[8];
            for (int i = 1; i <= 2_000; i++)
            {
                team.Run(8, counts, &Count);
                for (int item = 0; item < 8; item++) Assert.Equal(i, counts[item]);
            }
        });
    }

    [Fact]
    public void A_loop_inside_a_loop_of_the_same_team_is_refused()
    {
        using var team = new WorkerTeam(2);
        var handle = System.Runtime.InteropServices.GCHandle.Alloc(team);
        try
        {
            Assert.Throws<InvalidOperationException>(() => RunNested(team, handle));
        }
        finally
        {
            handle.Free();
        }

        int* counts = stackalloc int[64];
        team.Run(64, counts, &Count);
        Assert.Equal(1, counts[63]);
    }

    private static void RunNested(WorkerTeam team, System.Runtime.InteropServices.GCHandle handle) =>
        team.Run(8, (void*)System.Runtime.InteropServices.GCHandle.ToIntPtr(handle), &Nest);

    private static void Nest(void* state, int item, int worker)
    {
        var team = (WorkerTeam)System.Runtime.InteropServices.GCHandle.FromIntPtr((nint)state).Target!;
        int count = 0;
        team.Run(2, &count, &Count);
    }

    private static void RunFailing(WorkerTeam team) => team.Run(16, null, &Fail);

    private static void Count(void* state, int item, int worker) => Interlocked.Increment(ref ((int*)state)[item]);

    private static void Fail(void* state, int item, int worker)
    {
        if (item == 7) throw new InvalidOperationException("item 7");
    }

    private static unsafe void RunPointers(WorkerTeam team)
    {
        int count = 0;
        team.Run(7, &count, &Count);
        Assert.Equal(7, count);

        static void Count(void* state, int item, int worker) => Interlocked.Increment(ref *(int*)state);
    }
}
