using System.Runtime.CompilerServices;

namespace Coppice.Perception.Tests;

/// <summary>Real data beside the repository, which is not part of it.</summary>
internal static class SharedData
{
    /// <summary>A file or folder of <c>../shared/data</c> (or of <c>COPPICE_DATA</c>); the test is skipped where it is missing.</summary>
    public static string Require(string name)
    {
        string path = Path.Combine(Root(), name);
        Assert.SkipUnless(Path.Exists(path), $"'{path}' is not there; it is real data outside the repository (COPPICE_DATA)");
        return path;
    }

    private static string Root() =>
        Environment.GetEnvironmentVariable("COPPICE_DATA") is { Length: > 0 } named ? named : Path.GetFullPath(Path.Combine(Here(), "../../../shared/data"));

    private static string Here([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}
