using Coppice.Perception.Data;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Training;

/// <summary>How scenes are changed for training and for measuring.</summary>
internal static class SceneChanges
{
    /// <summary>
    /// The changes of a stage: none if its scale is 1 alone, else those of <see cref="SceneAugmentation"/> in milder form, for streets that
    /// are seen upright; or mirrored scenes alone, if the recipe says so.
    /// </summary>
    /// <param name="stage">Size and scales.</param>
    /// <param name="recipe">How far colours are changed.</param>
    public static SceneAugmentation Of(PerceptionStage stage, PerceptionRecipe recipe)
    {
        if (recipe.MirrorOnly) return SceneAugmentation.None with { Flip = 0.5 };
        if (stage is { MinScale: 1, MaxScale: 1 }) return SceneAugmentation.None;
        return new SceneAugmentation
        {
            Degrees = 2,
            MinScale = stage.MinScale,
            MaxScale = stage.MaxScale,
            MinAspect = 0.9,
            MaxAspect = 1.1,
            ColorJitter = recipe.ColorJitter,
            LeastBoxArea = stage.Width * stage.Height / 2600f,
            LeastBoxShare = 0.25f,
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
