using System.Text.Json;

namespace Coppice.Perception.Data;

/// <summary>The polygons of one Cityscapes frame.</summary>
internal sealed class CityscapesPolygons
{
    private const int MostObjects = 200, MostFileBytes = 64 << 20;
    private readonly int _width;
    private readonly int _height;
    private readonly List<(string Name, float[] Points)> _shapes = [];

    private CityscapesPolygons(int width, int height) => (_width, _height) = (width, height);

    /// <summary>Reads a file: <c>{"imgWidth": w, "imgHeight": h, "objects": [{"label": name, "polygon": [[x, y], ...]}, ...]}</c>.</summary>
    /// <exception cref="SceneFormatException">The file has another form, or is of another size than the picture.</exception>
    public static CityscapesPolygons Read(string path, RgbImage image)
    {
        long bytes = new FileInfo(path).Length;
        if (bytes > MostFileBytes) throw SceneFormatException.Of(path, $"at most {MostFileBytes} bytes", $"{bytes}");
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            JsonElement root = document.RootElement;
            int width = root.GetProperty("imgWidth").GetInt32(), height = root.GetProperty("imgHeight").GetInt32();
            SceneFiles.RequireSize(path, image, width, height);
            var polygons = new CityscapesPolygons(width, height);
            foreach (JsonElement shape in root.GetProperty("objects").EnumerateArray())
            {
                if (shape.TryGetProperty("deleted", out JsonElement deleted) && deleted.ValueKind == JsonValueKind.Number && deleted.GetInt32() != 0) continue;
                float[] points = [.. shape.GetProperty("polygon").EnumerateArray().SelectMany(point => (float[])[point[0].GetSingle(), point[1].GetSingle()])];
                if (points.Length > 0) polygons._shapes.Add((shape.GetProperty("label").GetString() ?? "", points));
            }

            return polygons;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or IndexOutOfRangeException)
        {
            throw new SceneFormatException($"'{path}': expected Cityscapes polygons; found {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    /// <summary>Boxes at half size, rounded there, as fractions.</summary>
    public IEnumerable<SceneObject> Boxes()
    {
        int halfWidth = Math.Max(1, _width / 2), halfHeight = Math.Max(1, _height / 2), count = 0;
        foreach ((string name, float[] points) in _shapes)
        {
            int kind = CityscapesLabels.ObjectOf(name);
            if (kind < 0) continue;
            if (++count > MostObjects) yield break;
            yield return new(
                kind,
                Edge(points, 0, halfWidth, least: true), Edge(points, 1, halfHeight, least: true),
                Edge(points, 0, halfWidth, least: false), Edge(points, 1, halfHeight, least: false), float.NaN);
        }
    }

    /// <summary>Labels of the pixels whose middles lie within polygons; later ones cover earlier ones.</summary>
    public byte[] Labels()
    {
        byte[] labels = new byte[_width * _height];
        Array.Fill(labels, SceneClasses.Ignored);
        var crossings = new List<float>();
        foreach ((string name, float[] points) in _shapes) Fill(labels, points, CityscapesLabels.TrainIdOf(name), crossings);
        return labels;
    }

    private static float Edge(float[] points, int axis, int side, bool least)
    {
        float found = points[axis];
        for (int i = axis; i < points.Length; i += 2) found = least ? MathF.Min(found, points[i]) : MathF.Max(found, points[i]);
        return Math.Clamp(MathF.Round(found / 2, MidpointRounding.AwayFromZero), 0, side) / side;
    }

    /// <summary>Even-odd filling by rows.</summary>
    private void Fill(byte[] labels, float[] points, byte label, List<float> crossings)
    {
        float top = float.MaxValue, bottom = float.MinValue;
        for (int i = 1; i < points.Length; i += 2) (top, bottom) = (MathF.Min(top, points[i]), MathF.Max(bottom, points[i]));
        int first = (int)Math.Clamp(top, 0, _height), last = (int)Math.Clamp(bottom, -1, _height - 1);
        for (int y = first; y <= last; y++)
        {
            crossings.Clear();
            float middle = y + 0.5f;
            for (int i = 0, before = points.Length - 2; i < points.Length; before = i, i += 2)
            {
                float x1 = points[before], y1 = points[before + 1], x2 = points[i], y2 = points[i + 1];
                if (y1 <= middle != y2 <= middle) crossings.Add(x1 + (middle - y1) / (y2 - y1) * (x2 - x1));
            }

            crossings.Sort();
            for (int i = 0; i + 1 < crossings.Count; i += 2)
            {
                int left = (int)Math.Clamp(MathF.Ceiling(crossings[i] - 0.5f), 0, _width), right = (int)Math.Clamp(MathF.Ceiling(crossings[i + 1] - 0.5f), 0, _width);
                if (right > left) labels.AsSpan(y * _width + left, right - left).Fill(label);
            }
        }
    }
}
