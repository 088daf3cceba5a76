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
    // A stated share is reached when the sum is this close: weights are floats, and 0.3f is not 0.3.
    private const double ShareTolerance = 1e-6;

    private readonly float[] _weights;   // [vocabulary]
    private readonly float[] _adjusted;  // [vocabulary]
    private readonly BlockMaxima _maxima;
    private readonly CandidateSet _candidates;

    /// <summary>Takes the scratch memory, about 32 bytes per token of the vocabulary.</summary>
    /// <param name="vocabularySize">The largest number of logits that will be given.</param>
    public TokenSampler(int vocabularySize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vocabularySize);
        _weights = new float[vocabularySize];
        _adjusted = new float[vocabularySize];
        _maxima = new BlockMaxima(vocabularySize);
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

        _maxima.Update(logits);
        var weights = _weights.AsSpan(0, logits.Length);
        TokenWeights.Weigh(logits, _maxima.Max, 1, weights);
        double total = TokenWeights.Sum(weights);
        double logSum = _maxima.Max + Math.Log(total);
        MostLikely(logits, logSum, mostLikely);

        var adjusted = Adjust(logits, state);
        bool isRaw = adjusted == logits;
        if (!isRaw) _maxima.Update(adjusted);
        int token;
        if (options.IsGreedy)
        {
            token = _maxima.IndexOfMax(adjusted);
        }
        else
        {
            bool hasTopK = options.TopK > 0 && options.TopK < logits.Length;
            bool isWhole = !hasTopK && options.TopP == 1 && options.MinP == 0;
            bool needsTotal = isWhole || (!hasTopK && options.TopP < 1);
            if (needsTotal && !(isRaw && options.Temperature == 1))
            {
                TokenWeights.Weigh(adjusted, _maxima.Max, (float)options.Temperature, weights);
                total = TokenWeights.Sum(weights);
            }

            if (!isWhole) Truncate(adjusted, total, options, hasTopK);
            double uniform = CounterRandom.Uniform(state.Seed, state.Branch, state.Position);
            token = isWhole ? DrawInOrderOfIds(weights, uniform * total) : _candidates.TokenAt(uniform);
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

    // Step 4. Only the tokens are gathered that can be in the answer; the total is that of all tokens.
    private void Truncate(ReadOnlySpan<float> logits, double total, SamplingOptions options, bool hasTopK)
    {
        float temperature = (float)options.Temperature;
        double share = options.TopP * (1 - ShareTolerance);
        float least = options.MinP == 0 ? float.NegativeInfinity : LogitOf(options.MinP, temperature);
        if (hasTopK)
        {
            _candidates.Gather(logits, _maxima, _maxima.ReachedBy(options.TopK), temperature);
            _candidates.KeepMostLikely(options.TopK);
            if (options.TopP < 1) _candidates.KeepMass(share * _candidates.Mass);
        }
        else if (options.TopP < 1)
        {
            GatherMass(logits, share * total, least, temperature);
            _candidates.KeepMass(share * total);
        }
        else
        {
            _candidates.Gather(logits, _maxima, least, temperature);
        }

        if (options.MinP > 0) _candidates.KeepWeights(options.MinP * (1 - ShareTolerance));
    }

    // Gathers tokens that together have the mass, or all above the least logit. Mostly a few very likely ones have it.
    private void GatherMass(ReadOnlySpan<float> logits, double mass, float least, float temperature)
    {
        for (double weight = 0.03; weight > 1e-6; weight /= 1000) // the most likely token weighs 1
        {
            float bound = LogitOf(weight, temperature);
            if (bound <= least) break;
            _candidates.Gather(logits, _maxima, bound, temperature);
            if (_candidates.Mass >= mass) return;
        }

        _candidates.Gather(logits, _maxima, least, temperature);
    }

    // A logit just below those that have this weight.
    private float LogitOf(double weight, float temperature) =>
        MathF.BitDecrement((float)(_maxima.Max + (temperature * (Math.Log(weight) - 0.01))));

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

    // Insertion into the sorted span: once it is full, almost every block is below its last entry.
    private void MostLikely(ReadOnlySpan<float> logits, double logSum, Span<TokenLogprob> mostLikely)
    {
        int filled = 0;
        float last = float.NegativeInfinity;
        for (int block = 0; block < _maxima.Count && mostLikely.Length > 0; block++)
        {
            if (filled == mostLikely.Length && _maxima[block] <= last) continue;
            var (start, length) = BlockMaxima.Tokens(block, logits.Length).GetOffsetAndLength(logits.Length);
            for (int token = start; token < start + length; token++)
            {
                float logit = logits[token];
                if (filled == mostLikely.Length && logit <= last) continue;
                int at = Math.Min(filled, mostLikely.Length - 1);
                for (; at > 0 && logits[mostLikely[at - 1].Token] < logit; at--) mostLikely[at] = mostLikely[at - 1];
                mostLikely[at] = new TokenLogprob(token, logit - logSum);
                filled = Math.Min(filled + 1, mostLikely.Length);
                last = logits[mostLikely[filled - 1].Token];
            }
        }
    }
}
