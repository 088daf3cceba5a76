using Coppice.Perception.Data;

namespace Coppice.Perception.Tests.Data;

public sealed class KittiScenesTests
{
    private const string Calibration = "P0: 1 0 0 0 0 1 0 0 0 0 1 0\nP2: 100 0 50 20 0 100 25 0 0 0 1 0\n";

    [Fact]
    public void Boxes_have_the_classes_and_the_distance_to_the_nearest_point()
    {
        using TestFolder folder = Sample(
            "Car 0.00 0 -1.57 10 5 30 15 1.5 2 4 2.8 1.6 20 -1.5707963\n" +
            "Pedestrian 0 0 0 50 10 60 40 1.8 0.5 0.5 -0.2 1.6 10 0\n" +
            "Cyclist 0 0 0 0 0 10 10 1.8 0.6 2 4.8 1.6 0 0\n" +
            "Tram 0 0 0 0 0 10 10 3 2 10 0 1.6 50 0\nMisc 0 0 0 0 0 10 10 3 2 10 0 1.6 50 0\nDontCare -1 -1 -10 0 0 10 10 -1 -1 -1 -1000 -1000 -1000 -10\n");

        Scene scene = KittiScenes.Open(folder.Root, "all").Read(0);

        Assert.Equal([2, 0, 1, 5], scene.Objects.Select(o => o.Class));
        Assert.Null(scene.Labels);
        SceneObject car = scene.Objects[0];
        Assert.Equal((0.1f, 0.1f, 0.3f, 0.3f), (car.X1, car.Y1, car.X2, car.Y2));
        // From camera 2, 0.2 m to the left of camera 0: middle at (3, 20), the axis along z: nearest (2, 18).
        Assert.Equal(MathF.Sqrt(4 + 18 * 18), car.DistanceMeters, 1e-4f);
        Assert.Equal(9.75f, scene.Objects[1].DistanceMeters, 1e-4f); // Straight ahead, a quarter of a metre nearer.
        Assert.Equal(4, scene.Objects[2].DistanceMeters, 1e-4f); // At x = 5, half of its length of 2 nearer.
    }

    [Fact]
    public void Every_fifth_frame_is_held_out()
    {
        using TestFolder folder = Sample("");
        for (int i = 1; i < 11; i++) File.Copy(folder["training/image_2/000000.png"], folder[$"training/image_2/{i:000000}.png"]);
        Assert.Equal(3, KittiScenes.Open(folder.Root, "val").Count);
        Assert.Equal(8, KittiScenes.Open(folder.Root, "train").Count);
        Assert.Equal(11, KittiScenes.Open(folder.Root, "all").Count);
    }

    [Fact]
    public void What_is_wrong_is_named()
    {
        using TestFolder folder = Sample("Car 0.00 0 -1.57 10 5 30 15\n");
        Says("15 columns in line 1; found 8", () => KittiScenes.Open(folder.Root, "all").Read(0));
        File.WriteAllText(folder["training/label_2/000000.txt"], "\nCar 0 0 0 x 5 30 15 1.5 2 4 0 1.6 20 0\n");
        Says("a number in line 2; found 'x'", () => KittiScenes.Open(folder.Root, "all").Read(0));
        File.WriteAllText(folder["training/calib/000000.txt"], "P0: 1\n");
        Says("a line 'P2:'", () => KittiScenes.Open(folder.Root, "all").Read(0));
        Says("train, val or all", () => KittiScenes.Open(folder.Root, "test"));
        Says("training/image_2", () => KittiScenes.Open(folder["other/x"], "all"));

        static void Says(string what, Action act) => Assert.Contains(what, Assert.Throws<SceneFormatException>(act).Message);
    }

    [Fact]
    public void The_published_frame_is_read()
    {
        Scene scene = KittiScenes.Open(SharedData.Require("perception/kitti/object"), "all").Read(0);
        Assert.Equal([3, 2, 1], scene.Objects.Select(o => o.Class));
        // The lorry of 12.34 m length whose middle is 69.44 m ahead: its rear is 63.3 m away.
        Assert.Equal(63.3f, scene.Objects[0].DistanceMeters, 0.1f);
        Assert.Equal(599.41f / scene.Image.Width, scene.Objects[0].X1, 1e-5f);
    }

    private static TestFolder Sample(string labels)
    {
        var folder = new TestFolder();
        ImageFile.WritePng(new RgbImage(100, 50), folder["training/image_2/000000.png"]);
        File.WriteAllText(folder["training/label_2/000000.txt"], labels);
        File.WriteAllText(folder["training/calib/000000.txt"], Calibration);
        return folder;
    }
}
