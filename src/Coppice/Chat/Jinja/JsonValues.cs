using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Coppice.Chat.Jinja;

/// <summary>Values from JSON and back, as Python's <c>json</c> module does it.</summary>
internal static class JsonValues
{
    /// <summary>The value of a JSON node.</summary>
    /// <exception cref="TemplateFault">It nests too deeply, or has a name twice or half a surrogate pair in it, which show only now.</exception>
    public static object From(JsonNode? node)
    {
        try
        {
            return Converted(node);
        }
        catch (Exception error) when (error is InvalidOperationException or ArgumentException)
        {
            throw new TemplateFault("a JSON value has a name twice or half a surrogate pair in it");
        }
    }

    private static object Converted(JsonNode? node)
    {
        Operators.CheckStack();
        switch (node)
        {
            case null: return None.Value;
            case JsonArray array: return array.Select(Converted).ToList();
            case JsonObject members:
                var dict = new DictValue();
                foreach (var (name, value) in members) dict.Items[name] = Converted(value);
                return dict;
            default: return Converted(node.AsValue());
        }
    }

    private static object Converted(JsonValue value)
    {
        if (value.GetValueKind() == JsonValueKind.String) return value.TryGetValue(out string? text) ? text : JsonDocument.Parse(value.ToJsonString()).RootElement.GetString()!;
        if (value.GetValueKind() != JsonValueKind.Number) return value.GetValueKind() == JsonValueKind.Null ? None.Value : value.GetValueKind() == JsonValueKind.True;
        if (!value.TryGetValue(out JsonElement _))
        {
            // Made in the program: a float stays one, also where it is whole.
            if (value.TryGetValue(out double number)) return number;
            if (value.TryGetValue(out float single)) return (double)single;
        }

        return Number(value.ToJsonString());
    }

    private static object Number(string text)
    {
        if (text.AsSpan().IndexOfAny('.', 'e', 'E') >= 0) return double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long small)
            ? small
            : text.Length <= 4000 ? Numbers.Normalize(BigInteger.Parse(text, CultureInfo.InvariantCulture)) : throw new TemplateFault("a number has more than 4,000 digits");
    }

    /// <summary>How <see cref="Write"/> lays JSON out.</summary>
    /// <param name="Ascii">Escapes all that is not ASCII.</param>
    /// <param name="Indent">Goes before each level; null keeps all on one line.</param>
    /// <param name="ItemSeparator">Between items.</param>
    /// <param name="KeySeparator">Between a key and its value.</param>
    /// <param name="SortKeys">Orders the keys of each object.</param>
    public readonly record struct Layout(bool Ascii, string? Indent, string ItemSeparator, string KeySeparator, bool SortKeys);

    /// <summary>JSON of a value.</summary>
    public static string Write(object value, Layout layout)
    {
        var text = new StringBuilder();
        Append(text, value, layout, "\n");
        return text.ToString();
    }

    private static void Append(StringBuilder text, object value, Layout layout, string newLine)
    {
        Operators.CheckStack();
        if (text.Length > RenderState.LargestText) throw new TemplateFault($"a text has more than {RenderState.LargestText} characters");
        switch (value)
        {
            case None: text.Append("null"); break;
            case bool truth: text.Append(truth ? "true" : "false"); break;
            case double number: text.Append(Float(number)); break;
            case long or BigInteger: text.Append(PythonText.Repr(value)); break;
            case string s: AppendString(text, s, layout.Ascii); break;
            case Markup s: AppendString(text, s.Text, layout.Ascii); break;
            case List<object> or TupleValue: AppendArray(text, Values.ItemsOrNull(value)!, layout, newLine); break;
            case DictValue dict: AppendObject(text, dict, layout, newLine); break;
            default: throw new TemplateFault($"Object of type {Values.TypeName(value)} is not JSON serializable");
        }
    }

    private static void AppendArray(StringBuilder text, IReadOnlyList<object> items, Layout layout, string newLine)
    {
        string inner = newLine + layout.Indent;
        text.Append('[');
        for (int i = 0; i < items.Count; i++)
        {
            if (i > 0) text.Append(layout.ItemSeparator);
            if (layout.Indent is not null) text.Append(inner);
            Append(text, items[i], layout, inner);
        }

        if (items.Count > 0 && layout.Indent is not null) text.Append(newLine);
        text.Append(']');
    }

    private static void AppendObject(StringBuilder text, DictValue dict, Layout layout, string newLine)
    {
        string inner = newLine + layout.Indent;
        IEnumerable<KeyValuePair<object, object>> members = dict.Items;
        if (layout.SortKeys) members = Operators.Sorted(null, members, member => member.Key);
        text.Append('{');
        bool first = true;
        foreach (var (key, value) in members)
        {
            if (!first) text.Append(layout.ItemSeparator);
            first = false;
            if (layout.Indent is not null) text.Append(inner);
            AppendString(text, Key(key), layout.Ascii);
            text.Append(layout.KeySeparator);
            Append(text, value, layout, inner);
        }

        if (!first && layout.Indent is not null) text.Append(newLine);
        text.Append('}');
    }

    private static string Key(object key) => key switch
    {
        string text => text,
        Markup text => text.Text,
        None => "null",
        bool truth => truth ? "true" : "false",
        double number => Float(number),
        long or BigInteger => PythonText.Repr(key),
        _ => throw new TemplateFault($"keys must be str, int, float, bool or None, not {Values.TypeName(key)}"),
    };

    private static string Float(double number) =>
        double.IsNaN(number) ? "NaN" : double.IsInfinity(number) ? number > 0 ? "Infinity" : "-Infinity" : PythonText.Float(number);

    private static void AppendString(StringBuilder text, string value, bool ascii)
    {
        text.Append('"');
        foreach (char c in value)
        {
            switch (c)
            {
                case '"': text.Append("\\\""); break;
                case '\\': text.Append("\\\\"); break;
                case '\n': text.Append("\\n"); break;
                case '\r': text.Append("\\r"); break;
                case '\t': text.Append("\\t"); break;
                case '\f': text.Append("\\f"); break;
                case '\b': text.Append("\\b"); break;
                default:
                    if (c < ' ' || (ascii && c > '~')) text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
                    else text.Append(c);
                    break;
            }
        }

        text.Append('"');
    }
}
