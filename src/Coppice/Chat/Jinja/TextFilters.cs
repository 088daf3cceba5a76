using System.Text;

namespace Coppice.Chat.Jinja;

/// <summary>Filters of text.</summary>
internal static class TextFilters
{
    public static void AddTo(BuiltIns all)
    {
        all.Add("string", (_, value, _) => Values.Soft(value));
        all.Add("safe", (_, value, _) => value as Markup ?? new Markup(PythonText.Str(value)));
        all.Add("escape", (_, value, _) => new Markup(Markup.Escape(value)));
        all.Alias("e", "escape");
        all.Add("forceescape", (_, value, _) => new Markup(Markup.Escape(PythonText.Str(value))));
        all.Add("upper", (_, value, _) => Map(value, PythonChars.Upper));
        all.Add("lower", (_, value, _) => Map(value, PythonChars.Lower));
        all.Add("capitalize", (_, value, _) => Map(value, PythonChars.Capitalize));
        all.Add("title", (_, value, _) => Title(PythonText.Str(value)));
        all.Add("trim chars?", (_, value, a) => Map(value, text => TextMethods.Strip(text, a[0], true, true)));
        all.Add("center width?", (state, value, a) => Map(value, text => TextMethods.Justify(state, text, a[0] ?? 80L, null, '^')));
        all.Add("replace old new count?", (state, value, a) =>
            TextMethods.Replace(state, PythonText.Str(value), PythonText.Str(a[0]!), PythonText.Str(a[1]!), a[2]));
        all.Add("indent width? first? blank?", Indent);
        all.Add("truncate length? killwords? end? leeway?", (_, value, a) => Truncate(value, a));
        all.Add("wordwrap width? break_long_words? wrapstring? break_on_hyphens?", (state, value, a) => WordWrap.Wrap(state, Text(value), a));
        all.Add("wordcount", (_, value, _) => (long)WordCount(PythonText.Str(value)));
        all.Add("striptags", (_, value, _) => StripTags(PythonText.Str(value)));
        all.Add("urlencode", (state, value, _) => UrlEncode(state, value));
        all.AddOpen("format", (state, value, a) => a.Positional.Count > 0 && a.Named.Count > 0
            ? throw new TemplateFault("can't handle positional and keyword arguments at the same time")
            : PercentFormat.Format(state, Values.Soft(value), a.Named.Count > 0 ? Dict(a.Named) : new TupleValue(a.Positional)));
        all.Add("xmlattr autospace?", (_, value, a) => XmlAttributes(value, a[0] is null || Filters.IsSet(a[0])));
    }

    /// <summary>Changes a text and keeps its mark; other values are printed first.</summary>
    public static object Map(object value, Func<string, string> change)
    {
        object soft = Values.Soft(value);
        return Values.Like(soft, change(Values.TextOrNull(soft)!));
    }

    private static string Text(object value) => Values.TextOrNull(value)
        ?? throw new TemplateFault(value is Undefined missing ? missing.Message : $"expected a string, found {Values.TypeName(value)}");

    private static DictValue Dict(Dictionary<string, object> named)
    {
        var dict = new DictValue();
        foreach (var (name, value) in named) dict.Items[name] = value;
        return dict;
    }

    private static string Title(string text)
    {
        var title = new StringBuilder(text.Length);
        bool begins = true;
        foreach (string c in PythonChars.Split(text))
        {
            bool separates = c is "-" or "(" or "{" or "[" or "<" || PythonChars.IsSpace(c[0]);
            title.Append(begins && !separates ? PythonChars.Upper(c) : PythonChars.Lower(c));
            begins = separates;
        }

        return title.ToString();
    }

    private static object Indent(RenderState state, object value, object?[] a)
    {
        string indention = a[0] is { } width
            ? Values.TextOrNull(width) ?? new string(' ', Math.Clamp(Numbers.ToInt(width, "indent"), 0, 10_000))
            : "    ";
        List<string> lines = TextMethods.Lines(Text(value) + "\n", keepEnds: false);
        state.CheckSize(((long)lines.Count * indention.Length) + Text(value).Length);
        bool blank = Filters.IsSet(a[2]);
        var text = new StringBuilder();
        for (int i = 0; i < lines.Count; i++)
        {
            if (i > 0) text.Append('\n');
            if (i == 0 ? Filters.IsSet(a[1]) : blank || lines[i].Length > 0) text.Append(indention);
            text.Append(lines[i]);
        }

        return Values.Like(value, text.ToString());
    }

