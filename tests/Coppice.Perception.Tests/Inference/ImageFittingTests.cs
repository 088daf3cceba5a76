using Coppice.Perception.Data;
using Coppice.Perception.Inference;

namespace Coppice.Perception.Tests.Inference;

public sealed class ImageFittingTests
{
    [Fact]
    public void A_picture_of_the_size_is_taken_as_it_is()
    {
        RgbImage image = Noise(20, 10);
        Assert.True(new ImageFitting(20, 10).Fit(image) == image.Pixels);
    }

    [Theory]
    [InlineData(7, 5, 20, 10)]
    [InlineData(100, 64, 20, 10)]
    [InlineData(1, 1, 20, 10)]
    [InlineData(21, 9, 20, 10)]
    public void One_colour_stays_itself_at_any_size(int width, int height, int toWidth, int toHeight)
    {
        var image = new RgbImage(width, height);
        for (int i = 0; i < width * height; i++) ((byte[])[3, 250, 77]).CopyTo(image.Pixels, 3 * i);
        byte[] fitted = new ImageFitting(toWidth, toHeight).Fit(image).ToArray();
        Assert.Equal(toWidth * toHeight * 3, fitted.Length);
        for (int i = 0; i < fitted.Length; i++) Assert.Equal(((byte[])[3, 250, 77])[i % 3], fitted[i]);
    }

    [Fact]
    public void A_ramp_stays_a_ramp_and_stripes_become_their_mean()
    {
        var image = new RgbImage(80, 40);
        for (int y = 0; y < 40; y++)
        {
            for (int x = 0; x < 80; x++) ((byte[])[(byte)(3 * x), (byte)(x % 2 * 200), (byte)(5 * y)]).CopyTo(image.Pixels, 3 * ((y * 80) + x));
        }

        var fitting = new ImageFitting(20, 10);
        fitting.Fit(Noise(80, 40));
        byte[] fitted = fitting.Fit(image).ToArray();
        for (int y = 1; y < 9; y++)
        {
            for (int x = 1; x < 19; x++)
            {
                int at = 3 * ((y * 20) + x);
                Assert.InRange(fitted[at], (3 * ((4 * x) + 1.5)) - 1, (3 * ((4 * x) + 1.5)) + 1);
                Assert.InRange(fitted[at + 1], 90, 110);
                Assert.InRange(fitted[at + 2], (5 * ((4 * y) + 1.5)) - 1, (5 * ((4 * y) + 1.5)) + 1);
            }
        }
    }

    [Fact]
    public void A_thin_high_picture_does_not_take_a_wide_one_s_memory()
    {
        var fitting = new ImageFitting(512, 256);
        var image = new RgbImage(1, 60_000);
        Array.Fill(image.Pixels, (byte)9, 90_000, 90_000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        byte[] fitted = fitting.Fit(image).ToArray();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16 << 20);
        Assert.Equal((0, 9), (fitted[126 * 512 * 3], fitted[129 * 512 * 3]));
    }

    private static RgbImage Noise(int width, int height)
    {
        var image = new RgbImage(width, height);
        new Random(1).NextBytes(image.Pixels);
        return image;
    }
}
