using Coppice.Kernels.Attention;
using Coppice.Kv;

namespace Coppice.Tests.Kv;

/// <summary>The radix tree under random use: a prompt's path spells it, each page has one owner, what is in use stays.</summary>
public sealed class PrefixTreeTests
{
    private const int Tile = 64;

    [Theory]
    [InlineData(1, true)]
    [InlineData(2, true)]
    [InlineData(3, false)]
    public void Paths_spell_their_prompts_and_pages_have_one_owner(int seed, bool keeps)
    {
        using var store = new KvStore(1, 1, 8, KvType.F32, 200);
        var pool = new PagePool(store, poison: true);
        var tree = new PrefixTree(pool, keeps);
        var random = new Random(seed);
        var used = new List<(int[] Tokens, PrefixTreeNode? Leaf)>();
        for (int i = 0; i < 6000; i++)
        {
            switch (random.Next(6))
            {
                case 0 or 1 when used.Count < 12:
                    int[] prompt = Prompt(random);
                    int expected = used.Select(u => Common(u.Tokens, prompt)).Append(0).Max();
                    (int match, int cached) = tree.Match(prompt);
                    int before = tree.CachedPages;
                    PrefixTreeNode? leaf = tree.Attach(prompt, out int matched);
                    Assert.Equal((match, cached), (matched, before - tree.CachedPages));
                    Assert.True(matched >= expected, "a prefix that is in use was not found");
                    Assert.Equal(prompt, Spelled(leaf));
                    used.Add((prompt, leaf));
                    break;
                case 2 or 3 when used.Count > 0:
                    Grow(pool, tree, used[random.Next(used.Count)].Leaf, random.Next(1, 150));
                    break;
                case 4 when used.Count > 0:
                    int at = random.Next(used.Count);
                    tree.Detach(used[at].Leaf);
                    used.RemoveAt(at);
                    break;
                case 5:
                    int free = pool.FreePages;
                    int wanted = random.Next(1, 9);
                    int able = Math.Min(wanted, tree.CachedPages);
                    bool evicts = tree.Evict(wanted);
                    Assert.Equal(able > 0, evicts);
                    Assert.InRange(pool.FreePages - free, Math.Min(able, evicts ? 1 : 0), wanted + 3);
                    break;
            }

            foreach ((int[] tokens, PrefixTreeNode? leaf) in used) Assert.Equal(tokens, Spelled(leaf));
            Check(pool, tree);
        }

        foreach ((_, PrefixTreeNode? leaf) in used) tree.Detach(leaf);
        Assert.Equal(tree.CachedPages, tree.Drop());
        Assert.Empty(tree.Nodes());
        Assert.Equal(pool.PageCount, pool.FreePages);
    }

    [Fact]
    public void At_least_one_token_of_a_prompt_is_its_own()
    {
        Assert.Equal([0, 0, 0, 64, 64, 64, 128], new[] { 0, 1, 64, 65, 66, 128, 129 }.Select(PrefixTree.SharedTokens));
    }

    [Fact]
    public void A_child_of_a_prefix_that_grows_begins_where_it_will_end()
    {
        using var store = new KvStore(1, 1, 8, KvType.F32, 16);
        var pool = new PagePool(store, poison: true);
        var tree = new PrefixTree(pool, keeps: true);
        int[] ids = [.. Enumerable.Range(0, 192)];
        PrefixTreeNode leaf = tree.Attach(ids, out _)!;
        Grow(pool, tree, leaf, 70);
        PrefixTreeNode shorter = tree.Attach(ids.AsMemory(0, 128), out int matched)!;
        Assert.Equal((128, 70, 0), (matched, shorter.Segment.Written, leaf.Segment.Written));
        Assert.Equal(5, shorter.Segment.Pages.Length);
        Assert.Equal((128, 64), (leaf.Segment.Start, leaf.Segment.Length));
        tree.Detach(leaf);
        tree.Detach(shorter);
        Assert.Equal(64, Assert.Single(tree.Nodes()).Segment.Length);
        Assert.Equal(4, pool.OwnedPages);
    }

    private static int[] Prompt(Random random)
    {
        int tiles = random.Next(0, 6);
        var ids = new List<int>();
        // Two ways to go on at each tile, so that prompts part anywhere.
        for (int t = 0; t < tiles; t++) ids.AddRange(Enumerable.Repeat((2 * t) + random.Next(2), Tile));
        return [.. ids];
    }

    private static int Common(int[] a, int[] b) => a.AsSpan().CommonPrefixLength(b) / Tile * Tile;

    private static int[] Spelled(PrefixTreeNode? leaf)
    {
        var ids = new List<int>();
        for (PrefixTreeNode? node = leaf; node is not null; node = node.Parent) ids.InsertRange(0, node.Segment.Ids.ToArray());
        return [.. ids];
    }

    /// <summary>Writes the next tokens of a path, from the root down.</summary>
    private static void Grow(PagePool pool, PrefixTree tree, PrefixTreeNode? leaf, int tokens)
    {
        var path = new Stack<Segment>();
        for (PrefixTreeNode? node = leaf; node is not null; node = node.Parent) path.Push(node.Segment);
        foreach (Segment segment in path)
        {
            for (; tokens > 0 && !segment.IsSealed; tokens--)
            {
                int pages = segment.PagesToAdd(1);
                while (!pool.TryReserve(pages))
                    if (!tree.Evict(pages)) return;
                segment.Append(out _, out _);
            }
        }
    }

    private static void Check(PagePool pool, PrefixTree tree)
    {
        (int owned, int cached) = (0, 0);
        foreach (PrefixTreeNode node in tree.Nodes())
        {
            Segment segment = node.Segment;
            Assert.Equal((segment.Written + 15) / 16, segment.Pages.Length);
            Assert.Equal((node.Parent?.Segment.Start + node.Parent?.Segment.Length) ?? 0, segment.Start);
            Assert.Same(node.Parent?.Segment, segment.Parent);
            foreach (int page in segment.Pages) Assert.Equal(segment.Owner, pool.OwnerOf(page));
            owned += segment.Pages.Length;
            if (node.Uses == 0) cached += segment.Pages.Length;
        }

        Assert.Equal((owned, cached), (pool.OwnedPages, tree.CachedPages));
    }
}
