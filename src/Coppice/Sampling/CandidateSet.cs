namespace Coppice.Sampling;

/// <summary>
/// The tokens that can still be drawn, with their weights. Cuts it down to a prefix of the order "most likely first,
/// equals by id", and finds a token at a place of that order, without sorting more than a handful of them.
/// </summary>
/// <remarks>
/// Radix selection from the most significant digit, weighted: a histogram of the weights over one digit of the key tells
/// in which bucket the running weight reaches the target; only that bucket's members go on to the next digit. Digits are
/// 11 bits, so the work is a few passes over the vocabulary, whatever the distribution.
/// </remarks>
internal sealed class CandidateSet
{
    private const int DigitBits = 11;
    private const int FewEnoughToSort = 64;

    private readonly ulong[] _keys;       // ascending keys: descending logits, then ascending ids
    private readonly float[] _weights;
    private readonly ulong[] _bucketKeys; // the members of the bucket under selection
    private readonly float[] _bucketWeights;
    private readonly double[] _histogram = new double[1 << DigitBits];
    private int _count;
    private double _mass;

    /// <summary>Takes the memory.</summary>
    /// <param name="vocabularySize">The largest number of tokens.</param>
    public CandidateSet(int vocabularySize)
    {
        _keys = new ulong[vocabularySize];
        _weights = new float[vocabularySize];
        _bucketKeys = new ulong[vocabularySize];
        _bucketWeights = new float[vocabularySize];
    }

    /// <summary>The sum of the weights.</summary>
    public double Mass => _mass;

    /// <summary>Starts with the tokens whose logit reaches a bound.</summary>
    /// <param name="logits">[vocabulary]: they give the order. Those of -infinity are left out.</param>
    /// <param name="maxima">Of these logits.</param>
    /// <param name="least">The bound.</param>
    /// <param name="temperature">More than 0; the weights are exp((logit - max) / temperature).</param>
    public void Gather(ReadOnlySpan<float> logits, BlockMaxima maxima, float least, float temperature)
    {
        least = MathF.Max(least, float.MinValue);
        int count = 0;
        for (int block = 0; block < maxima.Count; block++)
        {
            if (maxima[block] < least) continue;
            var (start, length) = BlockMaxima.Tokens(block, logits.Length).GetOffsetAndLength(logits.Length);
            for (int token = start; token < start + length; token++)
            {
                if (logits[token] < least) continue;
                _keys[count] = Key(logits[token], token);
                _weights[count++] = logits[token];
            }
        }

        var weights = _weights.AsSpan(0, count);
        TokenWeights.Weigh(weights, maxima.Max, temperature, weights);
        (_count, _mass) = (count, TokenWeights.Sum(weights));
    }

    /// <summary>Keeps the first tokens of the order.</summary>
    /// <param name="tokens">How many, 1 or more.</param>
    public void KeepMostLikely(int tokens)
    {
        if (tokens < _count) KeepThrough(KeyAt(tokens, countsTokens: true));
    }

    /// <summary>Keeps the smallest prefix of the order that has this weight, or all where there is less.</summary>
    /// <param name="mass">More than 0.</param>
    public void KeepMass(double mass) => KeepThrough(KeyAt(mass, countsTokens: false));

    /// <summary>Keeps the tokens that weigh enough.</summary>
    /// <param name="least">The least weight, more than 0 and at most 1, the weight of the most likely token.</param>
    public void KeepWeights(double least) => Keep(ulong.MaxValue, (float)least);

    /// <summary>The token at a share of the weight, from the most likely on. Forgets nothing.</summary>
    /// <param name="share">In [0, 1).</param>
    public int TokenAt(double share) => (int)(uint)KeyAt(share * _mass, countsTokens: false);

    private void KeepThrough(ulong lastKey) => Keep(lastKey, 0);

    private void Keep(ulong lastKey, float leastWeight)
    {
        int kept = 0;
        double mass = 0;
        for (int i = 0; i < _count; i++)
        {
            if (_keys[i] > lastKey || _weights[i] < leastWeight) continue;
            mass += _weights[i];
            _keys[kept] = _keys[i];
            _weights[kept++] = _weights[i];
        }

        (_count, _mass) = (kept, mass);
    }

    // The first key of the order at which the running weight, or the running number of tokens, reaches the target; the
    // last key of all where rounding leaves the target out of reach.
    private ulong KeyAt(double target, bool countsTokens)
    {
        ReadOnlySpan<ulong> keys = _keys.AsSpan(0, _count);
        ReadOnlySpan<float> weights = _weights.AsSpan(0, _count);
        int shift = 64;
        while (keys.Length > FewEnoughToSort && shift >= DigitBits)
        {
            shift -= DigitBits;
            int bucket = BucketAt(keys, weights, shift, countsTokens, ref target);
            int members = 0;
            for (int i = 0; i < keys.Length; i++)
            {
                if (Digit(keys[i], shift) != bucket) continue;
                _bucketWeights[members] = weights[i]; // the spans may be these arrays: members never passes i
                _bucketKeys[members++] = keys[i];
            }

            keys = _bucketKeys.AsSpan(0, members);
            weights = _bucketWeights.AsSpan(0, members);
        }

        return KeyAmongFew(keys, weights, countsTokens, target);
    }

    // The bucket in which the target lies, and the target counted from that bucket's start.
    private int BucketAt(
        ReadOnlySpan<ulong> keys, ReadOnlySpan<float> weights, int shift, bool countsTokens, ref double target)
    {
        Array.Clear(_histogram);
        for (int i = 0; i < keys.Length; i++) _histogram[Digit(keys[i], shift)] += countsTokens ? 1 : weights[i];
        int last = 0;
        double before = 0, beforeLast = 0;
        for (int bucket = 0; bucket < _histogram.Length; bucket++)
        {
            if (_histogram[bucket] == 0) continue;
            (last, beforeLast) = (bucket, before);
            before += _histogram[bucket];
            if (before >= target) break;
        }

        target -= beforeLast;
        return last;
    }

    private ulong KeyAmongFew(ReadOnlySpan<ulong> keys, ReadOnlySpan<float> weights, bool countsTokens, double target)
    {
        var sortedKeys = _bucketKeys.AsSpan(0, keys.Length);
        var sortedWeights = _bucketWeights.AsSpan(0, keys.Length);
        keys.CopyTo(sortedKeys);
        weights.CopyTo(sortedWeights);
        sortedKeys.Sort(sortedWeights);
        ulong key = sortedKeys[0];
        double sum = 0;
        for (int i = 0; i < sortedKeys.Length && (i == 0 || sum < target); i++)
        {
            double step = countsTokens ? 1 : sortedWeights[i];
            sum += step;
            if (step > 0) key = sortedKeys[i]; // a weight can underflow to 0: such a token is never the answer
        }

        return key;
    }

    private static int Digit(ulong key, int shift) => (int)(key >> shift) & ((1 << DigitBits) - 1);

    // Floats as unsigned integers in the same order, inverted so that large logits come first. Adding 0 makes -0 a 0.
    private static ulong Key(float logit, int token)
    {
        uint bits = BitConverter.SingleToUInt32Bits(logit + 0f);
        uint ascending = (bits & 0x80000000) != 0 ? ~bits : bits | 0x80000000;
        return ((ulong)~ascending << 32) | (uint)token;
    }
}
