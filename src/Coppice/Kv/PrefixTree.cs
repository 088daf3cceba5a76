// A radix tree over token ids (as in SGLang's RadixAttention, arXiv 2312.07104): prompts that begin alike share nodes. Its unit is
// the tile of 64 tokens in which attention reduces a context, so that the bits of an answer don't depend on what was in the tree:
//
//   prompt of L tokens = nodes [0, S) + the request's own [S, L),  S = 64 * floor((L - 1) / 64)
//
// At least one token is the request's own: its logits are computed anew, however much of the prompt is in the tree.
//
// A node may still grow: who comes later with the same tokens hangs under it and waits, so that they are computed once. A node
// is split where prompts part; its pages are dealt out to the halves and nothing is copied. A node that nobody uses, at it or
// below it, is kept until its pages are needed; then leaves go, the least recently used first, from their end.
using System.Diagnostics;
using Coppice.Kernels.Attention;

namespace Coppice.Kv;

/// <summary>The prefixes whose keys and values are kept. Not thread-safe.</summary>
/// <param name="pool">Where pages come from.</param>
/// <param name="keeps">Whether prefixes stay when nobody uses them.</param>
internal sealed class PrefixTree(PagePool pool, bool keeps)
{
    private const int TileTokens = AttentionPlan.TileTokens;
    private const int TilePages = TileTokens / KvStore.PageTokens;
    private readonly Dictionary<Tile, PrefixTreeNode> _roots = [];
    private PrefixTreeNode? _oldest, _newest;
    private int _nextId = 1;

    /// <summary>Pages of nodes that nobody uses.</summary>
    public int CachedPages { get; private set; }

    /// <summary>Nodes freed or shortened to make room.</summary>
    public long Evictions { get; private set; }

    /// <summary>Tokens of a prompt that lie in nodes.</summary>
    public static int SharedTokens(int promptTokens) => Math.Max(0, promptTokens - 1) / TileTokens * TileTokens;

    /// <summary>How much of a prompt is there or on its way. Changes nothing; the answer holds until the tree changes.</summary>
    /// <param name="tokens">Whole tiles.</param>
    /// <returns>Tokens that match, and the pages that they would take out of <see cref="CachedPages"/>.</returns>
    public (int Tokens, int CachedPages) Match(ReadOnlyMemory<int> tokens)
    {
        (int matched, int cached) = (0, 0);
        PrefixTreeNode? node = null;
        while (Find(node, tokens, matched) is { } next)
        {
            int tiles = CommonTiles(next, tokens[matched..]);
            matched += tiles * TileTokens;
            if (next.Uses == 0) cached += tiles * TilePages;
            if (tiles < next.Tiles) break;
            node = next;
        }

        return (matched, cached);
    }

    /// <summary>Finds the nodes of a prompt, makes those that are not there, and holds them all until <see cref="Detach"/>.</summary>
    /// <param name="tokens">Whole tiles.</param>
    /// <param name="matched">Tokens that were there or on their way.</param>
    /// <returns>The last node, or null where there are no tokens.</returns>
    public PrefixTreeNode? Attach(ReadOnlyMemory<int> tokens, out int matched)
    {
        matched = 0;
        PrefixTreeNode? leaf = null;
        while (Find(leaf, tokens, matched) is { } next)
        {
            int tiles = CommonTiles(next, tokens[matched..]);
            matched += tiles * TileTokens;
            leaf = tiles < next.Tiles ? Split(next, tiles) : next;
            if (tiles < next.Tiles) break;
        }

        if (matched < tokens.Length) leaf = Add(leaf, tokens[matched..].ToArray());
        long now = Stopwatch.GetTimestamp();
        for (PrefixTreeNode? node = leaf; node is not null; node = node.Parent)
        {
            if (node.Uses++ == 0) CachedPages -= node.Segment.Pages.Length;
            node.LastUse = now;
            Unlist(node);
        }

        return leaf;
    }

    /// <summary>Lets the nodes of a prompt go. What is not whole is given up, the rest stays for others.</summary>
    /// <param name="leaf">What <see cref="Attach"/> returned.</param>
    public void Detach(PrefixTreeNode? leaf)
    {
        long now = Stopwatch.GetTimestamp();
        for (PrefixTreeNode? node = leaf, parent; node is not null; node = parent)
        {
            parent = node.Parent;
            node.LastUse = now;
            if (--node.Uses > 0) continue;
            CachedPages += node.Segment.Pages.Length;
            int whole = keeps ? node.Segment.Written / TileTokens * TileTokens : 0;
            if (whole < node.Segment.Length) Shorten(node, whole);
            if (whole > 0 && node.Children.Count == 0) List(node);
        }
    }

