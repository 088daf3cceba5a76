using System.Text;
using Coppice.ModelFiles;

namespace Coppice.Tokenizing;

/// <summary>
/// Text to token ids and back, for SentencePiece and byte-level BPE vocabularies. Immutable; any number of threads may use one.
/// </summary>
public sealed class Tokenizer
{
    private readonly Vocabulary _vocabulary;
    private readonly TextEncoder _encoder;
    private readonly SpecialTokenFinder _allSpecials;
    private readonly SpecialTokenFinder _userDefined;

    /// <summary>Builds a tokenizer.</summary>
    /// <param name="data">What the model file says.</param>
    /// <exception cref="ModelFormatException">The family or the pre-tokenizer is unsupported, or lists don't fit each other.</exception>
    public Tokenizer(VocabularyData data)
    {
        ArgumentNullException.ThrowIfNull(data);
        _vocabulary = new Vocabulary(data);
        if (_vocabulary.IsSentencePiece)
        {
            AddsBos = data.AddBos ?? true;
            AddsSpacePrefix = data.AddSpacePrefix ?? true;
            _encoder = new SentencePieceEncoder(data, _vocabulary.UnknownId);
        }
        else
        {
            PreTokenizer preTokenizer = PreTokenizer.Named(data.PreTokenizer, data.File);
            AddsBos = data.AddBos ?? preTokenizer.AddBos;
            _encoder = new BytePairEncoder(data, preTokenizer, _vocabulary.UnknownId);
        }
        AddsBos &= BosId >= 0;
        AddsEos = data.AddEos is true && EosId >= 0;
        _allSpecials = _vocabulary.Finder(withControl: true);
        _userDefined = _vocabulary.Finder(withControl: false);
    }

    /// <summary>Number of tokens; ids are in [0, VocabularySize).</summary>
    public int VocabularySize => _vocabulary.Count;

    /// <summary>The token that begins a text, or -1.</summary>
    public int BosId => _vocabulary.BosId;

    /// <summary>The token that ends a text, or -1.</summary>
    public int EosId => _vocabulary.EosId;

    /// <summary>Whether <see cref="Encode"/> with special tokens starts with <see cref="BosId"/>.</summary>
    public bool AddsBos { get; }

    /// <summary>Whether <see cref="Encode"/> with special tokens ends with <see cref="EosId"/>.</summary>
    public bool AddsEos { get; }

    /// <summary>Whether <see cref="Encode"/> puts a space before text that starts the input or follows a special token.</summary>
    public bool AddsSpacePrefix { get; }

    /// <summary>The tokens after which nothing more is to be generated: end of text, of turn, of message.</summary>
    public IReadOnlySet<int> EndOfGenerationIds => _vocabulary.EndOfGenerationIds;

    /// <summary>Builds the tokenizer of a GGUF file.</summary>
    /// <exception cref="ModelFormatException">The file has no tokenizer, or one that is unsupported or malformed.</exception>
    public static Tokenizer FromGguf(GgufFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        return new Tokenizer(VocabularyData.FromGguf(file.Metadata, Path.GetFileName(file.Path)));
    }

    /// <summary>Whether nothing more is to be generated after this token.</summary>
    public bool IsEndOfGeneration(int id) => _vocabulary.EndOfGenerationIds.Contains(id);

    /// <summary>What a token is for.</summary>
    public TokenKind Kind(int id) => _vocabulary.Kind(id);

    /// <summary>Turns text into ids. Lone surrogates count as U+FFFD.</summary>
    /// <param name="text">The text.</param>
    /// <param name="addSpecial">Adds BOS and EOS where the file says so.</param>
    /// <param name="parseSpecial">
    /// Turns spellings of control tokens in the text into those tokens; without, they are plain text. User-defined tokens are
    /// found either way.
    /// </param>
    public int[] Encode(string text, bool addSpecial = true, bool parseSpecial = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        List<int> ids = new((utf8.Length / 3) + 4);
        EncodingScratch scratch = new();
        if (addSpecial && AddsBos) ids.Add(BosId);
        int start = 0;
        foreach (SpecialTokenFinder.Found special in (parseSpecial ? _allSpecials : _userDefined).Find(utf8))
        {
            EncodeText(utf8.AsSpan(start, special.Start - start));
            ids.Add(special.Id);
            start = special.TextEnd;
        }
        EncodeText(utf8.AsSpan(start));
        if (addSpecial && AddsEos) ids.Add(EosId);
        return [.. ids];

        void EncodeText(ReadOnlySpan<byte> part)
        {
            if (!part.IsEmpty) _encoder.Encode(part, scratch, ids);
        }
    }

    /// <summary>The bytes of text a token stands for; they need not be whole characters.</summary>
    /// <param name="id">A token.</param>
    /// <param name="special">Gives control and unknown tokens their spelling instead of nothing.</param>
    public ReadOnlySpan<byte> TokenBytes(int id, bool special = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, VocabularySize);
        return !special && _vocabulary.IsHidden(id) ? [] : _vocabulary.Bytes(id);
    }

    /// <summary>A token as the vocabulary spells it, control tokens included: <c>▁the</c>, <c>Ġthe</c>, <c>&lt;s&gt;</c>.</summary>
    /// <param name="id">A token.</param>
    public string TokenText(int id)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, VocabularySize);
        return _vocabulary.Text(id);
    }

    /// <summary>The id of a token as the vocabulary spells it, or -1. Takes time in proportion to the vocabulary.</summary>
    /// <param name="text">The spelling.</param>
    public int IdOf(string text)
    {
        ReadOnlySpan<byte> spelling = Encoding.UTF8.GetBytes(text);
        for (int id = 0; id < VocabularySize; id++)
        {
            if (_vocabulary.Spelling(id).Span.SequenceEqual(spelling)) return id;
        }
        return -1;
    }

    /// <summary>Turns ids into text, as at the start of a text: the space that encoding put in front is dropped.</summary>
    /// <param name="ids">Tokens.</param>
    /// <param name="special">Shows control and unknown tokens.</param>
    public string Decode(IEnumerable<int> ids, bool special = false)
    {
        ArgumentNullException.ThrowIfNull(ids);
        Detokenizer detokenizer = new(this, atTextStart: true, special);
        StringBuilder text = new();
        foreach (int id in ids) text.Append(detokenizer.Append(id));
        return text.Append(detokenizer.Flush()).ToString();
    }
}
