namespace Coppice.Perception.Data;

/// <summary>
/// CamVid (Brostow, Fauqueur, Cipolla 2009) in the form that SegNet's authors published: 480x360 frames with labels of 11 classes.
/// It has no boxes and no distances.
/// </summary>
/// <remarks>
/// Layout: <c>DIR/SPLIT/*.png</c> the frames, <c>DIR/SPLITannot/*.png</c> the labels under the same names, <c>DIR/SPLIT.txt</c> a
/// line "frame label" for each, of which the names behind the last slash count. Without the list, every frame of the folder is
/// taken in the order of names. Label 11 (void) is <see cref="SceneClasses.Ignored"/>.
/// </remarks>
public sealed class CamVidScenes : ISceneSet
{
    private const byte Void = 11;
    private readonly string _frames;
    private readonly string _labels;
    private readonly string[] _names;

    private CamVidScenes(string split, string frames, string labels, string[] names)
    {
        Name = $"camvid {split}";
        (_frames, _labels, _names) = (frames, labels, names);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public int Count => _names.Length;

    /// <inheritdoc/>
    public IReadOnlyList<string> ObjectClasses => [];

    /// <inheritdoc/>
    public IReadOnlyList<string> LabelClasses => SceneClasses.CamVid;

    /// <summary>Opens a split; files are read when a scene is.</summary>
    /// <param name="directory">The folder that holds the splits.</param>
    /// <param name="split"><c>train</c>, <c>val</c> or <c>test</c>.</param>
    /// <exception cref="SceneFormatException">The folder has no such split, or the list names a frame that is not there.</exception>
    public static CamVidScenes Open(string directory, string split)
    {
        ArgumentNullException.ThrowIfNull(directory);
        ArgumentException.ThrowIfNullOrEmpty(split);
        string frames = Path.Combine(directory, split), labels = Path.Combine(directory, split + "annot");
        foreach (string folder in (string[])[frames, labels])
            if (!Directory.Exists(folder)) throw SceneFormatException.Of(directory, $"a folder '{Path.GetFileName(folder)}'", "none");
        string list = Path.Combine(directory, split + ".txt");
        string[] names = File.Exists(list) ? Listed(list, frames) : SceneFiles.Names(frames, ".png");
        if (names.Length == 0) throw SceneFormatException.Of(frames, "PNG frames", "none");
        return new(split, frames, labels, names);
    }

    /// <summary>Name of a frame's file.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    public string FrameName(int index) => _names[index];

    /// <inheritdoc/>
    public Scene Read(int index)
    {
        RgbImage image = ImageFile.Read(Path.Combine(_frames, _names[index]));
        string path = Path.Combine(_labels, _names[index]);
        (int width, int height, byte[] labels) = GreyPng.ReadBytes(path);
        SceneFiles.RequireSize(path, image, width, height);
        for (int i = 0; i < labels.Length; i++)
        {
            if (labels[i] > Void) throw SceneFormatException.Of(path, "labels of 0 to 11", $"{labels[i]}");
            if (labels[i] == Void) labels[i] = SceneClasses.Ignored;
        }

        return new(image, [], labels);
    }

    private static string[] Listed(string list, string frames)
    {
        string[] names = [.. File.ReadLines(list).Where(line => !string.IsNullOrWhiteSpace(line)).Select(line => Path.GetFileName(line.Trim().Split(' ', '\t')[0]))];
        foreach (string name in names)
            if (!File.Exists(Path.Combine(frames, name))) throw SceneFormatException.Of(list, $"frames in '{frames}'", $"'{name}', which is not there");
        return names;
    }
}
