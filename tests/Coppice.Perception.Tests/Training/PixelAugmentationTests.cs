using Coppice.Perception.Data;
using Coppice.Perception.Training;

namespace Coppice.Perception.Tests.Training;

public sealed class PixelAugmentationTests
{
    private const int Width = 64, Height = 48;

    [Theory]
    [InlineData(0.5, 0.5)]
    [InlineData(1, 1)]
    [InlineData(0.6, 1.8)]
    public void Labels_stay_with_their_pixels(double minScale, double maxScale)
    {
        Scene scene = Quarters();
        var augmentation = new PixelAugmentation(Width, Height, minScale, maxScale, 0);
        var image = new float[3 * Width * Height];
        var labels = new int[Width * Height / 4];
        int seen = 0;
        for (int draw = 0; draw < 20; draw++)
        {
            (int row, int column) = (draw / 2 % 2, draw % 2);
            augmentation.Write(scene, new SceneRandom(1, draw), (row, column), image, labels);
            for (int at = 0; at < labels.Length; at++)
            {
                int pixel = (((at / (Width / 2) * 2) + row) * Width) + (at % (Width / 2) * 2) + column;
                if (labels[at] == SceneClasses.Ignored)
                {
                    Assert.Equal(123, image[pixel]);
                    continue;
                }

                // Between two quarters colours are mixed.
                if (Math.Abs(image[pixel] - (60 * labels[at])) < 1) seen++;
                else Assert.True(Math.Abs(image[pixel] % 60) > 0.001f);
            }
        }

        Assert.True(seen > labels.Length * 20 / 5, $"{seen} of {labels.Length * 20}");
    }

    [Fact]
    public void What_is_drawn_depends_on_the_random_numbers_alone()
    {
        var augmentation = new PixelAugmentation(Width, Height, 0.5, 2, 0.3);
        Assert.Equal(Draw(3), Draw(3));
        Assert.NotEqual(Draw(3), Draw(4));

        float[] Draw(long index)
        {
            var image = new float[3 * Width * Height];
            augmentation.Write(Quarters(), new SceneRandom(1, index), (0, 0), image, new int[Width * Height / 4]);
            return image;
        }
    }

    [Fact]
    public void Changed_colours_stay_in_range()
    {
        var image = new float[3 * Width * Height];
        new PixelAugmentation(Width, Height, 1, 1, 0.9).Write(Quarters(), new SceneRandom(1, 1), (0, 0), image, new int[Width * Height / 4]);
        Assert.All(image, v => Assert.InRange(v, 0, 255));
    }

    /// <summary>Four quarters, whose red is 60 times the label.</summary>
    private static Scene Quarters()
    {
        var image = new RgbImage(Width, Height);
        var labels = new byte[Width * Height];
        for (int at = 0; at < labels.Length; at++)
        {
            labels[at] = (byte)((at % Width * 2 / Width) + (2 * (at / Width * 2 / Height)));
            image.Pixels[3 * at] = (byte)(60 * labels[at]);
        }

        return new Scene(image, [], labels);
    }
}
