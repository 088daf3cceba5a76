using System.Globalization;
using System.Text;

namespace Coppice.Chat.Jinja;

/// <summary>Python's <c>strftime</c> in the C locale.</summary>
internal static class StrfTime
{
    public static string Format(DateTimeOffset time, string format)
    {
        var text = new StringBuilder();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }

            char flag = format[i + 1] is '-' or '_' or '0' or '^' && i + 2 < format.Length ? format[++i] : '\0';
            char code = format[++i];
            string field = Field(time, code) ?? (flag == '\0' ? "%" + code : "%" + flag + code);
            text.Append(flag switch
            {
                '-' => field.TrimStart('0', ' ') is { Length: > 0 } digits ? digits : "0",
                '_' => field.StartsWith('0') && field.Length > 1 ? field.TrimStart('0').PadLeft(field.Length) : field,
                '0' => field.Replace(' ', '0'),
                '^' => field.ToUpperInvariant(),
                _ => field,
            });
        }

        return text.ToString();
    }

    private static string? Field(DateTimeOffset time, char code)
    {
        int hour12 = time.Hour % 12 == 0 ? 12 : time.Hour % 12;
        return code switch
        {
            'Y' => Number(time.Year, 4),
            'y' => Number(time.Year % 100, 2),
            'C' => Number(time.Year / 100, 2),
            'm' => Number(time.Month, 2),
            'd' => Number(time.Day, 2),
            'e' => time.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2),
            'j' => Number(time.DayOfYear, 3),
            'H' => Number(time.Hour, 2),
            'k' => time.Hour.ToString(CultureInfo.InvariantCulture).PadLeft(2),
            'I' => Number(hour12, 2),
            'l' => hour12.ToString(CultureInfo.InvariantCulture).PadLeft(2),
            'M' => Number(time.Minute, 2),
            'S' => Number(time.Second, 2),
            'f' => Number((int)(time.Ticks % TimeSpan.TicksPerSecond / 10), 6),
            's' => time.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
            'p' => time.Hour < 12 ? "AM" : "PM",
            'P' => time.Hour < 12 ? "am" : "pm",
            'B' => Name(time, "MMMM"),
            'b' or 'h' => Name(time, "MMM"),
            'A' => Name(time, "dddd"),
            'a' => Name(time, "ddd"),
            'w' => Number((int)time.DayOfWeek, 1),
            'u' => Number(time.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)time.DayOfWeek, 1),
            'U' => Number((time.DayOfYear + 6 - (int)time.DayOfWeek) / 7, 2),
            'W' => Number((time.DayOfYear + 6 - (((int)time.DayOfWeek + 6) % 7)) / 7, 2),
            'V' => Number(ISOWeek.GetWeekOfYear(time.DateTime), 2),
            'G' => Number(ISOWeek.GetYear(time.DateTime), 4),
            'z' or 'Z' => "", // Python's local time has no zone.
            'c' => Format(time, "%a %b %e %H:%M:%S %Y"),
            'x' or 'D' => Format(time, "%m/%d/%y"),
            'X' or 'T' => Format(time, "%H:%M:%S"),
            'F' => Format(time, "%Y-%m-%d"),
            'R' => Format(time, "%H:%M"),
            'r' => Format(time, "%I:%M:%S %p"),
            'n' => "\n",
            't' => "\t",
            '%' => "%",
            _ => null,
        };
    }

    private static string Number(int value, int digits) => value.ToString(CultureInfo.InvariantCulture).PadLeft(digits, '0');

    private static string Name(DateTimeOffset time, string format) => time.ToString(format, CultureInfo.InvariantCulture);
}
