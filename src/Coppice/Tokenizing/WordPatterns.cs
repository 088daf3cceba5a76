using static Coppice.Tokenizing.CodePointTraits;

namespace Coppice.Tokenizing;

/// <summary>One rule that finds words: where the word that starts at <paramref name="at"/> ends.</summary>
/// <param name="text">The whole text.</param>
/// <param name="begin">Start of the segment; the rule sees nothing outside [begin, end).</param>
/// <param name="at">Where a word would start.</param>
/// <param name="end">End of the segment.</param>
/// <returns>The word's end, or <paramref name="at"/> when no word starts there.</returns>
internal delegate int WordPattern(CodePoints text, int begin, int at, int end);

/// <summary>
/// The rules that released models publish as regular expressions, as scanners over code points: the first alternative that
/// matches wins, repeats are greedy. Each method states its expression.
/// </summary>
internal static class WordPatterns
{
    private const CodePointTraits WordNumberSpace = Letter | Number | WhiteSpace;

    /// <summary><c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c></summary>
    public static int Gpt2(CodePoints text, int begin, int at, int end)
    {
        int contraction = Contraction(text, at, end, anyCase: false);
        if (contraction > at) return contraction;
        int body = AfterOptionalSpace(text, at, end);
        if (text.Is(body, Letter)) return text.RunOf(body, end, Letter);
        if (text.Is(body, Number)) return text.RunOf(body, end, Number);
        if (!text.Is(body, WhiteSpace)) return text.RunOfOthers(body, end, WordNumberSpace);
        return Spaces(text, at, end);
    }

    /// <summary>
    /// <c>(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+</c>
    /// </summary>
    public static int Llama3(CodePoints text, int begin, int at, int end) => Words(text, at, end, Letter, digits: 3);

    /// <summary>As <see cref="Llama3"/> with <c>\p{N}</c>.</summary>
    public static int Qwen2(CodePoints text, int begin, int at, int end) => Words(text, at, end, Letter, digits: 1);

    /// <summary>As <see cref="Qwen2"/> with <c>[\p{L}\p{M}]</c> for <c>\p{L}</c>, and marks excluded from the rest.</summary>
    public static int Qwen35(CodePoints text, int begin, int at, int end) => Words(text, at, end, Letter | Mark, digits: 1);

    /// <summary>As <see cref="Llama3"/> with <c>\p{N}+</c>.</summary>
    public static int WordsAndNumbers(CodePoints text, int begin, int at, int end) => Words(text, at, end, Letter, int.MaxValue);

    /// <summary>
    /// <c>X?U*L+|X?U+L*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+</c> where X is <c>[^\r\n\p{L}\p{N}]</c>,
    /// U <c>[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]</c> and L <c>[\p{Ll}\p{Lm}\p{Lo}\p{M}]</c>.
    /// </summary>
    public static int Tekken(CodePoints text, int begin, int at, int end) => CasedWords(text, at, end, digits: 1, contractions: false);

    /// <summary>As <see cref="Tekken"/> with <c>\p{N}{1,3}</c> and <c>(?i:'s|'t|'re|'ve|'m|'ll|'d)?</c> after a word.</summary>
    public static int Gpt4o(CodePoints text, int begin, int at, int end) => CasedWords(text, at, end, digits: 3, contractions: true);

    /// <summary>
    /// <c>[!"#$%&amp;'()*+,\-./:;&lt;=&gt;?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*
    /// |\s*[\r\n]+|\s+(?!\S)|\s+</c>
    /// </summary>
    public static int DeepSeek3(CodePoints text, int begin, int at, int end)
    {
        int next = at + 1;
        if (text.Value(at) < 0x80 && text.Is(at, Punctuation | Symbol) && next < end && IsAsciiLetter(text.Value(next)))
        {
            while (next < end && IsAsciiLetter(text.Value(next))) next++;
            return next;
        }
        if (text.Is(at, Letter | Mark)) return text.RunOf(at, end, Letter | Mark);
        if (!text.Is(at, Newline | Punctuation | Symbol) && next < end && text.Is(next, Letter | Mark))
            return text.RunOf(next, end, Letter | Mark);
        int body = AfterOptionalSpace(text, at, end);
        if (text.Is(body, Punctuation | Symbol)) return text.RunOf(text.RunOf(body, end, Punctuation | Symbol), end, Newline);
        return SpacesByLine(text, at, end);
    }

