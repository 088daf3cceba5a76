namespace Coppice.Tests.ModelFiles;

/// <summary>Finds the real models that lie beside the repository, or skips the test that needs them.</summary>
internal static class SharedData
{
    public static string File(string relative)
    {
        string path = System.IO.Path.Combine(Root(), relative);
        if (!System.IO.File.Exists(path)) Assert.Skip($"needs the test data {relative}: put it at ../shared/data beside the repository, or set COPPICE_DATA");
        return path;
    }

    /// <summary>The stories260K model in one of its formats: f32, F16, Q8_0, Q4_0.</summary>
    public static string Stories(string format) => File($"stories260K/stories260K-{format}.gguf");

    public static string[] Files(string folder, string pattern)
    {
        string path = System.IO.Path.Combine(Root(), folder);
        string[] files = Directory.Exists(path) ? Directory.GetFiles(path, pattern) : [];
        if (files.Length == 0) Assert.Skip($"needs the test data {folder}/{pattern}: put it at ../shared/data beside the repository, or set COPPICE_DATA");
        Array.Sort(files, StringComparer.Ordinal);
        return files;
    }

    private static string Root()
    {
        if (Environment.GetEnvironmentVariable("COPPICE_DATA") is { Length: > 0 } named) return named;
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            string candidate = System.IO.Path.Combine(at.FullName, "..", "shared", "data");
            if (System.IO.File.Exists(System.IO.Path.Combine(at.FullName, "Coppice.slnx"))) return candidate;
        }
        return "";
    }
}
