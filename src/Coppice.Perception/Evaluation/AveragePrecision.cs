namespace Coppice.Perception.Evaluation;

/// <summary>Precision against recall of one class, and the two numbers that PASCAL VOC makes of it.</summary>
/// <remarks>
/// Everingham, Van Gool, Williams, Winn, Zisserman, "The PASCAL Visual Object Classes (VOC) Challenge" (IJCV 2010), section 4.2:
/// finds are sorted by score; after each, precision = right / all so far and recall = right so far / true objects. Precision is then made
/// falling: at each recall the largest precision at that or any larger recall.
/// </remarks>
public sealed class AveragePrecision
{
    private readonly int[] _right;

    private AveragePrecision(int truths, int[] right, double[] precision)
    {
        (Truths, _right, Precision) = (truths, right, precision);
    }

    /// <summary>True objects.</summary>
    public int Truths { get; }

    /// <summary>Precision at each find, made falling, highest score first.</summary>
    public IReadOnlyList<double> Precision { get; }

    /// <summary>Recall at each find.</summary>
    public IReadOnlyList<double> Recall => [.. _right.Select(right => (double)right / Truths)];

    /// <summary>Area under the curve (VOC from 2010 on); NaN without true objects.</summary>
    public double Area
    {
        get
        {
            if (Truths == 0) return double.NaN;
            double area = 0;
            for (int i = 0, before = 0; i < _right.Length; before = _right[i++]) area += (_right[i] - before) * Precision[i];
            return area / Truths;
        }
    }

    /// <summary>Mean of precision at recall 0, 0.1, ..., 1 (VOC 2007); NaN without true objects.</summary>
    public double ElevenPoints
    {
        get
        {
            if (Truths == 0) return double.NaN;
            double sum = 0;
            for (int tenth = 0; tenth <= 10; tenth++)
            {
                // In whole numbers: 7 of 10 is a recall of 0.7.
                int at = Array.FindIndex(_right, right => 10L * right >= (long)tenth * Truths);
                if (at >= 0) sum += Precision[at];
            }

            return sum / 11;
        }
    }

    /// <summary>Makes the curve.</summary>
    /// <param name="truths">True objects of the class.</param>
    /// <param name="finds">Score of each find and whether it is right; of equal scores the earlier goes first.</param>
    public static AveragePrecision Of(int truths, IEnumerable<(float Score, bool IsRight)> finds)
    {
        (float Score, bool IsRight)[] sorted = [.. finds.OrderByDescending(find => find.Score)];
        int[] right = new int[sorted.Length];
        double[] precision = new double[sorted.Length];
        for (int i = 0, count = 0; i < sorted.Length; i++)
        {
            if (sorted[i].IsRight) count++;
            right[i] = count;
            precision[i] = (double)count / (i + 1);
        }

        for (int i = precision.Length - 2; i >= 0; i--) precision[i] = Math.Max(precision[i], precision[i + 1]);
        return new(truths, right, precision);
    }
}
