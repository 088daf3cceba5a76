using Coppice.Kernels.Attention;
using Coppice.Kv;

namespace Coppice.Tests.Kv;

/// <summary>The page law: one owner a page, free + owned = total, under random prefill, fork, step and release.</summary>
public sealed class PagePoolTests
{
    [Fact]
    public void Every_page_has_one_owner_whatever_happens()
    {
        using var store = new KvStore(1, 1, 8, KvType.F32, 64);
        var pool = new PagePool(store, poison: true);
        var random = new Random(11);
        var contexts = new List<Segment>();
        var branches = new List<Segment>();
        for (int i = 0; i < 20_000; i++)
        {
            switch (random.Next(5))
            {
                case 0 when pool.TryReserve(4):
                    var context = new Segment(pool, null, isPrivate: false, 64);
                    int tokens = random.Next(1, 65);
                    for (int t = 0; t < tokens; t++) context.Append(out _, out _);
                    context.Seal();
                    pool.Unreserve(4 - context.Pages.Length);
                    contexts.Add(context);
                    break;
                case 1 when contexts.Count > 0:
                    branches.Add(new Segment(pool, contexts[random.Next(contexts.Count)], isPrivate: true, 40));
                    break;
                case 2 when branches.Count > 0:
                    Segment branch = branches[random.Next(branches.Count)];
                    if (branch.Written == 40 || !pool.TryReserve(1)) break;
                    if (!branch.Append(out _, out _)) pool.Unreserve(1);
                    break;
                case 3 when branches.Count > 0:
                    Take(branches, random).Release();
                    break;
                case 4 when contexts.Count > 0:
                    Take(contexts, random).Release(); // its branches keep it alive
                    break;
            }

            if (i % 50 == 0) Check(pool, contexts, branches);
        }

        foreach (Segment s in branches.Concat(contexts)) s.Release();
        Assert.Equal(64, pool.FreePages);
        Assert.Equal(0, pool.ReservedPages);
    }

    [Fact]
    public void A_page_that_was_not_reserved_cannot_be_taken()
    {
        using var store = new KvStore(1, 1, 8, KvType.F32, 4);
        var pool = new PagePool(store, poison: false);
        Assert.False(pool.TryReserve(5));
        var segment = new Segment(pool, null, isPrivate: false, 16);
        Assert.Throws<InvalidOperationException>(() => segment.Append(out _, out _));
    }

    [Fact]
    public void A_sealed_segment_does_not_grow_and_an_open_one_has_no_children()
    {
        using var store = new KvStore(1, 1, 8, KvType.F32, 4);
        var pool = new PagePool(store, poison: false);
        Assert.True(pool.TryReserve(2));
        var segment = new Segment(pool, null, isPrivate: false, 16);
        segment.Append(out _, out _);
        Assert.Throws<InvalidOperationException>(() => new Segment(pool, segment, isPrivate: true, 16));
        segment.Seal();
        Assert.Throws<InvalidOperationException>(() => segment.Append(out _, out _));
        Assert.Equal(1, new Segment(pool, segment, isPrivate: true, 16).Start);
    }

    private static Segment Take(List<Segment> list, Random random)
    {
        int i = random.Next(list.Count);
        Segment taken = list[i];
        list.RemoveAt(i);
        return taken;
    }

    private static void Check(PagePool pool, List<Segment> contexts, List<Segment> branches)
    {
        var owned = new HashSet<int>();
        var live = new HashSet<Segment>(contexts.Concat(branches));
        foreach (Segment branch in branches) live.Add(branch.Parent!);
        foreach (Segment segment in live)
        {
            Assert.Equal((segment.Written + 15) / 16, segment.Pages.Length);
            foreach (int page in segment.Pages)
            {
                Assert.True(owned.Add(page), $"page {page} has two owners");
                Assert.NotEqual(0, pool.OwnerOf(page));
            }
        }

        Assert.InRange(pool.ReservedPages, 0, pool.FreePages);
        Assert.Equal(owned.Count, pool.OwnedPages);
        Assert.Equal(pool.PageCount, pool.FreePages + pool.OwnedPages);
    }
}
