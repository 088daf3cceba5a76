namespace Coppice.Perception.Data;

/// <summary>What the sets of files share.</summary>
internal static class SceneFiles
{
    /// <summary>Names of a folder's files with an ending, in the order of their code units.</summary>
    public static string[] Names(string directory, string ending)
    {
        string[] names = [.. Directory.EnumerateFiles(directory).Select(path => Path.GetFileName(path)).Where(name => name.EndsWith(ending, StringComparison.OrdinalIgnoreCase))];
        Array.Sort(names, StringComparer.Ordinal);
        return names;
    }

    /// <summary>Refuses labels or disparities of another size than their picture.</summary>
    /// <exception cref="SceneFormatException">The sizes differ.</exception>
    public static void RequireSize(string path, RgbImage image, int width, int height)
    {
        if (image.Width != width || image.Height != height) throw SceneFormatException.Of(path, $"{image.Width}x{image.Height}, the picture's size", $"{width}x{height}");
    }
}
