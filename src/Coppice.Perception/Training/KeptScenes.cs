using Coppice.Graphs;
using Coppice.Perception.Data;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Training;

/// <summary>Scenes that are read once and kept, as many as fit into a bound of memory; the rest are read each time.</summary>
internal sealed class KeptScenes : ISceneSet
{
    private const long MostBytes = 1L << 30;

    private readonly ISceneSet _set;
    private readonly Scene?[] _scenes;
    private long _bytes;

    /// <summary>Keeps scenes of a set.</summary>
    /// <param name="set">The set.</param>
    /// <param name="config">The network whose tasks the scenes must know the answers of.</param>
    /// <exception cref="GraphException">The set has no boxes or no labels, and the tasks need them.</exception>
    public KeptScenes(ISceneSet set, PerceptionConfig config)
    {
        _set = set;
        _scenes = new Scene?[set.Count];
        if (config.Detects && !set.ObjectClasses.SequenceEqual(config.ObjectClasses))
            throw new GraphException($"{set.Name}: its boxes are of the classes ({string.Join(", ", set.ObjectClasses)}); expected ({string.Join(", ", config.ObjectClasses)})");
        if (config.Segments && !set.LabelClasses.SequenceEqual(config.LabelClasses))
            throw new GraphException($"{set.Name}: its pixels are of the classes ({string.Join(", ", set.LabelClasses)}); expected ({string.Join(", ", config.LabelClasses)})");
    }

    /// <inheritdoc/>
    public string Name => _set.Name;

    /// <inheritdoc/>
    public int Count => _scenes.Length;

    /// <inheritdoc/>
    public IReadOnlyList<string> ObjectClasses => _set.ObjectClasses;

    /// <inheritdoc/>
    public IReadOnlyList<string> LabelClasses => _set.LabelClasses;

    /// <inheritdoc/>
    public Scene Read(int index)
    {
        if (_scenes[index] is { } kept) return kept;
        Scene scene = _set.Read(index);
        long bytes = scene.Image.Pixels.Length + (scene.Labels?.Length ?? 0);
        if (Interlocked.Add(ref _bytes, bytes) > MostBytes) Interlocked.Add(ref _bytes, -bytes);
        else _scenes[index] = scene;
        return scene;
    }
}
