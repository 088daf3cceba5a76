using System.Numerics;

namespace Coppice.Chat.Jinja;

/// <summary>The tests of jinja2, what stands after <c>is</c>, by name.</summary>
internal static class Tests
{
    private static readonly BuiltIns s_all = Create();

    public static BuiltIn Named(string name) => Find(name) ?? throw new TemplateFault($"no test named '{name}'");

    public static BuiltIn? Find(string name) => s_all.Find(name);

    private static BuiltIns Create()
    {
        var all = new BuiltIns();
        all.Add("defined", (_, value, _) => value is not Undefined);
        all.Add("undefined", (_, value, _) => value is Undefined);
        all.Add("none", (_, value, _) => value is None);
        all.Add("boolean", (_, value, _) => value is bool);
        all.Add("true", (_, value, _) => value is true);
        all.Add("false", (_, value, _) => value is false);
        all.Add("integer", (_, value, _) => value is long or BigInteger);
        all.Add("float", (_, value, _) => value is double);
        all.Add("number", (_, value, _) => Numbers.IsNumber(value));
        all.Add("string", (_, value, _) => value is string or Markup);
        all.Add("mapping", (_, value, _) => value is DictValue);
        all.Add("sequence", (_, value, _) => value is string or Markup or List<object> or TupleValue or DictValue or RangeValue or Undefined);
        all.Add("iterable", (_, value, _) => Values.IsIterable(value));
        all.Add("callable", (_, value, _) => value is Callable or Undefined);
        all.Add("escaped", (_, value, _) => value is Markup);
        all.Add("odd", (state, value, _) => Operators.AreEqual(Operators.Binary(state, "%", value, 2L), 1L));
        all.Add("even", (state, value, _) => Operators.AreEqual(Operators.Binary(state, "%", value, 2L), 0L));
        all.Add("divisibleby num", (state, value, a) => Operators.AreEqual(Operators.Binary(state, "%", value, a[0]!), 0L));
        all.Add("lower", (_, value, _) => TextMethods.IsCased(PythonText.Str(value), upper: false));
        all.Add("upper", (_, value, _) => TextMethods.IsCased(PythonText.Str(value), upper: true));
        all.Add("sameas other", (_, value, a) => AreSame(value, a[0]!));
        all.Add("filter", (_, value, _) => Filters.Find(PythonText.Str(value)) is not null);
        all.Add("test", (_, value, _) => Find(PythonText.Str(value)) is not null);
        all.Add("in seq", (state, value, a) => Operators.Contains(state, a[0]!, value));
        AddComparison(all, "==", "eq", "equalto");
        AddComparison(all, "!=", "ne");
        AddComparison(all, "<", "lt", "lessthan");
        AddComparison(all, "<=", "le");
        AddComparison(all, ">", "gt", "greaterthan");
        AddComparison(all, ">=", "ge");
        return all;
    }

    private static void AddComparison(BuiltIns all, string operation, params ReadOnlySpan<string> names)
    {
        all.Add(operation + " other", (state, value, a) => Operators.Compare(state, operation, value, a[0]!));
        foreach (string name in names) all.Alias(name, operation);
    }

    /// <summary>Whether two values are one object, where values that never change count as one when they are equal.</summary>
    private static bool AreSame(object a, object b) =>
        ReferenceEquals(a, b) || (a.GetType() == b.GetType() && a is bool or long or string or double && a.Equals(b));
}
