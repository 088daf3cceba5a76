using Coppice.Perception.Data;

namespace Coppice.Perception.Tests.Data;

public sealed class CamVidScenesTests
{
    [Fact]
    public void A_listed_split_is_read_in_the_order_of_its_list()
    {
        using var folder = new TestFolder();
        Write(folder, "test", "a.png", 3);
        Write(folder, "test", "b.png", 11);
        File.WriteAllText(folder["test.txt"], "/SegNet/CamVid/test/b.png /SegNet/CamVid/testannot/b.png\n/SegNet/CamVid/test/a.png /SegNet/CamVid/testannot/a.png\n");

        var set = CamVidScenes.Open(folder.Root, "test");

        Assert.Equal("camvid test", set.Name);
        Assert.Equal(2, set.Count);
        Assert.Equal(["b.png", "a.png"], [set.FrameName(0), set.FrameName(1)]);
        Assert.All(set.Read(0).Labels!, label => Assert.Equal(SceneClasses.Ignored, label));
        Assert.All(set.Read(1).Labels!, label => Assert.Equal(3, label));
        Assert.Empty(set.Read(1).Objects);
    }

    [Fact]
    public void Without_a_list_every_frame_counts()
    {
        using var folder = new TestFolder();
        Write(folder, "val", "b.png", 0);
        Write(folder, "val", "a.png", 0);
        var set = CamVidScenes.Open(folder.Root, "val");
        Assert.Equal(["a.png", "b.png"], [set.FrameName(0), set.FrameName(1)]);
    }

    [Fact]
    public void What_is_wrong_is_named()
    {
        using var folder = new TestFolder();
        Says("a folder 'val'", () => CamVidScenes.Open(folder.Root, "val"));
        Write(folder, "val", "a.png", 12);
        Says("labels of 0 to 11; found 12", () => CamVidScenes.Open(folder.Root, "val").Read(0));
        File.WriteAllBytes(folder["valannot/a.png"], PngBytes.Grey(7, 6, 8, (x, y) => 0));
        Says("8x6, the picture's size; found 7x6", () => CamVidScenes.Open(folder.Root, "val").Read(0));
        File.WriteAllText(folder["val.txt"], "/x/val/gone.png /x/valannot/gone.png\n");
        Says("'gone.png', which is not there", () => CamVidScenes.Open(folder.Root, "val"));

        static void Says(string what, Action act) => Assert.Contains(what, Assert.Throws<SceneFormatException>(act).Message);
    }

    [Fact]
    public void The_published_frames_are_read()
    {
        string directory = SharedData.Require("camvid");
        foreach ((string split, int count) in (ValueTuple<string, int>[])[("train", 367), ("val", 101)])
        {
            var set = CamVidScenes.Open(directory, split);
            Assert.Equal(count, set.Count);
            Scene scene = set.Read(count - 1);
            Assert.Equal((480, 360), (scene.Image.Width, scene.Image.Height));
            Assert.Equal(480 * 360, scene.Labels!.Length);
            Assert.All(scene.Labels, label => Assert.True(label is < 11 or SceneClasses.Ignored));
            // A street seen from a car: sky above, road below.
            Assert.Contains((byte)3, scene.Labels.AsSpan(480 * 300).ToArray());
        }
    }

    private static void Write(TestFolder folder, string split, string name, int label)
    {
        ImageFile.WritePng(new RgbImage(8, 6), folder[$"{split}/{name}"]);
        File.WriteAllBytes(folder[$"{split}annot/{name}"], PngBytes.Grey(8, 6, 8, (x, y) => label));
    }
}
