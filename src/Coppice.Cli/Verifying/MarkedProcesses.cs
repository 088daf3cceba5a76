using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Coppice.Cli.Verifying;

/// <summary>
/// Finds the descendants of a command, also those whose parent has ended: by a mark in their environment, or, if they wiped that, by the
/// session that the command led. What does both, leaves the session and wipes its environment, is not found. Linux alone shows this of
/// processes; elsewhere nothing is found.
/// </summary>
internal static class MarkedProcesses
{
    /// <summary>The variable that holds the mark.</summary>
    public const string Variable = "COPPICE_VERIFY";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Kills all processes whose mark is the one given and all of a command's session.</summary>
    /// <param name="mark">The mark.</param>
    /// <param name="command">The process that was started; whatever it started is younger.</param>
    public static void Kill(string mark, int command) => KillWhere($"{Variable}={mark}\0", command);

    /// <summary>Kills all processes whose mark starts so.</summary>
    public static void KillAll(string start) => KillWhere($"{Variable}={start}", 0);

    private static void KillWhere(string wanted, int oldest)
    {
        if (!OperatingSystem.IsLinux()) return;
        byte[] bytes = Encoding.UTF8.GetBytes(wanted);
        // Again until none is left: one may start another while the list is read.
        long started = Stopwatch.GetTimestamp();
        while (KillOnce(bytes, oldest) && Stopwatch.GetElapsedTime(started) < Patience) Thread.Sleep(1);
    }

    private static bool KillOnce(byte[] wanted, int oldest)
    {
        bool found = false;
        int youngest = Youngest();
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out int id) || id == Environment.ProcessId) continue;
            // Ids are given out in a circle: most processes are seen to be older without a look at them.
            if (oldest > 0 && (oldest <= youngest ? id < oldest || id > youngest : id < oldest && id > youngest)) continue;
            try
            {
                if (File.ReadAllBytes($"{folder}/environ").AsSpan().IndexOf(wanted) < 0 && !IsOfSession(folder, oldest)) continue;
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

    /// <summary>The id that was given out last.</summary>
    private static int Youngest() => int.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[^1], CultureInfo.InvariantCulture);

    /// <summary>Whether a process that has not ended is of the session.</summary>
    private static bool IsOfSession(string folder, int session)
    {
        if (session == 0) return false;
        string status = File.ReadAllText($"{folder}/stat");
        // After the name, which may hold anything: state, parent, group, session.
        string[] fields = status[(status.LastIndexOf(')') + 2)..].Split(' ', 5);
        return fields[0] is not ("Z" or "X") && int.Parse(fields[3], CultureInfo.InvariantCulture) == session;
    }
}
