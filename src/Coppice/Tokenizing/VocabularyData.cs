using Coppice.ModelFiles;

namespace Coppice.Tokenizing;

/// <summary>What a token is for, with the numbers GGUF stores.</summary>
public enum TokenKind
{
    /// <summary>Text.</summary>
    Normal = 1,

    /// <summary>Stands for text that the vocabulary can't spell.</summary>
    Unknown = 2,

    /// <summary>Steers the model, has no text of its own: begin, end, roles.</summary>
    Control = 3,

    /// <summary>Text that is found whole, before any other rule splits it.</summary>
    UserDefined = 4,

    /// <summary>A free number.</summary>
    Unused = 5,

    /// <summary>One byte, spelled <c>&lt;0xNN&gt;</c>.</summary>
    Byte = 6,
}

/// <summary>
/// What a model file says about its tokenizer, before anything is built from it. Ids are indexes into <see cref="Tokens"/>;
/// a missing id is null, a missing flag is null and means the default of the family.
/// </summary>
public sealed record VocabularyData
{
    /// <summary>Name of the file, for errors.</summary>
    public string File { get; init; } = "vocabulary";

    /// <summary>The model's name in the file; some models' special tokens swallow the white space after them.</summary>
    public string ModelName { get; init; } = "";

    /// <summary>The family: <c>llama</c> (SentencePiece) or <c>gpt2</c> (byte-level BPE); others are refused.</summary>
    public required string Model { get; init; }

    /// <summary>Name of the rule that cuts text into words; null is <c>default</c>. Byte-level BPE only.</summary>
    public string? PreTokenizer { get; init; }

    /// <summary>The spelling of each token as the file has it, UTF-8. [tokens]</summary>
    public required IReadOnlyList<ReadOnlyMemory<byte>> Tokens { get; init; }

    /// <summary>The score of each token, higher joins first; empty when the file has none. [tokens]</summary>
    public IReadOnlyList<float> Scores { get; init; } = [];

    /// <summary>What each token is for; empty when the file has none, and all are normal. [tokens]</summary>
    public IReadOnlyList<TokenKind> Kinds { get; init; } = [];

    /// <summary>Pairs that join, first to last: two spellings with a space between, UTF-8. Byte-level BPE only.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Merges { get; init; } = [];

    /// <summary>Begins a text.</summary>
    public int? BosId { get; init; }

    /// <summary>Ends a text.</summary>
    public int? EosId { get; init; }

    /// <summary>Ends a turn.</summary>
    public int? EotId { get; init; }

    /// <summary>Ends a message inside a turn.</summary>
    public int? EomId { get; init; }

    /// <summary>Stands for what can't be spelled.</summary>
    public int? UnknownId { get; init; }

    /// <summary>Fills a batch.</summary>
    public int? PaddingId { get; init; }

    /// <summary>More tokens that end a generation, such as the padding and separators of fill-in-the-middle.</summary>
    public IReadOnlyList<int> MoreEndIds { get; init; } = [];

    /// <summary>Whether encoding with special tokens starts with <see cref="BosId"/>.</summary>
    public bool? AddBos { get; init; }

    /// <summary>Whether encoding with special tokens ends with <see cref="EosId"/>.</summary>
    public bool? AddEos { get; init; }

    /// <summary>Whether a text gets a space before it. SentencePiece only.</summary>
    public bool? AddSpacePrefix { get; init; }

    /// <summary>Whether a word that is a token stays whole, whatever the merges say. Byte-level BPE only.</summary>
    public bool? IgnoreMerges { get; init; }

    /// <summary>Reads the tokenizer's keys (<c>tokenizer.ggml.*</c>) of a GGUF file. Ids beyond the vocabulary count as missing.</summary>
    /// <param name="metadata">The file's keys.</param>
    /// <param name="file">The file's name, for errors.</param>
    /// <exception cref="ModelFormatException">The file has no tokenizer, or a key has the wrong type or length.</exception>
    public static VocabularyData FromGguf(GgufMetadata metadata, string file)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        string model = metadata.GetString("tokenizer.ggml.model");
        TokenizerFamilies.Check(model, file);
        IReadOnlyList<ReadOnlyMemory<byte>> tokens = metadata.ByteStrings("tokenizer.ggml.tokens");
        int[] kinds = metadata.Ints("tokenizer.ggml.token_type", []);
        return new VocabularyData
        {
            File = file,
            ModelName = metadata.GetString("general.name", ""),
            Model = model,
            PreTokenizer = metadata.GetString("tokenizer.ggml.pre", null),
            Tokens = tokens,
            Scores = metadata.Floats("tokenizer.ggml.scores", []),
            Kinds = Array.ConvertAll(kinds, kind => (TokenKind)kind),
            Merges = metadata.Contains("tokenizer.ggml.merges") ? metadata.ByteStrings("tokenizer.ggml.merges") : [],
            BosId = Id("bos"),
            EosId = Id("eos"),
            EotId = Id("eot"),
            EomId = Id("eom"),
            UnknownId = Id("unknown"),
            PaddingId = Id("padding"),
            MoreEndIds = [.. new[] { Id("fim_pad"), Id("fim_rep"), Id("fim_sep") }.OfType<int>()],
            AddBos = Flag("add_bos_token"),
            AddEos = Flag("add_eos_token"),
            AddSpacePrefix = Flag("add_space_prefix"),
        };

        int? Id(string name) =>
            metadata.TryGetLong($"tokenizer.ggml.{name}_token_id", out long id) && id >= 0 && id < tokens.Count ? (int)id : null;

        bool? Flag(string name) => metadata.TryGetBool($"tokenizer.ggml.{name}", out bool value) ? value : null;
    }
}
