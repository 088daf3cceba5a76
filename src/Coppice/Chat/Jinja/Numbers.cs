using System.Numerics;
using System.Text;

namespace Coppice.Chat.Jinja;

/// <summary>Python's numbers: integers without bounds (within reason), floats, and truth values that count as 0 and 1.</summary>
internal static class Numbers
{
    private const int LargestBits = 1 << 16;

    /// <summary>An integer as long where it fits.</summary>
    public static object Normalize(BigInteger value)
    {
        if (value.GetBitLength() > LargestBits) throw new TemplateFault($"a number has more than {LargestBits} bits");
        return value >= long.MinValue && value <= long.MaxValue ? (object)(long)value : value;
    }

    public static bool IsInteger(object value) => value is long or bool or BigInteger;

    public static bool IsNumber(object value) => value is long or bool or double or BigInteger;

    public static BigInteger ToBig(object value) => value switch
    {
        long number => number,
        bool truth => truth ? 1 : 0,
        BigInteger number => number,
        _ => throw new TemplateFault($"'{Values.TypeName(value)}' object cannot be interpreted as an integer"),
    };

    /// <summary>A whole number that an index, a count or a width can be.</summary>
    public static int ToInt(object value, string what)
    {
        BigInteger number = IsInteger(value) ? ToBig(value) : throw new TemplateFault($"{what}: expected an integer, found {Values.TypeName(value)}");
        return (int)BigInteger.Max(int.MinValue, BigInteger.Min(int.MaxValue, number));
    }

    /// <summary>The character of a code point.</summary>
    public static string ToCharacter(object value)
    {
        int codePoint = ToInt(value, "%c");
        return Rune.IsValid(codePoint) ? new Rune(codePoint).ToString() : throw new TemplateFault($"expected the number of a character, found {codePoint}");
    }

    /// <summary>A float without its fraction.</summary>
    public static BigInteger Truncated(double number) =>
        double.IsFinite(number) ? new BigInteger(number) : throw new TemplateFault($"cannot convert float {(double.IsNaN(number) ? "NaN" : "infinity")} to integer");

    public static double ToDouble(object value) => value switch
    {
        double number => number,
        long number => number,
        bool truth => truth ? 1 : 0,
        BigInteger number => (double)number,
        _ => throw new TemplateFault($"must be real number, not {Values.TypeName(value)}"),
    };

    /// <summary>Reads an integer as Python's <c>int(text, base)</c> does, or gives null.</summary>
    public static object? ParseInteger(ReadOnlySpan<char> text, int radix)
    {
        text = PythonChars.TrimEnd(PythonChars.TrimStart(text.ToString()));
        bool negative = text.StartsWith("-");
        if (text.StartsWith("-") || text.StartsWith("+")) text = text[1..];
        int prefix = text.Length > 2 && text[0] == '0' ? char.ToLowerInvariant(text[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 0 } : 0;
        if (prefix != 0 && (radix == prefix || radix == 0))
        {
            radix = prefix;
            text = text[2..];
            if (text.StartsWith("_")) text = text[1..];
        }

        if (radix == 0) radix = 10;
        if (radix is < 2 or > 36 || text.IsEmpty || text[0] == '_' || text[^1] == '_' || text.Length > 4000) return null;
        BigInteger value = 0;
        char last = '0';
        foreach (char c in text)
        {
            if (c == '_' && last == '_') return null;
            last = c;
            if (c == '_') continue;
            int digit = char.IsAsciiDigit(c) ? c - '0' : char.IsAsciiLetter(c) ? char.ToLowerInvariant(c) - 'a' + 10
                : char.IsDigit(c) ? (int)char.GetNumericValue(c) : 99;
            if (digit >= radix) return null;
            value = (value * radix) + digit;
        }

        return Normalize(negative ? -value : value);
    }

    /// <summary>Reads a float as Python's <c>float(text)</c> does, or gives null.</summary>
    public static double? ParseFloat(string text)
    {
        text = PythonChars.TrimEnd(PythonChars.TrimStart(text));
        string plain = text.ToLowerInvariant().TrimStart('+', '-');
        double sign = text.StartsWith('-') ? -1 : 1;
        if (text.Length - plain.Length > 1) return null;
        if (plain is "inf" or "infinity") return sign * double.PositiveInfinity;
        if (plain is "nan") return double.NaN;
        if (plain.Length == 0 || !(char.IsDigit(plain[0]) || plain[0] == '.') || plain.StartsWith('_') || plain.EndsWith('_') || plain.Contains("__", StringComparison.Ordinal)) return null;
        return double.TryParse(plain.Replace("_", "", StringComparison.Ordinal), System.Globalization.NumberStyles.Float, System.Globalization.CultureInfo.InvariantCulture, out double value)
            ? sign * value
            : null;
    }

    /// <summary><c>+ - * / // % **</c> of two numbers.</summary>
    public static object Compute(string operation, object a, object b)
    {
        if (a is double || b is double || operation == "/") return ComputeFloats(operation, ToDouble(a), ToDouble(b));
        if (a is long x && b is long y && operation is "+" or "-" or "*")
        {
            Int128 exact = operation switch { "+" => (Int128)x + y, "-" => (Int128)x - y, _ => (Int128)x * y };
            return exact >= long.MinValue && exact <= long.MaxValue ? (object)(long)exact : (BigInteger)exact;
        }

        BigInteger p = ToBig(a);
        BigInteger q = ToBig(b);
        if (operation is "//" or "%" && q.IsZero) throw new TemplateFault("integer division or modulo by zero");
        return operation switch
        {
            "+" => Normalize(p + q),
            "-" => Normalize(p - q),
            "*" => Normalize(p * q),
            "//" => Normalize(FloorDivide(p, q)),
            "%" => Normalize(p - (FloorDivide(p, q) * q)),
            _ => Power(p, q),
        };
    }

    private static BigInteger FloorDivide(BigInteger a, BigInteger b)
    {
        BigInteger quotient = BigInteger.DivRem(a, b, out BigInteger rest);
        return !rest.IsZero && rest.Sign < 0 != b.Sign < 0 ? quotient - 1 : quotient;
    }

    private static object Power(BigInteger a, BigInteger b)
    {
        if (b.Sign < 0) return ComputeFloats("**", (double)a, (double)b);
        if (BigInteger.Abs(a) <= 1) return Normalize(a.IsZero && !b.IsZero ? 0 : a.IsOne || b.IsEven ? 1 : a);
        if (b * a.GetBitLength() > LargestBits) throw new TemplateFault($"a number has more than {LargestBits} bits");
        return Normalize(BigInteger.Pow(a, (int)b));
    }

    private static object ComputeFloats(string operation, double a, double b)
    {
        if (b == 0 && operation is "/" or "//" or "%") throw new TemplateFault(operation == "/" ? "division by zero" : "float floor division or modulo by zero");
        if (operation == "**" && a == 0 && b < 0) throw new TemplateFault("0.0 cannot be raised to a negative power");
        if (operation == "**" && a < 0 && b != Math.Floor(b)) throw new TemplateFault("a negative number has no real fractional power");
        double rest = operation is "//" or "%" ? FloorRest(a, b) : 0;
        return operation switch
        {
            "+" => a + b,
            "-" => a - b,
            "*" => a * b,
            "/" => a / b,
            "//" => Math.Round((a - rest) / b),
            "%" => rest,
            _ => Math.Pow(a, b),
        };
    }

    private static double FloorRest(double a, double b)
    {
        double rest = a % b;
        if (rest == 0) return Math.CopySign(0, b);
        return rest < 0 != b < 0 ? rest + b : rest;
    }
}
