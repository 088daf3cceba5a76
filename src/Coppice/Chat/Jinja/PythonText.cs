using System.Globalization;
using System.Numerics;
using System.Text;

namespace Coppice.Chat.Jinja;

/// <summary>Values as Python prints them: <c>str</c> and <c>repr</c>.</summary>
internal static class PythonText
{
    public static string Str(object value) => value switch
    {
        string text => text,
        Markup text => text.Text,
        Undefined => "",
        _ => Repr(value),
    };

    public static string Repr(object value)
    {
        var text = new StringBuilder();
        AppendRepr(text, value);
        return text.ToString();
    }

    private static void AppendRepr(StringBuilder text, object value)
    {
        Operators.CheckStack();
        if (text.Length > RenderState.LargestText) throw new TemplateFault($"a text has more than {RenderState.LargestText} characters");
        switch (value)
        {
            case None: text.Append("None"); break;
            case bool truth: text.Append(truth ? "True" : "False"); break;
            case long number: text.Append(number.ToString(CultureInfo.InvariantCulture)); break;
            case BigInteger number: text.Append(number.ToString(CultureInfo.InvariantCulture)); break;
            case double number: text.Append(Float(number)); break;
            case string s: AppendQuoted(text, s); break;
            case Markup s:
                text.Append("Markup(");
                AppendQuoted(text, s.Text);
                text.Append(')');
                break;
            case List<object> list: AppendItems(text, list, '[', ']'); break;
            case TupleValue tuple: AppendItems(text, tuple.Items, '(', tuple.Items.Count == 1 ? "," : "", ")"); break;
            case DictValue dict: AppendDict(text, dict); break;
            case DictView view:
                text.Append("dict_").Append(view.Kind).Append('(');
                AppendItems(text, [.. Enumerable.Range(0, view.Dict.Items.Count).Select(view.At)], '[', ']');
                text.Append(')');
                break;
            case RangeValue range:
                text.Append(CultureInfo.InvariantCulture, $"range({range.Start}, {range.Stop}").Append(range.Step == 1 ? ")" : string.Create(CultureInfo.InvariantCulture, $", {range.Step})"));
                break;
            case Undefined: text.Append("Undefined"); break;
            case LoopContext loop: text.Append(CultureInfo.InvariantCulture, $"<LoopContext {loop.Index0 + 1}/{loop.Length}>"); break;
            case Macro macro: text.Append("<Macro ").Append(macro.Name is null ? "anonymous" : Repr(macro.Name)).Append('>'); break;
            case Namespace scope:
                text.Append("<Namespace ");
                var attributes = new DictValue();
                foreach (var (name, attribute) in scope.Attributes) attributes.Items[name] = attribute;
                AppendDict(text, attributes);
                text.Append('>');
                break;
            default: text.Append('<').Append(Values.TypeName(value)).Append(" object>"); break;
        }
    }

    private static void AppendItems(StringBuilder text, IReadOnlyList<object> items, char open, char close) => AppendItems(text, items, open, "", close.ToString());

    private static void AppendItems(StringBuilder text, IReadOnlyList<object> items, char open, string last, string close)
    {
        text.Append(open);
        for (int i = 0; i < items.Count; i++)
        {
            if (i > 0) text.Append(", ");
            AppendRepr(text, items[i]);
        }

        text.Append(last).Append(close);
    }

    private static void AppendDict(StringBuilder text, DictValue dict)
    {
        text.Append('{');
        bool first = true;
        foreach (var (key, value) in dict.Items)
        {
            if (!first) text.Append(", ");
            first = false;
            AppendRepr(text, key);
            text.Append(": ");
            AppendRepr(text, value);
        }

        text.Append('}');
    }

    private static void AppendQuoted(StringBuilder text, string value)
    {
        char quote = value.Contains('\'', StringComparison.Ordinal) && !value.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        text.Append(quote);
        for (int i = 0; i < value.Length; i++)
        {
            if (!Rune.TryGetRuneAt(value, i, out Rune rune))
            {
                text.Append(CultureInfo.InvariantCulture, $"\\u{(int)value[i]:x4}");
                continue;
            }

            i += rune.Utf16SequenceLength - 1;
            if (rune.Value == quote || rune.Value == '\\') text.Append('\\').Append((char)rune.Value);
            else if (rune.Value is '\n') text.Append("\\n");
            else if (rune.Value is '\r') text.Append("\\r");
            else if (rune.Value is '\t') text.Append("\\t");
            else if (PythonChars.IsPrintable(rune)) text.Append(rune);
            else if (rune.Value < 0x100) text.Append(CultureInfo.InvariantCulture, $"\\x{rune.Value:x2}");
            else if (rune.Value < 0x10000) text.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:x4}");
            else text.Append(CultureInfo.InvariantCulture, $"\\U{rune.Value:x8}");
        }

        text.Append(quote);
    }

    /// <summary>The shortest digits that give the number back: fixed from 1e-4 to below 1e16, else with an exponent.</summary>
    public static string Float(double number)
    {
        if (double.IsNaN(number)) return "nan";
        if (double.IsInfinity(number)) return number > 0 ? "inf" : "-inf";
        string plain = Math.Abs(number).ToString("R", CultureInfo.InvariantCulture);
        int e = plain.IndexOf('E', StringComparison.Ordinal);
        string mantissa = e < 0 ? plain : plain[..e];
        int point = mantissa.IndexOf('.', StringComparison.Ordinal);
        string all = mantissa.Replace(".", "", StringComparison.Ordinal);
        int leading = all.Length - all.TrimStart('0').Length;
        string digits = all.Trim('0');
        if (digits.Length == 0) return double.IsNegative(number) ? "-0.0" : "0.0";
        int exponent = (point < 0 ? mantissa.Length : point) - 1 - leading + (e < 0 ? 0 : int.Parse(plain.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture));
        string sign = number < 0 ? "-" : "";
        if (exponent is < -4 or >= 16)
        {
            string fraction = digits.Length > 1 ? "." + digits[1..] : "";
            return string.Create(CultureInfo.InvariantCulture, $"{sign}{digits[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");
        }

        if (exponent < 0) return sign + "0." + new string('0', -exponent - 1) + digits;
        return digits.Length <= exponent + 1 ? sign + digits.PadRight(exponent + 1, '0') + ".0" : sign + digits[..(exponent + 1)] + "." + digits[(exponent + 1)..];
    }
}
