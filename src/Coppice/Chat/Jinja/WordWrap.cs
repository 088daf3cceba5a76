using System.Text;

namespace Coppice.Chat.Jinja;

/// <summary>The filter <c>wordwrap</c>: breaks lines at blanks and hyphens, as Python's <c>textwrap</c> does.</summary>
internal static class WordWrap
{
    public static string Wrap(RenderState state, string text, object?[] a)
    {
        int width = a[0] is { } given ? Numbers.ToInt(given, "wordwrap") : 79;
        if (width <= 0) throw new TemplateFault($"wordwrap: expected a width of at least 1, found {width}");
        bool breaksWords = a[1] is null || Filters.IsSet(a[1]);
        string end = a[2] is { } mark and not None ? PythonText.Str(mark) : "\n";
        bool breaksHyphens = a[3] is null || Filters.IsSet(a[3]);
        List<string> lines = [.. TextMethods.Lines(text, keepEnds: false).Select(line => string.Join(end, Wrap(state, line, width, breaksWords, breaksHyphens)))];
        state.CheckSize(lines.Sum(line => (long)line.Length + end.Length));
        return string.Join(end, lines);
    }

    private static List<string> Wrap(RenderState state, string paragraph, int width, bool breaksWords, bool breaksHyphens)
    {
        var pieces = new Stack<string>(Pieces(paragraph, breaksHyphens).Reverse());
        var lines = new List<string>();
        while (pieces.Count > 0)
        {
            var line = new StringBuilder();
            int length = 0;
            if (lines.Count > 0 && string.IsNullOrWhiteSpace(pieces.Peek())) pieces.Pop();
            while (pieces.Count > 0 && length + PythonChars.Length(pieces.Peek()) <= width)
            {
                length += PythonChars.Length(pieces.Peek());
                line.Append(pieces.Pop());
            }

            if (pieces.Count > 0 && PythonChars.Length(pieces.Peek()) > width)
            {
                string word = pieces.Pop();
                int room = Math.Max(1, width - length);
                if (breaksWords)
                {
                    // The rest of the word is copied for each line of it.
                    state.Charge(word.Length);
                    int cut = PythonChars.PositionOf(word, room);
                    line.Append(word, 0, cut);
                    pieces.Push(word[cut..]);
                }
                else if (length == 0)
                {
                    line.Append(word);
                }
                else
                {
                    pieces.Push(word);
                }
            }

            string made = line.ToString().TrimEnd();
            if (made.Length > 0) lines.Add(made);
        }

        return lines;
    }

    private static IEnumerable<string> Pieces(string text, bool breaksHyphens)
    {
        int start = 0;
        for (int i = 1; i <= text.Length; i++)
        {
            bool ends = i == text.Length || PythonChars.IsSpace(text[i]) != PythonChars.IsSpace(text[i - 1])
                || (breaksHyphens && text[i - 1] == '-' && char.IsLetter(text[i]) && i - start > 2 && char.IsLetter(text[i - 2]));
            if (!ends) continue;
            yield return text[start..i];
            start = i;
        }
    }
}
