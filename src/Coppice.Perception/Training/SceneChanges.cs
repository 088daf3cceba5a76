using Coppice.Perception.Data;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Training;

/// <summary>How scenes are changed at random in training.</summary>
internal static class SceneChanges
{
    /// <summary>The changes of a stage: none if its scale is 1 alone, else those of <see cref="SceneAugmentation"/> in milder form, for streets that are seen upright.</summary>
    /// <param name="stage">Scales.</param>
    /// <param name="config">The size.</param>
    /// <param name="jitter">How far colours are changed.</param>
    public static SceneBatches.SceneChange Of(PerceptionStage stage, PerceptionConfig config, double jitter)
    {
        if (stage.MinScale == 1 && stage.MaxScale == 1) return (Scene scene, ref SceneRandom _) => scene;
        var augmentation = new SceneAugmentation
        {
            Degrees = 2,
            MinScale = stage.MinScale,
            MaxScale = stage.MaxScale,
            MinAspect = 0.9,
            MaxAspect = 1.1,
            ColorJitter = jitter,
            LeastBoxArea = config.Width * config.Height / 2600f,
            LeastBoxShare = 0.25f,
        };
        return (Scene scene, ref SceneRandom random) => augmentation.Apply(scene, ref random, config.Width, config.Height);
    }
}
