namespace Coppice.Kernels.Elementwise;

/// <summary>
/// Cosines and sines of the rotary embedding's angles (RoFormer, arXiv 2104.09864, section 3.2): pair i at position p turns by
/// p * frequency_i, frequency_i = scale * base^(-2i / rotaryDims) / factor_i. Angles are computed in double. Positions are added
/// ahead of their use by <see cref="EnsurePositions"/>, which must not run while another thread rotates with the table.
/// </summary>
public sealed unsafe class RotaryTable : IDisposable
{
    private readonly double[] _frequencies;
    private readonly float _attentionFactor;
    private AlignedBuffer<float> _rows = new(0);

    /// <summary>A table from a base, as most models give it.</summary>
    /// <param name="rotaryDims">Elements of a head that rotate, even.</param>
    /// <param name="frequencyBase">Base of the frequencies, 10000 in the paper.</param>
    /// <param name="frequencyScale">Multiplies all frequencies; 1 / n for a context stretched n times (linear interpolation).</param>
    /// <param name="frequencyFactors">[rotaryDims / 2]; divides each pair's frequency; empty for none.</param>
    /// <param name="attentionFactor">Multiplies cosines and sines; 1 for none.</param>
    /// <param name="maxPositions">The most positions the table may hold.</param>
    /// <exception cref="ArgumentException">The dimensions are odd or the factors' count is wrong.</exception>
    public RotaryTable(
        int rotaryDims,
        float frequencyBase,
        float frequencyScale,
        ReadOnlySpan<float> frequencyFactors,
        float attentionFactor,
        int maxPositions)
        : this(Frequencies(rotaryDims, frequencyBase, frequencyScale, frequencyFactors), attentionFactor, maxPositions)
    {
    }

    /// <summary>A table from given frequencies, for scalings that treat each pair in its own way.</summary>
    /// <param name="frequencies">[rotaryDims / 2] radians a position.</param>
    /// <param name="attentionFactor">Multiplies cosines and sines; 1 for none.</param>
    /// <param name="maxPositions">The most positions the table may hold.</param>
    public RotaryTable(ReadOnlySpan<double> frequencies, float attentionFactor, int maxPositions)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxPositions);
        _frequencies = frequencies.ToArray();
        _attentionFactor = attentionFactor;
        MaxPositions = maxPositions;
    }

    /// <summary>Elements of a head that rotate.</summary>
    public int RotaryDims => 2 * _frequencies.Length;

    /// <summary>Positions [0, Positions) can be rotated to.</summary>
    public int Positions { get; private set; }

    /// <summary>The most positions the table may hold.</summary>
    public int MaxPositions { get; }

    /// <summary>Makes positions [0, count) available; the table grows by doubling. Not for the hot path: it may allocate.</summary>
    /// <param name="count">Positions needed, at most <see cref="MaxPositions"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">More than <see cref="MaxPositions"/>.</exception>
    public void EnsurePositions(int count)
    {
        if (count <= Positions) return;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MaxPositions);
        int capacity = (int)Math.Min(MaxPositions, Math.Max(Math.Max(count, 256L), 2L * Positions));
        int half = _frequencies.Length;
        var grown = new AlignedBuffer<float>((long)capacity * RotaryDims);
        Buffer.MemoryCopy(_rows.Pointer, grown.Pointer, grown.Bytes, (long)Positions * RotaryDims * sizeof(float));
        for (int position = Positions; position < capacity; position++)
        {
            float* row = grown.Pointer + (long)position * RotaryDims;
            for (int i = 0; i < half; i++)
            {
                (double sin, double cos) = Math.SinCos(position * _frequencies[i]);
                row[i] = (float)(cos * _attentionFactor);
                row[half + i] = (float)(sin * _attentionFactor);
            }
        }

        _rows.Dispose();
        _rows = grown;
        Positions = capacity;
    }

    /// <summary>Returns the memory.</summary>
    public void Dispose() => _rows.Dispose();

    /// <summary>A position's row: [rotaryDims / 2] cosines, then as many sines.</summary>
    internal float* Row(int position) => _rows.Pointer + (long)position * RotaryDims;

    private static double[] Frequencies(int rotaryDims, float frequencyBase, float scale, ReadOnlySpan<float> factors)
    {
        if (rotaryDims < 0 || rotaryDims % 2 != 0)
            throw new ArgumentException($"rotary dimensions come in pairs, found {rotaryDims}", nameof(rotaryDims));
        if (!factors.IsEmpty && factors.Length != rotaryDims / 2)
            throw new ArgumentException($"expected {rotaryDims / 2} frequency factors, found {factors.Length}", nameof(factors));
        var frequencies = new double[rotaryDims / 2];
        for (int i = 0; i < frequencies.Length; i++)
        {
            double factor = factors.IsEmpty ? 1 : factors[i];
            frequencies[i] = scale * Math.Pow(frequencyBase, -2.0 * i / rotaryDims) / factor;
        }

        return frequencies;
    }
}
