using Coppice.ModelFiles;

namespace Coppice.Tokenizing;

/// <summary>
/// Byte-level BPE (Radford et al. 2019): the text is cut into words, each byte is a piece, and neighbours join in the order of the
/// merge list. A symbol is a token's id, or a number past the vocabulary for a byte or an intermediate join that is no token.
/// </summary>
internal sealed class BytePairEncoder : TextEncoder
{
    private const int LongestRemembered = 64;

    private readonly record struct Join(uint Rank, int Symbol);

    private readonly ByteStringTable _symbols;
    private readonly Dictionary<ulong, Join> _joins;
    private readonly int[] _symbolOfByte = new int[256];
    private readonly int _vocabularySize;
    private readonly int _unknownId;
    private readonly PreTokenizer _preTokenizer;
    private readonly bool _ignoreMerges;
    private int _symbolCount;

    public BytePairEncoder(VocabularyData data, PreTokenizer preTokenizer, int unknownId)
    {
        _vocabularySize = data.Tokens.Count;
        _symbolCount = _vocabularySize;
        _unknownId = unknownId;
        _preTokenizer = preTokenizer;
        _ignoreMerges = data.IgnoreMerges ?? preTokenizer.IgnoreMerges;
        _symbols = new ByteStringTable(_vocabularySize + 256);
        byte[] bytes = new byte[data.Tokens.Concat(data.Merges).Max(spelling => spelling.Length)];
        for (int id = 0; id < _vocabularySize; id++)
        {
            if (ByteAlphabet.TryDecode(data.Tokens[id].Span, bytes, out int count) && count > 0) _symbols.TryAdd(bytes.AsSpan(0, count), id);
        }
        for (int value = 0; value < 256; value++) _symbolOfByte[value] = SymbolOf([(byte)value]);
        _joins = new Dictionary<ulong, Join>(data.Merges.Count);
        for (int rank = 0; rank < data.Merges.Count; rank++) AddMerge(data.Merges[rank].Span, rank, bytes, data.File);
    }

    /// <inheritdoc/>
    public override void Encode(ReadOnlySpan<byte> utf8, EncodingScratch scratch, List<int> ids)
    {
        CodePoints text = scratch.Text;
        text.Read(utf8);
        _preTokenizer.Split(text, ref scratch.Words, ref scratch.SpareWords);
        int start = 0;
        foreach (int word in scratch.Words)
        {
            int end = text.Offset(word);
            EncodeOnce(utf8[start..end], scratch, ids);
            start = end;
        }
    }

    /// <summary>
    /// Encodes a word, or copies the ids of the same word earlier in this text: long texts repeat most of their words, and joining
    /// costs one look-up a pair in tables larger than the caches.
    /// </summary>
    private void EncodeOnce(ReadOnlySpan<byte> word, EncodingScratch scratch, List<int> ids)
    {
        int start = ids.Count;
        if (word.Length > LongestRemembered)
        {
            EncodeWord(word, scratch.Merger, ids);
            return;
        }
        int seen = scratch.Seen.Find(word);
        if (seen < 0)
        {
            EncodeWord(word, scratch.Merger, ids);
            scratch.Seen.TryAdd(word, scratch.SeenIds.Count);
            scratch.SeenIds.Add((start, ids.Count));
            return;
        }
        (int from, int to) = scratch.SeenIds[seen];
        for (int index = from; index < to; index++) ids.Add(ids[index]);
    }

    private void EncodeWord(ReadOnlySpan<byte> word, PairMerger merger, List<int> ids)
    {
        if (_ignoreMerges)
        {
            int whole = word.Length <= _symbols.LongestKey ? _symbols.Find(word) : -1;
            if (whole >= 0 && whole < _vocabularySize)
            {
                ids.Add(whole);
                return;
            }
        }
        merger.Clear();
        for (int at = 0; at < word.Length; at++) merger.Add(at, 1, _symbolOfByte[word[at]]);
        merger.Merge(new Rule(_joins));
        for (int index = 0; index >= 0; index = merger[index].Next) Append(merger[index], word, ids);
    }

    private void Append(in Piece piece, ReadOnlySpan<byte> word, List<int> ids)
    {
        if (piece.Symbol < _vocabularySize)
        {
            ids.Add(piece.Symbol);
            return;
        }
        foreach (byte value in word.Slice(piece.Start, piece.Length))
        {
            int symbol = _symbolOfByte[value];
            if (symbol < _vocabularySize) ids.Add(symbol);
            else if (_unknownId >= 0) ids.Add(_unknownId);
        }
    }

    private void AddMerge(ReadOnlySpan<byte> merge, int rank, Span<byte> bytes, string file)
    {
        int space = merge.Length > 1 ? merge[1..].IndexOf((byte)' ') + 1 : 0;
        if (space == 0)
        {
            throw new ModelFormatException(file, $"key 'tokenizer.ggml.merges' [{rank}]", "two spellings with a space between", "no space");
        }
        if (!ByteAlphabet.TryDecode(merge[..space], bytes, out int leftCount)) return;
        if (!ByteAlphabet.TryDecode(merge[(space + 1)..], bytes[leftCount..], out int rightCount)) return;
        int left = SymbolOf(bytes[..leftCount]);
        int right = SymbolOf(bytes.Slice(leftCount, rightCount));
        _joins.TryAdd(Key(left, right), new Join((uint)rank, SymbolOf(bytes[..(leftCount + rightCount)])));
    }

    private int SymbolOf(ReadOnlySpan<byte> bytes)
    {
        int symbol = _symbols.Find(bytes);
        if (symbol >= 0) return symbol;
        _symbols.TryAdd(bytes, _symbolCount);
        return _symbolCount++;
    }

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private readonly struct Rule(Dictionary<ulong, Join> joins) : IPairRule
    {
        public bool TryJoin(in Piece left, in Piece right, out uint priority, out int symbol)
        {
            bool found = joins.TryGetValue(Key(left.Symbol, right.Symbol), out Join join);
            priority = join.Rank;
            symbol = join.Symbol;
            return found;
        }
    }
}
