using Coppice.Perception.Data;
using Coppice.Perception.Detection;

namespace Coppice.Perception.Tests.Detection;

public sealed class TargetAssignmentTests
{
    [Theory]
    [InlineData(1024, 512)]
    [InlineData(640, 320)]
    [InlineData(480, 360)]
    [InlineData(100, 40)]
    public void Anchors_lie_in_order_where_the_rules_put_them(int width, int height)
    {
        var anchors = new Anchors(width, height);
        List<(float X, float Y, float Width, float Height)> slow = SlowDetection.AnchorsOf(width, height);
        Assert.Equal(slow.Count, anchors.Count);
        for (int a = 0; a < slow.Count; a++)
            Assert.Equal(slow[a], (anchors.CenterX[a], anchors.CenterY[a], anchors.Width[a], anchors.Height[a]));
    }

    [Fact]
    public void The_first_anchors_of_the_paper_s_size_are_these()
    {
        // 32 rows, 64 columns: half as wide as high, squares in pixels; then sqrt(2) wider and flatter, and the other way round.
        var anchors = new Anchors(1024, 512);
        float[][] expected = [[.05f, .1f], [.0705f, .141f], [.0707107f, .0707107f], [.0353553f, .1414214f]];
        for (int a = 0; a < 4; a++)
        {
            Assert.Equal(1 / 128f, anchors.CenterX[a], 1e-6f);
            Assert.Equal(1 / 64f, anchors.CenterY[a], 1e-6f);
            Assert.Equal(expected[a][0], anchors.Width[a], 1e-6f);
            Assert.Equal(expected[a][1], anchors.Height[a], 1e-6f);
        }

        Assert.Equal(3 / 128f, anchors.CenterX[4], 1e-6f);
        Assert.Equal(0.961f, anchors.Height[12_264 - 3], 1e-6f);
        Assert.Equal(0.75f, anchors.CenterX[12_264 - 1], 1e-6f);
    }

    [Theory]
    [InlineData(160, 96, 1)]
    [InlineData(160, 96, 2)]
    [InlineData(256, 128, 3)]
    [InlineData(64, 64, 4)]
    public void Targets_are_those_of_the_slow_implementation(int width, int height, int seed)
    {
        var random = new Random(seed);
        var assignment = new TargetAssignment(new Anchors(width, height));
        List<(float, float, float, float)> slow = SlowDetection.AnchorsOf(width, height);
        int count = slow.Count;
        for (int round = 0; round < 8; round++)
        {
            SceneObject[] objects = [.. Enumerable.Range(0, random.Next(13)).Select(_ => RandomObject(random))];
            var classes = new long[count];
            float[] boxes = new float[count * 5], mask = new float[count * 5];
            assignment.Assign(objects, true, classes, boxes, mask);
            (long[] expected, int[] taken) = SlowDetection.Assign(slow, objects);
            Assert.Equal(expected, classes);
            for (int a = 0; a < count; a++)
            {
                float[] code = taken[a] < 0 ? new float[5] : SlowDetection.Code(slow[a], objects[taken[a]]);
                bool far = taken[a] >= 0 && float.IsNaN(code[4]);
                if (far) code[4] = 0;
                for (int i = 0; i < 5; i++)
                {
                    Assert.Equal(code[i], boxes[(a * 5) + i], 1e-4f);
                    Assert.Equal(taken[a] < 0 || (i == 4 && far) ? 0 : 1, mask[(a * 5) + i]);
                }
            }
        }
    }

    [Fact]
    public void An_object_that_is_an_anchor_takes_it_with_a_code_of_zeros_and_its_distance()
    {
        var anchors = new Anchors(1024, 512);
        const int Anchor = 9_000;
        float x = anchors.CenterX[Anchor], y = anchors.CenterY[Anchor], w = anchors.Width[Anchor] / 2, h = anchors.Height[Anchor] / 2;
        (long[] classes, float[] boxes, float[] mask) = Assign(anchors, [new(2, x - w, y - h, x + w, y + h, 51)], true);
        Assert.Equal(3, classes[Anchor]);
        for (int i = 0; i < 4; i++) Assert.Equal(0, boxes[(Anchor * 5) + i], 1e-4f);
        Assert.Equal(2, boxes[(Anchor * 5) + 4], 1e-6f); // 51 / 255 / 0.1
        Assert.Equal([1f, 1, 1, 1, 1], mask[(Anchor * 5)..((Anchor * 5) + 5)]);
    }

