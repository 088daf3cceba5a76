namespace Coppice.Chat.Jinja;

/// <summary>What <c>value.name</c> and <c>value[key]</c> stand for: the former looks for a method first, the latter for an element.</summary>
internal static class Attributes
{
    public static object Get(object owner, string name)
    {
        if (owner is Undefined missing) throw new TemplateFault(missing.Message);
        return Own(owner, name) ?? Element(owner, name) ?? Absent(owner, name);
    }

    public static object GetItem(object owner, object key)
    {
        if (owner is Undefined missing) throw new TemplateFault(missing.Message);
        return Element(owner, key) ?? (key is string name ? Own(owner, name) : null) ?? Absent(owner, key);
    }

    /// <summary>A method or property, or null.</summary>
    public static object? Own(object owner, string name)
    {
        BuiltIns? methods = owner switch
        {
            string or Markup => TextMethods.All,
            List<object> => ContainerMethods.OfLists,
            TupleValue => ContainerMethods.OfTuples,
            DictValue => ContainerMethods.OfDicts,
            _ => null,
        };
        if (methods?.Find(name) is { } method) return new BoundFunction(method, owner);
        return owner switch
        {
            TupleValue tuple when Array.IndexOf(tuple.Fields, name) is >= 0 and var place => tuple.Items[place],
            Namespace scope => scope.Attributes.GetValueOrDefault(name),
            LoopContext loop => loop.Attribute(name),
            Macro macro when name == "name" => macro.Name is { } text ? text : None.Value,
            Macro macro when name == "arguments" => new TupleValue([.. macro.Parameters]),
            Cycler cycler => cycler.Attribute(name),
            RangeValue range => name switch { "start" => range.Start, "stop" => range.Stop, "step" => range.Step, _ => null },
            _ => null,
        };
    }

    private static object? Element(object owner, object key) => owner switch
    {
        DictValue dict => key is List<object> or DictValue ? null : dict.Items.GetValueOrDefault(key),
        string or Markup or List<object> or TupleValue or RangeValue when Numbers.IsInteger(key) => Slicing.At(owner, key),
        _ => null,
    };

    private static Undefined Absent(object owner, object key)
    {
        if (key is string name && name.StartsWith("__", StringComparison.Ordinal))
            return new Undefined($"access to attribute '{name}' of '{Values.TypeName(owner)}' object is unsafe.");
        return new Undefined(owner: owner, name: key);
    }
}

/// <summary>Elements and slices of sequences, by Python's rules for indexes.</summary>
internal static class Slicing
{
    /// <summary>An element, counted from the end where the index is negative, or null where there is none.</summary>
    public static object? At(object sequence, object key)
    {
        long count = Values.Length(sequence);
        var index = Numbers.ToBig(key);
        if (index < 0) index += count;
        if (index < 0 || index >= count) return null;
        if (sequence is RangeValue range) return range.Start + ((long)index * range.Step);
        if (Values.ItemsOrNull(sequence) is { } items) return items[(int)index];
        string text = Values.TextOrNull(sequence)!;
        int start = count == text.Length ? (int)index : PythonChars.PositionOf(text, (int)index);
        int length = char.IsHighSurrogate(text[start]) && start + 1 < text.Length && char.IsLowSurrogate(text[start + 1]) ? 2 : 1;
        return Values.Like(sequence, text.Substring(start, length));
    }

    public static object Slice(object sequence, object? start, object? stop, object? step)
    {
        if (sequence is Undefined missing) throw new TemplateFault(missing.Message);
        if (Values.TextOrNull(sequence) is null && Values.ItemsOrNull(sequence) is null && sequence is not RangeValue)
            throw new TemplateFault($"'{Values.TypeName(sequence)}' object can't be sliced");
        long by = Bound(step, 1);
        if (by == 0) throw new TemplateFault("slice step cannot be zero");
        long count = Values.Length(sequence);
        long from = Clamp(start, count, by < 0, by > 0 ? 0 : count - 1);
        long to = Clamp(stop, count, by < 0, by > 0 ? count : -1);
        var places = new RangeValue(from, to, by);
        if (sequence is RangeValue range)
            return by * range.Step is >= int.MinValue and <= int.MaxValue and var joined
                ? new RangeValue(range.Start + (from * range.Step), range.Start + (to * range.Step), joined)
                : throw new TemplateFault("the step of a range is too large");
        if (Values.ItemsOrNull(sequence) is { } items)
        {
            List<object> taken = [.. Places(places).Select(place => items[(int)place])];
            return sequence is TupleValue ? new TupleValue(taken) : taken;
        }

        string text = Values.TextOrNull(sequence)!;
        if (by == 1 && count == text.Length) return Values.Like(sequence, from < to ? text[(int)from..(int)to] : "");
        List<string> characters = PythonChars.Split(text);
        return Values.Like(sequence, string.Concat(Places(places).Select(place => characters[(int)place])));
    }

    private static IEnumerable<long> Places(RangeValue range)
    {
        long count = range.Count;
        for (long i = 0; i < count; i++) yield return range.Start + (i * range.Step);
    }

    private static long Bound(object? value, long otherwise) => value is null or None
        ? otherwise
        : Numbers.IsInteger(value) ? Numbers.ToInt(value, "slice") : throw new TemplateFault("slice indices must be integers or None");

    private static long Clamp(object? value, long count, bool backward, long otherwise)
    {
        if (value is null or None) return otherwise;
        long bound = Bound(value, 0);
        if (bound < 0) bound += count;
        long least = backward ? -1 : 0;
        return Math.Clamp(bound, least, backward ? count - 1 : count);
    }
}
