using Coppice.ModelFiles;
using Coppice.Tokenizing;

namespace Coppice.Model;

/// <summary>
/// A made-up SentencePiece vocabulary of any size, the same for every architecture: three control tokens, 256 byte tokens,
/// then single characters, syllables, and words of two and three syllables with and without a space before them. Every longer
/// piece joins two shorter ones that come earlier and score higher, so each can be reached by merging.
/// </summary>
public static class RandomModelVocabulary
{
    /// <summary>The fewest tokens a vocabulary can have.</summary>
    public const int MinTokens = 300;

    private const string Space = "\u2581";
    private const string Characters =
        Space + "etaoinsrhldcumfpgwybvkxjqzETAOINSRHLDCUMFPGWYBVKXJQZ0123456789.,'\"-()!?:;/_=+*<>[]{}#@$%&|\\`~^";
    private const string Consonants = "tnslkrmdpbvzgfhw";
    private const string Vowels = "aeiou";

    /// <summary>Sets the tokenizer's keys.</summary>
    /// <param name="writer">The file.</param>
    /// <param name="tokens">Number of tokens, at least <see cref="MinTokens"/>.</param>
    internal static void SetOn(GgufWriter writer, int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(tokens, MinTokens);
        List<string> texts = ["<unk>", "<s>", "</s>"];
        List<TokenKind> kinds = [TokenKind.Unknown, TokenKind.Control, TokenKind.Control];
        for (int value = 0; value < 256; value++)
        {
            texts.Add($"<0x{value:X2}>");
            kinds.Add(TokenKind.Byte);
        }
        int reserved = texts.Count;
        texts.AddRange(Pieces().Take(tokens - reserved));
        if (texts.Count != tokens) throw new ArgumentOutOfRangeException(nameof(tokens), tokens, $"at most {texts.Count} tokens can be made");
        kinds.AddRange(Enumerable.Repeat(TokenKind.Normal, tokens - reserved));

        writer.Set("tokenizer.ggml.model", "llama");
        writer.Set("tokenizer.ggml.pre", "default");
        writer.Set("tokenizer.ggml.tokens", texts);
        writer.Set("tokenizer.ggml.scores", Enumerable.Range(0, tokens).Select(id => id < reserved ? 0f : reserved - id).ToArray());
        writer.Set("tokenizer.ggml.token_type", kinds.Select(kind => (int)kind).ToArray());
        writer.Set("tokenizer.ggml.bos_token_id", 1u);
        writer.Set("tokenizer.ggml.eos_token_id", 2u);
        writer.Set("tokenizer.ggml.unknown_token_id", 0u);
        writer.Set("tokenizer.ggml.add_bos_token", true);
        writer.Set("tokenizer.ggml.add_eos_token", false);
        writer.Set("tokenizer.ggml.add_space_prefix", true);
    }

    /// <summary>The pieces in the order of their ids; none occurs twice.</summary>
    private static IEnumerable<string> Pieces()
    {
        string[] syllables = [.. from vowel in Vowels from consonant in Consonants select $"{consonant}{vowel}"];
        IEnumerable<string> shorter = Characters.Select(c => c.ToString()).Concat(syllables);
        return shorter.Concat(WithSpace(syllables)).Concat(Words(syllables, 2)).Concat(Words(syllables, 3));
    }

    private static IEnumerable<string> Words(string[] syllables, int length)
    {
        // A stride that shares no factor with the number of words visits each once, in an order that looks mixed.
        const int Stride = 104_729;
        int words = (int)Math.Pow(syllables.Length, length);
        for (int i = 0; i < words; i++)
        {
            int word = (int)((long)i * Stride % words);
            string text = "";
            for (int left = length; left > 0; left--, word /= syllables.Length) text += syllables[word % syllables.Length];
            yield return text;
            yield return Space + text;
        }
    }

    private static IEnumerable<string> WithSpace(IEnumerable<string> pieces) => pieces.Select(piece => Space + piece);
}
