using System.Runtime.CompilerServices;
using Coppice.Kernels.Attention;
using Coppice.Kv;

namespace Coppice.Tests.Kv;

/// <summary>What lay in a step beside a segment that stays is not kept by it.</summary>
public sealed class SegmentForestTests
{
    [Fact]
    public void Requests_that_follow_each_other_are_not_kept_by_a_prefix_that_rests()
    {
        using var store = new KvStore(1, 1, 8, KvType.F32, 4);
        var pool = new PagePool(store, poison: true);
        var forest = new SegmentForest();
        Segment resting = Made(pool, 1);
        WeakReference[] gone = Follow(pool, forest, resting, count: 50);
        forest.Clear();
        GC.Collect();
        Assert.InRange(gone.Count(segment => segment.IsAlive), 0, 2);
        GC.KeepAlive(resting);
    }

    /// <summary>Each of them is in a step with the one before and in one with the one after; the first is in a step with the resting one.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference[] Follow(PagePool pool, SegmentForest forest, Segment resting, int count)
    {
        var made = new WeakReference[count];
        Segment before = resting;
        for (int i = 0; i < count; i++)
        {
            Segment now = Made(pool, i);
            made[i] = new WeakReference(now);
            forest.Clear();
            forest.Include(before);
            forest.Include(now);
            Assert.Same(now, forest.Next(before));
            if (i > 0) before.Release();
            before = now;
        }

        before.Release();
        return made;
    }

    private static Segment Made(PagePool pool, int token) => new(pool, null, isPrivate: false, 16) { Ids = new[] { token } };
}
