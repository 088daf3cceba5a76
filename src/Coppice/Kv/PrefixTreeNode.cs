using System.Diagnostics;
using System.Runtime.InteropServices;
using Coppice.Kernels.Attention;

namespace Coppice.Kv;

/// <summary>A segment that prompts share, in a <see cref="PrefixTree"/>: whole tiles, beginning on a tile.</summary>
internal sealed class PrefixTreeNode(int id, Segment segment, PrefixTreeNode? parent)
{
    /// <summary>Its number.</summary>
    public int Id { get; } = id;

    /// <summary>The tokens' keys and values.</summary>
    public Segment Segment { get; } = segment;

    /// <summary>The node whose end it continues.</summary>
    public PrefixTreeNode? Parent { get; set; } = parent;

    /// <summary>The nodes that continue it, by their first tile.</summary>
    public Dictionary<Tile, PrefixTreeNode> Children { get; } = [];

    /// <summary>Prompts and pins that end at it or below it.</summary>
    public int Uses { get; set; }

    /// <summary>Of them, pins.</summary>
    public int Pins { get; set; }

    /// <summary>When a use last began or ended.</summary>
    public long LastUse { get; set; } = Stopwatch.GetTimestamp();

    /// <summary>Tiles it is to hold.</summary>
    public int Tiles => Segment.Length / AttentionPlan.TileTokens;

    /// <summary>Its first tile.</summary>
    public Tile FirstTile => new(Segment.Ids[..AttentionPlan.TileTokens]);

    /// <summary>Neighbours among the nodes that can be freed, from the least to the most recently used.</summary>
    public PrefixTreeNode? Older { get; set; }

    /// <inheritdoc cref="Older"/>
    public PrefixTreeNode? Newer { get; set; }

    /// <summary>Whether it is among those.</summary>
    public bool IsListed { get; set; }
}

/// <summary>The 64 token ids of a tile.</summary>
internal readonly struct Tile(ReadOnlyMemory<int> ids) : IEquatable<Tile>
{
    private readonly ReadOnlyMemory<int> _ids = ids;

    public bool Equals(Tile other) => _ids.Span.SequenceEqual(other._ids.Span);

    public override bool Equals(object? obj) => obj is Tile other && Equals(other);

    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.AddBytes(MemoryMarshal.AsBytes(_ids.Span));
        return hash.ToHashCode();
    }
}
