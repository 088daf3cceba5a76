using Coppice.Perception.Data;
using Coppice.Perception.Detection;
using Coppice.Perception.Networks;
using Coppice.Perception.Training;

namespace Coppice.Perception.Tests.Training;

public sealed class SceneBatchesTests
{
    private const int Width = 96, Height = 64, Batch = 2;

    [Fact]
    public void A_batch_holds_the_images_targets_and_labels_of_its_scenes()
    {
        (BlockScenes scenes, MultiTaskGraph graph, PerceptionConfig config) = Case();
        var batches = new SceneBatches(scenes, config, graph, 1, SceneAugmentation.None);
        var order = new SceneOrder(scenes.Count, 1);
        SceneBatch batch = batches.Make(2);
        var anchors = new Anchors(Width, Height);
        for (int i = 0; i < Batch; i++)
        {
            Scene scene = scenes.Read(order.At((2 * Batch) + i));
            foreach ((int x, int y, int c) in ((int, int, int)[])[(0, 0, 0), (50, 31, 1), (95, 63, 2), (20, 40, 0)])
                Assert.Equal(scene.Image.Pixels[(((y * Width) + x) * 3) + c], batch.Image[(((((i * 3) + c) * Height) + y) * Width) + x]);
            var classes = new long[anchors.Count];
            float[] boxes = new float[anchors.Count * 5], mask = new float[anchors.Count * 5];
            new TargetAssignment(anchors).Assign(scene.Objects, true, classes, boxes, mask);
            Assert.Equal(classes, batch.Classes[(i * anchors.Count)..((i + 1) * anchors.Count)]);
            Assert.Equal(boxes, batch.Boxes[(i * boxes.Length)..((i + 1) * boxes.Length)]);
            Assert.Equal(mask, batch.BoxMask[(i * mask.Length)..((i + 1) * mask.Length)]);
            // The third step learns the lower left label of each 2x2 block.
            for (int at = 0; at < Width * Height / 4; at++)
                Assert.Equal(scene.Labels![((((at / (Width / 2)) * 2) + 1) * Width) + ((at % (Width / 2)) * 2)], batch.Labels[(i * Width * Height / 4) + at]);
        }
    }

    [Fact]
    public void A_batch_depends_on_its_step_alone()
    {
        (BlockScenes scenes, MultiTaskGraph graph, PerceptionConfig config) = Case();
        SceneAugmentation change = SceneChanges.Of(new PerceptionStage { Width = Width, Height = Height }, new PerceptionRecipe());
        SceneBatches one = new(scenes, config, graph, 1, change), other = new(scenes, config, graph, 1, change);
        for (long step = 0; step < 5; step++) one.Make(step);
        SceneBatch late = one.Make(7), early = other.Make(7);
        Assert.Equal(late.Image, early.Image);
        Assert.Equal(late.Classes, early.Classes);
        Assert.Equal(late.Boxes, early.Boxes);
        Assert.Equal(late.Labels, early.Labels);
        Assert.NotEqual(late.Image, new SceneBatches(scenes, config, graph, 2, change).Make(7).Image);
    }

    [Fact]
    public void Each_pass_takes_every_scene_once_in_an_order_of_its_own()
    {
        var order = new SceneOrder(50, 3);
        int[] first = [.. Enumerable.Range(0, 50).Select(i => order.At(i))], second = [.. Enumerable.Range(50, 50).Select(i => order.At(i))];
        Assert.Equal(Enumerable.Range(0, 50), first.Order());
        Assert.Equal(Enumerable.Range(0, 50), second.Order());
        Assert.NotEqual(first, second);
        Assert.Equal(first[7], order.At(7));
    }

    [Fact]
    public void Scenes_of_another_size_are_brought_to_the_network_s()
    {
        (_, MultiTaskGraph graph, PerceptionConfig config) = Case();
        var larger = new BlockScenes(3, 2 * Width, 2 * Height);
        SceneBatch batch = new SceneBatches(larger, config, graph, 1, SceneAugmentation.None).Make(0);
        // Blocks keep their share of the pixels.
        byte[] labels = larger.Read(new SceneOrder(3, 1).At(0)).Labels!;
        int pixels = Width * Height / 4;
        Assert.Equal(labels.Count(l => l > 0) / (double)labels.Length, batch.Labels[..pixels].Count(l => l > 0) / (double)pixels, 0.02);
    }

    private static (BlockScenes Scenes, MultiTaskGraph Graph, PerceptionConfig Config) Case()
    {
        var set = new BlockScenes(5, Width, Height);
        var config = new PerceptionConfig
        {
            Width = Width, Height = Height, ObjectClasses = set.ObjectClasses, LabelClasses = set.LabelClasses,
        };
        return (set, new MultiTaskGraph(config, Batch, null), config);
    }
}
