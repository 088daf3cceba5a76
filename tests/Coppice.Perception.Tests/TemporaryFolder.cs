namespace Coppice.Perception.Tests;

/// <summary>A folder of one test, removed at its end.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("coppice-");

    public string File(string name) => Path.Combine(_folder.FullName, name);

    public string[] Names() => [.. _folder.GetFileSystemInfos().Select(f => f.Name).Order()];

    public void Dispose() => _folder.Delete(recursive: true);
}
