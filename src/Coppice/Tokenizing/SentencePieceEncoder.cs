using System.Text.Unicode;

namespace Coppice.Tokenizing;

/// <summary>
/// SentencePiece's pair joining (Kudo and Richardson 2018): spaces are spelled U+2581, each character is a piece, two neighbours
/// join when their joined spelling is a token, the highest score first. A character without a token falls back to its bytes.
/// </summary>
internal sealed class SentencePieceEncoder : TextEncoder
{
    private readonly ByteStringTable _tokens;
    private readonly float[] _scores;
    private readonly int[] _byteTokens;
    private readonly bool _addSpacePrefix;

    public SentencePieceEncoder(VocabularyData data, int unknownId)
    {
        _tokens = new ByteStringTable(data.Tokens.Count);
        for (int id = 0; id < data.Tokens.Count; id++)
        {
            if (!data.Tokens[id].IsEmpty) _tokens.TryAdd(data.Tokens[id].Span, id);
        }
        _scores = data.Scores.Count == 0 ? new float[data.Tokens.Count] : [.. data.Scores];
        _addSpacePrefix = data.AddSpacePrefix ?? true;
        _byteTokens = new int[256];
        Span<byte> spelling = stackalloc byte[6];
        for (int value = 0; value < 256; value++)
        {
            Utf8.TryWrite(spelling, $"<0x{value:X2}>", out _);
            int id = _tokens.Find(spelling);
            if (id < 0) id = _tokens.Find([(byte)value]);
            _byteTokens[value] = id < 0 ? unknownId : id;
        }
    }

    private static ReadOnlySpan<byte> SpaceMark => "\u2581"u8;

    /// <inheritdoc/>
    public override void Encode(ReadOnlySpan<byte> utf8, EncodingScratch scratch, List<int> ids)
    {
        ReadOnlySpan<byte> text = MarkSpaces(utf8, _addSpacePrefix, scratch);
        PairMerger merger = scratch.Merger;
        merger.Clear();
        for (int start = 0; start < text.Length;)
        {
            int length = Math.Min(CharacterLength(text[start]), text.Length - start);
            merger.Add(start, length, _tokens.Find(text.Slice(start, length)));
            start += length;
        }
        merger.Merge(new Rule(_tokens, _scores, scratch.Bytes));
        for (int index = 0; index >= 0; index = merger[index].Next) Append(merger[index], text, ids);
    }

    private static int CharacterLength(byte first) => first switch { < 0xC0 => 1, < 0xE0 => 2, < 0xF0 => 3, _ => 4 };

    private static ReadOnlySpan<byte> MarkSpaces(ReadOnlySpan<byte> utf8, bool prefix, EncodingScratch scratch)
    {
        int spaces = utf8.Count((byte)' ') + (prefix ? 1 : 0);
        int length = utf8.Length + (prefix ? 1 : 0) + (spaces * (SpaceMark.Length - 1));
        if (scratch.Bytes.Length < length) scratch.Bytes = new byte[length];
        Span<byte> text = scratch.Bytes.AsSpan(0, length);
        int at = 0;
        if (prefix)
        {
            SpaceMark.CopyTo(text);
            at = SpaceMark.Length;
        }
        foreach (byte value in utf8)
        {
            if (value == ' ')
            {
                SpaceMark.CopyTo(text[at..]);
                at += SpaceMark.Length;
            }
            else
            {
                text[at++] = value;
            }
        }
        return text;
    }

    private void Append(in Piece piece, ReadOnlySpan<byte> text, List<int> ids)
    {
        if (piece.Symbol >= 0)
        {
            ids.Add(piece.Symbol);
            return;
        }
        foreach (byte value in text.Slice(piece.Start, piece.Length))
        {
            if (_byteTokens[value] >= 0) ids.Add(_byteTokens[value]);
        }
    }

    private readonly struct Rule(ByteStringTable tokens, float[] scores, byte[] text) : IPairRule
    {
        public bool TryJoin(in Piece left, in Piece right, out uint priority, out int symbol)
        {
            int length = left.Length + right.Length;
            symbol = length <= tokens.LongestKey ? tokens.Find(text.AsSpan(left.Start, length)) : -1;
            priority = symbol >= 0 ? Descending(scores[symbol]) : 0;
            return symbol >= 0;
        }

        /// <summary>Maps floats to integers that ascend as the floats descend.</summary>
        private static uint Descending(float score)
        {
            uint bits = BitConverter.SingleToUInt32Bits(score + 0f);
            return (bits & 0x8000_0000) != 0 ? bits : ~(bits | 0x8000_0000);
        }
    }
}
