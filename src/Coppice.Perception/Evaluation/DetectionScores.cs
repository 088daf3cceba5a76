using Coppice.Perception.Data;
using Coppice.Perception.Detection;

namespace Coppice.Perception.Evaluation;

/// <summary>Collects the objects found in images beside the true ones: mean average precision and the error of distances.</summary>
/// <remarks>
/// <para>A find is right if, of the true objects of its class in its image, the one it overlaps most (intersection over union) it
/// overlaps by at least a half, and no find with a higher score took that one.</para>
/// <para>Distance: the mean of |found - true| / true, and of |found - true|, over finds with a score above
/// <see cref="LeastScoreForDistance"/>; true distances above <see cref="FarthestMeters"/> are left out, as in the authors' measure. Where
/// the data can tell the distance within any box (<see cref="IBoxDistances"/>), every find counts with the distance in its own box, which is
/// what the authors measure; elsewhere right finds count, with the distance of their true object.</para>
/// </remarks>
public sealed class DetectionScores
{
    /// <summary>The least overlap of a right find.</summary>
    public const float LeastOverlap = 0.5f;

    /// <summary>Finds of lower scores have no part in the error of distances.</summary>
    public const float LeastScoreForDistance = 0.25f;

    /// <summary>Objects farther than this have no part in the error of distances.</summary>
    public const float FarthestMeters = 199;

    private readonly List<(float Score, bool IsRight)>[] _finds;
    private readonly int[] _truths;
    private double _shares;
    private double _meters;

    /// <summary>Nothing collected yet.</summary>
    /// <param name="classes">Number of classes.</param>
    public DetectionScores(int classes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        _finds = [.. Enumerable.Range(0, classes).Select(_ => new List<(float, bool)>())];
        _truths = new int[classes];
    }

    /// <summary>Finds that had a part in the error of distances.</summary>
    public int Distances { get; private set; }

    /// <summary>Mean of |found - true| / true, in percent; NaN without any.</summary>
    public double DistanceErrorPercent => 100 * _shares / Distances;

    /// <summary>Mean of |found - true| in metres; NaN without any.</summary>
    public double DistanceErrorMeters => _meters / Distances;

    /// <summary>Mean of <see cref="AveragePrecision.Area"/> over the classes with true objects; NaN where none has.</summary>
    public double MeanAveragePrecision => Mean(curve => curve.Area);

    /// <summary>Mean of <see cref="AveragePrecision.ElevenPoints"/> over the classes with true objects; NaN where none has.</summary>
    public double MeanElevenPoints => Mean(curve => curve.ElevenPoints);

    /// <summary>Precision against recall of a class.</summary>
    /// <param name="index">The class.</param>
    public AveragePrecision Of(int index) => AveragePrecision.Of(_truths[index], _finds[index]);

    /// <summary>Adds an image.</summary>
    /// <param name="truths">Its objects.</param>
    /// <param name="found">What was found in it, in any order.</param>
    /// <param name="distanceIn">The distance within a box, in metres, or NaN; null where the data does not tell.</param>
    /// <returns>How many finds of a score above <see cref="LeastScoreForDistance"/> are right and wrong, and how many objects none of them found.</returns>
    public (int Right, int Wrong, int Missed) Add(IReadOnlyList<SceneObject> truths, IReadOnlyList<DetectedObject> found, Func<DetectedObject, float>? distanceIn = null)
    {
        ArgumentNullException.ThrowIfNull(truths);
        ArgumentNullException.ThrowIfNull(found);
        foreach (SceneObject truth in truths) _truths[truth.Class]++;
        bool[] taken = new bool[truths.Count];
        int right = 0, wrong = 0;
        foreach (DetectedObject find in found.OrderByDescending(find => find.Score))
        {
            int best = Nearest(truths, find);
            bool isRight = best >= 0 && !taken[best];
            _finds[find.Class].Add((find.Score, isRight));
            if (isRight) taken[best] = true;
            if (find.Score <= LeastScoreForDistance) continue;
            if (isRight) right++;
            else wrong++;
            float meters = distanceIn is not null ? distanceIn(find) : isRight ? truths[best].DistanceMeters : float.NaN;
            if (!(meters > 0) || meters > FarthestMeters || !float.IsFinite(find.DistanceMeters)) continue;
            _shares += Math.Abs(find.DistanceMeters - meters) / meters;
            _meters += Math.Abs(find.DistanceMeters - meters);
            Distances++;
        }

        return (right, wrong, truths.Count - right);
    }

    /// <summary>The object that a find overlaps most, if by enough; or -1.</summary>
    private static int Nearest(IReadOnlyList<SceneObject> truths, in DetectedObject find)
    {
        int best = -1;
        double most = 0;
        for (int i = 0; i < truths.Count; i++)
        {
            SceneObject truth = truths[i];
            if (truth.Class != find.Class) continue;
            double overlap = Overlap(truth, find);
            if (overlap > most) (best, most) = (i, overlap);
        }

        // A half of a box given in fractions is a half with the rounding of fractions.
        return most >= LeastOverlap - 1e-6 ? best : -1;
    }

    /// <summary>Intersection over union.</summary>
    internal static double Overlap(in SceneObject a, in DetectedObject b)
    {
        double width = Math.Min((double)a.X2, b.X2) - Math.Max((double)a.X1, b.X1), height = Math.Min((double)a.Y2, b.Y2) - Math.Max((double)a.Y1, b.Y1);
        if (width <= 0 || height <= 0) return 0;
        double common = width * height;
        return common / (((double)a.X2 - a.X1) * ((double)a.Y2 - a.Y1) + ((double)b.X2 - b.X1) * ((double)b.Y2 - b.Y1) - common);
    }

    private double Mean(Func<AveragePrecision, double> of)
    {
        double[] all = [.. Enumerable.Range(0, _truths.Length).Where(i => _truths[i] > 0).Select(i => of(Of(i)))];
        return all.Length == 0 ? double.NaN : all.Average();
    }
}
