namespace Coppice.Perception.Evaluation;

/// <summary>How well one frame was seen.</summary>
/// <param name="Index">The scene.</param>
/// <param name="MeanIou">Mean IoU over the classes of this frame; NaN where pixels have none.</param>
/// <param name="Right">Objects that were found.</param>
/// <param name="Wrong">Finds that are none.</param>
/// <param name="Missed">Objects that were not found.</param>
public sealed record FrameScore(int Index, double MeanIou, int Right, int Wrong, int Missed)
{
    /// <summary>2 right / (2 right + wrong + missed); NaN where there is nothing to find and nothing was found.</summary>
    public double F1 => 2.0 * Right / (2 * Right + Wrong + Missed);

    /// <summary>Mean of the two that there are.</summary>
    public double Summary => ((double[])[MeanIou, F1]).Where(double.IsFinite).DefaultIfEmpty(double.NaN).Average();
}
