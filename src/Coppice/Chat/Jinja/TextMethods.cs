using System.Text;

namespace Coppice.Chat.Jinja;

/// <summary>The methods of Python's strings. What they give of a marked text is marked; positions are counted in code points.</summary>
internal static class TextMethods
{
    public static BuiltIns All { get; } = Create();

    private static BuiltIns Create()
    {
        var all = new BuiltIns();
        AddMap(all, "upper", PythonChars.Upper);
        AddMap(all, "lower", PythonChars.Lower);
        AddMap(all, "casefold", text => PythonChars.Lower(text).Replace("ß", "ss", StringComparison.Ordinal).Replace('ς', 'σ'));
        AddMap(all, "capitalize", PythonChars.Capitalize);
        AddMap(all, "title", Title);
        AddMap(all, "swapcase", text => string.Concat(PythonChars.Split(text).Select(c => IsCased(c, upper: true) ? PythonChars.Lower(c) : PythonChars.Upper(c))));
        all.Add("strip chars?", (_, self, a) => Values.Like(self, Strip(Text(self), a[0], true, true)));
        all.Add("lstrip chars?", (_, self, a) => Values.Like(self, Strip(Text(self), a[0], true, false)));
        all.Add("rstrip chars?", (_, self, a) => Values.Like(self, Strip(Text(self), a[0], false, true)));
        all.Add("removeprefix prefix", (_, self, a) => Values.Like(self, Text(self).StartsWith(Text(a[0]!), StringComparison.Ordinal) ? Text(self)[Text(a[0]!).Length..] : Text(self)));
        all.Add("removesuffix suffix", (_, self, a) => Values.Like(self, Text(self).EndsWith(Text(a[0]!), StringComparison.Ordinal) ? Text(self)[..^Text(a[0]!).Length] : Text(self)));
        all.Add("replace old new count?", (state, self, a) => Values.Like(self, Replace(state, Text(self), EscapedFor(self, a[0]!), EscapedFor(self, a[1]!), a[2])));
        all.Add("ljust width fillchar?", (state, self, a) => Values.Like(self, Justify(state, Text(self), a[0]!, a[1], '<')));
        all.Add("rjust width fillchar?", (state, self, a) => Values.Like(self, Justify(state, Text(self), a[0]!, a[1], '>')));
        all.Add("center width fillchar?", (state, self, a) => Values.Like(self, Justify(state, Text(self), a[0]!, a[1], '^')));
        all.Add("zfill width", (state, self, a) => Values.Like(self, ZeroFill(state, Text(self), a[0]!)));
        all.Add("expandtabs tabsize?", (state, self, a) => Values.Like(self, ExpandTabs(state, Text(self), a[0] is { } size ? Numbers.ToInt(size, "expandtabs") : 8)));
        all.Add("join iterable", (state, self, a) => Values.Like(self, SequenceFilters.Joined(state, Text(self), Values.Elements(state, a[0]!).Select((item, i) =>
            Values.TextOrNull(item) is null ? throw new TemplateFault($"sequence item {i}: expected str instance, {Values.TypeName(item)} found") : EscapedFor(self, item)))));
        all.AddOpen("format", (state, self, a) => Values.Like(self, new BraceFormat(state, a, self is Markup).Format(Text(self))));
        all.Add("format_map mapping", (state, self, a) => Values.Like(self, new BraceFormat(state, FromMapping(a[0]!), self is Markup).Format(Text(self))));
        all.Add("encode encoding? errors?", (_, _, _) => throw new TemplateFault("'encode' is refused: a chat template makes text"));
        TextSearches.AddTo(all);
        return all;
    }

    private static void AddMap(BuiltIns all, string name, Func<string, string> change) => all.Add(name, (_, self, _) => Values.Like(self, change(Text(self))));

    /// <summary>The text of an argument that must be one.</summary>
    public static string Text(object value) => Values.TextOrNull(value)
        ?? throw new TemplateFault(value is Undefined missing ? missing.Message : $"expected a string, found {Values.TypeName(value)}");

    private static string EscapedFor(object self, object text) => self is Markup ? Markup.Escape(text) : Text(text);

    private static Arguments FromMapping(object mapping) => mapping is DictValue dict
        ? new Arguments { Named = dict.Items.ToDictionary(item => PythonText.Str(item.Key), item => item.Value, StringComparer.Ordinal) }
        : throw new TemplateFault($"format_map: expected a mapping, found {Values.TypeName(mapping)}");

