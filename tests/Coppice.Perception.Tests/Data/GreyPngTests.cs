using Coppice.Perception.Data;

namespace Coppice.Perception.Tests.Data;

public sealed class GreyPngTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public void Every_bit_depth_and_row_filter_gives_back_the_samples(int bitDepth)
    {
        using var folder = new TestFolder();
        int Sample(int x, int y) => (x * 7919 + y * 104_729 + x * y) & ((1 << bitDepth) - 1);
        File.WriteAllBytes(folder["a.png"], PngBytes.Grey(13, 11, bitDepth, Sample));

        (int width, int height, ushort[] samples) = GreyPng.Read(folder["a.png"]);

        Assert.Equal((13, 11), (width, height));
        for (int y = 0; y < 11; y++)
            for (int x = 0; x < 13; x++)
                Assert.Equal(Sample(x, y), samples[y * 13 + x]);
    }

    [Fact]
    public void Indices_of_a_palette_are_not_replaced_by_its_colours()
    {
        using var folder = new TestFolder();
        File.WriteAllBytes(folder["a.png"], PngBytes.Grey(4, 2, 8, (x, y) => x + 4 * y, color: 3));
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7], GreyPng.ReadBytes(folder["a.png"]).Samples);
    }

    [Fact]
    public void Damage_is_named_in_one_line()
    {
        using var folder = new TestFolder();
        byte[] good = PngBytes.Grey(40, 30, 8, (x, y) => x * y);
        Says("the end of the file", good[..(good.Length / 2)]);
        Says("a PNG file", "some text"u8.ToArray());
        Says("a PNG file", []);
        Says("colour type 2", PngBytes.Grey(4, 4, 8, (x, y) => 0, color: 2));
        Says("1 to 50,000,000 pixels; found 20000x20000", Huge());
        Says("filter of 0 to 4; found 7", PngBytes.Grey(4, 4, 8, (x, y) => 0, filter: 7));
        Says("samples up to 255; found 300", PngBytes.Grey(4, 4, 16, (x, y) => 300));
        byte[] header = [.. good];
        header[23] = 31; // One row more than there is data for.
        Says("damaged or missing data", header);
        byte[] flipped = [.. good];
        flipped[^18] ^= 1; // In the checksum of the compressed data.
        Says("damaged or missing data", flipped);

        byte[] Huge() => [.. good[..16], 0, 0, 0x4E, 0x20, 0, 0, 0x4E, 0x20, .. good[24..]];

        void Says(string what, byte[] bytes)
        {
            File.WriteAllBytes(folder["a.png"], bytes);
            var error = Assert.Throws<SceneFormatException>(() => GreyPng.ReadBytes(folder["a.png"]));
            Assert.Contains(what, error.Message);
            Assert.DoesNotContain('\n', error.Message);
        }
    }
}
