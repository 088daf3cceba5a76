using Coppice.Perception.Data;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Training;

/// <summary>How scenes are changed at random in training.</summary>
internal static class SceneChanges
{
    /// <summary>The changes of a stage.</summary>
    public static SceneBatches.SceneChange Of(PerceptionStage stage, PerceptionConfig config)
    {
        _ = config;
        return stage.MinScale == 1 && stage.MaxScale == 1 ? (Scene scene, ref SceneRandom _) => scene : Flip;
    }

    private static Scene Flip(Scene scene, ref SceneRandom random)
    {
        if (!random.Chance(0.5)) return scene;
        int width = scene.Image.Width, height = scene.Image.Height;
        var pixels = new byte[scene.Image.Pixels.Length];
        byte[]? labels = scene.Labels is null ? null : new byte[width * height];
        for (int at = 0; at < width * height; at++)
        {
            int from = (at / width * width) + width - 1 - (at % width);
            scene.Image.Pixels.AsSpan(3 * from, 3).CopyTo(pixels.AsSpan(3 * at));
            if (labels is not null) labels[at] = scene.Labels![from];
        }

        return new Scene(
            new RgbImage(width, height, pixels),
            [.. scene.Objects.Select(o => o with { X1 = 1 - o.X2, X2 = 1 - o.X1 })],
            labels);
    }
}
