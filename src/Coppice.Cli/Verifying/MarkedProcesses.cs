using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Coppice.Cli.Verifying;

/// <summary>
/// Finds the descendants of a command by a mark in their environment, also those that left its process group or whose parent has
/// ended. Linux alone shows the environment of processes; elsewhere nothing is found.
/// </summary>
internal static class MarkedProcesses
{
    /// <summary>The variable that holds the mark.</summary>
    public const string Variable = "COPPICE_VERIFY";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Kills all processes whose mark is the one given.</summary>
    public static void Kill(string mark) => KillWhere($"{Variable}={mark}\0");

    /// <summary>Kills all processes whose mark starts so.</summary>
    public static void KillAll(string start) => KillWhere($"{Variable}={start}");

    private static void KillWhere(string wanted)
    {
        if (!OperatingSystem.IsLinux()) return;
        byte[] bytes = Encoding.UTF8.GetBytes(wanted);
        // Again until none is left: one may start another while the list is read.
        long started = Stopwatch.GetTimestamp();
        while (KillOnce(bytes) && Stopwatch.GetElapsedTime(started) < Patience) Thread.Sleep(1);
    }

    private static bool KillOnce(byte[] wanted)
    {
        bool found = false;
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out int id) || id == Environment.ProcessId) continue;
            try
            {
                if (File.ReadAllBytes($"{folder}/environ").AsSpan().IndexOf(wanted) < 0) continue;
                found = true;
                using Process process = Process.GetProcessById(id);
                process.Kill();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or InvalidOperationException or Win32Exception)
            {
                // Gone already, or another user's.
            }
        }

        return found;
    }
}
