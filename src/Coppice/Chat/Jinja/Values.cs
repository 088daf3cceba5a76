using System.Numerics;

namespace Coppice.Chat.Jinja;

// Values are objects: None, bool, long (BigInteger beyond it), double, string, List<object> for a list, and the classes below.

/// <summary>Python's <c>None</c>.</summary>
internal sealed class None
{
    public static readonly None Value = new();

    private None()
    {
    }
}

/// <summary>What a name, attribute or element stands for that is not there: prints as nothing, is false, has no elements; all else fails.</summary>
internal sealed class Undefined(string? hint = null, object? owner = null, object? name = null)
{
    /// <summary>What went wrong, for the error that using it gives.</summary>
    public string Message => hint
        ?? (owner is null ? $"'{name}' is undefined"
            : name is string ? $"'{OwnerName}' has no attribute {PythonText.Repr(name)}" : $"'{OwnerName}' has no element {PythonText.Repr(name!)}");

    private string OwnerName => owner is None ? "None" : Values.TypeName(owner!) + " object";
}

/// <summary>Text that <c>escape</c> or <c>safe</c> has marked: what is added to it is escaped.</summary>
internal sealed record Markup(string Text)
{
    public static string Escape(string text) => text
        .Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal).Replace(">", "&gt;", StringComparison.Ordinal)
        .Replace("'", "&#39;", StringComparison.Ordinal).Replace("\"", "&#34;", StringComparison.Ordinal);

    /// <summary>The text of a value, escaped unless it is marked.</summary>
    public static string Escape(object value) => value is Markup marked ? marked.Text : Escape(PythonText.Str(value));
}

/// <summary>A tuple; <paramref name="fields"/> name its elements where it is what <c>groupby</c> gives.</summary>
internal sealed class TupleValue(IReadOnlyList<object> items, params string[] fields)
{
    public IReadOnlyList<object> Items { get; } = items;

    public string[] Fields { get; } = fields;
}

/// <summary>A dict: keeps the order of insertion.</summary>
internal sealed class DictValue
{
    public OrderedDictionary<object, object> Items { get; } = new(PythonEquality.Instance);

    public DictValue Copy()
    {
        var copy = new DictValue();
        foreach (var (key, value) in Items) copy.Items.Add(key, value);
        return copy;
    }
}

/// <summary>What <c>keys</c>, <c>values</c> and <c>items</c> of a dict give: follows the dict.</summary>
internal sealed class DictView(DictValue dict, string kind)
{
    public DictValue Dict { get; } = dict;

    /// <summary><c>keys</c>, <c>values</c> or <c>items</c>.</summary>
    public string Kind { get; } = kind;

    public object At(int index)
    {
        var (key, value) = Dict.Items.GetAt(index);
        return Kind switch { "keys" => key, "values" => value, _ => new TupleValue([key, value]) };
    }
}

/// <summary>The numbers of <c>range</c>.</summary>
internal sealed record RangeValue(long Start, long Stop, long Step)
{
    public long Count => Step > 0
        ? Stop > Start ? ((Stop - Start - 1) / Step) + 1 : 0
        : Start > Stop ? ((Start - Stop - 1) / -Step) + 1 : 0;
}

/// <summary>Values made when they are asked for, once: a generator of Python.</summary>
internal sealed class LazySequence(IEnumerable<object> items)
{
    private readonly IEnumerator<object> _rest = items.GetEnumerator();

    public IEnumerable<object> Rest()
    {
        while (_rest.MoveNext()) yield return _rest.Current;
    }
}

/// <summary>What <c>namespace()</c> gives: attributes that inner scopes can set.</summary>
internal sealed class Namespace
{
    public Dictionary<string, object> Attributes { get; } = new(StringComparer.Ordinal);
}

/// <summary>Something that can be called.</summary>
internal abstract class Callable
{
    public abstract object Call(RenderState state, Arguments arguments);
}

/// <summary>Equality of keys: 1, 1.0 and true are one key.</summary>
internal sealed class PythonEquality : IEqualityComparer<object>
{
    public static readonly PythonEquality Instance = new();

    public new bool Equals(object? x, object? y) => Operators.AreEqual(x!, y!);

    public int GetHashCode(object value) => new Hashing().Of(value);
}

/// <summary>The hash of one key. A small tuple can stand for one of endless size, whose parts are the same over and over.</summary>
internal struct Hashing()
{
    private WorkLeft _left = new();

    public int Of(object value) => value switch
    {
        bool truth => truth ? 1L.GetHashCode() : 0L.GetHashCode(),
        long number => number.GetHashCode(),
        double number => number == Math.Floor(number) && Math.Abs(number) < 1e18 ? ((long)number).GetHashCode() : number.GetHashCode(),
        BigInteger number => number.GetHashCode(),
        Markup text => text.Text.GetHashCode(StringComparison.Ordinal),
        TupleValue tuple => OfTuple(tuple),
        List<object> or DictValue => throw new TemplateFault($"unhashable type: '{Values.TypeName(value)}'"),
        Undefined => 0,
        _ => value.GetHashCode(),
    };

