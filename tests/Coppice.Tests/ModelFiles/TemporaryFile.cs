namespace Coppice.Tests.ModelFiles;

/// <summary>A path in a folder of its own that goes away at the end.</summary>
internal sealed class TemporaryFile : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("coppice-");

    public TemporaryFile(string name = "model.gguf") => Path = System.IO.Path.Combine(_folder.FullName, name);

    public string Path { get; }

    public string[] Neighbours => [.. _folder.GetFiles().Select(file => file.Name)];

    public void Dispose() => _folder.Delete(recursive: true);
}
