using System.Diagnostics;
using System.Globalization;

namespace Coppice.Cli;

/// <summary>The process's largest resident size so far.</summary>
internal static class PeakMemory
{
    /// <summary>In bytes: <c>VmHWM</c> where the system has <c>/proc</c>, else what the process class knows.</summary>
    public static long Bytes()
    {
        const string status = "/proc/self/status";
        if (File.Exists(status))
        {
            // As in "VmHWM:	  123456 kB".
            string? line = File.ReadLines(status).FirstOrDefault(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
            string[] words = line?.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) ?? [];
            if (words.Length > 1 && long.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out long kilobytes)) return kilobytes * 1024;
        }

        using Process process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }
}
