using Coppice.Perception.Data;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Training;

/// <summary>How scenes are changed for training and for measuring.</summary>
internal static class SceneChanges
{
    // The authors drop boxes of less than 100 pixels at 1024x512; smaller images have smaller boxes.
    private const float LeastBox = 100f / (1024 * 512);

    /// <summary>
    /// The changes of a stage: the paper's, with the stage's scales; none but the size if its scales are both 1; mirrored scenes alone if
    /// the recipe says so.
    /// </summary>
    /// <param name="stage">Size and scales.</param>
    /// <param name="recipe">How far colours are changed.</param>
    public static SceneAugmentation Of(PerceptionStage stage, PerceptionRecipe recipe)
    {
        if (recipe.MirrorOnly) return SceneAugmentation.None with { Flip = 0.5 };
        if (stage is { MinScale: 1, MaxScale: 1 }) return SceneAugmentation.None;
        return new SceneAugmentation
        {
            MinScale = stage.MinScale,
            MaxScale = stage.MaxScale,
            ColorJitter = recipe.ColorJitter,
            LeastBoxArea = LeastBox * stage.Width * stage.Height,
        };
    }

    /// <summary>A scene at the network's size.</summary>
    public static Scene Sized(Scene scene, PerceptionConfig config)
    {
        if (scene.Image.Width == config.Width && scene.Image.Height == config.Height) return scene;
        var none = new SceneRandom(0, 0);
        return SceneAugmentation.None.Apply(scene, ref none, config.Width, config.Height);
    }
}