    [Fact]
    public void An_object_smaller_than_every_anchor_still_takes_one_and_two_never_share_it()
    {
        var anchors = new Anchors(1024, 512);
        SceneObject small = new(0, 0.5f, 0.5f, 0.503f, 0.506f, 10);
        (long[] classes, _, _) = Assign(anchors, [small, small with { Class = 1 }, small with { Class = 2 }], true);
        Assert.Equal([1L, 2, 3], classes.Where(c => c > 0).Order());
    }

    [Fact]
    public void Unknown_distances_and_networks_without_distance_leave_the_fifth_number_out()
    {
        var anchors = new Anchors(256, 128);
        foreach ((float distance, bool with) in ((float, bool)[])[(float.NaN, true), (30, false)])
        {
            (long[] classes, float[] boxes, float[] mask) = Assign(anchors, [new(0, 0.2f, 0.2f, 0.4f, 0.7f, distance)], with);
            int anchor = Array.FindIndex(classes, c => c == 1);
            Assert.Equal([1f, 1, 1, 1, 0], mask[(anchor * 5)..((anchor * 5) + 5)]);
            Assert.Equal(0, boxes[(anchor * 5) + 4]);
        }
    }

    [Fact]
    public void Without_objects_or_with_one_without_area_all_anchors_are_background()
    {
        var anchors = new Anchors(256, 128);
        Assert.All(Assign(anchors, [], true).Classes, c => Assert.Equal(0, c));
        Assert.All(Assign(anchors, [new(0, 0.5f, 0.5f, 0.5f, 0.6f, 1)], true).Classes, c => Assert.Equal(0, c));
    }

    [Fact]
    public void What_was_assigned_before_leaves_no_trace()
    {
        var anchors = new Anchors(256, 128);
        var assignment = new TargetAssignment(anchors);
        var classes = new long[anchors.Count];
        float[] boxes = new float[anchors.Count * 5], mask = new float[anchors.Count * 5];
        assignment.Assign([new(1, 0, 0, 1, 1, 5), new(2, 0.1f, 0.1f, 0.5f, 0.5f, 5)], true, classes, boxes, mask);
        assignment.Assign([new(1, 0.6f, 0.6f, 0.9f, 0.9f, 5)], true, classes, boxes, mask);
        (long[] fresh, float[] freshBoxes, float[] freshMask) = Assign(anchors, [new(1, 0.6f, 0.6f, 0.9f, 0.9f, 5)], true);
        Assert.Equal(fresh, classes);
        Assert.Equal(freshBoxes, boxes);
        Assert.Equal(freshMask, mask);
    }

    private static (long[] Classes, float[] Boxes, float[] Mask) Assign(Anchors anchors, SceneObject[] objects, bool withDistance)
    {
        var classes = new long[anchors.Count];
        float[] boxes = new float[anchors.Count * 5], mask = new float[anchors.Count * 5];
        new TargetAssignment(anchors).Assign(objects, withDistance, classes, boxes, mask);
        return (classes, boxes, mask);
    }

    private static SceneObject RandomObject(Random random)
    {
        float width = 0.01f + (random.NextSingle() * random.NextSingle() * 0.9f), height = 0.01f + (random.NextSingle() * random.NextSingle() * 0.9f);
        float x = random.NextSingle() * (1 - width), y = random.NextSingle() * (1 - height);
        return new(random.Next(8), x, y, x + width, y + height, random.Next(4) == 0 ? float.NaN : 200 * random.NextSingle());
    }
}
