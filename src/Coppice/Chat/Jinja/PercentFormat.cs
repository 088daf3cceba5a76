using System.Text;

namespace Coppice.Chat.Jinja;

/// <summary>Python's <c>text % values</c>.</summary>
internal static class PercentFormat
{
    /// <summary>Formats.</summary>
    /// <param name="state">The rendering.</param>
    /// <param name="template">The text, marked or not.</param>
    /// <param name="values">A tuple of values, a mapping, or one value.</param>
    public static object Format(RenderState state, object template, object values)
    {
        string format = Values.TextOrNull(template)!;
        var given = new Queue<object>(values is TupleValue tuple ? tuple.Items : [values]);
        var text = new StringBuilder();
        int at = 0;
        while (at < format.Length)
        {
            int next = format.IndexOf('%', at);
            if (next < 0) next = format.Length;
            text.Append(format, at, next - at);
            at = next + 1;
            if (next < format.Length) text.Append(Field(format, ref at, values, given, template is Markup));
            state.CheckSize(text.Length > RenderState.LargestText ? text.Length : text.Length / 64);
        }

        // What has elements by key or index counts as a mapping, unless it is a tuple or text.
        if (given.Count > 0 && values is not (DictValue or List<object> or RangeValue or Undefined)) throw new TemplateFault("not all arguments converted during string formatting");
        return Values.Like(template, text.ToString());
    }

    private static string Field(string format, ref int at, object values, Queue<object> given, bool escapes)
    {
        string? key = null;
        if (at < format.Length && format[at] == '(')
        {
            int close = format.IndexOf(')', at);
            if (close < 0) throw new TemplateFault("incomplete format key");
            key = format[(at + 1)..close];
            at = close + 1;
        }

        var spec = new FormatSpec { Fill = " ", Precision = -1 };
        for (; at < format.Length && format[at] is '-' or '+' or ' ' or '#' or '0'; at++)
        {
            if (format[at] == '-') spec.Align = '<';
            else if (format[at] == '0' && spec.Align == 0) (spec.Align, spec.Fill) = ('=', "0");
            else if (format[at] == '#') spec.Alternate = true;
            else if (format[at] == '+' || (format[at] == ' ' && spec.Sign != '+')) spec.Sign = format[at];
        }

        int width = Number(format, ref at, given);
        if (width < -1) (spec.Align, width) = ('<', -width);
        spec.Width = Math.Max(0, width);
        if (spec.Align == '<') spec.Fill = " ";
        if (at < format.Length && format[at] == '.')
        {
            at++;
            spec.Precision = Math.Max(0, Number(format, ref at, given));
        }

        while (at < format.Length && format[at] is 'h' or 'l' or 'L') at++;
        if (at >= format.Length) throw new TemplateFault("incomplete format");
        spec.Type = format[at++];
        if (spec.Type == '%') return "%";
        object value = key is null ? Take(given)
            : values is DictValue dict ? dict.Items.TryGetValue(key, out object? found) ? found : throw new TemplateFault($"KeyError: '{key}'")
            : throw new TemplateFault("format requires a mapping");
        return Convert(spec, value, escapes);
    }

    private static string Convert(FormatSpec spec, object value, bool escapes)
    {
        switch (spec.Type)
        {
            case 's' or 'r' or 'a':
                string text = spec.Type == 's' ? PythonText.Str(value) : PythonText.Repr(value);
                if (escapes) text = value is Markup ? text : Markup.Escape(text);
                if (spec.Align is '\0' or '=') spec.Align = '>';
                return (spec with { Type = 's', Fill = " " }).Apply(text);
            case 'd' or 'i' or 'u':
                if (!Numbers.IsNumber(value)) throw new TemplateFault($"%{spec.Type} format: a real number is required, not {Values.TypeName(value)}");
                return WithPrecision(spec with { Type = 'd' }, value is double number ? Numbers.Truncated(number) : Numbers.ToBig(value));
            case 'x' or 'X' or 'o':
                if (!Numbers.IsInteger(value)) throw new TemplateFault($"%{spec.Type} format: an integer is required, not {Values.TypeName(value)}");
                return WithPrecision(spec, Numbers.ToBig(value));
            case 'e' or 'E' or 'f' or 'F' or 'g' or 'G':
                return spec.Float(Numbers.ToDouble(value));
            case 'c':
                string character = Values.TextOrNull(value) ?? Numbers.ToCharacter(value);
                return (spec with { Type = 's', Align = spec.Align == '<' ? '<' : '>', Fill = " " }).Apply(character);
            default:
                throw new TemplateFault($"unsupported format character '{spec.Type}'");
        }
    }

    /// <summary>A precision is the least number of digits.</summary>
    private static string WithPrecision(FormatSpec spec, System.Numerics.BigInteger value)
    {
        if (spec.Precision < 0) return spec.Integer(value);
        var digits = new FormatSpec { Fill = "0", Align = '=', Width = spec.Precision + (value.Sign < 0 ? 1 : 0), Precision = -1, Type = spec.Type };
        string text = digits.Integer(value);
        if (spec.Sign != 0 && value.Sign >= 0) text = spec.Sign + text;
        return new FormatSpec { Fill = " ", Align = spec.Align == '<' ? '<' : '>', Width = spec.Width, Precision = -1 }.Apply(text);
    }

    private static int Number(string format, ref int at, Queue<object> given)
    {
        if (at >= format.Length || format[at] != '*') return FormatSpec.TakeNumber(format, ref at);
        at++;
        int value = Numbers.ToInt(Take(given), "*");
        return value is > -(1 << 20) and < 1 << 20 ? value : throw new TemplateFault($"expected a width of at most {1 << 20}");
    }

    private static object Take(Queue<object> given) => given.TryDequeue(out object? value) ? value : throw new TemplateFault("not enough arguments for format string");
}
