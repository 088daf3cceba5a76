using Coppice.Perception.Data;
using SkiaSharp;

namespace Coppice.Perception.Tests.Data;

public sealed class ImageFileTests
{
    [Fact]
    public void A_written_picture_is_read_back()
    {
        using var folder = new TestFolder();
        var image = new RgbImage(5, 3, [.. Enumerable.Range(0, 45).Select(i => (byte)(i * 5))]);
        ImageFile.WritePng(image, folder["a.png"]);
        RgbImage read = ImageFile.Read(folder["a.png"]);
        Assert.Equal((5, 3), (read.Width, read.Height));
        Assert.Equal(image.Pixels, read.Pixels);
        Assert.Equal(image.Pixels, ImageFile.Decode(ImageFile.Png(image), "a").Pixels);
    }

    [Fact]
    public void A_picture_of_one_pixel_is_a_picture()
    {
        RgbImage one = ImageFile.Decode(ImageFile.Png(new RgbImage(1, 1, [1, 2, 3])), "one");
        Assert.Equal([1, 2, 3], one.Pixels);
    }

    [Fact]
    public void Jpeg_and_webp_are_read()
    {
        using var bitmap = new SKBitmap(16, 16);
        bitmap.Erase(SKColors.Red);
        foreach (SKEncodedImageFormat format in (SKEncodedImageFormat[])[SKEncodedImageFormat.Jpeg, SKEncodedImageFormat.Webp])
        {
            using SKData data = bitmap.Encode(format, 95);
            byte[] pixels = ImageFile.Decode(data.AsSpan(), format.ToString()).Pixels;
            Assert.InRange(pixels[0], 240, 255);
            Assert.InRange(pixels[1], 0, 15);
        }
    }

    [Fact]
    public void A_camera_held_upright_gives_a_picture_that_is_upright()
    {
        using var bitmap = new SKBitmap(32, 16);
        bitmap.Erase(SKColors.Black);
        for (int y = 0; y < 16; y++)
            for (int x = 0; x < 8; x++)
                bitmap.SetPixel(x, y, SKColors.White);
        using SKData data = bitmap.Encode(SKEncodedImageFormat.Jpeg, 100);
        // EXIF with orientation 6: the stored left column is the upper row of the scene, seen from the right.
        byte[] exif =
        [
            0xFF, 0xE1, 0x00, 0x22, (byte)'E', (byte)'x', (byte)'i', (byte)'f', 0, 0, (byte)'M', (byte)'M', 0, 42, 0, 0, 0, 8,
            0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0,
        ];
        byte[] file = [.. data.AsSpan()[..2], .. exif, .. data.AsSpan()[2..]];

        RgbImage image = ImageFile.Decode(file, "upright");

        Assert.Equal((16, 32), (image.Width, image.Height));
        Assert.InRange(image.Pixels[3 * 16 * 3], 200, 255);
        Assert.InRange(image.Pixels[3 * 16 * 28], 0, 50);
    }

    [Fact]
    public void What_is_no_picture_or_too_large_a_one_is_named_in_one_line()
    {
        byte[] good = ImageFile.Png(new RgbImage(64, 64, [.. Enumerable.Range(0, 64 * 64 * 3).Select(i => (byte)(i * i / 7))]));
        Says("before its last row", good[..(good.Length / 2)]);
        Says("bytes of another kind", "not a picture"u8.ToArray());
        Says("an empty file", []);
        Says("20000x20000", [.. good[..8], .. PngBytes.Chunk("IHDR", [0, 0, 0x4E, 0x20, 0, 0, 0x4E, 0x20, 8, 2, 0, 0, 0]), .. good[33..]]);
        Says("a picture of 1 to 100 pixels; found 64x64", good, 100);

        static void Says(string what, byte[] bytes, long maxPixels = ImageFile.DefaultMaxPixels)
        {
            var error = Assert.Throws<SceneFormatException>(() => ImageFile.Decode(bytes, "file", maxPixels));
            Assert.Contains(what, error.Message);
            Assert.DoesNotContain('\n', error.Message);
        }
    }
}
