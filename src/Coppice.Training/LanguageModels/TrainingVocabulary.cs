using Coppice.ModelFiles;
using Coppice.Tokenizing;

namespace Coppice.Training.LanguageModels;

/// <summary>
/// A small SentencePiece vocabulary: three control tokens, then pieces. A piece of several characters joins two shorter ones of the
/// vocabulary, and the later a piece is, the later it joins.
/// </summary>
public sealed class TrainingVocabulary
{
    /// <summary>Id of what can't be spelled.</summary>
    public const int UnknownId = 0;

    /// <summary>Id of the token that begins a text.</summary>
    public const int BeginId = 1;

    /// <summary>Id of the token that ends a text.</summary>
    public const int EndId = 2;

    private const string Space = "\u2581";
    private readonly List<string> _texts = ["<unk>", "<s>", "</s>"];

    /// <summary>A vocabulary.</summary>
    /// <param name="pieces">Spellings, spaces as spaces; those that are there already are left out.</param>
    /// <exception cref="ArgumentException">A piece of several characters can't be made of two shorter ones that are there.</exception>
    public TrainingVocabulary(IEnumerable<string> pieces)
    {
        ArgumentNullException.ThrowIfNull(pieces);
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (string piece in pieces)
        {
            string text = piece.Replace(" ", Space, StringComparison.Ordinal);
            if (text.EnumerateRunes().Skip(1).Any() && !Enumerable.Range(1, text.Length - 1).Any(i => known.Contains(text[..i]) && known.Contains(text[i..])))
                throw new ArgumentException($"'{piece}' can't be joined from shorter pieces", nameof(pieces));
            if (known.Add(text)) _texts.Add(text);
        }
    }

    /// <summary>Number of tokens.</summary>
    public int Count => _texts.Count;

    /// <summary>Every character of a text as a piece, in the order of its first place; enough to learn any text by heart.</summary>
    /// <param name="text">The text.</param>
    public static TrainingVocabulary OfCharacters(string text) => new((text ?? throw new ArgumentNullException(nameof(text))).EnumerateRunes().Distinct().Select(r => r.ToString()));

    /// <summary>The tokenizer that the model's file will have.</summary>
    public Tokenizer ToTokenizer() => new(new VocabularyData
    {
        Model = "llama",
        Tokens = [.. _texts.Select(t => (ReadOnlyMemory<byte>)System.Text.Encoding.UTF8.GetBytes(t))],
        Scores = Scores(),
        Kinds = [.. Enumerable.Range(0, Count).Select(Kind)],
        BosId = BeginId,
        EosId = EndId,
        UnknownId = UnknownId,
        AddBos = true,
        AddEos = false,
        AddSpacePrefix = false,
    });

    /// <summary>Sets the tokenizer's keys.</summary>
    internal void SetOn(GgufWriter writer)
    {
        writer.Set("tokenizer.ggml.model", "llama");
        writer.Set("tokenizer.ggml.pre", "default");
        writer.Set("tokenizer.ggml.tokens", _texts);
        writer.Set("tokenizer.ggml.scores", Scores());
        writer.Set("tokenizer.ggml.token_type", Enumerable.Range(0, Count).Select(id => (int)Kind(id)).ToArray());
        writer.Set("tokenizer.ggml.bos_token_id", (uint)BeginId);
        writer.Set("tokenizer.ggml.eos_token_id", (uint)EndId);
        writer.Set("tokenizer.ggml.unknown_token_id", (uint)UnknownId);
        writer.Set("tokenizer.ggml.add_bos_token", true);
        writer.Set("tokenizer.ggml.add_eos_token", false);
        writer.Set("tokenizer.ggml.add_space_prefix", false);
    }

    private float[] Scores() => [.. Enumerable.Range(0, Count).Select(id => (float)-id)];

    private static TokenKind Kind(int id) => id switch
    {
        UnknownId => TokenKind.Unknown,
        BeginId or EndId => TokenKind.Control,
        _ => TokenKind.Normal,
    };
}
