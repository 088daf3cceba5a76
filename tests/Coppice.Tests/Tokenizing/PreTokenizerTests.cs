using System.Text;
using System.Text.RegularExpressions;
using Coppice.ModelFiles;
using Coppice.Tokenizing;

namespace Coppice.Tests.Tokenizing;

public sealed class PreTokenizerTests
{
    // The published expressions. They hold for .NET too on text without code points above U+FFFF.
    private const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    private const string Contractions = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
    private const string Tail = @"|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Others = @" ?[^\s\p{L}\p{N}]+";
    private const string Letters = @"[^\r\n\p{L}\p{N}]?\p{L}+";
    private const string Llama3 = Contractions + "|" + Letters + @"|\p{N}{1,3}|" + Others + @"[\r\n]*" + Tail;
    private const string Qwen2 = Contractions + "|" + Letters + @"|\p{N}|" + Others + @"[\r\n]*" + Tail;
    private const string Qwen35 = Contractions + @"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*" + Tail;
    private const string Capitals = @"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]";
    private const string Smalls = @"[\p{Ll}\p{Lm}\p{Lo}\p{M}]";
    private const string Lead = @"[^\r\n\p{L}\p{N}]?";
    private const string Tekken = Lead + Capitals + "*" + Smalls + "+|" + Lead + Capitals + "+" + Smalls + @"*|\p{N}|" + Others + "[\r\n/]*" + Tail;
    private const string Gpt4o = Lead + Capitals + "*" + Smalls + "+" + Contractions + "?|" + Lead + Capitals + "+" + Smalls + "*" + Contractions
        + @"?|\p{N}{1,3}|" + Others + "[\r\n/]*" + Tail;
    private const string DeepSeek3 = @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*" + Tail;
    private const string Han = "[一-龥\u3040-\u309F\u30A0-\u30FF]+";
    private const string EastAsian = "[\u0800-龥\uAC00-\uD7FF-[\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000]]+";

    public static TheoryData<string, string[]> Rules => new()
    {
        { "gpt-2", [Gpt2] },
        { "default", [@"[\p{P}\$\+<=>\^~\|]+", Gpt2, @"\p{N}+", "[0-9][0-9][0-9]"] },
        { "falcon", [@"[\p{P}\$\+<=>\^~\|`]+", Gpt2, "[0-9][0-9][0-9]"] },
        { "starcoder", [@"\p{N}", Gpt2] },
        { "llama-bpe", [Llama3] },
        { "qwen2", [Qwen2] },
        { "qwen35", [Qwen35] },
        { "minicpm5", [@"\p{N}{1,3}", Contractions + "|" + Letters + @"|\p{N}+|" + Others + @"[\r\n]*" + Tail] },
        { "tekken", [Tekken] },
        { "gpt-4o", [Gpt4o] },
        { "deepseek-coder", ["[\r\n]", @"\s?\p{L}+", @"\s?\p{P}+", EastAsian, @"\p{N}"] },
        { "deepseek-v3", [@"\p{N}{1,3}", Han, DeepSeek3] },
    };

    [Theory]
    [MemberData(nameof(Rules))]
    public void Scanners_cut_as_the_published_expressions(string name, string[] expressions)
    {
        Regex[] rules = [.. expressions.Select(expression => new Regex(expression, RegexOptions.None, Regex.InfiniteMatchTimeout))];
        Random random = new(11);
        for (int round = 0; round < 1500; round++)
        {
            string text = Tricky(random, random.Next(14));
            List<string> expected = [text];
            foreach (Regex rule in rules) expected = [.. expected.SelectMany(piece => Cut(rule, piece))];
            if (text.Length == 0) expected = [];
            Assert.Equal(expected, Words(name, text));
        }
    }

    [Fact]
    public void Deepseek_llm_cuts_listed_letters_and_trailing_space()
    {
        Assert.Equal(["Hello", ",", " Ж", "日本", "12", "  "], Words("deepseek-llm", "Hello, Ж日本12  "));
        Assert.Equal(["a", "\r", "\n", " ", " b", "  ", "\n"], Words("deepseek-llm", "a\r\n  b  \n"));
        Assert.Equal(["!", "、", "ab", "。", " ", "‘", "x", "’"], Words("deepseek-llm", "!、ab。 ‘x’"));

        // The second rule takes ASCII letters too, so it cuts what the first one kept whole.
        Assert.Equal(["Hell", "é"], Words("deepseek-llm", "Hellé"));
    }

    [Fact]
    public void Code_points_above_the_basic_plane_have_their_category()
    {
        // Deseret letters, mathematical digits and an emoji: letters, numbers, neither.
        Assert.Equal(["𐐀𐐨", "𝟏𝟐", "😀", " 𐐨"], Words("gpt-2", "𐐀𐐨𝟏𝟐😀 𐐨"));
        Assert.Equal(["𝟏𝟐𝟑", "𝟒"], Words("llama-bpe", "𝟏𝟐𝟑𝟒"));
        Assert.Equal(["𐐨", "𐐀𐐨"], Words("tekken", "𐐨𐐀𐐨"));
        Assert.Equal(["𐐀𐐨"], Words("deepseek-llm", "𐐀𐐨"));
    }

    [Fact]
    public void A_missing_name_means_the_default_rule()
    {
        const string text = "a+b 12345 c";
        Assert.Equal(Words("default", text), Words("", text));
        Assert.Equal(Words("default", text), Words(null, text));
    }

    [Fact]
    public void An_unknown_name_is_refused_with_the_names_that_are_known()
    {
        ModelFormatException error = Assert.Throws<ModelFormatException>(() => PreTokenizer.Named("no-such", "a.gguf"));
        Assert.StartsWith("a.gguf: key 'tokenizer.ggml.pre': expected one of default, gpt-2", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("found 'no-such'", error.Message, StringComparison.Ordinal);
        string[] names = error.Expected["one of ".Length..].Split(", ");
        Assert.All(names, name => Assert.NotNull(PreTokenizer.Named(name, "a.gguf")));
        Assert.Equal(names.Length, names.Distinct(StringComparer.Ordinal).Count());
    }

    private static string[] Words(string? name, string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        CodePoints codePoints = new();
        codePoints.Read(utf8);
        List<int> ends = [];
        List<int> spare = [];
        PreTokenizer.Named(name, "test").Split(codePoints, ref ends, ref spare);
        int start = 0;
        return [.. ends.Select(end =>
        {
            int from = start;
            start = codePoints.Offset(end);
            return Encoding.UTF8.GetString(utf8.AsSpan(from, start - from));
        })];
    }

    private static IEnumerable<string> Cut(Regex rule, string text)
    {
        int gap = 0;
        foreach (Match match in rule.Matches(text))
        {
            if (match.Length == 0) continue;
            if (match.Index > gap) yield return text[gap..match.Index];
            yield return match.Value;
            gap = match.Index + match.Length;
        }
        if (gap < text.Length) yield return text[gap..];
    }

    private static string Tricky(Random random, int parts)
    {
        string[] bits =
        [
            " ", " ", "  ", "\n", "\r\n", "\t", "\u00A0", "\u3000", "\u0085", "'", "'s", "'Re", "'LL", "'d", "a", "bc", "A", "BC", "Ж", "ж", "ǅ", "ʰ", "あ", "日本",
            "한", "\u0301", "\u0903", "1", "234", "٣", "²", "Ⅷ", ".", "!?", "—", "/", "$", "+", "`", "€", "_", "\u0001", "\uE000", "\u0378",
        ];
        return string.Concat(Enumerable.Range(0, parts).Select(_ => bits[random.Next(bits.Length)]));
    }
}
