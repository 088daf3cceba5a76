using System.Numerics.Tensors;

namespace Coppice.Sampling;

/// <summary>
/// Draws one token from logits: a function of the logits and the <see cref="SamplerState"/> alone, whatever else runs in
/// the batch. Holds scratch memory, so one thread at a time uses it; a call allocates nothing.
/// </summary>
/// <remarks>
/// Order of operations, that of vLLM and Hugging Face:
/// <list type="number">
/// <item>penalties: repetition (Keskar et al. 2019, arXiv 1909.05858, section 4.1), then frequency and presence as OpenAI
/// defines them: logit - count * frequency - (count > 0) * presence;</item>
/// <item>logit bias;</item>
/// <item>temperature: weight = exp((logit - max) / temperature); at 0 the first largest logit is taken here;</item>
/// <item>top-k, then top-p (Holtzman et al. 2020, arXiv 1904.09751) on what top-k left, then min-p (Nguyen et al. 2024,
/// arXiv 2407.01082);</item>
/// <item>the draw: the first token whose running weight exceeds uniform * total, in order of ids when nothing was
/// truncated, else from the most to the least likely, equals in order of ids.</item>
/// </list>
/// </remarks>
public sealed class TokenSampler
{
    private readonly float[] _weights;   // [vocabulary]
    private readonly float[] _adjusted;  // [vocabulary]
    private readonly CandidateSet _candidates;

