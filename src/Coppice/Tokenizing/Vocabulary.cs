using System.Text;
using Coppice.ModelFiles;

namespace Coppice.Tokenizing;

/// <summary>
/// A vocabulary with its gaps filled: which tokens are special, which end a generation, which bytes each stands for. Files often
/// leave end tokens unnamed or mark them as plain text, so tokens with well-known spellings are found by name.
/// </summary>
internal sealed class Vocabulary
{
    private static readonly string[] EndNames =
    [
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>", "<|endoftext|>",
        "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>",
        "<\uFF5Cend\u2581of\u2581sentence\uFF5C>", "[e~[",
    ];

    /// <summary>Of each row the token that comes first is special; those of <see cref="EndingRows"/> end a generation too.</summary>
    private static readonly string[][] RoleNames =
    [
        ["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"],
        ["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"],
        ["<|file_sep|>"],
        ["<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<\uFF5Cfim\u2581begin\uFF5C>", "<PRE>", "\u2581<PRE>", "<|code_prefix|>", "<|prefix|>"],
        ["<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<\uFF5Cfim\u2581hole\uFF5C>", "<SUF>", "\u2581<SUF>", "<|code_suffix|>", "<|suffix|>"],
        ["<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<\uFF5Cfim\u2581end\uFF5C>", "<MID>", "\u2581<MID>", "<|code_middle|>", "<|middle|>"],
    ];

    private const int EndingRows = 3;

    private static readonly string[] ShownNames = ["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"];

    private readonly VocabularyData _data;
    private readonly TokenKind[] _kinds;
    private readonly byte[] _pieces;
    private readonly int[] _pieceEnds;

    public Vocabulary(VocabularyData data)
    {
        _data = data;
        TokenizerFamilies.Check(data.Model, data.File);
        Count = data.Tokens.Count;
        if (Count == 0) throw new ModelFormatException(data.File, "key 'tokenizer.ggml.tokens'", "tokens", "none");
        CheckLength(data.Scores.Count, "scores");
        CheckLength(data.Kinds.Count, "token_type");
        IsSentencePiece = data.Model == TokenizerFamilies.SentencePiece;
        _kinds = data.Kinds.Count == 0 ? Enumerable.Repeat(TokenKind.Normal, Count).ToArray() : [.. data.Kinds.Take(Count)];
        BosId = Known(data.BosId, IsSentencePiece ? 1 : -1);
        EosId = Known(data.EosId, IsSentencePiece ? 2 : -1);
        UnknownId = Known(data.UnknownId, IsSentencePiece ? 0 : -1);
        EndOfGenerationIds = FindEnds();
        _pieceEnds = new int[Count];
        _pieces = SpellOut();
    }

    /// <summary>Number of tokens.</summary>
    public int Count { get; }

    /// <summary>SentencePiece, or else byte-level BPE.</summary>
    public bool IsSentencePiece { get; }

    /// <summary>Begins a text, or -1.</summary>
    public int BosId { get; }

    /// <summary>Ends a text, or -1.</summary>
    public int EosId { get; }

    /// <summary>Stands for what can't be spelled, or -1.</summary>
    public int UnknownId { get; }

    /// <summary>All tokens after which nothing more is to be generated.</summary>
    public HashSet<int> EndOfGenerationIds { get; }

    /// <summary>What a token is for.</summary>
    public TokenKind Kind(int id) => _kinds[id];

    /// <summary>A token's spelling in the file, UTF-8.</summary>
    public ReadOnlyMemory<byte> Spelling(int id) => _data.Tokens[id];

    /// <summary>The bytes of text a token stands for; of control and unknown tokens their spelling.</summary>
    public ReadOnlySpan<byte> Bytes(int id)
    {
        int start = id == 0 ? 0 : _pieceEnds[id - 1];
        return _pieces.AsSpan(start, _pieceEnds[id] - start);
    }

    /// <summary>A finder of special tokens; without control tokens it finds the user-defined ones only.</summary>
    public SpecialTokenFinder Finder(bool withControl)
    {
        bool phi3 = _data.ModelName.Contains("phi-3", StringComparison.OrdinalIgnoreCase)
            || _data.ModelName.Contains("phi3", StringComparison.OrdinalIgnoreCase);
        return new SpecialTokenFinder(
            Enumerable.Range(0, Count).Where(id => _kinds[id] == TokenKind.UserDefined || (withControl && IsHidden(id))),
            Spelling,
            id => phi3 && Text(id) is not ("<unk>" or "<s>" or "<|endoftext|>"));
    }

    /// <summary>Whether a token's text is shown only when asked for.</summary>
    public bool IsHidden(int id) => _kinds[id] is TokenKind.Control or TokenKind.Unknown;

    /// <summary>A token's spelling.</summary>
    public string Text(int id) => Encoding.UTF8.GetString(Spelling(id).Span);