    /// <summary><c>\p{N}</c></summary>
    public static int Digit(CodePoints text, int begin, int at, int end) => text.Is(at, Number) ? at + 1 : at;

    /// <summary><c>\p{N}{1,3}</c></summary>
    public static int UpToThreeDigits(CodePoints text, int begin, int at, int end) => Numbers(text, at, end, 3);

    /// <summary><c>\p{N}+</c></summary>
    public static int Digits(CodePoints text, int begin, int at, int end) => text.RunOf(at, end, Number);

    /// <summary><c>[0-9][0-9][0-9]</c></summary>
    public static int ThreeAsciiDigits(CodePoints text, int begin, int at, int end)
    {
        if (end - at < 3) return at;
        for (int i = at; i < at + 3; i++)
        {
            if (text.Value(i) is < '0' or > '9') return at;
        }
        return at + 3;
    }

    /// <summary><c>[\r\n]</c></summary>
    public static int LineBreak(CodePoints text, int begin, int at, int end) => text.Is(at, Newline) ? at + 1 : at;

    /// <summary><c>\s+$</c></summary>
    public static int TrailingSpace(CodePoints text, int begin, int at, int end)
    {
        // Of a run of white space only the start is asked, so a long run that does not end the segment is scanned once.
        if (at > begin && text.Is(at - 1, WhiteSpace)) return at;
        return text.RunOf(at, end, WhiteSpace) == end ? end : at;
    }

    /// <summary><c>\s?\p{L}+</c></summary>
    public static int SpacedLetters(CodePoints text, int begin, int at, int end) => SpacedRun(text, at, end, Letter);

    /// <summary><c>\s?\p{P}+</c></summary>
    public static int SpacedPunctuation(CodePoints text, int begin, int at, int end) => SpacedRun(text, at, end, Punctuation);

    /// <summary><c>[\p{P}\$\+&lt;=&gt;\^~\|]+</c></summary>
    public static int PunctuationAndOperators(CodePoints text, int begin, int at, int end)
    {
        while (at < end && (text.Is(at, Punctuation) || IsOperator(text.Value(at)))) at++;
        return at;
    }

    /// <summary><c>[\p{P}\$\+&lt;=&gt;\^~\|`]+</c></summary>
    public static int PunctuationOperatorsAndBackquote(CodePoints text, int begin, int at, int end)
    {
        while (at < end && (text.Is(at, Punctuation) || IsOperator(text.Value(at)) || text.Value(at) == '`')) at++;
        return at;
    }

    /// <summary><c>\s*[\r\n]+|\s+(?!\S)|\s+</c></summary>
    internal static int SpacesByLine(CodePoints text, int at, int end)
    {
        int stop = text.RunOf(at, end, WhiteSpace);
        for (int i = stop; i > at; i--)
        {
            if (text.Is(i - 1, Newline)) return i;
        }
        return LeaveOne(at, stop, end);
    }

    private static int Words(CodePoints text, int at, int end, CodePointTraits word, int digits)
    {
        int contraction = Contraction(text, at, end, anyCase: true);
        if (contraction > at) return contraction;
        if (text.Is(at, word)) return text.RunOf(at, end, word);
        if (!text.Is(at, Newline | Number) && at + 1 < end && text.Is(at + 1, word)) return text.RunOf(at + 1, end, word);
        if (text.Is(at, Number)) return Numbers(text, at, end, digits);
        int body = AfterOptionalSpace(text, at, end);
        CodePointTraits others = word | Number | WhiteSpace;
        if (!text.Is(body, others)) return text.RunOf(text.RunOfOthers(body, end, others), end, Newline);
        return SpacesByLine(text, at, end);
    }

