using System.Globalization;
using System.Text;

namespace Coppice.Chat.Jinja;

/// <summary>What Python says of characters, and positions in a string counted in code points.</summary>
internal static class PythonChars
{
    /// <summary>Whether <c>str.isspace</c> holds.</summary>
    public static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1c' and <= '\x1f';

    /// <summary>Whether <c>str.splitlines</c> ends a line here.</summary>
    public static bool IsLineBreak(char c) => c is >= '\n' and <= '\r' or >= '\x1c' and <= '\x1e' or '\x85' or '\u2028' or '\u2029';

    public static string TrimStart(string text)
    {
        int start = 0;
        while (start < text.Length && IsSpace(text[start])) start++;
        return text[start..];
    }

    public static string TrimEnd(string text)
    {
        int end = text.Length;
        while (end > 0 && IsSpace(text[end - 1])) end--;
        return text[..end];
    }

    /// <summary>Number of code points.</summary>
    public static int Length(string text)
    {
        int count = text.Length;
        for (int i = 1; i < text.Length; i++)
            if (char.IsLowSurrogate(text[i]) && char.IsHighSurrogate(text[i - 1])) count--;
        return count;
    }

    /// <summary>Whether positions in code points are positions in the string.</summary>
    public static bool IsFlat(string text) => Length(text) == text.Length;

    /// <summary>The code points, each as a string.</summary>
    public static List<string> Split(string text)
    {
        var parts = new List<string>(text.Length);
        parts.AddRange(Characters(text));
        return parts;
    }

    /// <summary>The code points, each as a string that is made when it is asked for.</summary>
    public static IEnumerable<string> Characters(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            int length = char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]) ? 2 : 1;
            yield return length == 1 && text[i] < 128 ? s_ascii[text[i]] : text.Substring(i, length);
            i += length - 1;
        }
    }

    /// <summary>The position in code points of a position in the string.</summary>
    public static int CodePointsBefore(string text, int position) => position <= 0 ? position : Length(text[..position]);

    /// <summary>The position in the string of a position in code points, at most its end.</summary>
    public static int PositionOf(string text, int codePoint)
    {
        int at = 0;
        while (codePoint-- > 0 && at < text.Length)
            at += char.IsHighSurrogate(text[at]) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]) ? 2 : 1;
        return at;
    }

    /// <summary>Order by code points, as Python compares strings.</summary>
    public static int Compare(string a, string b)
    {
        int common = a.AsSpan().CommonPrefixLength(b);
        if (common == a.Length || common == b.Length) return a.Length.CompareTo(b.Length);
        char x = a[common];
        char y = b[common];
        // A surrogate stands for a character beyond all that have none.
        if (char.IsSurrogate(x) != char.IsSurrogate(y)) return char.IsSurrogate(x) ? 1 : -1;
        return x.CompareTo(y);
    }

    /// <summary>Whether <c>repr</c> shows a character as it is.</summary>
    public static bool IsPrintable(Rune rune) => rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or
        UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);

    /// <summary><c>str.upper</c>, with the characters that become several.</summary>
    public static string Upper(string text)
    {
        string upper = text.ToUpperInvariant();
        if (upper.AsSpan().IndexOfAny('ß', 'ŉ', 'ǰ') < 0 && upper.AsSpan().IndexOfAnyInRange('\ufb00', '\ufb06') < 0) return upper;
        var result = new StringBuilder(upper.Length + 8);
        foreach (char c in upper)
        {
            _ = c switch
            {
                'ß' => result.Append("SS"),
                'ŉ' => result.Append("ʼN"),
                'ǰ' => result.Append("J\u030c"),
                '\ufb00' => result.Append("FF"),
                '\ufb01' => result.Append("FI"),
                '\ufb02' => result.Append("FL"),
                '\ufb03' => result.Append("FFI"),
                '\ufb04' => result.Append("FFL"),
                '\ufb05' or '\ufb06' => result.Append("ST"),
                _ => result.Append(c),
            };
        }

        return result.ToString();
    }

    /// <summary><c>str.lower</c>, with the dotted I and the sigma at the end of a word.</summary>
    public static string Lower(string text)
    {
        string lower = text.ToLowerInvariant();
        if (text.Contains('İ', StringComparison.Ordinal)) lower = lower.Replace("İ", "i\u0307", StringComparison.Ordinal);
        if (!text.Contains('Σ', StringComparison.Ordinal) || lower.Length != text.Length) return lower;
        char[] letters = lower.ToCharArray();
        for (int i = 0; i < text.Length; i++)
        {
            bool ends = i + 1 == text.Length || !char.IsLetter(text[i + 1]);
            if (text[i] == 'Σ' && ends && i > 0 && char.IsLetter(text[i - 1])) letters[i] = 'ς';
        }

        return new string(letters);
    }

    /// <summary><c>str.capitalize</c>.</summary>
    public static string Capitalize(string text)
    {
        int first = PositionOf(text, 1);
        return Upper(text[..first]) + Lower(text[first..]);
    }

    private static readonly string[] s_ascii = [.. Enumerable.Range(0, 128).Select(c => ((char)c).ToString())];
}
