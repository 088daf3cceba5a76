using System.Globalization;
using System.Text.Json;
using Coppice.Graphs;

namespace Coppice.Perception.Networks;

/// <summary>What a network is built from; kept as metadata beside its weights, so that a file of weights is enough to run it.</summary>
public sealed record PerceptionConfig
{
    private const int SmallestSide = 32, LargestSide = 8192, WideStride = 4, FineStride = 2, MostObjectClasses = 254;
    private const float EarlierOffset = 0.5f;

    /// <summary>Which network.</summary>
    public PerceptionVariant Variant { get; init; } = PerceptionVariant.Fast;

    /// <summary>Width of its image, pixels.</summary>
    public int Width { get; init; } = 1024;

    /// <summary>Height of its image, pixels.</summary>
    public int Height { get; init; } = 512;

    /// <summary>Names of the classes of boxes; empty without detection.</summary>
    public IReadOnlyList<string> ObjectClasses { get; init; } = [];

    /// <summary>Names of the classes of pixels; empty without segmentation.</summary>
    public IReadOnlyList<string> LabelClasses { get; init; } = [];

    /// <summary>
    /// Pixels of the image's sides to a score for the classes of pixels: 4, or 2 for the fast variant, whose last layer then scores the four
    /// quarters of each cell by themselves.
    /// </summary>
    public int LabelStride { get; init; } = WideStride;

    /// <summary>
    /// How far to the right of and below its place the pixel lies that a score was trained for, pixels. Files that do not say have 0.5: they
    /// learned the lower right label of each 2x2 block. Trainings now learn every pixel at its place, 0.
    /// </summary>
    public float LabelOffset { get; init; }

    /// <summary>What it answers.</summary>
    public PerceptionTasks Tasks { get; init; } = PerceptionTasks.All;

    /// <summary>Whether boxes are found.</summary>
    public bool Detects => Tasks.HasFlag(PerceptionTasks.Detection);

    /// <summary>Whether pixels are classified.</summary>
    public bool Segments => Tasks.HasFlag(PerceptionTasks.Segmentation);

    /// <summary>Channels of the heads.</summary>
    public HeadWidths Heads => Variant == PerceptionVariant.Fast ? HeadWidths.Slim : HeadWidths.Paper;

    /// <summary>Refuses what can't be built.</summary>
    /// <exception cref="GraphException">A size, the tasks or the classes are not as they must be.</exception>
    public void Check()
    {
        if (Width is < SmallestSide or > LargestSide || Height is < SmallestSide or > LargestSide)
            throw new GraphException($"an image of {Width}x{Height}; expected sides from {SmallestSide} to {LargestSide}");
        if (!Enum.IsDefined(Variant)) throw new GraphException($"variant {Variant}; expected {string.Join(", ", Enum.GetNames<PerceptionVariant>())}");
        if (LabelStride != WideStride && (LabelStride != FineStride || Variant != PerceptionVariant.Fast))
            throw new GraphException($"a label stride of {LabelStride} for the variant {Variant}; expected 4, or 2 for {PerceptionVariant.Fast}");
        if (LabelOffset is not (>= -1 and <= 1)) throw new GraphException($"a label offset of {LabelOffset}; expected -1 to 1");
        if (Tasks == PerceptionTasks.None || (Tasks | PerceptionTasks.All) != PerceptionTasks.All || (Tasks.HasFlag(PerceptionTasks.Distance) && !Detects))
            throw new GraphException($"tasks {Tasks}; expected Detection, Detection and Distance, Segmentation, or them together");
        if (Detects && ObjectClasses.Count == 0) throw new GraphException("detection without object classes; expected one or more");
        if (Detects && ObjectClasses.Count > MostObjectClasses) throw new GraphException($"detection with {ObjectClasses.Count} object classes; expected 1 to {MostObjectClasses}");
        if (Segments && LabelClasses.Count is (< 2 or > 255))
            throw new GraphException($"segmentation with {LabelClasses.Count} label classes; expected 2 to 255");
    }

    /// <summary>The config as texts for a file of weights.</summary>
    public IReadOnlyDictionary<string, string> ToMetadata() => new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["perception.variant"] = Variant.ToString(),
        ["perception.width"] = $"{Width}",
        ["perception.height"] = $"{Height}",
        ["perception.tasks"] = Tasks.ToString(),
        ["perception.label_stride"] = $"{LabelStride}",
        ["perception.label_offset"] = LabelOffset.ToString(CultureInfo.InvariantCulture),
        ["perception.object_classes"] = JsonSerializer.Serialize(ObjectClasses),
        ["perception.label_classes"] = JsonSerializer.Serialize(LabelClasses),
    };

    /// <summary>A config from a file's texts.</summary>
    /// <param name="metadata">Texts by key; others than those of <see cref="ToMetadata"/> are passed over.</param>
    /// <exception cref="GraphException">A text is missing or not as it must be; the message names its key.</exception>
    public static PerceptionConfig FromMetadata(IReadOnlyDictionary<string, string> metadata)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        var config = new PerceptionConfig
        {
            Variant = Enum.TryParse(Text("variant"), out PerceptionVariant variant) ? variant : throw Wrong("variant", "a variant"),
            Width = int.TryParse(Text("width"), out int width) ? width : throw Wrong("width", "a number"),
            Height = int.TryParse(Text("height"), out int height) ? height : throw Wrong("height", "a number"),
            Tasks = Enum.TryParse(Text("tasks"), out PerceptionTasks tasks) ? tasks : throw Wrong("tasks", "tasks"),
            // Files from before there was a choice do not say.
            LabelStride = !metadata.ContainsKey("perception.label_stride") ? WideStride
                : int.TryParse(Text("label_stride"), out int stride) ? stride : throw Wrong("label_stride", "a number"),
            LabelOffset = !metadata.ContainsKey("perception.label_offset") ? EarlierOffset
                : float.TryParse(Text("label_offset"), CultureInfo.InvariantCulture, out float offset) ? offset : throw Wrong("label_offset", "a number"),
            ObjectClasses = Names("object_classes"),
            LabelClasses = Names("label_classes"),
        };
        config.Check();
        return config;

        string Text(string key) => metadata.TryGetValue("perception." + key, out string? text)
            ? text
            : throw new GraphException($"metadata 'perception.{key}' is missing; expected the weights of a perception network");
        GraphException Wrong(string key, string expected) => new($"metadata 'perception.{key}' is '{Text(key)}'; expected {expected}");

        string[] Names(string key)
        {
            try
            {
                string[]? names = JsonSerializer.Deserialize<string[]>(Text(key));
                return names is null || Array.Exists(names, n => string.IsNullOrEmpty(n) || n.Any(char.IsControl)) ? throw Wrong(key, "a JSON list of names") : names;
            }
            catch (JsonException)
            {
                throw Wrong(key, "a JSON list of names");
            }
        }
    }

    /// <inheritdoc/>
    public bool Equals(PerceptionConfig? other) =>
        other is not null && (Variant, Width, Height, Tasks, LabelStride, LabelOffset) == (other.Variant, other.Width, other.Height, other.Tasks, other.LabelStride, other.LabelOffset)
        && ObjectClasses.SequenceEqual(other.ObjectClasses) && LabelClasses.SequenceEqual(other.LabelClasses);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Variant, Width, Height, Tasks, LabelStride, ObjectClasses.Count, LabelClasses.Count);
}
