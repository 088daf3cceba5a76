using System.Globalization;
using System.Numerics;

namespace Coppice.Chat.Jinja;

/// <summary>Floats in decimals, rounded from their exact value with ties to even, as Python does it.</summary>
internal static class ExactDecimal
{
    /// <summary>Digits after the point that can be asked for.</summary>
    public const int MostDigits = 1000;

    /// <summary>The value times 10^digits, rounded.</summary>
    /// <param name="value">A finite number.</param>
    /// <param name="digits">Digits after the point; below 0 before it.</param>
    private static BigInteger Scaled(double value, int digits)
    {
        long bits = BitConverter.DoubleToInt64Bits(value);
        int exponent = (int)((bits >> 52) & 0x7FF);
        BigInteger numerator = bits & 0xFFFFFFFFFFFFF;
        if (exponent == 0) exponent++;
        else numerator += 1L << 52;
        exponent -= 1075;
        BigInteger denominator = 1;
        if (exponent > 0) numerator <<= exponent;
        else denominator <<= -exponent;
        if (digits > 0) numerator *= BigInteger.Pow(10, digits);
        else denominator *= BigInteger.Pow(10, -digits);
        BigInteger quotient = BigInteger.DivRem(numerator, denominator, out BigInteger rest);
        int half = (rest * 2).CompareTo(denominator);
        if (half > 0 || (half == 0 && !quotient.IsEven)) quotient++;
        return quotient;
    }

    /// <summary>The digits of a number that is not negative, with so many after the point.</summary>
    public static string Fixed(double value, int digits)
    {
        CheckDigits(digits);
        string text = Scaled(value, digits).ToString(CultureInfo.InvariantCulture);
        if (digits == 0) return text;
        text = text.PadLeft(digits + 1, '0');
        return text[..^digits] + "." + text[^digits..];
    }

    /// <summary>One digit, a point, so many digits and an exponent of two digits or more.</summary>
    public static string Scientific(double value, int digits, out int exponent)
    {
        CheckDigits(digits);
        exponent = 0;
        string text = new('0', digits + 1);
        if (value != 0)
        {
            exponent = (int)Math.Floor(Math.Log10(value));
            text = Scaled(value, digits - exponent).ToString(CultureInfo.InvariantCulture);
            // The logarithm can be one off, and rounding can give one digit more.
            for (int tries = 0; text.Length != digits + 1 && tries < 3; tries++)
            {
                exponent += text.Length > digits + 1 ? 1 : -1;
                text = Scaled(value, digits - exponent).ToString(CultureInfo.InvariantCulture);
            }
        }

        return digits == 0 ? text : text[..1] + "." + text[1..];
    }

    /// <summary>Python's <c>round</c> of a float to so many digits after the point.</summary>
    public static double Round(double value, int digits)
    {
        if (!double.IsFinite(value) || digits > 323) return value;
        if (digits < -308) return Math.CopySign(0, value);
        string scaled = Scaled(value, digits).ToString(CultureInfo.InvariantCulture);
        double rounded = double.Parse(string.Create(CultureInfo.InvariantCulture, $"{scaled}E{-digits}"), NumberStyles.Float, CultureInfo.InvariantCulture);
        return Math.CopySign(rounded, value);
    }

    private static void CheckDigits(int digits)
    {
        if (digits > MostDigits) throw new TemplateFault($"expected at most {MostDigits} digits, found {digits}");
    }
}
