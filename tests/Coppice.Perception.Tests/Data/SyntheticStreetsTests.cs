using System.Numerics;
using Coppice.Perception.Data;
using Coppice.Perception.Data.Streets;

namespace Coppice.Perception.Tests.Data;

public sealed class SyntheticStreetsTests
{
    private static readonly Scene[] s_scenes = [.. Enumerable.Range(0, 24).Select(i => new SyntheticStreets(11, 100, 256, 128).Read(i))];

    [Fact]
    public void The_same_seed_and_index_give_the_same_street_in_any_order_and_on_any_thread()
    {
        var set = new SyntheticStreets(11, 100, 256, 128);
        Parallel.For(0, 6, i =>
        {
            Scene again = set.Read(5 - i), first = s_scenes[5 - i];
            Assert.Equal(first.Image.Pixels, again.Image.Pixels);
            Assert.Equal(first.Labels, again.Labels);
            Assert.Equal(first.Objects, again.Objects);
        });
        Assert.NotEqual(s_scenes[0].Image.Pixels, s_scenes[1].Image.Pixels);
        Assert.NotEqual(s_scenes[0].Image.Pixels, new SyntheticStreets(12, 100, 256, 128).Read(0).Image.Pixels);
        Assert.Equal(3, new[] { "train", "val", "test" }.Select(SyntheticStreets.SeedOf).Distinct().Count());
        Assert.Throws<ArgumentException>(() => SyntheticStreets.SeedOf("dev"));
    }

    [Fact]
    public void A_street_does_not_depend_on_the_size_of_its_picture()
    {
        Scene large = new SyntheticStreets(11, 100, 512, 256).Read(3), small = s_scenes[3];
        // The same classes lie in the same places, but for pixels on edges.
        int same = Enumerable.Range(0, 256 * 128).Count(i => small.Labels![i] == large.Labels![2 * (i / 256) * 512 + 2 * (i % 256)]);
        Assert.InRange((double)same / (256 * 128), 0.93, 1);
    }

    [Fact]
    public void Every_box_spans_pixels_of_its_class_to_its_edges()
    {
        int boxes = 0;
        foreach (Scene scene in s_scenes)
        {
            foreach (SceneObject o in scene.Objects)
            {
                boxes++;
                byte label = (byte)(11 + o.Class);
                int left = (int)MathF.Round(o.X1 * 256), top = (int)MathF.Round(o.Y1 * 128), right = (int)MathF.Round(o.X2 * 256) - 1, bottom = (int)MathF.Round(o.Y2 * 128) - 1;
                Assert.InRange(left, 0, right);
                Assert.InRange(top, 0, bottom);
                Assert.True(right < 256 && bottom < 128);
                int[] columns = [.. Enumerable.Range(left, right - left + 1)], rows = [.. Enumerable.Range(top, bottom - top + 1)];
                Assert.Contains(rows, y => scene.Labels![y * 256 + left] == label);
                Assert.Contains(rows, y => scene.Labels![y * 256 + right] == label);
                Assert.Contains(columns, x => scene.Labels![top * 256 + x] == label);
                Assert.Contains(columns, x => scene.Labels![bottom * 256 + x] == label);
            }
        }

        Assert.InRange(boxes, 50, 1000);
    }

    [Fact]
    public void Labels_and_objects_are_of_the_named_classes_and_most_of_them_occur()
    {
        HashSet<byte> labels = [.. s_scenes.SelectMany(scene => scene.Labels!)];
        Assert.All(labels, label => Assert.InRange(label, 0, 18));
        byte[] expected = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        Assert.Superset(expected.ToHashSet(), labels);
        HashSet<int> kinds = [.. s_scenes.SelectMany(scene => scene.Objects).Select(o => o.Class)];
        Assert.Superset(new HashSet<int> { 0, 1, 2, 3, 4 }, kinds);
        Assert.All(s_scenes.SelectMany(scene => scene.Objects), o => Assert.InRange(o.DistanceMeters, 0.1f, 160));
    }

