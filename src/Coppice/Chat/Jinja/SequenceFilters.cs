using System.Globalization;
using System.Text;

namespace Coppice.Chat.Jinja;

/// <summary>Filters of lists, dicts and whatever else has elements. Those that make elements one by one do so when they are asked for.</summary>
internal static class SequenceFilters
{
    public static void AddTo(BuiltIns all)
    {
        all.Add("length", (_, value, _) => Values.Length(value));
        all.Alias("count", "length");
        all.Add("list", (state, value, _) => Values.Elements(state, value).ToList());
        all.Add("first", (state, value, _) => Values.Elements(state, value).FirstOrDefault() ?? new Undefined("No first item, sequence was empty."));
        all.Add("last", (state, value, _) => value is LazySequence
            ? throw new TemplateFault("'generator' object is not reversible")
            : Values.Elements(state, value).LastOrDefault() ?? new Undefined("No last item, sequence was empty."));
        all.Add("random", (_, _, _) => throw new TemplateFault("'random' is refused: the same chat must give the same text"));
        all.Add("join d? attribute?", Join);
        all.Add("items", (state, value, _) => value switch
        {
            Undefined => new LazySequence([]),
            DictValue dict => new LazySequence(Values.Elements(state, new DictView(dict, "items"))),
            _ => throw new TemplateFault("Can only get item pairs from a mapping."),
        });
        all.Add("reverse", Reverse);
        all.Add("sort reverse? case_sensitive? attribute?", (state, value, a) =>
        {
            Func<object, object>[] keys = [.. AttributeLists(a[2]).Select(path => Getter(path, null, ignoreCase: !Filters.IsSet(a[1])))];
            return Operators.Sorted(state, Values.Elements(state, value), item => keys.Length == 1 ? keys[0](item) : new TupleValue(keys.Select(key => key(item)).ToList()), Filters.IsSet(a[0]));
        });
        all.Add("dictsort case_sensitive? by? reverse?", DictSort);
        all.Add("unique case_sensitive? attribute?", (state, value, a) =>
            new LazySequence(Unique(Values.Elements(state, value), Getter(Path(a[1]), null, !Filters.IsSet(a[0])))));
        all.Add("min case_sensitive? attribute?", (state, value, a) => Extreme(state, value, a, -1));
        all.Add("max case_sensitive? attribute?", (state, value, a) => Extreme(state, value, a, 1));
        all.Add("groupby attribute default? case_sensitive?", GroupBy);
        all.Add("batch linecount fill_with?", (state, value, a) => new LazySequence(Batches(state, value, Numbers.ToInt(a[0]!, "batch"), a[1])));
        all.Add("slice slices fill_with?", (state, value, a) => new LazySequence(Slices(state, value, Numbers.ToInt(a[0]!, "slice"), a[1])));
        all.AddOpen("map", Map);
        AddSelection(all, "select", byAttribute: false, keeps: true);
        AddSelection(all, "reject", byAttribute: false, keeps: false);
        AddSelection(all, "selectattr", byAttribute: true, keeps: true);
        AddSelection(all, "rejectattr", byAttribute: true, keeps: false);
    }

    private static void AddSelection(BuiltIns all, string name, bool byAttribute, bool keeps) => all.AddOpen(name, (state, value, a) =>
    {
        if (!Operators.IsTrue(value)) return new LazySequence([]);
        int skipped = byAttribute ? 1 : 0;
        if (a.Positional.Count < skipped) throw new TemplateFault($"{name}: expected the name of an attribute, found none");
        Func<object, object> get = Getter(byAttribute ? Path(a.Positional[0]) : [], null, ignoreCase: false);
        BuiltIn? test = a.Positional.Count > skipped ? Tests.Named(PythonText.Str(a.Positional[skipped])) : null;
        var rest = new Arguments { Positional = [.. a.Positional.Skip(skipped + 1)], Named = a.Named };
        return new LazySequence(Values.Elements(state, value).Where(item =>
            keeps == Operators.IsTrue(test is null ? get(item) : test.Invoke(state, get(item), rest))));
    });

    private static object Map(RenderState state, object value, Arguments a)
    {
        if (!Operators.IsTrue(value)) return new LazySequence([]);
        if (a.Positional.Count == 0 && a.Named.TryGetValue("attribute", out object? attribute))
        {
            if (a.Named.Keys.FirstOrDefault(name => name is not ("attribute" or "default")) is { } extra) throw new TemplateFault($"map: unexpected argument '{extra}'");
            return new LazySequence(Values.Elements(state, value).Select(Getter(Path(attribute), a.Named.GetValueOrDefault("default"), ignoreCase: false)));
        }

        if (a.Positional.Count == 0) throw new TemplateFault("map requires a filter argument");
        BuiltIn filter = Filters.Named(PythonText.Str(a.Positional[0]));
        var rest = new Arguments { Positional = [.. a.Positional.Skip(1)], Named = a.Named };
        return new LazySequence(Values.Elements(state, value).Select(item => state.Charged(filter.Invoke(state, item, rest))));
    }

    /// <summary>The steps of an attribute as it is written: <c>address.0.city</c>.</summary>
    private static List<object> Path(object? attribute) => attribute switch
    {
        null or None => [],
        string text => [.. text.Split('.').Select(part => part.Length > 0 && part.All(char.IsAsciiDigit) && long.TryParse(part, CultureInfo.InvariantCulture, out long index) ? index : (object)part)],
        _ => [attribute],
    };

