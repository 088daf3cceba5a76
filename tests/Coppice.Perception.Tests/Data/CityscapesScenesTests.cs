using Coppice.Perception.Data;

namespace Coppice.Perception.Tests.Data;

public sealed class CityscapesScenesTests
{
    private const string Frame = "leftImg8bit/val/ulm/ulm_000000_000001_leftImg8bit.png";
    private const string Polygons = "gtFine/val/ulm/ulm_000000_000001_gtFine_polygons.json";
    private const string Disparity = "disparity/val/ulm/ulm_000000_000001_disparity.png";

    [Fact]
    public void Polygons_become_boxes_at_half_size_and_labels()
    {
        using TestFolder folder = Sample();
        var set = CityscapesScenes.Open(folder.Root, "val");
        Scene scene = set.Read(0);

        Assert.Equal("cityscapes val", set.Name);
        Assert.Equal(1, set.Count);
        // The car spans x 5 to 12 and y 3 to 9 of 40x20, so 3 to 6 (2.5 is rounded up) of 20 and 2 to 5 (4.5, 1.5) of 10.
        Assert.Equal(2, scene.Objects.Count);
        SceneObject car = scene.Objects[0];
        Assert.Equal((2, 3 / 20f, 2 / 10f, 6 / 20f, 5 / 10f), (car.Class, car.X1, car.Y1, car.X2, car.Y2));
        Assert.True(float.IsNaN(car.DistanceMeters));
        Assert.Equal(7, scene.Objects[1].Class); // The bicycle; the group of persons and the deleted car are no objects.
        byte At(int x, int y) => scene.Labels![y * 40 + x];
        Assert.Equal(0, At(0, 19));
        Assert.Equal(13, At(5, 3));
        Assert.Equal(13, At(11, 8));
        Assert.Equal(0, At(12, 8));
        Assert.Equal(18, At(21, 11));
        Assert.Equal(11, At(31, 1)); // A group has the label of its members.
        Assert.Equal(SceneClasses.Ignored, At(30, 15)); // The ego vehicle is no class.
    }

    [Fact]
    public void Disparities_become_metres_by_either_constant()
    {
        using TestFolder folder = Sample();
        // Within the car's box at half size, x 3 to 6 and y 2 to 5, nine pixels count: three without a disparity, then 3000 and 6001.
        File.WriteAllBytes(folder[Disparity], PngBytes.Grey(40, 20, 16, (x, y) => x / 2 == 3 ? 0 : x / 2 == 4 ? 3000 : 6001));

        SceneObject camera = CityscapesScenes.Open(folder.Root, "val").Read(0).Objects[0];
        SceneObject authors = CityscapesScenes.Open(folder.Root, "val", DisparityRule.Authors).Read(0).Objects[0];

        // Valid are 3000 three times and 6001 three times: the upper median is 6001.
        Assert.Equal(121_235f / 6000, camera.DistanceMeters, 1e-3f);
        // All nine: the median is 3000; rounded to metres.
        Assert.Equal(55, authors.DistanceMeters);
        Assert.Equal(165_000f / 121_235f, CityscapesDistance.AuthorsFactor / CityscapesDistance.CameraFactor);
        Assert.Equal(0.2093f * 2262.5f * 256, CityscapesDistance.CameraFactor, 10f);
    }

    [Fact]
    public void Without_a_disparity_the_authors_say_200_metres_and_the_camera_says_nothing()
    {
        ushort[] nothing = new ushort[40 * 20];
        Assert.Equal(200, CityscapesDistance.InBox(nothing, 40, 20, 0, 0, 0.5f, 0.5f, DisparityRule.Authors));
        Assert.True(float.IsNaN(CityscapesDistance.InBox(nothing, 40, 20, 0, 0, 0.5f, 0.5f, DisparityRule.Camera)));
        Assert.True(float.IsNaN(CityscapesDistance.InBox(nothing, 40, 20, 1, 1, 1, 1, DisparityRule.Authors)));
        nothing[0] = 1001;
        Assert.Equal(121.235f, CityscapesDistance.InBox(nothing, 40, 20, 0, 0, 0.01f, 0.01f, DisparityRule.Camera), 1e-3f);
    }

    [Fact]
    public void Distances_in_any_box_are_those_of_the_same_rule()
    {
        using TestFolder folder = Sample();
        Assert.Null(CityscapesScenes.Open(folder.Root, "val").DistancesOf(0));
        File.WriteAllBytes(folder[Disparity], PngBytes.Grey(40, 20, 16, (x, y) => x < 20 ? 1213 : 12_124));
        Func<float, float, float, float, float> distances = CityscapesScenes.Open(folder.Root, "val").DistancesOf(0)!;
        Assert.Equal(121_235f / 1212, distances(0, 0, 0.5f, 1), 1e-3f);
        Assert.Equal(121_235f / 12_123, distances(0.5f, 0, 1, 1), 1e-3f);
    }