    private void CheckLength(int found, string name)
    {
        if (found == 0 || found >= Count) return;
        throw new ModelFormatException(_data.File, $"key 'tokenizer.ggml.{name}'", $"an entry for each of {Count} tokens", $"{found}");
    }

    private int Known(int? id, int familyDefault)
    {
        int value = id ?? familyDefault;
        return value < Count ? value : -1;
    }

    private HashSet<int> FindEnds()
    {
        Dictionary<string, int> named = NamedTokens();
        HashSet<int> ends = [.. _data.MoreEndIds];
        for (int row = 0; row < RoleNames.Length; row++)
        {
            int id = RoleNames[row].Select(name => named.GetValueOrDefault(name, -1)).FirstOrDefault(id => id >= 0, -1);
            if (id < 0) continue;
            _kinds[id] = TokenKind.Control;
            if (row < EndingRows) ends.Add(id);
        }
        foreach (string name in EndNames)
        {
            if (!named.TryGetValue(name, out int id)) continue;
            _kinds[id] = TokenKind.Control;
            ends.Add(id);
        }
        foreach (string name in ShownNames)
        {
            if (named.TryGetValue(name, out int id)) _kinds[id] = TokenKind.UserDefined;
        }
        ends.UnionWith(new[] { EosId, _data.EotId ?? -1, _data.EomId ?? -1 }.Where(id => id >= 0 && id < Count));
        KeepInnerEnd(named, ends);
        return ends;
    }

    /// <summary>In formats where a turn has several messages, the token between them ends a message and not the generation.</summary>
    private void KeepInnerEnd(Dictionary<string, int> named, HashSet<int> ends)
    {
        bool several = (Ends("<|return|>") && Ends("<|call|>")) || (Ends("<|flush|>") && Ends("<|calls|>"));
        if (!several || !Ends("<|end|>")) return;
        ends.Remove(named["<|end|>"]);
        _kinds[named["<|end|>"]] = TokenKind.UserDefined;

        bool Ends(string name) => named.TryGetValue(name, out int id) && ends.Contains(id);
    }

    private Dictionary<string, int> NamedTokens()
    {
        HashSet<string> names = [.. EndNames, .. ShownNames, .. RoleNames.SelectMany(row => row)];
        Dictionary<string, int> named = [];
        for (int id = 0; id < Count; id++)
        {
            ReadOnlySpan<byte> spelling = Spelling(id).Span;
            if (spelling.Length is < 3 or > 32 || spelling[0] is not ((byte)'<' or (byte)'[' or (byte)'_' or 0xE2)) continue;
            string text = Encoding.UTF8.GetString(spelling);
            if (names.Contains(text)) named.TryAdd(text, id);
        }
        return named;
    }

    private byte[] SpellOut()
    {
        byte[] pieces = new byte[_data.Tokens.Sum(token => token.Length)];
        int end = 0;
        for (int id = 0; id < Count; id++)
        {
            end += SpellOut(id, pieces.AsSpan(end));
            _pieceEnds[id] = end;
        }
        return pieces[..end];
    }

    /// <summary>Writes what a token stands for, at most as long as its spelling; returns the length.</summary>
    private int SpellOut(int id, Span<byte> bytes)
    {
        ReadOnlySpan<byte> spelling = Spelling(id).Span;
        switch (_kinds[id])
        {
            case TokenKind.Byte when TryByte(spelling, out byte value):
                bytes[0] = value;
                return 1;
            case TokenKind.Normal when IsSentencePiece:
                return Unmark(spelling, bytes);
            case TokenKind.Normal when ByteAlphabet.TryDecode(spelling, bytes, out int count):
                return count;
            case TokenKind.Normal or TokenKind.Byte or TokenKind.Control or TokenKind.Unknown or TokenKind.UserDefined:
                spelling.CopyTo(bytes);
                return spelling.Length;
            default:
                return 0;
        }
    }

    /// <summary><c>&lt;0xNN&gt;</c></summary>
    private static bool TryByte(ReadOnlySpan<byte> spelling, out byte value)
    {
        value = 0;
        return spelling.Length == 6 && spelling.StartsWith("<0x"u8) && spelling[5] == '>'
            && byte.TryParse(spelling[3..5], System.Globalization.NumberStyles.AllowHexSpecifier, null, out value);
    }

    /// <summary>Copies a spelling with U+2581 as space.</summary>
    private static int Unmark(ReadOnlySpan<byte> spelling, Span<byte> bytes)
    {
        int count = 0;
        while (!spelling.IsEmpty)
        {
            bool isMark = spelling.StartsWith("\u2581"u8);
            bytes[count++] = isMark ? (byte)' ' : spelling[0];
            spelling = spelling[(isMark ? 3 : 1)..];
        }
        return count;
    }
}
