namespace Coppice.Tokenizing;

/// <summary>What one call of <see cref="Tokenizer.Encode"/> works in; encoders themselves hold no state that changes.</summary>
internal sealed class EncodingScratch
{
    public readonly PairMerger Merger = new();
    public readonly CodePoints Text = new();
    public List<int> Words = [];
    public List<int> SpareWords = [];
    public byte[] Bytes = [];

    /// <summary>Words met in this call; the values index <see cref="SeenIds"/>.</summary>
    public readonly ByteStringTable Seen = new(16);

    /// <summary>Where in the call's ids those of a word lie, half-open.</summary>
    public readonly List<(int From, int To)> SeenIds = [];
}

/// <summary>Turns text without special tokens into ids; one per family.</summary>
internal abstract class TextEncoder
{
    /// <summary>Appends the ids of a text that starts the input or follows a special token.</summary>
    /// <param name="utf8">Valid UTF-8, not empty. [bytes]</param>
    /// <param name="scratch">Work space of this call.</param>
    /// <param name="ids">Takes the ids.</param>
    public abstract void Encode(ReadOnlySpan<byte> utf8, EncodingScratch scratch, List<int> ids);
}
