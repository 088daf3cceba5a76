namespace Coppice.Chat.Jinja;

/// <summary>The functions that templates find without being given them.</summary>
internal static class Globals
{
    /// <summary>The sandbox of jinja2 allows no longer ranges.</summary>
    private const long LongestRange = 100_000;

    private static readonly string[] s_names = ["range", "namespace", "dict", "cycler", "joiner", "lipsum", "raise_exception", "strftime_now"];

    private static readonly BuiltIns s_functions = Create();

    /// <summary>The functions by name.</summary>
    public static IReadOnlyDictionary<string, object> All { get; } = s_names.ToDictionary(name => name, name => (object)new BoundFunction(s_functions.Find(name)!, None.Value), StringComparer.Ordinal);

    private static BuiltIns Create()
    {
        var all = new BuiltIns();
        all.Add("range first second? step?", (_, _, a) => Range(a));
        all.AddOpen("namespace", (state, _, a) =>
        {
            var dict = new DictValue();
            ContainerMethods.Update(state, dict, a);
            var space = new Namespace();
            foreach (var (name, value) in dict.Items) space.Attributes[PythonText.Str(name)] = value;
            return space;
        });
        all.AddOpen("dict", (state, _, a) =>
        {
            var dict = new DictValue();
            ContainerMethods.Update(state, dict, a);
            return dict;
        });
        all.AddOpen("cycler", (_, _, a) => a.Positional.Count > 0 ? new Cycler(a.Positional) : throw new TemplateFault("at least one item has to be provided"));
        all.Add("joiner sep?", (_, _, a) => new Joiner(a[0] ?? ", "));
        all.AddOpen("lipsum", (_, _, _) => throw new TemplateFault("'lipsum' is refused: the same chat must give the same text"));
        all.Add("raise_exception message", (_, _, a) => throw new TemplateFault(PythonText.Str(a[0]!), isRaised: true));
        all.Add("strftime_now format", (state, _, a) =>
        {
            string format = TextMethods.Text(a[0]!);
            // Two characters stand for up to 24.
            state.CheckSize(12L * format.Length);
            return StrfTime.Format(state.Clock.GetLocalNow(), format);
        });
        return all;
    }

    private static RangeValue Range(object?[] a)
    {
        long[] numbers = [.. a.Where(value => value is not null).Select(value => Numbers.IsInteger(value!)
            ? (long)Numbers.ToInt(value!, "range")
            : throw new TemplateFault(value is Undefined missing ? missing.Message : $"'{Values.TypeName(value!)}' object cannot be interpreted as an integer"))];
        RangeValue range = numbers.Length == 1 ? new RangeValue(0, numbers[0], 1) : new RangeValue(numbers[0], numbers[1], numbers.Length == 3 ? numbers[2] : 1);
        if (range.Step == 0) throw new TemplateFault("range() arg 3 must not be zero");
        return range.Count <= LongestRange ? range : throw new TemplateFault($"Range too big. The sandbox blocks ranges larger than MAX_RANGE ({LongestRange}).");
    }
}

/// <summary>What <c>cycler()</c> gives: goes round its values.</summary>
internal sealed class Cycler(IReadOnlyList<object> values)
{
    private static readonly BuiltIn s_next = new("next", 0, [], (_, self, _, _) => ((Cycler)self).Next());
    private static readonly BuiltIn s_reset = new("reset", 0, [], (_, self, _, _) => ((Cycler)self).Reset());
    private int _at;

    public object? Attribute(string name) => name switch
    {
        "current" => values[_at],
        "next" => new BoundFunction(s_next, this),
        "reset" => new BoundFunction(s_reset, this),
        _ => null,
    };

    private object Next()
    {
        object value = values[_at];
        _at = (_at + 1) % values.Count;
        return value;
    }

    private None Reset()
    {
        _at = 0;
        return None.Value;
    }
}

/// <summary>What <c>joiner()</c> gives: nothing at first, then its separator.</summary>
internal sealed class Joiner(object separator) : Callable
{
    private bool _used;

    public override object Call(RenderState state, Arguments arguments)
    {
        if (_used) return separator;
        _used = true;
        return "";
    }
}
