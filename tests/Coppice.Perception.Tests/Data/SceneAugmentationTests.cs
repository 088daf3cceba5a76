using Coppice.Perception.Data;

namespace Coppice.Perception.Tests.Data;

public sealed class SceneAugmentationTests
{
    [Fact]
    public void Nothing_asked_for_changes_nothing()
    {
        Scene scene = new SyntheticStreets(4, 1, 96, 48).Read(0);
        var random = new SceneRandom(1, 1);
        Scene same = SceneAugmentation.None.Apply(scene, ref random, 96, 48);
        Assert.Equal(scene.Image.Pixels, same.Image.Pixels);
        Assert.Equal(scene.Labels, same.Labels);
        Assert.Equal(scene.Objects.Count, same.Objects.Count);
        Assert.All(scene.Objects.Zip(same.Objects), pair => Close(pair.First, pair.Second, 1e-4f));
    }

    [Fact]
    public void A_mirrored_scene_is_mirrored_in_picture_labels_and_boxes()
    {
        Scene scene = new SyntheticStreets(4, 1, 96, 48).Read(0);
        var random = new SceneRandom(1, 1);
        Scene mirror = (SceneAugmentation.None with { Flip = 1 }).Apply(scene, ref random, 96, 48);
        for (int y = 0; y < 48; y++)
        {
            for (int x = 0; x < 96; x++)
            {
                Assert.Equal(scene.Labels![y * 96 + x], mirror.Labels![y * 96 + 95 - x]);
                Assert.Equal(scene.Image.Pixels[3 * (y * 96 + x) + 1], mirror.Image.Pixels[3 * (y * 96 + 95 - x) + 1]);
            }
        }

        Assert.NotEmpty(scene.Objects);
        Assert.All(scene.Objects.Zip(mirror.Objects), pair => Close(pair.First with { X1 = 1 - pair.First.X2, X2 = 1 - pair.First.X1 }, pair.Second, 1e-4f));
    }

    [Fact]
    public void A_scene_seen_twice_as_large_is_half_as_far()
    {
        var scene = new Scene(new RgbImage(100, 100), [new(2, 0.4f, 0.4f, 0.6f, 0.6f, 30)], null);
        var random = new SceneRandom(1, 1);
        Scene near = (SceneAugmentation.None with { MinScale = 2, MaxScale = 2 }).Apply(scene, ref random, 100, 100);
        Close(new(2, 0.3f, 0.3f, 0.7f, 0.7f, 15), Assert.Single(near.Objects), 1e-4f);

        // Twice as wide as high, of the same area: as far as before.
        Scene wide = (SceneAugmentation.None with { MinAspect = 2, MaxAspect = 2 }).Apply(scene, ref random, 100, 100);
        float x = 0.1f * MathF.Sqrt(2), y = 0.1f / MathF.Sqrt(2);
        Close(new(2, 0.5f - x, 0.5f - y, 0.5f + x, 0.5f + y, 30), Assert.Single(wide.Objects), 1e-4f);
    }

    [Fact]
    public void A_smaller_scene_has_borders_that_no_label_counts_in()
    {
        var scene = new Scene(new RgbImage(40, 40), [], new byte[1600]);
        var random = new SceneRandom(1, 1);
        Scene small = (SceneAugmentation.None with { MinScale = 0.5, MaxScale = 0.5 }).Apply(scene, ref random, 40, 40);
        Assert.Equal(400, small.Labels!.Count(label => label == 0));
        Assert.Equal(1200, small.Labels!.Count(label => label == SceneClasses.Ignored));
        Assert.Equal([128, 128, 128], small.Image.Pixels[..3]);
        Assert.Equal(0, small.Image.Pixels[3 * (20 * 40 + 20)]);
    }

    [Fact]
    public void Boxes_that_are_small_or_outside_are_dropped_and_others_are_clipped()
    {
        Scene With(float x1, float y1, float x2, float y2) => new(new RgbImage(100, 100), [new(0, x1, y1, x2, y2, 10)], null);
        var twice = SceneAugmentation.None with { MinScale = 2, MaxScale = 2, LeastBoxArea = 100, LeastBoxShare = 0.01f };
        var random = new SceneRandom(1, 1);
        Assert.Empty(twice.Apply(With(0.5f, 0.5f, 0.54f, 0.54f), ref random, 100, 100).Objects); // 8x8 pixels.
        Assert.Empty(twice.Apply(With(0, 0, 0.2f, 0.2f), ref random, 100, 100).Objects);
        Close(new(0, 0, 0, 0.3f, 0.3f, 5), Assert.Single(twice.Apply(With(0.2f, 0.2f, 0.4f, 0.4f), ref random, 100, 100).Objects), 1e-4f);
    }

