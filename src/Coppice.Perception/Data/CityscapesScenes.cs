namespace Coppice.Perception.Data;

/// <summary>
/// Cityscapes (Cordts et al. 2016) from its own folders: <c>leftImg8bit/SPLIT/CITY/*_leftImg8bit.png</c>, and under <c>gtFine</c> and
/// <c>disparity</c> the files of the same names.
/// </summary>
/// <remarks>
/// <para>Boxes are those of DSPNet's authors: from <c>*_gtFine_polygons.json</c>, least and greatest coordinate of each polygon of one of
/// the eight classes of <see cref="SceneClasses.Objects"/>, at half size and rounded there; groups are left out, and what comes after the
/// first 200. Where there are no polygons but <c>*_gtFine_instanceIds.png</c>, boxes span each instance's pixels.</para>
/// <para>Labels are the 19 train ids: from <c>*_gtFine_labelTrainIds.png</c>, else from <c>*_gtFine_labelIds.png</c>, else drawn from the
/// polygons, each pixel whose middle lies within, in their order. Without any of them a scene has no labels, as in the split test.</para>
/// <para>Distances come from 16-bit disparities by <see cref="CityscapesDistance"/>; they are NaN where the folder is missing.</para>
/// </remarks>
public sealed class CityscapesScenes : ISceneSet, IBoxDistances
{
    private const string FrameEnding = "_leftImg8bit.png";
    private readonly string _directory;
    private readonly string _split;
    private readonly DisparityRule _rule;
    private readonly string[] _stems;

    private CityscapesScenes(string directory, string split, DisparityRule rule, string[] stems)
    {
        (_directory, _split, _rule, _stems) = (directory, split, rule, stems);
        Name = $"cityscapes {split}";
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public int Count => _stems.Length;

    /// <inheritdoc/>
    public IReadOnlyList<string> ObjectClasses => SceneClasses.Objects;

    /// <inheritdoc/>
    public IReadOnlyList<string> LabelClasses => SceneClasses.Street;

    /// <summary>Opens a split; files are read when a scene is.</summary>
    /// <param name="directory">The folder that holds <c>leftImg8bit</c>.</param>
    /// <param name="split"><c>train</c>, <c>val</c> or <c>test</c>.</param>
    /// <param name="rule">How disparities become metres.</param>
    /// <exception cref="SceneFormatException">There are no frames.</exception>
    public static CityscapesScenes Open(string directory, string split, DisparityRule rule = DisparityRule.Camera)
    {
        ArgumentNullException.ThrowIfNull(directory);
        ArgumentException.ThrowIfNullOrEmpty(split);
        string frames = Path.Combine(directory, "leftImg8bit", split);
        if (!Directory.Exists(frames)) throw SceneFormatException.Of(directory, $"a folder 'leftImg8bit/{split}'", "none");
        string[] stems =
        [
            .. Directory.EnumerateDirectories(frames).SelectMany(city => SceneFiles.Names(city, FrameEnding).Select(name => $"{Path.GetFileName(city)}/{name[..^FrameEnding.Length]}"))
                .Order(StringComparer.Ordinal),
        ];
        return stems.Length == 0 ? throw SceneFormatException.Of(frames, $"frames 'CITY/*{FrameEnding}'", "none") : new(directory, split, rule, stems);
    }

    /// <inheritdoc/>
    public Scene Read(int index)
    {
        RgbImage image = ImageFile.Read(File("leftImg8bit", index, FrameEnding));
        string polygons = File("gtFine", index, "_gtFine_polygons.json"), instances = File("gtFine", index, "_gtFine_instanceIds.png");
        CityscapesPolygons? shapes = System.IO.File.Exists(polygons) ? CityscapesPolygons.Read(polygons, image) : null;
        Func<float, float, float, float, float>? distances = DistancesOf(index);
        IEnumerable<SceneObject> boxes = shapes is not null ? shapes.Boxes() : System.IO.File.Exists(instances) ? CityscapesLabels.Boxes(instances, image) : [];
        IReadOnlyList<SceneObject> objects = [.. boxes.Select(box => distances is null ? box : box with { DistanceMeters = distances(box.X1, box.Y1, box.X2, box.Y2) })];
        return new(image, objects, Labels(index, image, shapes));
    }

    /// <inheritdoc/>
    public Func<float, float, float, float, float>? DistancesOf(int index)
    {
        string path = File("disparity", index, "_disparity.png");
        if (!System.IO.File.Exists(path)) return null;
        (int width, int height, ushort[] samples) = GreyPng.Read(path);
        return (x1, y1, x2, y2) => CityscapesDistance.InBox(samples, width, height, x1, y1, x2, y2, _rule);
    }

    private byte[]? Labels(int index, RgbImage image, CityscapesPolygons? shapes)
    {
        string trainIds = File("gtFine", index, "_gtFine_labelTrainIds.png"), ids = File("gtFine", index, "_gtFine_labelIds.png");
        if (System.IO.File.Exists(trainIds)) return CityscapesLabels.TrainIds(trainIds, image);
        return System.IO.File.Exists(ids) ? CityscapesLabels.FromIds(ids, image) : shapes?.Labels();
    }

    private string File(string kind, int index, string ending) => Path.Combine(_directory, kind, _split, _stems[index] + ending);
}