    private static int CasedWords(CodePoints text, int at, int end, int digits, bool contractions)
    {
        int word = CasedWord(text, at, end);
        if (word > at) return contractions ? Contraction(text, word, end, anyCase: true) : word;
        if (text.Is(at, Number)) return Numbers(text, at, end, digits);
        int body = AfterOptionalSpace(text, at, end);
        if (text.Is(body, WordNumberSpace)) return SpacesByLine(text, at, end);
        int stop = text.RunOfOthers(body, end, WordNumberSpace);
        while (stop < end && (text.Is(stop, Newline) || text.Value(stop) == '/')) stop++;
        return stop;
    }

    /// <summary><c>X?U*L+|X?U+L*</c>: with the optional X first, then without.</summary>
    private static int CasedWord(CodePoints text, int at, int end)
    {
        bool hasLead = !text.Is(at, Newline | Letter | Number);
        int stop = hasLead ? SmallEnd(text, at + 1, end) : at + 1;
        if (stop > at + 1) return stop;
        stop = SmallEnd(text, at, end);
        if (stop > at) return stop;
        stop = hasLead ? text.RunOf(at + 1, end, CapitalPart) : at + 1;
        return stop > at + 1 ? stop : text.RunOf(at, end, CapitalPart);
    }

    /// <summary><c>U*L+</c>: U takes all it can and gives back until an L follows.</summary>
    private static int SmallEnd(CodePoints text, int at, int end)
    {
        int capitals = text.RunOf(at, end, CapitalPart);
        if (capitals < end && text.Is(capitals, SmallPart)) return text.RunOf(capitals, end, SmallPart);
        while (capitals > at && !text.Is(capitals - 1, SmallPart)) capitals--;
        return capitals;
    }

    private static int Numbers(CodePoints text, int at, int end, int digits) => text.RunOf(at, (int)Math.Min(end, (long)at + digits), Number);

    private static int SpacedRun(CodePoints text, int at, int end, CodePointTraits any)
    {
        int body = text.Is(at, WhiteSpace) ? at + 1 : at;
        int stop = text.RunOf(body, end, any);
        return stop > body ? stop : at;
    }

    /// <summary><c>'s|'t|'re|'ve|'m|'ll|'d</c></summary>
    private static int Contraction(CodePoints text, int at, int end, bool anyCase)
    {
        if (at + 1 >= end || text.Value(at) != '\'') return at;
        int first = Folded(text.Value(at + 1), anyCase);
        if (first is 's' or 't' or 'm' or 'd') return at + 2;
        if (at + 2 >= end) return at;
        int second = Folded(text.Value(at + 2), anyCase);
        return (first, second) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? at + 3 : at;
    }

    private static int Folded(int value, bool anyCase) => anyCase && value is >= 'A' and <= 'Z' ? value + ('a' - 'A') : value;

    /// <summary><c>\s+(?!\S)|\s+</c></summary>
    private static int Spaces(CodePoints text, int at, int end) => LeaveOne(at, text.RunOf(at, end, WhiteSpace), end);

    /// <summary>White space [at, stop) leaves its last character to the word that follows.</summary>
    private static int LeaveOne(int at, int stop, int end) => stop - at > 1 && stop < end ? stop - 1 : stop;

    private static int AfterOptionalSpace(CodePoints text, int at, int end) => text.Value(at) == ' ' && at + 1 < end ? at + 1 : at;

    private static bool IsAsciiLetter(int value) => value is (>= 'A' and <= 'Z') or (>= 'a' and <= 'z');

    private static bool IsOperator(int value) => value is '$' or '+' or '<' or '=' or '>' or '^' or '~' or '|';
}