    private static object Truncate(object value, object?[] a)
    {
        int length = a[0] is { } given ? Numbers.ToInt(given, "truncate") : 255;
        string end = a[2] is { } mark ? PythonText.Str(mark) : "...";
        int leeway = a[3] is { } extra and not None ? Numbers.ToInt(extra, "truncate") : 5;
        if (length < PythonChars.Length(end) || leeway < 0) throw new TemplateFault($"truncate: expected a length of at least {PythonChars.Length(end)} and a leeway of at least 0, found {length} and {leeway}");
        if (Values.Length(value) <= (long)length + leeway) return value;
        string text = Text(value);
        string kept = text[..PythonChars.PositionOf(text, length - PythonChars.Length(end))];
        if (!Filters.IsSet(a[1]) && kept.LastIndexOf(' ') is >= 0 and var blank) kept = kept[..blank];
        return kept + end;
    }

    private static int WordCount(string text)
    {
        int count = 0;
        bool inWord = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool isWord = Rune.IsLetterOrDigit(rune) || rune.Value == '_';
            if (isWord && !inWord) count++;
            inWord = isWord;
        }

        return count;
    }

    private static string StripTags(string text)
    {
        return string.Join(' ', TextMethods.Words(WithoutTags(WithoutComments(text)))).Replace("&lt;", "<", StringComparison.Ordinal).Replace("&gt;", ">", StringComparison.Ordinal)
            .Replace("&#39;", "'", StringComparison.Ordinal).Replace("&#34;", "\"", StringComparison.Ordinal).Replace("&quot;", "\"", StringComparison.Ordinal)
            .Replace("&amp;", "&", StringComparison.Ordinal);
    }

    /// <summary>A text without its comments. What stands around one may be the beginning of the next.</summary>
    private static string WithoutComments(string text)
    {
        const string begin = "<!--";
        var kept = new StringBuilder(text.Length);
        int at = 0;
        while (true)
        {
            int held = at == 0 ? 0 : BeginHeld(kept, text.AsSpan(at), begin);
            int open = held > 0 ? at : text.IndexOf(begin, at, StringComparison.Ordinal);
            int close = open < 0 ? -1 : text.IndexOf("-->", open + begin.Length - held, StringComparison.Ordinal);
            if (close < 0) return kept.Append(text, at, text.Length - at).ToString();
            kept.Length -= held;
            kept.Append(text, at, open - at);
            at = close + 3;
        }
    }

    /// <summary>How many characters at the end of what is kept begin a comment that goes on in what comes.</summary>
    private static int BeginHeld(StringBuilder kept, ReadOnlySpan<char> next, string begin)
    {
        for (int held = Math.Min(begin.Length - 1, kept.Length); held > 0; held--)
        {
            if (next.StartsWith(begin.AsSpan(held), StringComparison.Ordinal) && kept.ToString(kept.Length - held, held) == begin[..held]) return held;
        }

        return 0;
    }

    private static string WithoutTags(string text)
    {
        var kept = new StringBuilder(text.Length);
        int at = 0;
        while (text.IndexOf('<', at) is >= 0 and var open && text.IndexOf('>', open) is >= 0 and var close)
        {
            kept.Append(text, at, open - at);
            at = close + 1;
        }

        return kept.Append(text, at, text.Length - at).ToString();
    }

    private static string UrlEncode(RenderState state, object value)
    {
        if (Values.TextOrNull(value) is not null || !Values.IsIterable(value)) return Quote(PythonText.Str(value), "/");
        object pairs = value is DictValue dict ? new DictView(dict, "items") : value;
        return string.Join('&', Values.Elements(state, pairs).Select(pair =>
            Values.ItemsOrNull(pair) is [{ } key, { } text]
                ? $"{Query(key)}={Query(text)}"
                : throw new TemplateFault("urlencode: expected pairs of a key and a value")));

        static string Query(object part) => Quote(PythonText.Str(part), " ").Replace(' ', '+');
    }

    private static string Quote(string text, string safe)
    {
        var quoted = new StringBuilder(text.Length);
        foreach (byte b in Encoding.UTF8.GetBytes(text))
        {
            char c = (char)b;
            if (char.IsAsciiLetterOrDigit(c) || "_.-~".Contains(c, StringComparison.Ordinal) || safe.Contains(c, StringComparison.Ordinal)) quoted.Append(c);
            else quoted.Append('%').Append(b.ToString("X2", System.Globalization.CultureInfo.InvariantCulture));
        }

        return quoted.ToString();
    }

    private static string XmlAttributes(object value, bool spaced)
    {
        if (value is not DictValue dict) throw new TemplateFault($"xmlattr: expected a mapping, found {Values.TypeName(value)}");
        var text = new StringBuilder();
        foreach (var (key, item) in dict.Items)
        {
            if (item is None or Undefined) continue;
            string name = PythonText.Str(key);
            if (name.Any(c => PythonChars.IsSpace(c) || c is '/' or '>' or '=')) throw new TemplateFault($"Invalid character in attribute name: {PythonText.Repr(name)}");
            if (text.Length > 0 || spaced) text.Append(' ');
            text.Append(Markup.Escape(key)).Append("=\"").Append(Markup.Escape(item)).Append('"');
        }

        return text.ToString();
    }
}