    /// <summary>A text without the characters at its ends; without white space where none are given.</summary>
    public static string Strip(string text, object? chars, bool start, bool end)
    {
        if (chars is null or None)
        {
            if (start) text = PythonChars.TrimStart(text);
            return end ? PythonChars.TrimEnd(text) : text;
        }

        string set = Text(chars);
        if (PythonChars.IsFlat(set))
        {
            char[] single = set.ToCharArray();
            if (single.Length == 0) return text;
            if (start) text = text.TrimStart(single);
            return end ? text.TrimEnd(single) : text;
        }

        var members = new HashSet<string>(PythonChars.Split(set), StringComparer.Ordinal);
        IEnumerable<string> characters = PythonChars.Split(text);
        if (start) characters = characters.SkipWhile(members.Contains);
        if (end) characters = characters.Reverse().SkipWhile(members.Contains).Reverse();
        return string.Concat(characters);
    }

    public static string Replace(RenderState state, string text, string old, string replacement, object? count)
    {
        int most = count is null or None ? -1 : Numbers.ToInt(count, "replace");
        if (most < 0) most = int.MaxValue;
        var result = new StringBuilder(text.Length);
        int at = 0;
        while (most-- > 0)
        {
            int found = old.Length == 0 ? at : text.IndexOf(old, at, StringComparison.Ordinal);
            if (found < 0 || found > text.Length) break;
            result.Append(text, at, found - at).Append(replacement);
            if (old.Length == 0)
            {
                if (found == text.Length) return result.ToString();
                int length = char.IsHighSurrogate(text[found]) && found + 1 < text.Length ? 2 : 1;
                result.Append(text, found, length);
                found += length;
            }

            at = found + old.Length;
            if (result.Length > RenderState.LargestText) state.CheckSize(result.Length);
        }

        return result.Append(text, at, text.Length - at).ToString();
    }

    public static string Justify(RenderState state, string text, object width, object? fill, char align)
    {
        string filler = fill is null ? " " : Text(fill);
        if (PythonChars.Length(filler) != 1) throw new TemplateFault("The fill character must be exactly one character long");
        int length = PythonChars.Length(text);
        int wanted = Numbers.ToInt(width, "width");
        if (wanted <= length) return text;
        state.CheckSize(wanted);
        int missing = wanted - length;
        // Python's center gives the odd blank to the left where the width is odd.
        int before = align == '>' ? missing : align == '^' ? (missing / 2) + (missing & wanted & 1) : 0;
        return string.Concat(Enumerable.Repeat(filler, before)) + text + string.Concat(Enumerable.Repeat(filler, missing - before));
    }

    private static string ZeroFill(RenderState state, string text, object width)
    {
        int sign = text.StartsWith('+') || text.StartsWith('-') ? 1 : 0;
        return text[..sign] + Justify(state, text[sign..], (long)Numbers.ToInt(width, "zfill") - sign, "0", '>');
    }

    private static string ExpandTabs(RenderState state, string text, int size)
    {
        var result = new StringBuilder(text.Length);
        int column = 0;
        foreach (char c in text)
        {
            if (c == '\t')
            {
                int blanks = size > 0 ? size - (column % size) : 0;
                if ((long)result.Length + blanks > RenderState.LargestText) state.CheckSize((long)result.Length + blanks);
                result.Append(' ', blanks);
                column += blanks;
            }
            else
            {
                result.Append(c);
                column = c is '\n' or '\r' ? 0 : column + 1;
            }
        }

        return result.ToString();
    }

    private static string Title(string text)
    {
        var title = new StringBuilder(text.Length);
        bool inWord = false;
        foreach (string c in PythonChars.Split(text))
        {
            title.Append(inWord ? PythonChars.Lower(c) : PythonChars.Upper(c));
            inWord = c != PythonChars.Upper(c) || c != PythonChars.Lower(c);
        }

        return title.ToString();
    }

    /// <summary>Whether a text has letters with a case, all of the one asked for.</summary>
    public static bool IsCased(string text, bool upper)
    {
        bool any = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (upper ? Rune.IsLower(rune) : Rune.IsUpper(rune)) return false;
            any |= upper ? Rune.IsUpper(rune) : Rune.IsLower(rune);
        }

        return any;
    }

    /// <summary>The lines of a text; one at its end that is empty does not count.</summary>
    public static List<string> Lines(string text, bool keepEnds)
    {
        var lines = new List<string>();
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (!PythonChars.IsLineBreak(text[i])) continue;
            int end = i;
            if (text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n') i++;
            lines.Add(text[start..(keepEnds ? i + 1 : end)]);
            start = i + 1;
        }

        if (start < text.Length) lines.Add(text[start..]);
        return lines;
    }

    /// <summary>The pieces of a text between white space.</summary>
    public static IEnumerable<string> Words(string text)
    {
        int start = -1;
        for (int i = 0; i < text.Length; i++)
        {
            bool blank = PythonChars.IsSpace(text[i]);
            if (!blank && start < 0) start = i;
            if (!blank || start < 0) continue;
            yield return text[start..i];
            start = -1;
        }

        if (start >= 0) yield return text[start..];
    }
}
