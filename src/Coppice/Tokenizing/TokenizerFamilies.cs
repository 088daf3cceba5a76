using Coppice.ModelFiles;

namespace Coppice.Tokenizing;

/// <summary>The families of tokenizers by the name that GGUF stores.</summary>
internal static class TokenizerFamilies
{
    public const string SentencePiece = "llama";
    public const string ByteLevelBpe = "gpt2";

    private const string Key = "key 'tokenizer.ggml.model'";
    private const string Supported = "'llama' (SentencePiece) or 'gpt2' (byte-level BPE)";

    /// <exception cref="ModelFormatException">The family is not supported.</exception>
    public static void Check(string model, string file)
    {
        string? found = model switch
        {
            SentencePiece or ByteLevelBpe => null,
            "none" or "no_vocab" => $"'{model}': the file has no tokenizer",
            "bert" => "'bert' (WordPiece), which is unsupported",
            "t5" => "'t5' (unigram), which is unsupported",
            _ => $"'{model}', which is unsupported",
        };
        if (found is not null) throw new ModelFormatException(file, Key, Supported, found);
    }
}
