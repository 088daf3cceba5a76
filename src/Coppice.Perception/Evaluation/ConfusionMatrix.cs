namespace Coppice.Perception.Evaluation;

/// <summary>
/// How often pixels of each true class were given each class. IoU of a class = common / (true + given - common) over the whole set,
/// not a mean over images; mIoU is the mean over the classes that are true or given anywhere.
/// </summary>
/// <remarks>Pixels whose true label is no class count nowhere, whatever was given there: Cityscapes' and PASCAL VOC's convention.</remarks>
public sealed class ConfusionMatrix
{
    private readonly long[] _counts;

    /// <summary>An empty matrix.</summary>
    /// <param name="classes">Number of classes, 1 to 255.</param>
    public ConfusionMatrix(int classes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(classes, 255);
        Classes = classes;
        _counts = new long[classes * classes];
    }

    /// <summary>Number of classes.</summary>
    public int Classes { get; }

    /// <summary>Pixels with a true class.</summary>
    public long Pixels => _counts.Sum();

    /// <summary>Pixels of a true class that were given a class.</summary>
    /// <param name="truth">The true class.</param>
    /// <param name="given">The given class.</param>
    public long this[int truth, int given] => _counts[truth * Classes + given];

    /// <summary>Adds pixels.</summary>
    /// <param name="truth">Their true classes; one that is no class, such as <see cref="Data.SceneClasses.Ignored"/>, does not count.</param>
    /// <param name="given">The classes that they were given, as many.</param>
    /// <exception cref="ArgumentException">The lengths differ, or what was given is no class.</exception>
    public void Add(ReadOnlySpan<byte> truth, ReadOnlySpan<byte> given)
    {
        if (truth.Length != given.Length) throw new ArgumentException($"{given.Length} labels; expected {truth.Length}", nameof(given));
        for (int i = 0; i < truth.Length; i++)
        {
            if (truth[i] >= Classes) continue;
            if (given[i] >= Classes) throw new ArgumentException($"label {given[i]}; expected 0 to {Classes - 1}", nameof(given));
            _counts[truth[i] * Classes + given[i]]++;
        }
    }

    /// <summary>Adds what another matrix counted.</summary>
    /// <param name="other">Of as many classes.</param>
    /// <exception cref="ArgumentException">It has another number of classes.</exception>
    public void Add(ConfusionMatrix other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (other.Classes != Classes) throw new ArgumentException($"{other.Classes} classes; expected {Classes}", nameof(other));
        for (int i = 0; i < _counts.Length; i++) _counts[i] += other._counts[i];
    }

    /// <summary>Intersection over union of a class, 0 to 1; NaN where it is neither true nor given anywhere.</summary>
    /// <param name="index">The class.</param>
    public double Iou(int index)
    {
        long truth = 0, given = 0, common = this[index, index];
        for (int i = 0; i < Classes; i++) (truth, given) = (truth + this[index, i], given + this[i, index]);
        return (double)common / (truth + given - common);
    }

    /// <summary>Mean of <see cref="Iou"/> over the classes that have one; NaN where none has.</summary>
    public double MeanIou
    {
        get
        {
            double[] all = [.. Enumerable.Range(0, Classes).Select(Iou).Where(double.IsFinite)];
            return all.Length == 0 ? double.NaN : all.Average();
        }
    }

    /// <summary>Share of pixels that were given their true class; NaN without pixels.</summary>
    public double PixelAccuracy => (double)Enumerable.Range(0, Classes).Sum(i => this[i, i]) / Pixels;
}
