using System.Text;

namespace Coppice.Chat.Jinja;

/// <summary>The methods of Python's strings that look for something, cut, or tell what a text is made of.</summary>
internal static class TextSearches
{
    public static void AddTo(BuiltIns all)
    {
        all.Add("startswith prefix start? end?", (_, self, a) => Affixes(a[0]!, "startswith").Any(prefix => Part(self, a).StartsWith(prefix, StringComparison.Ordinal)));
        all.Add("endswith suffix start? end?", (_, self, a) => Affixes(a[0]!, "endswith").Any(suffix => Part(self, a).EndsWith(suffix, StringComparison.Ordinal)));
        all.Add("find sub start? end?", (_, self, a) => Find(self, a, last: false));
        all.Add("rfind sub start? end?", (_, self, a) => Find(self, a, last: true));
        all.Add("index sub start? end?", (_, self, a) => Find(self, a, last: false) is >= 0 and var at ? at : throw new TemplateFault("substring not found"));
        all.Add("rindex sub start? end?", (_, self, a) => Find(self, a, last: true) is >= 0 and var at ? at : throw new TemplateFault("substring not found"));
        all.Add("count sub start? end?", (_, self, a) => Count(Part(self, a), TextMethods.Text(a[0]!)));
        all.Add("split sep? maxsplit?", (_, self, a) => Split(self, a, fromEnd: false));
        all.Add("rsplit sep? maxsplit?", (_, self, a) => Split(self, a, fromEnd: true));
        all.Add("splitlines keepends?", (_, self, a) => List(self, TextMethods.Lines(TextMethods.Text(self), Filters.IsSet(a[0]))));
        all.Add("partition sep", (_, self, a) => Partition(self, a[0]!, last: false));
        all.Add("rpartition sep", (_, self, a) => Partition(self, a[0]!, last: true));
        AddKind(all, "isdigit", rune => Rune.IsDigit(rune) || (Rune.GetNumericValue(rune) >= 0 && "²³¹⁰⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉".Contains(rune.ToString(), StringComparison.Ordinal)));
        AddKind(all, "isdecimal", Rune.IsDigit);
        AddKind(all, "isnumeric", Rune.IsNumber);
        AddKind(all, "isalpha", Rune.IsLetter);
        AddKind(all, "isalnum", rune => Rune.IsLetter(rune) || Rune.IsNumber(rune));
        AddKind(all, "isspace", rune => Rune.IsWhiteSpace(rune) || rune.Value is >= 0x1c and <= 0x1f);
        all.Add("isascii", (_, self, _) => TextMethods.Text(self).All(char.IsAscii));
        all.Add("isprintable", (_, self, _) => TextMethods.Text(self).EnumerateRunes().All(PythonChars.IsPrintable));
        all.Add("isupper", (_, self, _) => TextMethods.IsCased(TextMethods.Text(self), upper: true));
        all.Add("islower", (_, self, _) => TextMethods.IsCased(TextMethods.Text(self), upper: false));
        all.Add("isidentifier", (_, self, _) => TextMethods.Text(self) is { Length: > 0 } text && !char.IsDigit(text[0]) && text.All(c => c == '_' || char.IsLetterOrDigit(c)));
    }

    private static void AddKind(BuiltIns all, string name, Func<Rune, bool> isOfKind) =>
        all.Add(name, (_, self, _) => TextMethods.Text(self) is { Length: > 0 } text && text.EnumerateRunes().All(isOfKind));

    private static IEnumerable<string> Affixes(object given, string method) => given is TupleValue tuple
        ? tuple.Items.Select(TextMethods.Text)
        : [Values.TextOrNull(given) ?? throw new TemplateFault(given is Undefined missing ? missing.Message : $"{method} first arg must be str or a tuple of str, not {Values.TypeName(given)}")];

