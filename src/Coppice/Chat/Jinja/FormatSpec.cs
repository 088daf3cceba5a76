using System.Globalization;
using System.Numerics;

namespace Coppice.Chat.Jinja;

/// <summary>
/// How a value is laid out: <c>[[fill]align][sign][#][0][width][,][.precision][type]</c> of <c>str.format</c>, and what
/// <c>%</c> formatting has of it.
/// </summary>
internal record struct FormatSpec
{
    private const int LargestWidth = 1 << 20;

    public string Fill { get; set; }

    /// <summary><c>&lt; &gt; ^ =</c>, or 0 where none is given.</summary>
    public char Align { get; set; }

    public char Sign { get; set; }

    public bool Alternate { get; set; }

    public int Width { get; set; }

    public char Grouping { get; set; }

    /// <summary>-1 where none is given.</summary>
    public int Precision { get; set; }

    /// <summary>The type, or 0 where none is given.</summary>
    public char Type { get; set; }

    /// <summary>Reads the specification of <c>str.format</c>.</summary>
    public static FormatSpec Parse(string text)
    {
        var spec = new FormatSpec { Fill = " ", Precision = -1 };
        int at = 0;
        int fill = PythonChars.PositionOf(text, 1);
        if (text.Length > fill && text[fill] is '<' or '>' or '^' or '=' && fill > 0)
        {
            spec.Fill = text[..fill];
            spec.Align = text[fill];
            at = fill + 1;
        }
        else if (text.Length > 0 && text[0] is '<' or '>' or '^' or '=')
        {
            spec.Align = text[at++];
        }

        if (at < text.Length && text[at] is '+' or '-' or ' ') spec.Sign = text[at++];
        if (at < text.Length && text[at] == '#') (spec.Alternate, at) = (true, at + 1);
        if (at < text.Length && text[at] == '0')
        {
            if (spec.Align == 0) (spec.Fill, spec.Align) = ("0", '=');
            at++;
        }

        spec.Width = Math.Max(0, TakeNumber(text, ref at));
        if (at < text.Length && text[at] is ',' or '_') spec.Grouping = text[at++];
        if (at < text.Length && text[at] == '.')
        {
            at++;
            spec.Precision = TakeNumber(text, ref at);
            if (spec.Precision < 0) throw new TemplateFault("Format specifier missing precision");
        }

        if (at < text.Length) spec.Type = text[at++];
        return at == text.Length ? spec : throw new TemplateFault($"invalid format specifier '{text}'");
    }

    /// <summary>Takes a number of digits, or gives -1.</summary>
    public static int TakeNumber(string text, ref int at)
    {
        int value = -1;
        for (; at < text.Length && char.IsAsciiDigit(text[at]); at++)
            if ((value = (Math.Max(0, value) * 10) + (text[at] - '0')) > LargestWidth) throw new TemplateFault($"expected a width of at most {LargestWidth}");
        return value;
    }

    /// <summary>Lays a value out as <c>format(value, spec)</c> does.</summary>
    public readonly string Apply(object value)
    {
        if (Values.TextOrNull(value) is { } text) return Text(text);
        if (Numbers.IsInteger(value) && Type is '\0' or 'd' or 'n' or 'b' or 'o' or 'x' or 'X' or 'c') return Integer(Numbers.ToBig(value));
        return Numbers.IsNumber(value) ? Float(Numbers.ToDouble(value)) : throw new TemplateFault($"unsupported format string passed to {Values.TypeName(value)}.__format__");
    }

    private readonly string Text(string text)
    {
        if (Type is not ('\0' or 's')) throw new TemplateFault($"Unknown format code '{Type}' for object of type 'str'");
        if (Align == '=' && Fill != "0") throw new TemplateFault("'=' alignment not allowed in string format specifier");
        if (Precision >= 0) text = text[..PythonChars.PositionOf(text, Precision)];
        return Padded(text, Align is '\0' or '=' ? '<' : Align);
    }

