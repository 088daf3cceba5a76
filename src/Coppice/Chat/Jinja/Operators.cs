using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Coppice.Chat.Jinja;

/// <summary>Truth, equality, order, membership and the operators, as Python has them.</summary>
internal static class Operators
{
    public static bool IsTrue(object value) => value switch
    {
        bool truth => truth,
        None or Undefined => false,
        long number => number != 0,
        double number => number != 0,
        BigInteger number => !number.IsZero,
        string text => text.Length > 0,
        Markup text => text.Text.Length > 0,
        LoopContext => true,
        _ => Values.LengthOrNull(value) is not 0,
    };

    public static bool AreEqual(object a, object b)
    {
        var left = new WorkLeft();
        return AreEqual(a, b, ref left);
    }

    private static bool AreEqual(object a, object b, ref WorkLeft left)
    {
        left.Take(a);
        if (ReferenceEquals(a, b)) return a is not double number || !double.IsNaN(number);
        if (Numbers.IsNumber(a) && Numbers.IsNumber(b)) return CompareNumbers(a, b) == 0;
        if (Values.TextOrNull(a) is { } text) return string.Equals(text, Values.TextOrNull(b), StringComparison.Ordinal);
        CheckStack();
        return (a, b) switch
        {
            (List<object> x, List<object> y) => AreEqual(x, y, ref left),
            (TupleValue x, TupleValue y) => AreEqual(x.Items, y.Items, ref left),
            (DictValue x, DictValue y) => AreEqual(x, y, ref left),
            (Undefined, Undefined) => true,
            (RangeValue x, RangeValue y) => x == y,
            _ => false,
        };
    }

    private static bool AreEqual(IReadOnlyList<object> a, IReadOnlyList<object> b, ref WorkLeft left)
    {
        if (a.Count != b.Count) return false;
        for (int i = 0; i < a.Count; i++)
            if (!AreEqual(a[i], b[i], ref left)) return false;
        return true;
    }

    private static bool AreEqual(DictValue a, DictValue b, ref WorkLeft left)
    {
        if (a.Items.Count != b.Items.Count) return false;
        foreach (var (key, value) in a.Items)
            if (!b.Items.TryGetValue(key, out object? other) || !AreEqual(value, other, ref left)) return false;
        return true;
    }

    /// <summary>Below 0, 0 or above 0; null where a NaN has no order.</summary>
    private static int? CompareNumbers(object a, object b)
    {
        if (a is long x && b is long y) return x.CompareTo(y);
        if (a is not double && b is not double) return Numbers.ToBig(a).CompareTo(Numbers.ToBig(b));
        double p = Numbers.ToDouble(a);
        double q = Numbers.ToDouble(b);
        return double.IsNaN(p) || double.IsNaN(q) ? null : p.CompareTo(q);
    }

    /// <summary>Order of two values; null where a NaN has none.</summary>
    /// <exception cref="TemplateFault">Their types have no order.</exception>
    public static int? Order(object a, object b, string operation = "<")
    {
        CheckDefined(a, b);
        if (Numbers.IsNumber(a) && Numbers.IsNumber(b)) return CompareNumbers(a, b);
        if (Values.TextOrNull(a) is { } x && Values.TextOrNull(b) is { } y) return PythonChars.Compare(x, y);
        if (a is List<object> == b is List<object> && Values.ItemsOrNull(a) is { } p && Values.ItemsOrNull(b) is { } q)
        {
            CheckStack();
            for (int i = 0; i < p.Count && i < q.Count; i++)
                if (!AreEqual(p[i], q[i])) return Order(p[i], q[i], operation);
            return p.Count.CompareTo(q.Count);
        }

        throw new TemplateFault($"'{operation}' not supported between instances of '{Values.TypeName(a)}' and '{Values.TypeName(b)}'");
    }

    /// <summary>A stable sort by a key; equal elements keep their order in both directions.</summary>
    public static List<T> Sorted<T>(RenderState? state, IEnumerable<T> items, Func<T, object> key, bool reverse = false)
    {
        List<(object Key, T Item)> keyed = [.. items.Select(item => (key(item), item))];
        var comparer = Comparer<object>.Create((x, y) =>
        {
            state?.CheckTime();
            return Order(x, y) ?? 0;
        });
        var sorted = reverse ? keyed.OrderByDescending(pair => pair.Key, comparer) : keyed.OrderBy(pair => pair.Key, comparer);
        try
        {
            return [.. sorted.Select(pair => pair.Item)];
        }
        catch (InvalidOperationException error) when (error.InnerException is TemplateFault)
        {
            ExceptionDispatchInfo.Throw(error.InnerException);
            throw;
        }
    }

