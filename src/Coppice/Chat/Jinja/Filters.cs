namespace Coppice.Chat.Jinja;

/// <summary>The filters of jinja2 by name, with <c>tojson</c> as it is for chat templates.</summary>
internal static class Filters
{
    /// <summary>Characters of an indent of JSON: it is repeated on each line and level.</summary>
    private const int MostIndent = 1000;

    private static readonly BuiltIns s_all = Create();

    public static BuiltIn Named(string name) => Find(name) ?? throw new TemplateFault($"no filter named '{name}'");

    public static BuiltIn? Find(string name) => s_all.Find(name);

    private static BuiltIns Create()
    {
        var all = new BuiltIns();
        TextFilters.AddTo(all);
        SequenceFilters.AddTo(all);
        NumberFilters.AddTo(all);
        all.Add("default default_value? boolean?", (_, value, a) =>
            value is Undefined || (Filters.IsSet(a[1]) && !Operators.IsTrue(value)) ? a[0] ?? "" : value);
        all.Alias("d", "default");
        all.Add("attr name", (_, value, a) => value is Undefined missing
            ? throw new TemplateFault(missing.Message)
            : Attributes.Own(value, PythonText.Str(a[0]!)) ?? new Undefined(owner: value, name: a[0]));
        all.Add("tojson ensure_ascii? indent? separators? sort_keys?", (_, value, a) => JsonValues.Write(value, JsonLayout(a)));
        all.Add("pprint", (_, value, _) => PythonText.Repr(value));
        return all;
    }

    private static JsonValues.Layout JsonLayout(object?[] a)
    {
        string? indent = a[1] switch
        {
            null or None => null,
            { } given when Values.TextOrNull(given) is { } text => text.Length <= MostIndent ? text : throw new TemplateFault($"indent: expected at most {MostIndent} characters, found {text.Length}"),
            { } given => new string(' ', Math.Clamp(Numbers.ToInt(given, "indent"), 0, MostIndent)),
        };
        string item = indent is null ? ", " : ",";
        string key = ": ";
        if (a[2] is not (null or None))
        {
            if (Values.ItemsOrNull(a[2]!) is not [{ } first, { } second]) throw new TemplateFault("separators: expected two strings");
            (item, key) = (PythonText.Str(first), PythonText.Str(second));
        }

        return new JsonValues.Layout(a[0] is { } ascii && Operators.IsTrue(ascii), indent, item, key, a[3] is { } sort && Operators.IsTrue(sort));
    }

    /// <summary>Whether an argument is given and true.</summary>
    public static bool IsSet(object? argument) => argument is not null && Operators.IsTrue(argument);
}
