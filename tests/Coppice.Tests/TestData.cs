namespace Coppice.Tests;

/// <summary>Finds the test data that is not part of the repository: ../shared/data beside it, or COPPICE_DATA.</summary>
internal static class TestData
{
    public const string Missing = "test data not found: set COPPICE_DATA, or put it at ../shared/data beside the repository";

    /// <summary>The file's path; skips the test where the data is missing.</summary>
    public static string Path(string relative)
    {
        string? root = Root();
        string path = root is null ? "" : System.IO.Path.Combine(root, relative);
        if (!File.Exists(path) && !Directory.Exists(path)) Assert.Skip(Missing);
        return path;
    }

    /// <summary>The stories260K model in one of its formats: f32, F16, Q8_0, Q4_0.</summary>
    public static string Stories(string format) => Path($"stories260K/stories260K-{format}.gguf");

    private static string? Root()
    {
        if (Environment.GetEnvironmentVariable("COPPICE_DATA") is { Length: > 0 } set) return set;
        for (DirectoryInfo? d = new(AppContext.BaseDirectory); d is not null; d = d.Parent)
        {
            if (!File.Exists(System.IO.Path.Combine(d.FullName, "Coppice.slnx"))) continue;
            string data = System.IO.Path.Combine(d.FullName, "..", "shared", "data");
            return Directory.Exists(data) ? data : null;
        }

        return null;
    }
}
