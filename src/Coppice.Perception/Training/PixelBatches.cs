using Coppice.Perception.Data;

namespace Coppice.Perception.Training;

/// <summary>Images and labels of a batch.</summary>
/// <param name="Image">[batch, 3, height, width].</param>
/// <param name="Labels">[batch, height / 2, width / 2].</param>
internal sealed record PixelBatch(float[] Image, int[] Labels);

/// <summary>
/// The batches of a stage: scenes in an order that is drawn anew for each pass, each cut by <see cref="PixelAugmentation"/>. Arrays are used
/// again after three batches.
/// </summary>
internal sealed class PixelBatches
{
    private const int OrderStream = 11, CropStream = 12;

    private readonly IReadOnlyList<Scene> _scenes;
    private readonly PerceptionStage _stage;
    private readonly ulong _seed;
    private readonly long _firstStep;
    private readonly long _firstImage;
    private readonly PixelAugmentation _augmentation;
    private readonly PixelBatch[] _kept;
    private long _pass = -1;
    private int[] _order = [];

    /// <summary>Batches of a stage.</summary>
    /// <param name="scenes">All scenes, decoded.</param>
    /// <param name="recipe">Seed and colours.</param>
    /// <param name="stage">Sizes.</param>
    /// <param name="firstStep">Steps before the stage.</param>
    /// <param name="firstImage">Images before the stage.</param>
    public PixelBatches(IReadOnlyList<Scene> scenes, PerceptionRecipe recipe, PerceptionStage stage, long firstStep, long firstImage)
    {
        (_scenes, _stage, _seed, _firstStep, _firstImage) = (scenes, stage, (ulong)recipe.Seed, firstStep, firstImage);
        _augmentation = new PixelAugmentation(stage.Width, stage.Height, stage.MinScale, stage.MaxScale, recipe.ColorJitter);
        _kept = [.. Enumerable.Range(0, 3).Select(_ => new PixelBatch(
            new float[stage.Batch * 3 * stage.Height * stage.Width], new int[stage.Batch * (stage.Height / 2) * (stage.Width / 2)]))];
    }

    /// <summary>Makes the batch of a step, counted over all stages.</summary>
    public PixelBatch Make(long step)
    {
        PixelBatch batch = _kept[step % _kept.Length];
        int pixels = _stage.Width * _stage.Height;
        (int Row, int Column) phase = PixelPhases.Of(step);
        long first = _firstImage + ((step - _firstStep) * _stage.Batch);
        for (int i = 0; i < _stage.Batch; i++)
        {
            var random = new SceneRandom(_seed, first + i, CropStream);
            _augmentation.Write(
                _scenes[Scene(first + i)], random, phase, batch.Image.AsSpan(i * 3 * pixels, 3 * pixels), batch.Labels.AsSpan(i * pixels / 4, pixels / 4));
        }

        return batch;
    }

    /// <summary>The scene of an image of the training.</summary>
    private int Scene(long image)
    {
        long pass = image / _scenes.Count;
        if (pass != _pass)
        {
            _pass = pass;
            _order = [.. Enumerable.Range(0, _scenes.Count)];
            var random = new SceneRandom(_seed, pass, OrderStream);
            for (int i = _order.Length - 1; i > 0; i--)
            {
                int other = random.Below(i + 1);
                (_order[i], _order[other]) = (_order[other], _order[i]);
            }
        }

        return _order[image % _scenes.Count];
    }
}