    private static IEnumerable<List<object>> AttributeLists(object? attribute) => attribute is string text ? text.Split(',').Select(part => Path(part)) : [Path(attribute)];

    private static Func<object, object> Getter(List<object> path, object? fallback, bool ignoreCase) => item =>
    {
        foreach (object step in path)
        {
            item = Attributes.GetItem(item, step);
            if (item is Undefined && fallback is not null and not None) item = fallback;
        }

        return ignoreCase && Values.TextOrNull(item) is { } text ? PythonChars.Lower(text) : item;
    };

    private static object Join(RenderState state, object value, object?[] a)
    {
        string separator = a[0] is { } given ? PythonText.Str(given) : "";
        IEnumerable<object> items = Values.Elements(state, value);
        if (a[1] is { } attribute and not None) items = items.Select(Getter(Path(attribute), null, ignoreCase: false));
        return Joined(state, separator, items.Select(PythonText.Str));
    }

    /// <summary>Texts with a separator between, within the size that a text may have.</summary>
    public static string Joined(RenderState state, string separator, IEnumerable<string> texts)
    {
        var joined = new StringBuilder();
        bool first = true;
        foreach (string text in texts)
        {
            if (!first) joined.Append(separator);
            first = false;
            joined.Append(text);
            if (joined.Length > RenderState.LargestText) state.CheckSize(joined.Length);
        }

        return joined.ToString();
    }

    private static object Reverse(RenderState state, object value, object?[] a)
    {
        if (Values.TextOrNull(value) is { } text)
        {
            List<string> characters = PythonChars.Split(text);
            characters.Reverse();
            return Values.Like(value, string.Concat(characters));
        }

        if (!Values.IsIterable(value)) throw new TemplateFault("argument must be iterable");
        List<object> items = [.. Values.Elements(state, value)];
        items.Reverse();
        return value is LazySequence ? items : new LazySequence(items);
    }

    private static object DictSort(RenderState state, object value, object?[] a)
    {
        if (value is not DictValue dict) throw new TemplateFault(value is Undefined missing ? missing.Message : $"dictsort: expected a mapping, found {Values.TypeName(value)}");
        int place = a[1] is null ? 0 : PythonText.Str(a[1]!) switch { "key" => 0, "value" => 1, _ => throw new TemplateFault("You can only sort by either \"key\" or \"value\"") };
        bool ignoreCase = !Filters.IsSet(a[0]);
        return Operators.Sorted(state, Values.Elements(state, new DictView(dict, "items")), item =>
        {
            object key = ((TupleValue)item).Items[place];
            return ignoreCase && Values.TextOrNull(key) is { } text ? PythonChars.Lower(text) : key;
        }, Filters.IsSet(a[2]));
    }

    private static IEnumerable<object> Unique(IEnumerable<object> items, Func<object, object> key)
    {
        var seen = new HashSet<object>(PythonEquality.Instance);
        foreach (object item in items)
            if (seen.Add(key(item))) yield return item;
    }

    private static object Extreme(RenderState state, object value, object?[] a, int sign)
    {
        Func<object, object> key = Getter(Path(a[1]), null, ignoreCase: !Filters.IsSet(a[0]));
        object? best = null;
        foreach (object item in Values.Elements(state, value))
            if (best is null || Operators.Order(key(item), key(best)) * sign > 0) best = item;
        return best ?? new Undefined("No aggregated item, sequence was empty.");
    }

    private static object GroupBy(RenderState state, object value, object?[] a)
    {
        Func<object, object> key = Getter(Path(a[0]), a[1], ignoreCase: !Filters.IsSet(a[2]));
        Func<object, object> shown = Getter(Path(a[0]), a[1], ignoreCase: false);
        var groups = new List<object>();
        List<object>? group = null;
        object? last = null;
        foreach (object item in Operators.Sorted(state, Values.Elements(state, value), key, reverse: false))
        {
            object current = key(item);
            if (group is null || !Operators.AreEqual(current, last!))
            {
                group = [];
                groups.Add(new TupleValue([shown(item), group], "grouper", "list"));
            }

            group.Add(item);
            last = current;
        }

        return groups;
    }

    private static IEnumerable<object> Batches(RenderState state, object value, int size, object? fill)
    {
        var batch = new List<object>();
        foreach (object item in Values.Elements(state, value))
        {
            if (batch.Count == size)
            {
                yield return batch;
                batch = [];
            }

            batch.Add(item);
        }

        if (batch.Count == 0) yield break;
        if (fill is not null and not None && size > batch.Count)
        {
            state.CheckSize(size);
            batch.AddRange(Enumerable.Repeat(fill, size - batch.Count));
        }

        yield return batch;
    }

    private static IEnumerable<object> Slices(RenderState state, object value, int count, object? fill)
    {
        List<object> items = [.. Values.Elements(state, value)];
        if (count == 0) throw new TemplateFault("integer division or modulo by zero");
        int at = 0;
        for (int i = 0; i < count; i++)
        {
            state.Step();
            int size = (items.Count / count) + (i < items.Count % count ? 1 : 0);
            List<object> slice = items.GetRange(at, size);
            at += size;
            if (fill is not null and not None && i >= items.Count % count) slice.Add(fill);
            yield return slice;
        }
    }
}
