namespace Coppice.Perception.Data;

/// <summary>Cityscapes' ids: what its label files and polygons say, as train ids and object classes.</summary>
internal static class CityscapesLabels
{
    private const int FirstObject = 11;

    /// <summary>Cityscapes' label ids of the 19 train ids, in their order.</summary>
    private static ReadOnlySpan<byte> Ids => [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33];

    /// <summary>The train id of a polygon's name, also where it stands for a group; or <see cref="SceneClasses.Ignored"/>.</summary>
    public static byte TrainIdOf(string name)
    {
        const string group = "group";
        string single = name.EndsWith(group, StringComparison.Ordinal) ? name[..^group.Length] : name;
        int found = IndexOf(SceneClasses.Street, single);
        return found < 0 ? SceneClasses.Ignored : (byte)found;
    }

    /// <summary>The object class of a polygon's name, or -1; groups are none.</summary>
    public static int ObjectOf(string name) => IndexOf(SceneClasses.Objects, name);

    /// <summary>Labels from a file of train ids.</summary>
    public static byte[] TrainIds(string path, RgbImage image)
    {
        (int width, int height, byte[] labels) = GreyPng.ReadBytes(path);
        SceneFiles.RequireSize(path, image, width, height);
        foreach (byte label in labels)
            if (label >= SceneClasses.Street.Count && label != SceneClasses.Ignored) throw SceneFormatException.Of(path, "train ids of 0 to 18 or 255", $"{label}");
        return labels;
    }

    /// <summary>Labels from a file of label ids.</summary>
    public static byte[] FromIds(string path, RgbImage image)
    {
        (int width, int height, byte[] labels) = GreyPng.ReadBytes(path);
        SceneFiles.RequireSize(path, image, width, height);
        for (int i = 0; i < labels.Length; i++)
        {
            int found = Ids.IndexOf(labels[i]);
            labels[i] = found < 0 ? SceneClasses.Ignored : (byte)found;
        }

        return labels;
    }

    /// <summary>Boxes around the pixels of each instance; an instance is label id * 1000 + its number.</summary>
    public static IEnumerable<SceneObject> Boxes(string path, RgbImage image)
    {
        (int width, int height, ushort[] ids) = GreyPng.Read(path);
        SceneFiles.RequireSize(path, image, width, height);
        var boxes = new SortedDictionary<ushort, (int Left, int Top, int Right, int Bottom)>();
        for (int i = 0; i < ids.Length; i++)
        {
            if (ids[i] < 1000) continue;
            int x = i % width, y = i / width;
            boxes[ids[i]] = boxes.TryGetValue(ids[i], out var box)
                ? (Math.Min(box.Left, x), box.Top, Math.Max(box.Right, x), y)
                : (x, y, x, y);
        }

        foreach ((ushort id, (int left, int top, int right, int bottom)) in boxes)
        {
            int train = Ids.IndexOf((byte)(id / 1000));
            if (train < FirstObject) continue;
            yield return new(train - FirstObject, (float)left / width, (float)top / height, (right + 1f) / width, (bottom + 1f) / height, float.NaN);
        }
    }

    private static int IndexOf(IReadOnlyList<string> names, string name)
    {
        for (int i = 0; i < names.Count; i++)
            if (names[i] == name) return i;
        return -1;
    }
}