    /// <summary>A comparison or membership.</summary>
    public static bool Compare(RenderState state, string operation, object a, object b) => operation switch
    {
        "==" => AreEqual(a, b),
        "!=" => !AreEqual(a, b),
        "<" => Order(a, b, operation) < 0,
        "<=" => Order(a, b, operation) <= 0,
        ">" => Order(a, b, operation) > 0,
        ">=" => Order(a, b, operation) >= 0,
        "in" => Contains(state, b, a),
        _ => !Contains(state, b, a),
    };

    public static bool Contains(RenderState state, object container, object item)
    {
        if (Values.TextOrNull(container) is { } text)
        {
            state.Charge(text.Length / 8);
            return item is Undefined missing && container is string
                ? throw new TemplateFault($"'in <string>' requires string as left operand, not {Values.TypeName(missing)}")
                : text.Contains(Values.TextOrNull(item) ?? throw new TemplateFault($"'in <string>' requires string as left operand, not {Values.TypeName(item)}"), StringComparison.Ordinal);
        }

        return container switch
        {
            DictValue dict => dict.Items.ContainsKey(item),
            DictView { Kind: "keys" } view => view.Dict.Items.ContainsKey(item),
            RangeValue range when Numbers.IsInteger(item) => InRange(range, Numbers.ToBig(item)),
            _ when Values.IsIterable(container) => Values.Elements(state, container).Any(element => AreEqual(element, item)),
            _ => throw new TemplateFault($"argument of type '{Values.TypeName(container)}' is not iterable"),
        };
    }

    private static bool InRange(RangeValue range, BigInteger item) =>
        (range.Step > 0 ? item >= range.Start && item < range.Stop : item <= range.Start && item > range.Stop) && (item - range.Start) % range.Step == 0;

    /// <summary><c>+ - * / // % **</c>.</summary>
    public static object Binary(RenderState state, string operation, object a, object b)
    {
        CheckDefined(a, operation == "%" && Values.TextOrNull(a) is not null ? a : b);
        if (Numbers.IsNumber(a) && Numbers.IsNumber(b)) return Numbers.Compute(operation, a, b);
        string? text = Values.TextOrNull(a);
        if (text is not null && operation == "%") return PercentFormat.Format(state, a, b);
        if (operation == "*" && Numbers.IsInteger(b)) return Repeat(state, a, b);
        if (operation == "*" && Numbers.IsInteger(a)) return Repeat(state, b, a);
        if (operation == "+")
        {
            if (text is not null && Values.TextOrNull(b) is { } other)
                return a is Markup || b is Markup ? new Markup(state.Concat(Markup.Escape(a), Markup.Escape(b))) : state.Concat(text, other);
            if (text is not null) throw new TemplateFault($"can only concatenate str (not \"{Values.TypeName(b)}\") to str");
            if (a is List<object> x && b is List<object> y) return state.Charged(new List<object>([.. x, .. y]));
            if (a is TupleValue p && b is TupleValue q) return new TupleValue(state.Charged(new List<object>([.. p.Items, .. q.Items])));
        }

        throw new TemplateFault($"unsupported operand type(s) for {operation}: '{Values.TypeName(a)}' and '{Values.TypeName(b)}'");
    }

    private static object Repeat(RenderState state, object value, object count)
    {
        int times = Math.Max(0, Numbers.ToInt(count, "*"));
        if (Values.TextOrNull(value) is { } text)
        {
            state.CheckSize((long)text.Length * times);
            return Values.Like(value, string.Concat(Enumerable.Repeat(text, times)));
        }

        if (Values.ItemsOrNull(value) is not { } items)
            throw new TemplateFault($"unsupported operand type(s) for *: '{Values.TypeName(value)}' and '{Values.TypeName(count)}'");
        state.CheckSize((long)items.Count * times);
        List<object> repeated = [.. Enumerable.Repeat(items, times).SelectMany(item => item)];
        return value is TupleValue ? new TupleValue(repeated) : repeated;
    }

    /// <summary><c>-</c> and <c>+</c> before a value.</summary>
    public static object Unary(string operation, object value)
    {
        CheckDefined(value, value);
        if (!Numbers.IsNumber(value)) throw new TemplateFault($"bad operand type for unary {operation}: '{Values.TypeName(value)}'");
        return operation == "-" ? value is double number ? -number : Numbers.Normalize(-Numbers.ToBig(value)) : value is bool ? Numbers.Normalize(Numbers.ToBig(value)) : value;
    }

    public static void CheckDefined(object a, object b)
    {
        if ((a as Undefined ?? b as Undefined) is { } missing) throw new TemplateFault(missing.Message);
    }

    /// <summary>Data may be nested, or contain itself.</summary>
    public static void CheckStack()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack()) throw new TemplateFault("values or calls are nested too deeply");
    }
}
