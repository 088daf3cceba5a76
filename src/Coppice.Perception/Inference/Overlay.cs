using System.Globalization;
using Coppice.Perception.Data;
using Coppice.Perception.Detection;
using Coppice.Perception.Networks;
using SkiaSharp;

namespace Coppice.Perception.Inference;

/// <summary>The picture of an answer: classes of pixels as colours over the image, boxes with class and metres, and a legend.</summary>
public static class Overlay
{
    private const float LabelStrength = 0.5f;
    private const int LegendColumn = 150;

    // Cityscapes' colours of its classes, and CamVid's classes in those of their like.
    private static readonly Dictionary<string, uint> s_colors = new(StringComparer.OrdinalIgnoreCase)
    {
        ["road"] = 0x804080, ["sidewalk"] = 0xF423E8, ["building"] = 0x464646, ["wall"] = 0x66669C, ["fence"] = 0xBE9999, ["pole"] = 0xD0D0D0,
        ["traffic light"] = 0xFAAA1E, ["traffic sign"] = 0xDCDC00, ["vegetation"] = 0x6B8E23, ["terrain"] = 0x98FB98, ["sky"] = 0x4682B4,
        ["person"] = 0xDC143C, ["rider"] = 0xFF0000, ["car"] = 0x2040FF, ["truck"] = 0x0000A0, ["bus"] = 0x00A0C8, ["train"] = 0x005064,
        ["motorcycle"] = 0x0000E6, ["bicycle"] = 0x770B20, ["pavement"] = 0xF423E8, ["tree"] = 0x6B8E23, ["signsymbol"] = 0xDCDC00,
        ["pedestrian"] = 0xDC143C, ["bicyclist"] = 0xFF0000,
    };

    /// <summary>Draws an answer.</summary>
    /// <param name="image">The picture that was perceived.</param>
    /// <param name="scene">What was perceived in it.</param>
    /// <param name="config">Names of the classes.</param>
    /// <param name="leastScore">The least score of a box that is drawn.</param>
    /// <returns>A picture as wide as the image, and higher by the legend.</returns>
    public static RgbImage Draw(RgbImage image, PerceivedScene scene, PerceptionConfig config, float leastScore = 0)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(scene);
        ArgumentNullException.ThrowIfNull(config);
        string[] named = [.. Present(scene, config)];
        float unit = Math.Clamp(image.Height / 512f, 0.6f, 3);
        int line = (int)(20 * unit), columns = Math.Max(1, (int)(image.Width / (LegendColumn * unit)));
        int legend = line * ((named.Length + columns - 1) / columns);
        using var bitmap = new SKBitmap(new SKImageInfo(image.Width, image.Height + legend, SKColorType.Rgba8888, SKAlphaType.Opaque));
        bitmap.Erase(SKColors.White);
        Paint(image, scene, config, bitmap.GetPixelSpan());
        using (var canvas = new SKCanvas(bitmap))
        using (var font = new SKFont(SKTypeface.Default, 13 * unit))
        {
            foreach (DetectedObject found in scene.Objects.Where(o => o.Score >= leastScore).Reverse()) Box(canvas, font, found, image, config, unit);
            for (int i = 0; i < named.Length; i++)
                Entry(canvas, font, named[i], i % columns * LegendColumn * unit, image.Height + (i / columns * line), line);
        }

        return Copy(bitmap);
    }

    /// <summary>The colour of a class, 0xRRGGBB; classes without one of their own have one by their name.</summary>
    /// <param name="name">The class.</param>
    public static uint ColorOf(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (s_colors.TryGetValue(name, out uint color)) return color;
        uint hash = 2166136261;
        foreach (char c in name) hash = (hash ^ c) * 16777619;
        return hash & 0xFFFFFF;
    }

    private static IEnumerable<string> Present(PerceivedScene scene, PerceptionConfig config)
    {
        var seen = new bool[256];
        foreach (byte label in scene.Labels) seen[label] = true;
        return config.LabelClasses.Where((_, i) => seen[i]);
    }

    private static void Paint(RgbImage image, PerceivedScene scene, PerceptionConfig config, Span<byte> to)
    {
        uint[] colors = [.. config.LabelClasses.Select(ColorOf)];
        ReadOnlySpan<byte> labels = scene.Labels;
        for (int i = 0, pixels = image.Width * image.Height; i < pixels; i++)
        {
            ReadOnlySpan<byte> from = image.Pixels.AsSpan(3 * i, 3);
            Span<byte> pixel = to.Slice(4 * i, 4);
            if (labels.IsEmpty)
            {
                from.CopyTo(pixel);
            }
            else
            {
                uint color = colors[labels[i]];
                for (int c = 0; c < 3; c++) pixel[c] = (byte)((from[c] * (1 - LabelStrength)) + (((color >> (16 - (8 * c))) & 255) * LabelStrength));
            }

            pixel[3] = 255;
        }
    }

    private static void Box(SKCanvas canvas, SKFont font, in DetectedObject found, RgbImage image, PerceptionConfig config, float unit)
    {
        string name = config.ObjectClasses[found.Class];
        string text = config.Tasks.HasFlag(PerceptionTasks.Distance)
            ? string.Create(CultureInfo.InvariantCulture, $"{name} {found.DistanceMeters:0.0} m")
            : name;
        var box = new SKRect(found.X1 * image.Width, found.Y1 * image.Height, found.X2 * image.Width, found.Y2 * image.Height);
        SKColor color = new(0xFF000000 | ColorOf(name));
        using var outline = new SKPaint { Color = color, Style = SKPaintStyle.Stroke, StrokeWidth = 2 * unit, IsAntialias = true };
        canvas.DrawRect(box, outline);
        float height = font.Size * 1.3f, top = Math.Max(0, box.Top - height);
        using var fill = new SKPaint { Color = color };
        using var ink = new SKPaint { Color = SKColors.White, IsAntialias = true };
        canvas.DrawRect(new SKRect(box.Left, top, box.Left + font.MeasureText(text) + (6 * unit), top + height), fill);
        canvas.DrawText(text, box.Left + (3 * unit), top + font.Size, font, ink);
    }

    private static void Entry(SKCanvas canvas, SKFont font, string name, float left, float top, float line)
    {
        using var fill = new SKPaint { Color = new SKColor(0xFF000000 | ColorOf(name)) };
        using var ink = new SKPaint { Color = SKColors.Black, IsAntialias = true };
        canvas.DrawRect(new SKRect(left + (line * 0.2f), top + (line * 0.2f), left + (line * 0.8f), top + (line * 0.8f)), fill);
        canvas.DrawText(name, left + line, top + (line * 0.72f), font, ink);
    }

    private static RgbImage Copy(SKBitmap bitmap)
    {
        var copy = new RgbImage(bitmap.Width, bitmap.Height);
        ReadOnlySpan<byte> from = bitmap.GetPixelSpan();
        for (int i = 0; i < bitmap.Width * bitmap.Height; i++) from.Slice(4 * i, 3).CopyTo(copy.Pixels.AsSpan(3 * i));
        return copy;
    }
}
