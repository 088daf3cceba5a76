using System.Globalization;
using System.Numerics;

namespace Coppice.Chat.Jinja;

/// <summary>Filters of numbers.</summary>
internal static class NumberFilters
{
    public static void AddTo(BuiltIns all)
    {
        all.Add("abs", (_, value, _) => value switch
        {
            double number => Math.Abs(number),
            _ when Numbers.IsInteger(value) => Numbers.Normalize(BigInteger.Abs(Numbers.ToBig(value))),
            _ => throw Bad("abs()", value),
        });
        all.Add("int default? base?", (_, value, a) => ToInteger(value, a[1]) ?? a[0] ?? 0L);
        all.Add("float default?", (_, value, a) => ToFloat(value) ?? a[0] ?? 0.0);
        all.Add("round precision? method?", (_, value, a) => Round(value, a[0] is { } digits ? Numbers.ToInt(digits, "round") : 0, a[1] is { } method ? PythonText.Str(method) : "common"));
        all.Add("sum attribute? start?", (state, value, a) =>
        {
            IEnumerable<object> items = Values.Elements(state, value);
            if (a[0] is { } path and not None) items = Values.Elements(state, Filters.Named("map").Invoke(state, value, new Arguments { Named = new(StringComparer.Ordinal) { ["attribute"] = path } }));
            object sum = a[1] ?? 0L;
            if (Values.TextOrNull(sum) is not null) throw new TemplateFault("sum() can't sum strings");
            foreach (object item in items) sum = Operators.Binary(state, "+", sum, item);
            return sum;
        });
        all.Add("filesizeformat binary?", (_, value, a) => FileSize(ToFloat(value) ?? throw Bad("filesizeformat", value), Filters.IsSet(a[0])));
    }

    private static TemplateFault Bad(string operation, object value) => new(value is Undefined missing ? missing.Message : $"bad operand type for {operation}: '{Values.TypeName(value)}'");

    private static object? ToInteger(object value, object? radix)
    {
        if (value is Undefined missing) throw new TemplateFault(missing.Message);
        if (Values.TextOrNull(value) is { } text && Numbers.ParseInteger(text, radix is null ? 10 : Numbers.ToInt(radix, "int")) is { } whole) return whole;
        if (Numbers.IsInteger(value)) return Numbers.Normalize(Numbers.ToBig(value));
        return ToFloat(value) is double number && double.IsFinite(number) ? Numbers.Normalize(new BigInteger(Math.Truncate(number))) : null;
    }

    private static double? ToFloat(object value)
    {
        if (value is Undefined missing) throw new TemplateFault(missing.Message);
        return Numbers.IsNumber(value) ? Numbers.ToDouble(value) : Values.TextOrNull(value) is { } text ? Numbers.ParseFloat(text) : null;
    }

    private static object Round(object value, int digits, string method)
    {
        if (method is not ("common" or "ceil" or "floor")) throw new TemplateFault("method must be common, ceil or floor");
        if (!Numbers.IsNumber(value)) throw Bad("round", value);
        if (method == "common")
        {
            if (value is double number) return ExactDecimal.Round(number, digits);
            BigInteger whole = Numbers.ToBig(value);
            return digits >= 0 ? Numbers.Normalize(whole) : RoundWhole(whole, digits);
        }

        object scaled = Numbers.Compute("*", value, Numbers.Compute("**", 10L, (long)digits));
        object stepped = scaled is double exact ? Numbers.Normalize(Numbers.Truncated(method == "ceil" ? Math.Ceiling(exact) : Math.Floor(exact))) : scaled;
        return Numbers.Compute("/", stepped, Numbers.Compute("**", 10L, (long)digits));
    }

    private static object RoundWhole(BigInteger value, int digits)
    {
        if (digits < -4000) return 0L;
        BigInteger unit = BigInteger.Pow(10, -digits);
        BigInteger quotient = BigInteger.DivRem(BigInteger.Abs(value), unit, out BigInteger rest);
        int half = (rest * 2).CompareTo(unit);
        if (half > 0 || (half == 0 && !quotient.IsEven)) quotient++;
        return Numbers.Normalize(quotient * unit * value.Sign);
    }

    private static string FileSize(double bytes, bool binary)
    {
        double unit = binary ? 1024 : 1000;
        if (bytes == 1) return "1 Byte";
        if (bytes < unit) return string.Create(CultureInfo.InvariantCulture, $"{Numbers.Truncated(bytes)} Bytes");
        const string prefixes = "kMGTPEZY";
        int at = 0;
        while (at < prefixes.Length - 1 && bytes >= Math.Pow(unit, at + 2)) at++;
        string prefix = binary ? char.ToUpperInvariant(prefixes[at]) + "iB" : prefixes[at] + "B";
        return ExactDecimal.Fixed(unit * bytes / Math.Pow(unit, at + 2), 1) + " " + prefix;
    }
}
