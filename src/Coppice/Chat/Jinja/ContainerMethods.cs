namespace Coppice.Chat.Jinja;

/// <summary>The methods of Python's lists, tuples and dicts.</summary>
internal static class ContainerMethods
{
    public static BuiltIns OfLists { get; } = Lists();

    public static BuiltIns OfTuples { get; } = Tuples();

    public static BuiltIns OfDicts { get; } = Dicts();

    private static BuiltIns Lists()
    {
        var all = Tuples();
        Add(all, "append object", (state, list, a) => Changed(state, list, () => list.Add(a[0]!)));
        Add(all, "extend iterable", (state, list, a) => Changed(state, list, () => list.AddRange([.. Values.Elements(state, a[0]!)])));
        Add(all, "insert index object", (state, list, a) => Changed(state, list, () => list.Insert(Place(list, a[0]!, clamps: true), a[1]!)));
        Add(all, "remove value", (state, list, a) => Changed(state, list, () => list.RemoveAt(IndexOf(state, list, a[0]!, null, null))));
        Add(all, "clear", (state, list, _) => Changed(state, list, list.Clear));
        Add(all, "reverse", (state, list, _) => Changed(state, list, list.Reverse));
        Add(all, "copy", (_, list, _) => new List<object>(list));
        Add(all, "sort reverse? key?", (state, list, a) =>
        {
            if (a[1] is not (null or None)) throw new TemplateFault("sort: a key function is refused");
            var sorted = (List<object>)Filters.Named("sort").Invoke(state, list, new Arguments { Positional = [a[0] ?? false, true] });
            return Changed(state, list, () =>
            {
                list.Clear();
                list.AddRange(sorted);
            });
        });
        Add(all, "pop index?", (_, list, a) =>
        {
            if (list.Count == 0) throw new TemplateFault("pop from empty list");
            int place = a[0] is { } index ? Place(list, index, clamps: false) : list.Count - 1;
            if (place < 0 || place >= list.Count) throw new TemplateFault("pop index out of range");
            object taken = list[place];
            list.RemoveAt(place);
            return taken;
        });
        return all;
    }

    private static BuiltIns Tuples()
    {
        var all = new BuiltIns();
        all.Add("index value start? stop?", (state, self, a) => (long)IndexOf(state, Values.ItemsOrNull(self)!, a[0]!, a[1], a[2]));
        all.Add("count value", (state, self, a) => (long)Values.Elements(state, self).Count(item => Operators.AreEqual(item, a[0]!)));
        return all;
    }

    private static void Add(BuiltIns all, string signature, Func<RenderState, List<object>, object?[], object> body) =>
        all.Add(signature, (state, self, a) => body(state, (List<object>)self, a));

    private static None Changed(RenderState state, List<object> list, Action change)
    {
        change();
        state.CheckSize(0);
        if (list.Count > RenderState.LargestText) state.CheckSize(list.Count);
        return None.Value;
    }

    private static int Place(List<object> list, object index, bool clamps)
    {
        int place = Numbers.ToInt(index, "index");
        if (place < 0) place += list.Count;
        return clamps ? Math.Clamp(place, 0, list.Count) : place;
    }

    private static int IndexOf(RenderState state, IReadOnlyList<object> items, object value, object? start, object? stop)
    {
        int from = start is null ? 0 : Numbers.ToInt(start, "index");
        int to = stop is null ? items.Count : Numbers.ToInt(stop, "index");
        if (from < 0) from = Math.Max(0, from + items.Count);
        if (to < 0) to += items.Count;
        for (int i = from; i < items.Count && i < to; i++)
        {
            state.Step();
            if (Operators.AreEqual(items[i], value)) return i;
        }

        throw new TemplateFault($"{PythonText.Repr(value)} is not in list");
    }

    private static BuiltIns Dicts()
    {
        var all = new BuiltIns();
        AddDict(all, "keys", (_, dict, _) => new DictView(dict, "keys"));
        AddDict(all, "values", (_, dict, _) => new DictView(dict, "values"));
        AddDict(all, "items", (_, dict, _) => new DictView(dict, "items"));
        AddDict(all, "get key default?", (_, dict, a) => dict.Items.TryGetValue(a[0]!, out object? value) ? value : a[1] ?? None.Value);
        AddDict(all, "copy", (_, dict, _) => dict.Copy());
        AddDict(all, "clear", (_, dict, _) =>
        {
            dict.Items.Clear();
            return None.Value;
        });
        AddDict(all, "setdefault key default?", (_, dict, a) =>
        {
            if (dict.Items.TryGetValue(a[0]!, out object? value)) return value;
            return dict.Items[a[0]!] = a[1] ?? None.Value;
        });
        AddDict(all, "pop key default?", (_, dict, a) => dict.Items.Remove(a[0]!, out object? value) ? value : a[1] ?? throw new TemplateFault($"KeyError: {PythonText.Repr(a[0]!)}"));
        AddDict(all, "popitem", (_, dict, _) =>
        {
            if (dict.Items.Count == 0) throw new TemplateFault("popitem(): dictionary is empty");
            var (key, value) = dict.Items.GetAt(dict.Items.Count - 1);
            dict.Items.RemoveAt(dict.Items.Count - 1);
            return new TupleValue([key, value]);
        });
        all.AddOpen("update", (state, self, a) => Update(state, (DictValue)self, a));
        return all;
    }

    private static void AddDict(BuiltIns all, string signature, Func<RenderState, DictValue, object?[], object> body) =>
        all.Add(signature, (state, self, a) => body(state, (DictValue)self, a));

    /// <summary>Adds the members of mappings, pairs and named arguments to a dict.</summary>
    public static object Update(RenderState state, DictValue dict, Arguments a)
    {
        if (a.Positional.Count > 1) throw new TemplateFault($"expected at most 1 argument, found {a.Positional.Count}");
        foreach (object source in a.Positional)
        {
            object pairs = source is DictValue other ? new DictView(other.Copy(), "items") : source;
            foreach (object pair in Values.Elements(state, pairs))
            {
                if (Values.ItemsOrNull(pair) is not [{ } key, { } value]) throw new TemplateFault("expected pairs of a key and a value");
                dict.Items[key] = value;
            }
        }

        foreach (var (name, value) in a.Named) dict.Items[name] = value;
        return None.Value;
    }
}
