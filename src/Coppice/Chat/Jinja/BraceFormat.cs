using System.Globalization;
using System.Text;

namespace Coppice.Chat.Jinja;

/// <summary>Python's <c>str.format</c>.</summary>
internal sealed class BraceFormat(RenderState state, Arguments arguments, bool escapes)
{
    private int _next;

    /// <summary>Fills the fields of a text.</summary>
    public string Format(string format, int depth = 0)
    {
        if (depth > 2) throw new TemplateFault("Max string recursion exceeded");
        var text = new StringBuilder();
        for (int at = 0; at < format.Length; at++)
        {
            char c = format[at];
            if (c is '{' or '}' && at + 1 < format.Length && format[at + 1] == c)
            {
                text.Append(c);
                at++;
            }
            else if (c == '{')
            {
                int close = Close(format, at);
                text.Append(Field(format[(at + 1)..close], depth));
                at = close;
                if (text.Length > RenderState.LargestText) state.CheckSize(text.Length);
            }
            else if (c == '}')
            {
                throw new TemplateFault("Single '}' encountered in format string");
            }
            else
            {
                text.Append(c);
            }
        }

        state.CheckSize(text.Length);
        return text.ToString();
    }

    private static int Close(string format, int open)
    {
        int depth = 0;
        for (int at = open; at < format.Length; at++)
        {
            if (format[at] == '{') depth++;
            if (format[at] == '}' && --depth == 0) return at;
        }

        throw new TemplateFault("expected '}' before end of string");
    }

    private string Field(string field, int depth)
    {
        int nameEnd = 0;
        for (bool inBrackets = false; nameEnd < field.Length && (inBrackets || field[nameEnd] is not ('!' or ':')); nameEnd++)
            inBrackets = field[nameEnd] == '[' || (inBrackets && field[nameEnd] != ']');
        object value = Value(field[..nameEnd]);
        string rest = field[nameEnd..];
        if (rest.StartsWith('!'))
        {
            if (rest.Length < 2 || (rest.Length > 2 && rest[2] != ':')) throw new TemplateFault("expected ':' after conversion specifier");
            value = rest[1] switch
            {
                's' => PythonText.Str(value),
                'r' or 'a' => PythonText.Repr(value),
                _ => throw new TemplateFault($"Unknown conversion specifier '{rest[1]}'"),
            };
            rest = rest[2..];
        }

        string spec = rest.Length > 1 ? Format(rest[1..], depth + 1) : "";
        string text = spec.Length == 0 ? PythonText.Str(value) : FormatSpec.Parse(spec).Apply(value);
        return escapes && value is not Markup ? Markup.Escape(text) : text;
    }

    private object Value(string name)
    {
        int end = name.AsSpan().IndexOfAny('.', '[');
        if (end < 0) end = name.Length;
        object value = First(name[..end]);
        while (end < name.Length)
        {
            bool isItem = name[end] == '[';
            int start = end + 1;
            int stop = isItem ? name.IndexOf(']', start) : name.AsSpan(start).IndexOfAny('.', '[') is >= 0 and var next ? start + next : name.Length;
            if (stop < 0) throw new TemplateFault("Missing ']' in format string");
            string part = name[start..stop];
            value = !isItem ? Attributes.Get(value, part)
                : int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int index) ? Attributes.GetItem(value, (long)index)
                : Attributes.GetItem(value, part);
            end = isItem ? stop + 1 : stop;
        }

        return value is Undefined missing && end > 0 && name.AsSpan().IndexOfAny('.', '[') >= 0 ? throw new TemplateFault(missing.Message) : value;
    }

    private object First(string name)
    {
        int index = name.Length == 0 ? _next++ : int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : -1;
        if (index >= 0)
            return index < arguments.Positional.Count ? arguments.Positional[index] : throw new TemplateFault($"Replacement index {index} out of range for positional args tuple");
        return arguments.Named.TryGetValue(name, out object? value) ? value : throw new TemplateFault($"KeyError: '{name}'");
    }
}
