using System.Globalization;
using System.Text;

namespace Coppice.Chat.Jinja;

/// <summary>The escapes of string literals, those of Python.</summary>
internal static class StringLiteral
{
    /// <summary>What a literal stands for.</summary>
    /// <param name="body">The text between its quotes.</param>
    public static string Unescape(ReadOnlySpan<char> body)
    {
        if (!body.Contains('\\')) return body.ToString();
        var text = new StringBuilder(body.Length);
        for (int i = 0; i < body.Length; i++)
        {
            if (body[i] != '\\' || i + 1 == body.Length)
            {
                text.Append(body[i]);
                continue;
            }

            char c = body[++i];
            switch (c)
            {
                case '\n': break;
                case 'x': AppendHex(text, body, ref i, 2); break;
                case 'u': AppendHex(text, body, ref i, 4); break;
                case 'U': AppendHex(text, body, ref i, 8); break;
                case 'N': throw new TemplateFault("expected an escape by number, found \\N");
                case >= '0' and <= '7': AppendOctal(text, body, ref i); break;
                default:
                    int known = "abfnrtv\\'\"".IndexOf(c, StringComparison.Ordinal);
                    if (known >= 0) text.Append("\a\b\f\n\r\t\v\\'\""[known]);
                    else text.Append('\\').Append(c);
                    break;
            }
        }

        return text.ToString();
    }

    private static void AppendHex(StringBuilder text, ReadOnlySpan<char> body, ref int at, int digits)
    {
        ReadOnlySpan<char> number = body[(at + 1)..Math.Min(body.Length, at + 1 + digits)];
        if (number.Length < digits || !uint.TryParse(number, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint value) || value > 0x10FFFF)
            throw new TemplateFault($"expected {digits} hexadecimal digits after \\{body[at]}, found '{number}'");
        if (value < 0x10000) text.Append((char)value);
        else text.Append(char.ConvertFromUtf32((int)value));
        at += digits;
    }

    private static void AppendOctal(StringBuilder text, ReadOnlySpan<char> body, ref int at)
    {
        int value = 0;
        int end = Math.Min(body.Length, at + 3);
        int i = at;
        for (; i < end && body[i] is >= '0' and <= '7'; i++) value = (value * 8) + (body[i] - '0');
        text.Append((char)value);
        at = i - 1;
    }
}