    [Fact]
    public void Label_and_instance_files_are_read_where_there_are_no_polygons()
    {
        using TestFolder folder = Sample();
        File.Delete(folder[Polygons]);
        Scene bare = CityscapesScenes.Open(folder.Root, "val").Read(0);
        Assert.Null(bare.Labels);
        Assert.Empty(bare.Objects);
        File.WriteAllBytes(folder["gtFine/val/ulm/ulm_000000_000001_gtFine_labelIds.png"], PngBytes.Grey(40, 20, 8, (x, y) => y < 10 ? 23 : x < 20 ? 7 : 3));
        File.WriteAllBytes(folder["gtFine/val/ulm/ulm_000000_000001_gtFine_instanceIds.png"], PngBytes.Grey(40, 20, 16, (x, y) => x is >= 4 and < 8 && y is >= 2 and < 6 ? 26_001 : x == 30 ? 24_000 : 7));

        Scene scene = CityscapesScenes.Open(folder.Root, "val").Read(0);

        Assert.Equal(10, scene.Labels![0]);
        Assert.Equal(0, scene.Labels[15 * 40]);
        Assert.Equal(SceneClasses.Ignored, scene.Labels[15 * 40 + 30]);
        Assert.Equal([new(0, 0.75f, 0, 0.775f, 1, float.NaN), new(2, 0.1f, 0.1f, 0.2f, 0.3f, float.NaN)], scene.Objects);
    }

    [Fact]
    public void What_is_wrong_is_named()
    {
        using TestFolder folder = Sample();
        Says("a folder 'leftImg8bit/train'", () => CityscapesScenes.Open(folder.Root, "train"));
        File.WriteAllText(folder[Polygons], "{\"imgWidth\": 40, \"imgHeight\": 20, \"objects\": [{\"label\": \"car\"}]}");
        Says("expected Cityscapes polygons", Read);
        File.WriteAllText(folder[Polygons], "{\"imgWidth\": 40,\n\"imgHeight\"");
        Says("expected Cityscapes polygons", Read);
        File.WriteAllText(folder[Polygons], "{\"imgWidth\": 41, \"imgHeight\": 20, \"objects\": []}");
        Says("40x20, the picture's size; found 41x20", Read);
        File.WriteAllText(folder[Polygons], "[1]");
        Says("expected Cityscapes polygons", Read);

        void Read() => CityscapesScenes.Open(folder.Root, "val").Read(0);

        static void Says(string what, Action act)
        {
            string message = Assert.Throws<SceneFormatException>(act).Message;
            Assert.Contains(what, message);
            Assert.DoesNotContain('\n', message);
        }
    }

    [Fact]
    public void The_published_miniature_is_read()
    {
        var set = CityscapesScenes.Open(SharedData.Require("perception/cityscapes_sample"), "val");
        Scene scene = set.Read(0);
        Assert.Equal((256, 128), (scene.Image.Width, scene.Image.Height));
        Assert.All(scene.Labels!, label => Assert.True(label < 19 || label == SceneClasses.Ignored));
        Assert.Contains((byte)0, scene.Labels!);
        Assert.NotEmpty(scene.Objects);
        // Label ids and train ids say the same, but where whoever made it smaller drew the edges of classes otherwise.
        string ids = Path.Combine(SharedData.Require("perception/cityscapes_sample"), "gtFine/val/frankfurt/frankfurt_000000_000294_gtFine_labelIds.png");
        byte[] fromIds = CityscapesLabels.FromIds(ids, scene.Image);
        Assert.InRange(scene.Labels!.Zip(fromIds).Count(pair => pair.First == pair.Second) / (double)fromIds.Length, 0.97, 1);
        // Each box holds pixels of its class.
        foreach (SceneObject o in scene.Objects)
        {
            int x = (int)(o.X1 * 256), y = (int)(o.Y1 * 128), right = (int)(o.X2 * 256 - 0.5f), bottom = (int)(o.Y2 * 128 - 0.5f);
            Assert.Contains(
                (byte)(11 + o.Class),
                from row in Enumerable.Range(y, bottom - y + 1) from column in Enumerable.Range(x, right - x + 1) select scene.Labels![row * 256 + column]);
        }
    }

    private static TestFolder Sample()
    {
        var folder = new TestFolder();
        ImageFile.WritePng(new RgbImage(40, 20), folder[Frame]);
        File.WriteAllText(folder[Polygons], """
            {"imgWidth": 40, "imgHeight": 20, "objects": [
              {"label": "road", "polygon": [[0, 0], [40, 0], [40, 20], [0, 20]]},
              {"label": "car", "polygon": [[5, 3], [12, 3], [12, 9], [5, 9]]},
              {"label": "car", "deleted": 1, "polygon": [[25, 3], [28, 3], [28, 9], [25, 9]]},
              {"label": "persongroup", "polygon": [[30, 0], [36, 0], [36, 4], [30, 4]]},
              {"label": "bicycle", "polygon": [[20, 10], [24, 10], [20, 14]]},
              {"label": "ego vehicle", "polygon": [[26, 14], [40, 14], [40, 20], [26, 20]]}
            ]}
            """);
        return folder;
    }
}