    [Fact]
    public void A_nearer_person_is_higher_in_the_picture_by_the_law_of_the_pinhole()
    {
        // A person of 1.55 to 1.93 m (a child of 1.05 to 1.4) at d metres is f * height / d pixels high, unless something hides a part.
        var set = new SyntheticStreets(21, 1000, 512, 256);
        var ratios = new List<float>();
        for (int i = 0; i < 40; i++)
        {
            foreach (SceneObject o in set.Read(i).Objects.Where(o => o.Class == 0 && o.X1 > 0.02f && o.X2 < 0.98f && o.Y2 < 0.97f && o.DistanceMeters < 30))
                ratios.Add((o.Y2 - o.Y1) * 256 * o.DistanceMeters / (SyntheticStreets.FocalLength * 512));
        }

        Assert.True(ratios.Count > 20);
        Assert.All(ratios, meters => Assert.InRange(meters, 0.2f, 2.1f));
        ratios.Sort();
        Assert.InRange(ratios[ratios.Count / 2], 1.3f, 1.95f);
    }

    [Fact]
    public void A_wall_at_a_known_place_covers_exactly_the_pixels_that_geometry_says()
    {
        var camera = new StreetCamera(64, 32, 64, 1.5f, 0, 0, 0);
        var random = new SceneRandom(1, 1);
        var world = new StreetWorld(camera, StreetConditions.Draw(ref random));
        int index = world.AddObject(2, 8);
        // Two metres wide and one and a half high, its foot on the ground, ten metres ahead: 64 * 2 / 10 = 12.8 by 9.6 pixels.
        world.Add(new WallSurface(Vector3.One, false, 1) { Label = 13, Object = index }, new(-1, 0, 10), new(2, 0, 0), new(0, 1.5f, 0));
        // A wall before it that hides its left half.
        world.Add(new WallSurface(Vector3.One, false, 1) { Label = 3 }, new(-5, 0, 5), new(5, 0, 0), new(0, 3, 0));

        Scene scene = new StreetRenderer(64, 32).Draw(world, 1, new(0.25f, 1, 1, 1), ref random);

        SceneObject found = Assert.Single(scene.Objects);
        // Middles from 32 to 32 + 6.4 columns and from the horizon, row 16, down to 25.6.
        Assert.Equal((32 / 64f, 16 / 32f, 38 / 64f, 26 / 32f), (found.X1, found.Y1, found.X2, found.Y2));
        Assert.Equal(3, scene.Labels![20 * 64 + 31]);
        Assert.Equal(13, scene.Labels[20 * 64 + 32]);
        Assert.Equal(10, scene.Labels[2 * 64 + 60]);
        Assert.Empty(new StreetRenderer(64, 32).Draw(world, 1, new(0.75f, 1, 1, 1), ref random).Objects);
        Assert.Empty(new StreetRenderer(64, 32).Draw(world, 1, new(0.25f, 1, 11, 1), ref random).Objects);
    }

    [Fact]
    public void More_rays_make_smoother_colours_and_leave_the_labels()
    {
        Scene one = new SyntheticStreets(11, 10, 128, 64).Read(2), many = new SyntheticStreets(11, 10, 128, 64, 4).Read(2);
        Assert.Equal(one.Labels, many.Labels);
        Assert.Equal(one.Objects, many.Objects);
        Assert.NotEqual(one.Image.Pixels, many.Image.Pixels);
    }

    [Fact]
    public void A_least_height_takes_boxes_away_and_changes_nothing_else()
    {
        Scene all = new SyntheticStreets(11, 10, 256, 128).Read(3), near = new SyntheticStreets(11, 10, 256, 128) { LeastHeight = 0.15f }.Read(3);
        Assert.Equal(all.Image.Pixels, near.Image.Pixels);
        Assert.Equal(all.Labels, near.Labels);
        Assert.Equal(all.Objects.Where(o => (o.Y2 - o.Y1) * 128 > 19.5f), near.Objects);
        Assert.InRange(near.Objects.Count, 1, all.Objects.Count - 1);
    }

    [Fact]
    public void Sizes_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new SyntheticStreets(1, 1, 15, 100));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SyntheticStreets(1, 1, 100, 5000));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SyntheticStreets(1, 0, 100, 100));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SyntheticStreets(1, 5, 100, 100).Read(5));
    }

    [Fact]
    public void Boxes_of_parked_cars_stand_on_the_ground_at_their_distance()
    {
        float near = VehicleBuilder.Meters(3, 10, new(0, 0, 1), new(1, 0, 0), 4, 2);
        Assert.Equal(MathF.Sqrt(2 * 2 + 8 * 8), near, 1e-5f);
        Assert.Equal(0, VehicleBuilder.Meters(0.5f, 1, new(0, 0, 1), new(1, 0, 0), 4, 2));
    }
}
