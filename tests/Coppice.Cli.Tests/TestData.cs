namespace Coppice.Cli.Tests;

/// <summary>Finds the test data that is not part of the repository: ../shared/data beside it, or COPPICE_DATA.</summary>
internal static class TestData
{
    /// <summary>The stories260K model with F32 weights; skips the test where the data is missing.</summary>
    public static string Stories() => Find("stories260K/stories260K-f32.gguf");

    /// <summary>llama.cpp's greedy tokens of that model.</summary>
    public static string StoriesGoldens() => Find("stories260K/stories260K-f32.greedy64.jsonl");

    /// <summary>A file of problems.</summary>
    public static string Prompts(string name) => Find($"prompts/{name}");

    private static string Find(string relative)
    {
        string? root = Root();
        string path = root is null ? "" : Path.Combine(root, relative);
        if (!File.Exists(path)) Assert.Skip("test data not found: set COPPICE_DATA, or put it at ../shared/data beside the repository");
        return path;
    }

    private static string? Root()
    {
        if (Environment.GetEnvironmentVariable("COPPICE_DATA") is { Length: > 0 } set) return set;
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Coppice.slnx"))) return Path.Combine(folder.FullName, "..", "shared", "data");
        return null;
    }
}
