using System.Globalization;

namespace Coppice.Perception.Data;

/// <summary>
/// KITTI's object benchmark (Geiger, Lenz, Urtasun 2012): <c>DIR/training/image_2/*.png</c>, <c>label_2/*.txt</c>, <c>calib/*.txt</c>.
/// It has no labels of pixels.
/// </summary>
/// <remarks>
/// <para>Its classes become those of <see cref="SceneClasses.Objects"/>: Car and Van car, Truck truck, Tram train, Pedestrian and
/// Person_sitting person, Cyclist rider (its box holds the bicycle too). Misc and DontCare are left out.</para>
/// <para>Distance is measured along the ground from camera 2 to the nearest point of the object's three-dimensional box, as
/// <see cref="SyntheticStreets"/> does: neither z nor the range of its middle, which would be metres behind the rear of a lorry.</para>
/// <para>KITTI publishes no validation split: frames whose number is a multiple of five are <c>val</c>, the others <c>train</c>.</para>
/// </remarks>
public sealed class KittiScenes : ISceneSet
{
    private readonly string _directory;
    private readonly string[] _names;

    private KittiScenes(string directory, string split, string[] names) => (_directory, Name, _names) = (directory, $"kitti {split}", names);

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public int Count => _names.Length;

    /// <inheritdoc/>
    public IReadOnlyList<string> ObjectClasses => SceneClasses.Objects;

    /// <inheritdoc/>
    public IReadOnlyList<string> LabelClasses => [];

    /// <summary>Opens a split; files are read when a scene is.</summary>
    /// <param name="directory">The folder that holds <c>training</c>.</param>
    /// <param name="split"><c>train</c>, <c>val</c>, or <c>all</c> of both.</param>
    /// <exception cref="SceneFormatException">There are no frames, or no such split.</exception>
    public static KittiScenes Open(string directory, string split)
    {
        ArgumentNullException.ThrowIfNull(directory);
        if (split is not ("train" or "val" or "all")) throw new SceneFormatException($"kitti: expected the split train, val or all; found '{split}'");
        string root = Path.Combine(directory, "training"), frames = Path.Combine(root, "image_2");
        if (!Directory.Exists(frames)) throw SceneFormatException.Of(directory, "a folder 'training/image_2'", "none");
        string[] names = [.. SceneFiles.Names(frames, ".png").Select(name => name[..^4]).Where(name => split == "all" || IsHeldOut(name) == (split == "val"))];
        return names.Length == 0 ? throw SceneFormatException.Of(frames, $"PNG frames of the split {split}", "none") : new(root, split, names);
    }

    /// <inheritdoc/>
    public Scene Read(int index)
    {
        string name = _names[index];
        RgbImage image = ImageFile.Read(Path.Combine(_directory, "image_2", name + ".png"));
        (float shiftX, float shiftZ) = CameraShift(Path.Combine(_directory, "calib", name + ".txt"));
        string path = Path.Combine(_directory, "label_2", name + ".txt");
        var objects = new List<SceneObject>();
        int number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length == 0 || ClassOf(words[0]) is not (>= 0 and int kind)) continue;
            if (words.Length < 15) throw SceneFormatException.Of(path, $"15 columns in line {number}", $"{words.Length}");
            float Number(int column) => Parse(path, number, words[column]);
            float Fraction(int column, int side) => Math.Clamp(Number(column) / side, 0, 1);
            float meters = Meters(Number(11) + shiftX, Number(13) + shiftZ, Number(10), Number(9), Number(14));
            objects.Add(new(kind, Fraction(4, image.Width), Fraction(5, image.Height), Fraction(6, image.Width), Fraction(7, image.Height), meters));
        }

        return new(image, objects, null);
    }

    /// <summary>Distance along the ground to the nearest point of a turned rectangle.</summary>
    /// <param name="x">Its middle, to the right.</param>
    /// <param name="z">Its middle, ahead.</param>
    /// <param name="length">Along its axis.</param>
    /// <param name="width">Across.</param>
    /// <param name="turn">KITTI's rotation_y: 0 where the axis is x, its axis being (cos, -sin) in x and z.</param>
    internal static float Meters(float x, float z, float length, float width, float turn)
    {
        float cos = MathF.Cos(turn), sin = MathF.Sin(turn);
        float along = MathF.Max(0, MathF.Abs(x * cos - z * sin) - length / 2), across = MathF.Max(0, MathF.Abs(x * sin + z * cos) - width / 2);
        return MathF.Sqrt(along * along + across * across);
    }

    /// <summary>Labels are given from camera 0; camera 2 stands a little to its left: P2 = K [I | t], so x + t.</summary>
    private static (float X, float Z) CameraShift(string path)
    {
        foreach (string line in File.ReadLines(path))
        {
            if (!line.StartsWith("P2:", StringComparison.Ordinal)) continue;
            string[] words = line[3..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length != 12) throw SceneFormatException.Of(path, "12 numbers behind 'P2:'", $"{words.Length}");
            float[] p = [.. words.Select(word => Parse(path, 0, word))];
            return ((p[3] - p[2] * p[11]) / p[0], p[11]);
        }

        throw SceneFormatException.Of(path, "a line 'P2:'", "none");
    }

    private static float Parse(string path, int line, string word) =>
        float.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out float number) && float.IsFinite(number)
            ? number
            : throw SceneFormatException.Of(path, line > 0 ? $"a number in line {line}" : "numbers behind 'P2:'", $"'{word}'");

    private static bool IsHeldOut(string name) => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number % 5 == 0;

    private static int ClassOf(string name) => name switch
    {
        "Pedestrian" or "Person_sitting" => 0,
        "Cyclist" => 1,
        "Car" or "Van" => 2,
        "Truck" => 3,
        "Tram" => 5,
        _ => -1,
    };
}
