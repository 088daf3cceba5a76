using Coppice.Perception.Data;
using Coppice.Perception.Detection;

namespace Coppice.Perception.Evaluation;

/// <summary>Measures answers to a set of scenes, each at the full size of its labels.</summary>
public sealed class SceneEvaluation
{
    private readonly ISceneSet _set;
    private readonly List<FrameScore> _frames = [];

    /// <summary>Nothing measured yet.</summary>
    /// <param name="set">The scenes.</param>
    /// <param name="withObjects">Whether boxes are answered.</param>
    /// <param name="withLabels">Whether the classes of pixels are answered.</param>
    public SceneEvaluation(ISceneSet set, bool withObjects, bool withLabels)
    {
        ArgumentNullException.ThrowIfNull(set);
        _set = set;
        if (withObjects && set.ObjectClasses.Count > 0) Detection = new(set.ObjectClasses.Count);
        if (withLabels && set.LabelClasses.Count > 0) Pixels = new(set.LabelClasses.Count);
    }

    /// <summary>Boxes and distances; null where the set has none or none are answered.</summary>
    public DetectionScores? Detection { get; }

    /// <summary>Classes of pixels; null where the set has none or none are answered.</summary>
    public ConfusionMatrix? Pixels { get; }

    /// <summary>Each measured frame.</summary>
    public IReadOnlyList<FrameScore> Frames => _frames;

    /// <summary>Reads scenes in order and measures the answers, until the end or until it is cancelled.</summary>
    /// <param name="answer">Answers a picture.</param>
    /// <param name="limit">The most scenes to measure.</param>
    /// <param name="measured">Told after each scene how many are done.</param>
    /// <param name="cancel">Ends the work early; what is done counts.</param>
    /// <returns>Whether all were measured.</returns>
    /// <exception cref="SceneFormatException">A file of a scene can't be used.</exception>
    public bool Run(Func<RgbImage, SceneAnswer> answer, int limit, Action<int>? measured, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(answer);
        int count = Math.Min(limit, _set.Count);
        for (int index = _frames.Count; index < count; index++)
        {
            if (cancel.IsCancellationRequested) return false;
            Scene scene = _set.Read(index);
            Add(index, scene, answer(scene.Image));
            measured?.Invoke(index + 1);
        }

        return true;
    }

    /// <summary>Adds one scene's answer.</summary>
    /// <param name="index">The scene's index in the set.</param>
    /// <param name="scene">The scene.</param>
    /// <param name="answer">What was found in its picture.</param>
    public void Add(int index, Scene scene, SceneAnswer answer)
    {
        ArgumentNullException.ThrowIfNull(scene);
        ArgumentNullException.ThrowIfNull(answer);
        double iou = double.NaN;
        if (Pixels is not null && scene.Labels is { } labels && answer.Labels is { } given)
        {
            var frame = new ConfusionMatrix(Pixels.Classes);
            frame.Add(labels, given);
            Pixels.Add(frame);
            iou = frame.MeanIou;
        }

        (int right, int wrong, int missed) = (0, 0, 0);
        if (Detection is not null)
        {
            Func<float, float, float, float, float>? distances = (_set as IBoxDistances)?.DistancesOf(index);
            (right, wrong, missed) = Detection.Add(scene.Objects, answer.Objects, distances is null ? null : InBox);

            float InBox(DetectedObject find) => distances(find.X1, find.Y1, find.X2, find.Y2);
        }

        _frames.Add(new(index, iou, right, wrong, missed));
    }
}