    /// <summary>The part of a text between the arguments start and end.</summary>
    private static string Part(object self, object?[] a) => a[1] is null && a[2] is null
        ? TextMethods.Text(self)
        : Values.TextOrNull(Slicing.Slice(self, a[1], a[2], null))!;

    private static long Find(object self, object?[] a, bool last)
    {
        string text = TextMethods.Text(self);
        string sought = TextMethods.Text(a[0]!);
        string part = Part(self, a);
        int found = last ? part.LastIndexOf(sought, StringComparison.Ordinal) : part.IndexOf(sought, StringComparison.Ordinal);
        if (found < 0) return -1;
        long start = a[1] is null or None ? 0 : Numbers.ToInt(a[1]!, "start");
        long length = PythonChars.Length(text);
        if (start < 0) start = Math.Max(0, start + length);
        return start > length ? -1 : start + PythonChars.CodePointsBefore(part, found);
    }

    private static long Count(string text, string sought)
    {
        if (sought.Length == 0) return PythonChars.Length(text) + 1;
        long count = 0;
        for (int at = text.IndexOf(sought, StringComparison.Ordinal); at >= 0; at = text.IndexOf(sought, at + sought.Length, StringComparison.Ordinal)) count++;
        return count;
    }

    private static List<object> List(object self, IEnumerable<string> texts) => [.. texts.Select(text => Values.Like(self, text))];

    private static List<object> Split(object self, object?[] a, bool fromEnd)
    {
        string text = TextMethods.Text(self);
        int most = a[1] is null ? -1 : Numbers.ToInt(a[1]!, "maxsplit");
        if (most < 0) most = int.MaxValue;
        if (a[0] is null or None) return List(self, fromEnd ? SplitBlanksFromEnd(text, most) : SplitBlanks(text, most));
        string separator = TextMethods.Text(a[0]!);
        if (separator.Length == 0) throw new TemplateFault("empty separator");
        var parts = new List<string>();
        if (!fromEnd)
        {
            int at = 0;
            for (int found; most-- > 0 && (found = text.IndexOf(separator, at, StringComparison.Ordinal)) >= 0; at = found + separator.Length) parts.Add(text[at..found]);
            parts.Add(text[at..]);
        }
        else
        {
            int end = text.Length;
            for (int found; most-- > 0 && (found = text.AsSpan(0, end).LastIndexOf(separator)) >= 0; end = found) parts.Add(text[(found + separator.Length)..end]);
            parts.Add(text[..end]);
            parts.Reverse();
        }

        return List(self, parts);
    }

    private static List<string> SplitBlanks(string text, int most)
    {
        var parts = new List<string>();
        int at = 0;
        while (true)
        {
            while (at < text.Length && PythonChars.IsSpace(text[at])) at++;
            if (at == text.Length) return parts;
            int start = at;
            while (at < text.Length && (parts.Count == most || !PythonChars.IsSpace(text[at]))) at++;
            parts.Add(text[start..at]);
        }
    }

    private static List<string> SplitBlanksFromEnd(string text, int most)
    {
        var parts = new List<string>();
        int at = text.Length;
        while (true)
        {
            while (at > 0 && PythonChars.IsSpace(text[at - 1])) at--;
            if (at == 0) break;
            int end = at;
            while (at > 0 && (parts.Count == most || !PythonChars.IsSpace(text[at - 1]))) at--;
            parts.Add(text[at..end]);
        }

        parts.Reverse();
        return parts;
    }

    private static TupleValue Partition(object self, object separator, bool last)
    {
        string text = TextMethods.Text(self);
        string sought = TextMethods.Text(separator);
        if (sought.Length == 0) throw new TemplateFault("empty separator");
        int at = last ? text.LastIndexOf(sought, StringComparison.Ordinal) : text.IndexOf(sought, StringComparison.Ordinal);
        string[] parts = at >= 0 ? [text[..at], sought, text[(at + sought.Length)..]] : last ? ["", "", text] : [text, "", ""];
        return new TupleValue(List(self, parts));
    }
}