    [Fact]
    public void Random_changes_keep_picture_labels_and_boxes_together()
    {
        // A block of a colour, a label and a box of its own: after any change without a turn the three still agree.
        byte[] pixels = new byte[200 * 100 * 3], labels = new byte[200 * 100];
        for (int y = 40; y < 70; y++)
        {
            for (int x = 60; x < 120; x++)
            {
                pixels[3 * (y * 200 + x)] = 255;
                labels[y * 200 + x] = 7;
            }
        }

        var scene = new Scene(new RgbImage(200, 100, pixels), [new(1, 0.3f, 0.4f, 0.6f, 0.7f, 20)], labels);
        int seen = 0;
        for (int i = 0; i < 40; i++)
        {
            var random = new SceneRandom(8, i);
            Scene changed = new SceneAugmentation { Degrees = 0 }.Apply(scene, ref random, 128, 64);
            int[] block = [.. Enumerable.Range(0, 128 * 64).Where(p => changed.Labels![p] == 7)];
            if (changed.Objects.Count == 0) continue;
            seen++;
            SceneObject box = changed.Objects[0];
            Assert.InRange(box.X1 * 128 - block.Min(p => p % 128), -1, 1);
            Assert.InRange(box.X2 * 128 - 1 - block.Max(p => p % 128), -1, 1);
            Assert.InRange(box.Y1 * 64 - block.Min(p => p / 128), -1, 1);
            Assert.InRange(box.Y2 * 64 - 1 - block.Max(p => p / 128), -1, 1);
            Assert.InRange(block.Average(p => (double)changed.Image.Pixels[3 * p]), 200, 255);
            Assert.InRange(box.DistanceMeters, 10, 40);
            var again = new SceneRandom(8, i);
            Assert.Equal(changed.Image.Pixels, new SceneAugmentation { Degrees = 0 }.Apply(scene, ref again, 128, 64).Image.Pixels);
        }

        Assert.InRange(seen, 20, 40);
    }

    [Fact]
    public void A_turn_moves_the_corners_of_boxes_as_it_moves_pixels()
    {
        byte[] labels = new byte[100 * 100];
        labels[20 * 100 + 80] = 1;
        var scene = new Scene(new RgbImage(100, 100), [new(0, 0.805f, 0.205f, 0.905f, 0.305f, 10)], labels);
        for (int i = 0; i < 10; i++)
        {
            var random = new SceneRandom(2, i);
            Scene turned = (SceneAugmentation.None with { Degrees = 5 }).Apply(scene, ref random, 100, 100);
            int at = Array.IndexOf(turned.Labels!, (byte)1);
            if (at < 0) continue;
            SceneObject box = turned.Objects[0];
            // The pixel is the box's upper left corner before; a turn of 5 degrees makes the two corners' box a little different.
            Assert.InRange(box.X1 * 100 - (at % 100 + 0.5f), -1.1f, 1.1f);
            Assert.InRange(box.Y1 * 100 - (at / 100 + 0.5f), -1.1f, 1.1f);
        }
    }

    [Fact]
    public void Colour_changes_leave_labels_and_boxes_alone()
    {
        Scene scene = new SyntheticStreets(4, 1, 96, 48).Read(0);
        var random = new SceneRandom(1, 1);
        Scene jittered = (SceneAugmentation.None with { ColorJitter = 0.4 }).Apply(scene, ref random, 96, 48);
        Assert.NotEqual(scene.Image.Pixels, jittered.Image.Pixels);
        Assert.Equal(scene.Labels, jittered.Labels);
    }

    [Fact]
    public void A_larger_picture_is_averaged_not_skipped_over()
    {
        // Columns black and white by turns: at a quarter of the size each pixel is grey.
        var image = new RgbImage(64, 64, [.. Enumerable.Range(0, 64 * 64 * 3).Select(i => (byte)(i / 3 % 2 * 255))]);
        var random = new SceneRandom(1, 1);
        Scene small = SceneAugmentation.None.Apply(new Scene(image, [], null), ref random, 16, 16);
        Assert.All(small.Image.Pixels, value => Assert.InRange(value, 126, 129));
    }

    private static void Close(SceneObject expected, SceneObject found, float tolerance)
    {
        Assert.Equal(expected.Class, found.Class);
        Assert.Equal(expected.X1, found.X1, tolerance);
        Assert.Equal(expected.Y1, found.Y1, tolerance);
        Assert.Equal(expected.X2, found.X2, tolerance);
        Assert.Equal(expected.Y2, found.Y2, tolerance);
        Assert.Equal(expected.DistanceMeters, found.DistanceMeters, 1e-3f * expected.DistanceMeters);
    }
}
