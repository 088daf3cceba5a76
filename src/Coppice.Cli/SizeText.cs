using System.Globalization;

namespace Coppice.Cli;

/// <summary>Sizes for people: three digits and a decimal unit.</summary>
internal static class SizeText
{
    /// <summary>As in <c>1.32 GB</c>.</summary>
    public static string Bytes(long bytes) => bytes < 1000 ? $"{bytes} B" : Scaled(bytes, ["kB", "MB", "GB", "TB", "PB", "EB"]);

    /// <summary>As in <c>1.24 billion</c>.</summary>
    public static string Count(long count) => count < 1_000_000 ? $"{count}" : Scaled(count, ["", "million", "billion", "trillion", "quadrillion", "quintillion"]);

    private static string Scaled(long value, ReadOnlySpan<string> units)
    {
        double scaled = value / 1e3;
        int unit = 0;
        for (; scaled >= 999.5; unit++) scaled /= 1e3;
        string digits = scaled.ToString(scaled < 9.995 ? "0.00" : scaled < 99.95 ? "0.0" : "0", CultureInfo.InvariantCulture);
        return $"{digits} {units[unit]}";
    }
}
