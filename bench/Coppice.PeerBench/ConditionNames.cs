using System.Globalization;
using System.Reflection;

namespace Coppice.PeerBench;

/// <summary>The machine, in words.</summary>
internal static class MachineName
{
    /// <summary>Processor, cores and memory.</summary>
    public static string Text()
    {
        double gibibytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1L << 30);
        return string.Create(CultureInfo.InvariantCulture, $"{Processor()}, {Environment.ProcessorCount} cores, {gibibytes:f0} GiB");
    }

    private static string Processor()
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string line in File.ReadLines("/proc/cpuinfo").TakeWhile(line => line.Length > 0))
        {
            string[] parts = line.Split(':', 2, StringSplitOptions.TrimEntries);
            if (parts.Length == 2) fields[parts[0]] = parts[1];
        }

        string name = fields.GetValueOrDefault("model name", "unknown processor");
        return $"{name} (family {fields.GetValueOrDefault("cpu family", "?")}, model {fields.GetValueOrDefault("model", "?")})";
    }
}

/// <summary>Which Coppice is measured.</summary>
internal static class BuildName
{
    private const int VersionLength = 16;

    /// <summary>Its version with the first digits of the commit, and a number that every change of the code changes.</summary>
    public static string Text()
    {
        Assembly runtime = typeof(Engine).Assembly, kernels = typeof(Kernels.KernelPath).Assembly;
        string version = runtime.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "?";
        string build = $"{runtime.ManifestModule.ModuleVersionId:n}"[..4] + $"{kernels.ManifestModule.ModuleVersionId:n}"[..4];
        return $"{version[..Math.Min(VersionLength, version.Length)]} build {build}";
    }
}