    /// <summary>Takes the scratch memory, about 32 bytes per token of the vocabulary.</summary>
    /// <param name="vocabularySize">The largest number of logits that will be given.</param>
    public TokenSampler(int vocabularySize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vocabularySize);
        _weights = new float[vocabularySize];
        _adjusted = new float[vocabularySize];
        _candidates = new CandidateSet(vocabularySize);
    }

    /// <summary>Draws a token.</summary>
    /// <param name="logits">[vocabulary]: the model's output for one row. Not changed; -infinity forbids a token.</param>
    /// <param name="state">What the draw depends on.</param>
    /// <exception cref="InvalidOperationException">A logit is NaN or +infinity, or every token is forbidden.</exception>
    /// <exception cref="RequestRejectedException">The logit bias names a token that does not exist.</exception>
    public SampledToken Sample(ReadOnlySpan<float> logits, in SamplerState state) => Sample(logits, state, []);

    /// <summary>Draws a token and tells the most likely ones.</summary>
    /// <param name="logits">[vocabulary]: the model's output for one row. Not changed; -infinity forbids a token.</param>
    /// <param name="state">What the draw depends on.</param>
    /// <param name="mostLikely">[top]: filled with the most likely tokens of the unmodified model, best first, equals in
    /// order of ids. At most as long as <paramref name="logits"/>.</param>
    /// <exception cref="InvalidOperationException">A logit is NaN or +infinity, or every token is forbidden.</exception>
    /// <exception cref="RequestRejectedException">The logit bias names a token that does not exist.</exception>
    public SampledToken Sample(ReadOnlySpan<float> logits, in SamplerState state, Span<TokenLogprob> mostLikely)
    {
        var options = state.Options;
        ArgumentNullException.ThrowIfNull(options, nameof(state));
        if (logits.IsEmpty || logits.Length > _weights.Length)
            throw new ArgumentException($"expected 1 to {_weights.Length} logits, found {logits.Length}", nameof(logits));
        if (mostLikely.Length > logits.Length)
            throw new ArgumentException($"asks for {mostLikely.Length} of {logits.Length} tokens", nameof(mostLikely));

        float max = Max(logits);
        var weights = _weights.AsSpan(0, logits.Length);
        Weigh(logits, max, 1, weights);
        double total = Sum(weights);
        double logSum = max + Math.Log(total);
        MostLikely(logits, logSum, mostLikely);

        var adjusted = Adjust(logits, state);
        bool isRaw = adjusted == logits;
        if (!isRaw) max = Max(adjusted);
        int token;
        if (options.IsGreedy)
        {
            token = IndexOf(adjusted, max);
        }
        else
        {
            if (!isRaw || options.Temperature != 1)
            {
                Weigh(adjusted, max, (float)options.Temperature, weights);
                total = Sum(weights);
            }

            double uniform = CounterRandom.Uniform(state.Seed, state.Branch, state.Position);
            token = Draw(adjusted, weights, total, options, uniform);
        }

        return new SampledToken(token, logits[token] - logSum);
    }

    // Steps 1 and 2. The logits themselves where there is nothing to do.
    private ReadOnlySpan<float> Adjust(ReadOnlySpan<float> logits, in SamplerState state)
    {
        var options = state.Options;
        options.CheckVocabulary(logits.Length);
        if (!options.NeedsHistory && options.SortedBias.Length == 0) return logits;

        var adjusted = _adjusted.AsSpan(0, logits.Length);
        logits.CopyTo(adjusted);
        if (options.NeedsHistory)
        {
            var history = state.History ?? throw new ArgumentException("penalties need a history", nameof(state));
            Penalize(adjusted, options, history);
        }

        foreach (var (token, bias) in options.SortedBias)
            adjusted[token] = bias <= SamplingOptions.NeverBias ? float.NegativeInfinity : adjusted[token] + bias;
        return adjusted;
    }

    private static void Penalize(Span<float> logits, SamplingOptions options, TokenHistory history)
    {
        foreach (ref readonly var count in history.Counts)
        {
            if ((uint)count.Token >= (uint)logits.Length)
                throw new InvalidOperationException($"the history holds token {count.Token}, but there are {logits.Length} logits");
            double logit = logits[count.Token];
            if (count.InWindow > 0)
                logit = logit > 0 ? logit / options.RepetitionPenalty : logit * options.RepetitionPenalty;
            if (count.Generated > 0)
                logit -= (count.Generated * options.FrequencyPenalty) + options.PresencePenalty;
            logits[count.Token] = (float)logit;
        }
    }

    // Steps 4 and 5.
    private int Draw(
        ReadOnlySpan<float> logits, ReadOnlySpan<float> weights, double total, SamplingOptions options, double uniform)
    {
        bool hasTopK = options.TopK > 0 && options.TopK < logits.Length;
        if (!hasTopK && options.TopP == 1 && options.MinP == 0) return DrawInOrderOfIds(weights, uniform * total);

        _candidates.Fill(logits, weights);
        if (hasTopK) _candidates.KeepMostLikely(options.TopK);
        if (options.TopP < 1) _candidates.KeepMass(options.TopP);
        if (options.MinP > 0) _candidates.KeepWeights(options.MinP);
        return _candidates.TokenAt(uniform);
    }

    // Rounding may leave the target above the running sum's end: then the last token that has any weight is taken.
    private static int DrawInOrderOfIds(ReadOnlySpan<float> weights, double target)
    {
        double sum = 0;
        for (int token = 0; token < weights.Length; token++)
        {
            sum += weights[token];
            if (sum > target) return token;
        }

        return weights.LastIndexOfAnyExcept(0f);
    }

    // weights = exp((logits - max) / temperature), at most 1. Dividing, since 1 / temperature may overflow.
    private static void Weigh(ReadOnlySpan<float> logits, float max, float temperature, Span<float> weights)
    {
        const int Block = 2048; // three passes over what stays in the first-level cache
        for (int start = 0; start < logits.Length; start += Block)
        {
            int count = Math.Min(Block, logits.Length - start);
            var block = weights.Slice(start, count);
            TensorPrimitives.Subtract(logits.Slice(start, count), max, block);
            if (temperature != 1) TensorPrimitives.Divide(block, temperature, block);
            TensorPrimitives.Exp<float>(block, block);
        }
    }

    // Four running sums, element i in sum i % 4: one sum alone would wait for each addition.
    private static double Sum(ReadOnlySpan<float> values)
    {
        double sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
        int i = 0;
        for (; i + 4 <= values.Length; i += 4)
        {
            var four = values.Slice(i, 4);
            sum0 += four[0];
            sum1 += four[1];
            sum2 += four[2];
            sum3 += four[3];
        }

        for (; i < values.Length; i++) sum0 += values[i];
        return sum0 + sum2 + (sum1 + sum3);
    }

    private static float Max(ReadOnlySpan<float> logits)
    {
        float max = TensorPrimitives.Max(logits); // NaN where any is NaN
        if (float.IsFinite(max)) return max;
        throw new InvalidOperationException(
            max == float.NegativeInfinity
                ? "no token can be drawn: every logit is -infinity"
                : $"the logit of token {IndexOf(logits, max)} is {(float.IsNaN(max) ? "NaN" : "+infinity")}");
    }

    private static int IndexOf(ReadOnlySpan<float> logits, float value)
    {
        for (int i = 0; i < logits.Length; i++)
            if (logits[i] == value || (float.IsNaN(value) && float.IsNaN(logits[i]))) return i;
        return -1;
    }

    // Insertion into the sorted span: almost every token is below its last entry.
    private static void MostLikely(ReadOnlySpan<float> logits, double logSum, Span<TokenLogprob> mostLikely)
    {
        if (mostLikely.IsEmpty) return;
        int filled = 0;
        float last = float.NegativeInfinity;
        for (int token = 0; token < logits.Length; token++)
        {
            if (filled == mostLikely.Length && logits[token] <= last) continue;
            int at = Math.Min(filled, mostLikely.Length - 1);
            for (; at > 0 && logits[mostLikely[at - 1].Token] < logits[token]; at--) mostLikely[at] = mostLikely[at - 1];
            mostLikely[at] = new TokenLogprob(token, logits[token] - logSum);
            filled = Math.Min(filled + 1, mostLikely.Length);
            last = logits[mostLikely[filled - 1].Token];
        }
    }
}
