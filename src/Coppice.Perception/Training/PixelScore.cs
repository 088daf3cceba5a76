namespace Coppice.Perception.Training;

/// <summary>Counts of predicted classes for each true class, and what follows from them.</summary>
/// <param name="classes">Number of classes.</param>
internal sealed class PixelScore(int classes)
{
    private readonly long[] _counts = new long[classes * classes];

    /// <summary>Adds an image.</summary>
    /// <param name="labels">True classes; what is no class does not count.</param>
    /// <param name="predicted">Predicted classes.</param>
    public void Add(ReadOnlySpan<byte> labels, ReadOnlySpan<byte> predicted)
    {
        for (int i = 0; i < labels.Length; i++)
        {
            if (labels[i] < classes) _counts[(labels[i] * classes) + predicted[i]]++;
        }
    }

    /// <summary>Common part over united parts of a class; not a number where it is neither there nor predicted.</summary>
    public double Iou(int index)
    {
        long common = _counts[(index * classes) + index], united = -common;
        for (int i = 0; i < classes; i++) united += _counts[(index * classes) + i] + _counts[(i * classes) + index];
        return (double)common / united;
    }

    /// <summary>Mean over the classes that occur.</summary>
    public double MeanIou => Enumerable.Range(0, classes).Select(Iou).Where(double.IsFinite).DefaultIfEmpty(0).Average();
}