    /// <summary>An integer in the base of the type.</summary>
    public readonly string Integer(BigInteger value)
    {
        if (Type == 'c') return Padded(Numbers.ToCharacter(value), Align == 0 ? '<' : Align);
        BigInteger magnitude = BigInteger.Abs(value);
        string digits = Type switch
        {
            'b' => magnitude.IsZero ? "0" : magnitude.ToString("B", CultureInfo.InvariantCulture).TrimStart('0'),
            'o' => Octal(magnitude),
            'x' => magnitude.IsZero ? "0" : magnitude.ToString("x", CultureInfo.InvariantCulture).TrimStart('0'),
            'X' => magnitude.IsZero ? "0" : magnitude.ToString("X", CultureInfo.InvariantCulture).TrimStart('0'),
            _ => magnitude.ToString(CultureInfo.InvariantCulture),
        };
        string prefix = Alternate && Type is 'b' or 'o' or 'x' or 'X' ? "0" + Type : "";
        return Number(value.Sign < 0, prefix, Grouped(digits, Type is 'b' or 'o' or 'x' or 'X' ? 4 : 3), "");
    }

    private static string Octal(BigInteger value)
    {
        string digits = "";
        do
        {
            digits = (char)('0' + (int)(value % 8)) + digits;
            value /= 8;
        }
        while (!value.IsZero);
        return digits;
    }

    /// <summary>A float in the style of the type.</summary>
    public readonly string Float(double value)
    {
        bool negative = double.IsNegative(value) && !double.IsNaN(value);
        if (!double.IsFinite(value))
        {
            string name = double.IsNaN(value) ? "nan" : "inf";
            return Number(negative, "", char.IsUpper(Type) ? name.ToUpperInvariant() : name, Type == '%' ? "%" : "");
        }

        double magnitude = Math.Abs(value);
        string text;
        switch (char.ToLowerInvariant(Type))
        {
            case 'f': text = ExactDecimal.Fixed(magnitude, Precision < 0 ? 6 : Precision); break;
            case '%': text = ExactDecimal.Fixed(magnitude * 100, Precision < 0 ? 6 : Precision); break;
            case 'e':
                string mantissa = ExactDecimal.Scientific(magnitude, Precision < 0 ? 6 : Precision, out int exponent);
                text = mantissa + Exponent(exponent);
                break;
            case 'g' or 'n': text = General(magnitude, Precision < 0 ? 6 : Math.Max(1, Precision)); break;
            case '\0': text = Precision < 0 ? PythonText.Float(magnitude) : WithPoint(General(magnitude, Math.Max(1, Precision))); break;
            default: throw new TemplateFault($"Unknown format code '{Type}' for object of type 'float'");
        }

        if (char.IsUpper(Type)) text = text.ToUpperInvariant();
        int end = text.AsSpan().IndexOfAny('.', 'e', 'E');
        string whole = end < 0 ? text : text[..end];
        return Number(negative, "", Grouped(whole, 3) + text[whole.Length..], Type == '%' ? "%" : "");
    }

    private readonly string General(double value, int precision)
    {
        string mantissa = ExactDecimal.Scientific(value, precision - 1, out int exponent);
        if (exponent < -4 || exponent >= precision) return Shortened(mantissa) + Exponent(exponent);
        return Shortened(ExactDecimal.Fixed(value, precision - 1 - exponent));
    }

    private readonly string Shortened(string digits) => Alternate || !digits.Contains('.', StringComparison.Ordinal) ? digits : digits.TrimEnd('0').TrimEnd('.');

    private static string WithPoint(string text) => text.AsSpan().IndexOfAny('.', 'e') >= 0 ? text : text + ".0";

    private static string Exponent(int exponent) => string.Create(CultureInfo.InvariantCulture, $"e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");

    private readonly string Grouped(string digits, int size)
    {
        if (Grouping == 0) return digits;
        for (int at = digits.Length - size; at > 0; at -= size) digits = digits.Insert(at, Grouping.ToString());
        return digits;
    }

    private readonly string Number(bool negative, string prefix, string digits, string suffix)
    {
        string sign = (negative ? "-" : Sign is '+' or ' ' ? Sign.ToString() : "") + prefix;
        string body = digits + suffix;
        if (Align != '=') return Padded(sign + body, Align == 0 ? '>' : Align);
        return sign + string.Concat(Enumerable.Repeat(Fill, Math.Max(0, Width - sign.Length - body.Length))) + body;
    }

    private readonly string Padded(string text, char align)
    {
        int missing = Width - PythonChars.Length(text);
        if (missing <= 0) return text;
        int before = align == '>' ? missing : align == '^' ? missing / 2 : 0;
        return string.Concat(Enumerable.Repeat(Fill, before)) + text + string.Concat(Enumerable.Repeat(Fill, missing - before));
    }
}
