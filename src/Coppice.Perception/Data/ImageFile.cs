using SkiaSharp;

namespace Coppice.Perception.Data;

/// <summary>Pictures of files that nobody has checked: a size is known and allowed before memory is taken for it.</summary>
public static class ImageFile
{
    /// <summary>The largest picture read unless told otherwise, in pixels.</summary>
    public const long DefaultMaxPixels = 50_000_000;

    private const int MaxFileBytes = 256 << 20;

    /// <summary>Reads a picture: PNG, JPEG, WebP, GIF or BMP; of a moving one the first frame. Transparency is dropped, and a camera's note which side is up is followed.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxPixels">The largest picture to read.</param>
    /// <exception cref="SceneFormatException">The file is no picture, a damaged one or too large a one.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static RgbImage Read(string path, long maxPixels = DefaultMaxPixels) => Decode(ReadBytes(path), path, maxPixels);

    /// <summary>Reads a picture that is in memory already.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="maxPixels">The largest picture to read.</param>
    /// <exception cref="SceneFormatException">The bytes are no picture, a damaged one or too large a one.</exception>
    public static RgbImage Decode(ReadOnlySpan<byte> file, string name, long maxPixels = DefaultMaxPixels)
    {
        ArgumentNullException.ThrowIfNull(name);
        using SKData data = SKData.CreateCopy(file);
        using SKCodec codec = SKCodec.Create(data)
            ?? throw SceneFormatException.Of(name, "a picture (PNG, JPEG, WebP, GIF or BMP)", file.IsEmpty ? "an empty file" : "bytes of another kind or a damaged header");
        int width = codec.Info.Width, height = codec.Info.Height;
        RequireSize(name, width, height, maxPixels);
        using var bitmap = new SKBitmap();
        if (!bitmap.TryAllocPixels(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul)))
            throw SceneFormatException.Of(name, $"memory for {width}x{height} pixels", "not enough");
        SKCodecResult result = codec.GetPixels(bitmap.Info, bitmap.GetPixels());
        if (result != SKCodecResult.Success)
            throw SceneFormatException.Of(name, $"a picture of {width}x{height}", result is SKCodecResult.IncompleteInput ? "the end of the file before its last row" : $"damaged data ({result})");
        return Upright(bitmap.GetPixelSpan(), width, height, codec.EncodedOrigin);
    }

    /// <summary>Writes a picture as PNG.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="path">The file; one that is there is replaced.</param>
    /// <param name="quick">Whether it is written in a fraction of the time, and larger.</param>
    public static void WritePng(RgbImage image, string path, bool quick = false)
    {
        using SKData data = EncodePng(image, quick);
        using FileStream stream = File.Create(path);
        data.SaveTo(stream);
    }

    /// <summary>A picture as a PNG file's bytes.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="quick">Whether it is made in a fraction of the time, and larger.</param>
    public static byte[] Png(RgbImage image, bool quick = false)
    {
        using SKData data = EncodePng(image, quick);
        return data.ToArray();
    }

    /// <summary>A file's bytes, at most as many as any picture has.</summary>
    internal static byte[] ReadBytes(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1);
        var bytes = new MemoryStream(stream.CanSeek ? (int)Math.Min(stream.Length, MaxFileBytes) : 0);
        byte[] buffer = new byte[1 << 16];
        for (int read; (read = stream.Read(buffer)) > 0;)
        {
            if (bytes.Length + read > MaxFileBytes) throw SceneFormatException.Of(path, $"at most {MaxFileBytes >> 20} MiB", "more");
            bytes.Write(buffer, 0, read);
        }

        return bytes.Length == bytes.Capacity ? bytes.GetBuffer() : bytes.ToArray();
    }

    /// <summary>Refuses sizes that are none or too large.</summary>
    /// <exception cref="SceneFormatException">The size is not allowed.</exception>
    internal static void RequireSize(string name, long width, long height, long maxPixels)
    {
        if (width < 1 || height < 1 || width > int.MaxValue || height > int.MaxValue || width > maxPixels / height)
            throw SceneFormatException.Of(name, $"a picture of 1 to {maxPixels:N0} pixels", $"{width}x{height}");
    }

    private static SKData EncodePng(RgbImage image, bool quick)
    {
        ArgumentNullException.ThrowIfNull(image);
        using var bitmap = new SKBitmap(new SKImageInfo(image.Width, image.Height, SKColorType.Rgb888x, SKAlphaType.Opaque));
        Span<byte> to = bitmap.GetPixelSpan();
        for (int i = 0, pixels = image.Width * image.Height; i < pixels; i++)
        {
            image.Pixels.AsSpan(3 * i, 3).CopyTo(to[(4 * i)..]);
            to[4 * i + 3] = 255;
        }

        using SKPixmap pixmap = bitmap.PeekPixels();
        SKPngEncoderOptions options = quick ? new(SKPngEncoderFilterFlags.Sub, 2) : new(SKPngEncoderFilterFlags.AllFilters, 9);
        return pixmap.Encode(options) ?? throw new InvalidOperationException($"a picture of {image.Width}x{image.Height} could not be encoded");
    }

    /// <summary>Turned as EXIF's orientation says, without the fourth channel.</summary>
    private static RgbImage Upright(ReadOnlySpan<byte> rgba, int width, int height, SKEncodedOrigin origin)
    {
        bool turned = origin is SKEncodedOrigin.LeftTop or SKEncodedOrigin.RightTop or SKEncodedOrigin.RightBottom or SKEncodedOrigin.LeftBottom;
        var image = turned ? new RgbImage(height, width) : new RgbImage(width, height);
        for (int y = 0, at = 0; y < image.Height; y++)
        {
            for (int x = 0; x < image.Width; x++, at += 3)
            {
                (int fromX, int fromY) = origin switch
                {
                    SKEncodedOrigin.TopRight => (width - 1 - x, y),
                    SKEncodedOrigin.BottomRight => (width - 1 - x, height - 1 - y),
                    SKEncodedOrigin.BottomLeft => (x, height - 1 - y),
                    SKEncodedOrigin.LeftTop => (y, x),
                    SKEncodedOrigin.RightTop => (y, height - 1 - x),
                    SKEncodedOrigin.RightBottom => (width - 1 - y, height - 1 - x),
                    SKEncodedOrigin.LeftBottom => (width - 1 - y, x),
                    _ => (x, y),
                };
                rgba.Slice(4 * (fromY * width + fromX), 3).CopyTo(image.Pixels.AsSpan(at));
            }
        }

        return image;
    }
}
