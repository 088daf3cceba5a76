using Coppice.LlamaCpp;

namespace Coppice.Oracle.Tests;

/// <summary>What the tests need and a machine may lack: llama.cpp's libraries and the test data. Where missing, the test is skipped.</summary>
internal static class TestInputs
{
    /// <summary>Skips the test where llama.cpp is not installed.</summary>
    public static void RequireLlamaCpp()
    {
        if (!LlamaCppLibrary.TryLoad(out string reason)) Assert.Skip(reason);
    }

    /// <summary>A file of the test data; skips the test where it is missing.</summary>
    /// <param name="parts">Its path below the data folder.</param>
    public static string Data(params string[] parts)
    {
        string folder = DataFolder();
        string path = Path.Combine([folder, .. parts]);
        if (!File.Exists(path)) Assert.Skip($"test data: {Path.Combine(parts)} is not in {folder} (set COPPICE_DATA)");
        return path;
    }

    private static string DataFolder()
    {
        string? named = Environment.GetEnvironmentVariable("COPPICE_DATA");
        if (!string.IsNullOrEmpty(named)) return named;
        for (DirectoryInfo? above = new(AppContext.BaseDirectory); above != null; above = above.Parent)
            if (File.Exists(Path.Combine(above.FullName, "Coppice.slnx")))
                return Path.Combine(above.Parent?.FullName ?? above.FullName, "shared", "data");
        return "../shared/data";
    }
}