    private int OfTuple(TupleValue tuple)
    {
        Operators.CheckStack();
        int hash = tuple.Items.Count;
        foreach (object item in tuple.Items)
        {
            _left.Take(item);
            hash = HashCode.Combine(hash, Of(item));
        }

        return hash;
    }
}

/// <summary>What one comparison or hash may still go through.</summary>
internal struct WorkLeft()
{
    private long _left = 1 << 24;

    /// <summary>Counts a value that is gone through; of a text its characters.</summary>
    public void Take(object value)
    {
        _left -= 1 + ((Values.TextOrNull(value)?.Length ?? 0) / 64);
        if (_left < 0) throw new TemplateFault("values are too large to compare");
    }
}

/// <summary>What is common to all values.</summary>
internal static class Values
{
    /// <summary>The name Python has for the type of a value.</summary>
    public static string TypeName(object value) => value switch
    {
        None => "NoneType",
        bool => "bool",
        long or BigInteger => "int",
        double => "float",
        string => "str",
        Markup => "Markup",
        List<object> => "list",
        TupleValue => "tuple",
        DictValue => "dict",
        DictView view => "dict_" + view.Kind,
        RangeValue => "range",
        LazySequence => "generator",
        Callable => "function",
        _ => value.GetType().Name,
    };

    /// <summary>The text of a string, marked or not, else null.</summary>
    public static string? TextOrNull(object value) => value is string text ? text : (value as Markup)?.Text;

    /// <summary>A text in the kind of another: marked if that one is.</summary>
    public static object Like(object model, string text) => model is Markup ? new Markup(text) : text;

    /// <summary>A string as it is, anything else printed.</summary>
    public static object Soft(object value) => value is string or Markup ? value : PythonText.Str(value);

    /// <summary>The items of a list or tuple, else null.</summary>
    public static IReadOnlyList<object>? ItemsOrNull(object value) => value switch
    {
        List<object> list => list,
        TupleValue tuple => tuple.Items,
        _ => null,
    };

    /// <summary>The number of elements, or null where the type has none.</summary>
    public static long? LengthOrNull(object value) => value switch
    {
        string text => PythonChars.Length(text),
        Markup text => PythonChars.Length(text.Text),
        List<object> list => list.Count,
        TupleValue tuple => tuple.Items.Count,
        DictValue dict => dict.Items.Count,
        DictView view => view.Dict.Items.Count,
        RangeValue range => range.Count,
        LoopContext loop => loop.Length,
        Undefined => 0,
        _ => null,
    };

    public static long Length(object value) => LengthOrNull(value) ?? throw new TemplateFault($"object of type '{TypeName(value)}' has no len()");

    /// <summary>Whether <c>for</c> can go through it.</summary>
    public static bool IsIterable(object value) => value is string or Markup or List<object> or TupleValue or DictValue or DictView or RangeValue or LazySequence or LoopContext or Undefined;

    /// <summary>The elements, each of which costs a step.</summary>
    /// <exception cref="TemplateFault">It has none.</exception>
    public static IEnumerable<object> Elements(RenderState state, object value)
    {
        if (!IsIterable(value)) throw new TemplateFault($"'{TypeName(value)}' object is not iterable");
        return Counted(state, value);
    }

    private static IEnumerable<object> Counted(RenderState state, object value)
    {
        // Of sequences made from each other, each asks the one before: that takes stack in proportion.
        Operators.CheckStack();
        foreach (object element in Raw(value))
        {
            state.Step();
            yield return element;
            Operators.CheckStack();
        }
    }

    private static IEnumerable<object> Raw(object value) => value switch
    {
        string text => PythonChars.Characters(text),
        Markup text => PythonChars.Characters(text.Text),
        List<object> list => Growing(list),
        TupleValue tuple => tuple.Items,
        DictValue dict => Views(new DictView(dict, "keys")),
        DictView view => Views(view),
        RangeValue range => Numbers(range),
        LazySequence lazy => lazy.Rest(),
        LoopContext loop => loop.Rest(),
        _ => [],
    };

    /// <summary>A list may grow while it is gone through.</summary>
    private static IEnumerable<object> Growing(List<object> list)
    {
        for (int i = 0; i < list.Count; i++) yield return list[i];
    }

    private static IEnumerable<object> Views(DictView view)
    {
        int count = view.Dict.Items.Count;
        for (int i = 0; i < count; i++)
        {
            if (view.Dict.Items.Count != count) throw new TemplateFault("dictionary changed size during iteration");
            yield return view.At(i);
        }
    }

    private static IEnumerable<object> Numbers(RangeValue range)
    {
        long count = range.Count;
        for (long i = 0; i < count; i++) yield return range.Start + (i * range.Step);
    }
}
