namespace Coppice.Perception.Detection;

/// <summary>Which boxes are kept.</summary>
public sealed record DecodingOptions
{
    /// <summary>The least probability of an object's class.</summary>
    public float ScoreThreshold { get; init; } = 0.01f;

    /// <summary>Of two boxes that overlap this much (intersection over union) the one with the lower score goes.</summary>
    public float OverlapThreshold { get; init; } = 0.45f;

    /// <summary>Boxes with the highest scores that suppression begins with.</summary>
    public int Candidates { get; init; } = 400;

    /// <summary>Whether boxes suppress those of other classes too ("force" in the authors' operator).</summary>
    public bool AcrossClasses { get; init; }
}

/// <summary>
/// Objects from a network's outputs, by the rules of MXNet's MultiBoxDetection with DSPNet's fifth number: the likeliest class but
/// background of each anchor, a threshold, the candidates with the highest scores, suppression of overlapping ones. Keeps its memory from
/// call to call: not safe for several threads.
/// </summary>
public sealed class BoxDecoder
{
    // Above the rounding of a probability.
    private const float Margin = 1e-3f;

    private readonly Anchors _anchors;
    private readonly int _classes;
    private readonly DecodingOptions _options;
    private readonly float _leastDifference;
    private readonly ulong[] _candidates;
    private readonly byte[] _best;

    /// <summary>A decoder for an image size.</summary>
    /// <param name="anchors">Its anchors.</param>
    /// <param name="objectClasses">Number of classes, background not counted, 1 to 254.</param>
    /// <param name="options">Which boxes are kept.</param>
    public BoxDecoder(Anchors anchors, int objectClasses, DecodingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(anchors);
        ArgumentOutOfRangeException.ThrowIfLessThan(objectClasses, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(objectClasses, 254);
        _anchors = anchors;
        _classes = objectClasses + 1;
        _options = options ?? new DecodingOptions();
        float least = _options.ScoreThreshold;
        // A class that lies this far below background has a probability below the threshold, whatever the others have.
        _leastDifference = least <= 0 ? float.NegativeInfinity : least >= 1 ? 0 : MathF.Log(least / (1 - least)) - Margin;
        _candidates = new ulong[anchors.Count];
        _best = new byte[anchors.Count];
    }

    /// <summary>Objects of one image.</summary>
    /// <param name="logits">[anchors, classes + 1], background first.</param>
    /// <param name="boxes">[anchors, 5].</param>
    /// <param name="objects">Emptied, then filled, highest score first; of equal scores, the lower anchor.</param>
    /// <exception cref="ArgumentException">A span has another length.</exception>
    public void Decode(ReadOnlySpan<float> logits, ReadOnlySpan<float> boxes, List<DetectedObject> objects)
    {
        ArgumentNullException.ThrowIfNull(objects);
        if (logits.Length != _anchors.Count * _classes) throw new ArgumentException($"{logits.Length} logits; expected {_anchors.Count} x {_classes}", nameof(logits));
        if (boxes.Length != _anchors.Count * BoxCoding.Values) throw new ArgumentException($"{boxes.Length} numbers; expected {_anchors.Count} x {BoxCoding.Values}", nameof(boxes));
        objects.Clear();
        int count = Collect(logits);
        Span<ulong> candidates = _candidates.AsSpan(0, count);
        candidates.Sort();
        foreach (ulong candidate in candidates[..Math.Min(count, Math.Max(0, _options.Candidates))])
        {
            int anchor = (int)(uint)candidate;
            float score = BitConverter.UInt32BitsToSingle(uint.MaxValue - (uint)(candidate >> 32));
            DetectedObject found = BoxCoding.Decode(_anchors, anchor, boxes.Slice(anchor * BoxCoding.Values, BoxCoding.Values), _best[anchor] - 1, score);
            // Damaged weights make boxes that are nowhere, and no document can hold them.
            if (!float.IsFinite(found.X1 + found.Y1 + found.X2 + found.Y2 + found.DistanceMeters)) continue;
            if (!IsSuppressed(found, objects)) objects.Add(found);
        }
    }

    /// <summary>Keys of the anchors that pass the threshold: they sort by falling score, then by anchor.</summary>
    private int Collect(ReadOnlySpan<float> logits)
    {
        int count = 0;
        for (int anchor = 0; anchor < _anchors.Count; anchor++)
        {
            ReadOnlySpan<float> row = logits.Slice(anchor * _classes, _classes);
            int best = 1;
            float most = row[1];
            for (int c = 2; c < row.Length; c++)
            {
                if (row[c] > most) (best, most) = (c, row[c]);
            }

            if (!(most - row[0] >= _leastDifference)) continue;
            float highest = Math.Max(most, row[0]), sum = 0;
            foreach (float logit in row) sum += MathF.Exp(logit - highest);
            float score = MathF.Exp(most - highest) / sum;
            if (!(score >= _options.ScoreThreshold)) continue;
            _best[anchor] = (byte)best;
            _candidates[count++] = ((ulong)(uint.MaxValue - BitConverter.SingleToUInt32Bits(score)) << 32) | (uint)anchor;
        }

        return count;
    }

    private bool IsSuppressed(in DetectedObject found, List<DetectedObject> kept)
    {
        foreach (ref readonly DetectedObject other in System.Runtime.InteropServices.CollectionsMarshal.AsSpan(kept))
        {
            if ((_options.AcrossClasses || other.Class == found.Class) && BoxCoding.Overlap(found, other) >= _options.OverlapThreshold) return true;
        }

        return false;
    }
}