    /// <summary>Counts a use, begun by <see cref="Attach"/>, as a pin, or no longer.</summary>
    public static void Pin(PrefixTreeNode? leaf, bool pins)
    {
        for (PrefixTreeNode? node = leaf; node is not null; node = node.Parent) node.Pins += pins ? 1 : -1;
    }

    /// <summary>Frees pages of what was not used for the longest time.</summary>
    /// <param name="pages">How many are wanted; more may be freed, and fewer where a node has fewer.</param>
    /// <returns>False where all is in use.</returns>
    public bool Evict(int pages)
    {
        if (_oldest is not { } node) return false;
        Evictions++;
        int tiles = Math.Min(node.Tiles, (pages + TilePages - 1) / TilePages);
        Shorten(node, (node.Tiles - tiles) * TileTokens);
        return true;
    }

    /// <summary>Frees everything that nobody uses.</summary>
    /// <returns>Pages freed.</returns>
    public int Drop()
    {
        int cached = CachedPages;
        while (_oldest is { } node) Shorten(node, 0);
        return cached - CachedPages;
    }

    /// <summary>All nodes, parents before children.</summary>
    public IEnumerable<PrefixTreeNode> Nodes()
    {
        var open = new Stack<PrefixTreeNode>(_roots.Values);
        while (open.TryPop(out PrefixTreeNode? node))
        {
            yield return node;
            foreach (PrefixTreeNode child in node.Children.Values) open.Push(child);
        }
    }

    private Dictionary<Tile, PrefixTreeNode> ChildrenOf(PrefixTreeNode? node) => node is null ? _roots : node.Children;

    private PrefixTreeNode? Find(PrefixTreeNode? node, ReadOnlyMemory<int> tokens, int from) =>
        from < tokens.Length ? ChildrenOf(node).GetValueOrDefault(new Tile(tokens.Slice(from, TileTokens))) : null;

    private static int CommonTiles(PrefixTreeNode node, ReadOnlyMemory<int> tokens) =>
        node.Segment.Ids.Span.CommonPrefixLength(tokens.Span) / TileTokens;

    private PrefixTreeNode Add(PrefixTreeNode? parent, int[] ids)
    {
        var segment = new Segment(pool, parent?.Segment, isPrivate: false, ids.Length) { Ids = ids };
        var node = new PrefixTreeNode(_nextId++, segment, parent);
        ChildrenOf(parent).Add(node.FirstTile, node);
        if (parent is not null) Unlist(parent);
        return node;
    }

    /// <summary>Cuts a node in two; the object that others know stays the lower one. Returns the upper.</summary>
    private PrefixTreeNode Split(PrefixTreeNode node, int tiles)
    {
        Segment front = node.Segment.SplitOff(tiles * TileTokens);
        var upper = new PrefixTreeNode(_nextId++, front, node.Parent) { Uses = node.Uses, Pins = node.Pins, LastUse = node.LastUse };
        ChildrenOf(node.Parent)[upper.FirstTile] = upper;
        upper.Children.Add(node.FirstTile, node);
        node.Parent = upper;
        return upper;
    }

    /// <summary>Gives up what a node that nobody uses holds after the first tokens.</summary>
    private void Shorten(PrefixTreeNode node, int tokens)
    {
        int before = node.Segment.Pages.Length;
        if (tokens > 0)
        {
            node.Segment.Shorten(tokens);
            CachedPages -= before - node.Segment.Pages.Length;
            return;
        }

        if (node.Children.Count > 0) throw new InvalidOperationException("a prefix was dropped that others continue");
        Unlist(node);
        ChildrenOf(node.Parent).Remove(node.FirstTile);
        CachedPages -= before;
        node.Segment.Release();
        if (node.Parent is { Uses: 0, Children.Count: 0 } parent) List(parent);
    }

    /// <summary>Enters a leaf that nobody uses at its place by age; it is mostly the newest.</summary>
    private void List(PrefixTreeNode node)
    {
        if (node.IsListed) return;
        node.IsListed = true;
        PrefixTreeNode? older = _newest;
        while (older is not null && older.LastUse > node.LastUse) older = older.Older;
        PrefixTreeNode? newer = older is null ? _oldest : older.Newer;
        (node.Older, node.Newer) = (older, newer);
        if (older is null) _oldest = node;
        else older.Newer = node;
        if (newer is null) _newest = node;
        else newer.Older = node;
    }

    private void Unlist(PrefixTreeNode node)
    {
        if (!node.IsListed) return;
        node.IsListed = false;
        if (node.Older is null) _oldest = node.Newer;
        else node.Older.Newer = node.Newer;
        if (node.Newer is null) _newest = node.Older;
        else node.Newer.Older = node.Older;
        (node.Older, node.Newer) = (null, null);
    }
}
