using Coppice.Kernels.Emitted;

namespace Coppice.Kernels.Attention;

/// <summary>
/// A tile that is being reduced. The C# products have it widened in the scratch; emitted ones read its pages as they are. Both
/// fetch the next tile's memory while the first rows are computed.
/// </summary>
internal unsafe struct AttentionTile
{
    /// <summary>Position of its first token.</summary>
    public int Position;

    /// <summary>Its tokens, at most 64.</summary>
    public int Tokens;

    /// <summary>For C#: the next tile where its pages lie one after another, else null.</summary>
    public byte* Next;

    /// <summary>For C#: bytes from one fetched line to the next.</summary>
    public nint NextStep;

    /// <summary>For emitted code: operands.</summary>
    public AttentionCall Call;

    /// <summary>Finds the pages of a tile and of the one after it.</summary>
    /// <param name="head">The KV head's pages.</param>
    /// <param name="blockBytes">Bytes of one.</param>
    /// <param name="pages">Numbers of this tile's.</param>
    /// <param name="next">Numbers of the next tile's.</param>
    /// <param name="nextPages">How many of those there are.</param>
    public void Locate(byte* head, long blockBytes, int* pages, int* next, int nextPages)
    {
        int last = (Tokens - 1) / KvStore.PageTokens;
        for (int page = 0; page < AttentionCall.TilePages; page++)
        {
            byte* own = head + (pages[Math.Min(page, last)] * blockBytes);
            byte* wanted = page < nextPages ? head + (next[page] * blockBytes) : own;
            Call.Keys[page] = (long)own;
            Call.NextKeys[page] = (long)wanted;
            Call.Values[page] = (long)(own + (blockBytes / 2));
            Call.NextValues[page] = (long)(wanted + (blockBytes / 2));
        }
    }

    /// <summary>Nothing is to be fetched any more.</summary>
    public void Fetched()
    {
        Next = null;
        for (int page = 0; page < AttentionCall.TilePages; page++)
        {
            Call.NextKeys[page] = Call.Keys[page];
            Call.NextValues[page] = Call.Values[page];
        }
    }
}
