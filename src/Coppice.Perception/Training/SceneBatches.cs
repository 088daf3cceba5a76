using Coppice.Graphs;
using Coppice.Perception.Data;
using Coppice.Perception.Detection;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Training;

/// <summary>Images and targets of a batch, as <see cref="MultiTaskGraph"/> takes them.</summary>
internal sealed class SceneBatch
{
    public SceneBatch(MultiTaskGraph graph)
    {
        Image = new float[graph.Image.Shape.Count];
        Classes = new long[graph.Loss.ClassTargets?.Shape.Count ?? 0];
        Boxes = new float[graph.Loss.BoxTargets?.Shape.Count ?? 0];
        BoxMask = new float[Boxes.Length];
        Labels = new long[graph.Loss.LabelTargets?.Shape.Count ?? 0];
    }

    public float[] Image { get; }

    public long[] Classes { get; }

    public float[] Boxes { get; }

    public float[] BoxMask { get; }

    public long[] Labels { get; }
}

/// <summary>
/// The batches of a training: scenes in drawn order, each changed at random, with the targets of its anchors and pixels. What a batch holds
/// depends on its step alone. Arrays are used again after three batches.
/// </summary>
internal sealed class SceneBatches
{
    private const int ChangeStream = 13;

    private readonly ISceneSet _scenes;
    private readonly PerceptionConfig _config;
    private readonly int _batch;
    private readonly ulong _seed;
    private readonly Shape _labels;
    private readonly bool _phases;
    private readonly SceneOrder _order;
    private readonly TargetAssignment _assignment;
    private readonly SceneBatch[] _kept;
    private readonly SceneAugmentation _change;

    /// <summary>Batches of a training.</summary>
    /// <param name="scenes">What is learned.</param>
    /// <param name="config">The network.</param>
    /// <param name="graph">What takes the batches.</param>
    /// <param name="seed">Another seed, another order and other changes.</param>
    /// <param name="change">How scenes are changed.</param>
    public SceneBatches(ISceneSet scenes, PerceptionConfig config, MultiTaskGraph graph, int seed, SceneAugmentation change)
    {
        (_scenes, _config, _seed, _change) = (scenes, config, (ulong)seed, change);
        _batch = graph.Image.Shape[0];
        _phases = graph.Phases is not null;
        _labels = graph.Loss.LabelTargets?.Shape ?? default;
        _order = new SceneOrder(scenes.Count, _seed);
        _assignment = new TargetAssignment(new Anchors(config.Width, config.Height));
        _kept = [.. Enumerable.Range(0, 3).Select(_ => new SceneBatch(graph))];
    }

    /// <summary>Makes the batch of a step.</summary>
    public SceneBatch Make(long step)
    {
        SceneBatch batch = _kept[step % _kept.Length];
        for (int i = 0; i < _batch; i++)
        {
            long image = (step * _batch) + i;
            var random = new SceneRandom(_seed, image, ChangeStream);
            Write(_change.Apply(_scenes.Read(_order.At(image)), ref random, _config.Width, _config.Height), step, batch, i);
        }

        return batch;
    }

    private void Write(Scene scene, long step, SceneBatch batch, int i)
    {
        int pixels = 3 * _config.Width * _config.Height;
        WriteImage(scene.Image, batch.Image.AsSpan(i * pixels, pixels));
        if (_config.Detects)
        {
            int anchors = _assignment.Anchors.Count, values = anchors * BoxCoding.Values;
            _assignment.Assign(
                scene.Objects,
                _config.Tasks.HasFlag(PerceptionTasks.Distance),
                batch.Classes.AsSpan(i * anchors, anchors),
                batch.Boxes.AsSpan(i * values, values),
                batch.BoxMask.AsSpan(i * values, values));
        }

        if (_config.Segments) WriteLabels(scene, step, batch.Labels.AsSpan(i * _labels[1] * _labels[2], _labels[1] * _labels[2]));
    }

    /// <summary>Pixels as planes of numbers from 0 to 255.</summary>
    public static void WriteImage(RgbImage image, Span<float> planes)
    {
        int plane = image.Width * image.Height;
        Span<float> red = planes[..plane], green = planes.Slice(plane, plane), blue = planes.Slice(2 * plane, plane);
        ReadOnlySpan<byte> pixels = image.Pixels;
        for (int i = 0; i < plane; i++) (red[i], green[i], blue[i]) = (pixels[3 * i], pixels[(3 * i) + 1], pixels[(3 * i) + 2]);
    }

    /// <summary>The labels of the step's phase, or the one nearest to the middle of each of fewer cells.</summary>
    private void WriteLabels(Scene scene, long step, Span<long> to)
    {
        byte[] labels = scene.Labels ?? throw new GraphException("a scene without labels of pixels; expected labels, or tasks without segmentation");
        int rows = _labels[1], columns = _labels[2], at = 0;
        (int down, int right) = PixelPhases.Of(step);
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<byte> line = labels.AsSpan(Place(row, rows, down, scene.Image.Height) * scene.Image.Width, scene.Image.Width);
            for (int column = 0; column < columns; column++) to[at++] = line[Place(column, columns, right, scene.Image.Width)];
        }

        int Place(int cell, int cells, int phase, int pixels) =>
            _phases ? PixelPhases.Pixel(cell, phase, pixels) : ((2 * cell) + 1) * pixels / (2 * cells);
    }
}
