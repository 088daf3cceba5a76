using System.Text;

namespace Coppice.Tests.Tokenizing;

/// <summary>
/// The texts that llama.cpp tests its tokenizers with: <c>.inp</c> holds texts, each ended by a separator line, <c>.out</c> the ids
/// of one text a line, without special tokens and without parsing them.
/// </summary>
internal static class GoldenTexts
{
    private const string Separator = "\n__ggml_vocab_test__\n";

    public static IReadOnlyList<(string Text, int[] Ids)> Read(string vocabularyPath)
    {
        string[] texts = File.ReadAllText(vocabularyPath + ".inp", new UTF8Encoding(false)).Split(Separator);
        Assert.Equal("", texts[^1]);
        string[] lines = File.ReadAllLines(vocabularyPath + ".out");
        Assert.Equal(lines.Length, texts.Length - 1);
        return [.. texts.Zip(lines, (text, line) => (text, Numbers(line)))];
    }

    /// <summary>One line for each text whose ids differ.</summary>
    public static IEnumerable<string> Mismatches(Coppice.Tokenizing.Tokenizer tokenizer, string vocabularyPath)
    {
        foreach ((string text, int[] ids) in Read(vocabularyPath))
        {
            int[] found = tokenizer.Encode(text, addSpecial: false, parseSpecial: false);
            if (found.SequenceEqual(ids)) continue;
            yield return $"{Path.GetFileName(vocabularyPath)} '{text}': expected {string.Join(' ', ids)}, found {string.Join(' ', found)}";
        }
    }

    private static int[] Numbers(string line) =>
        [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(int.Parse)];
}
