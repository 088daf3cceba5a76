using Coppice.Sampling;

namespace Coppice.Tests.Sampling;

public sealed class TokenSamplerTests
{
    private static readonly float[] s_logits = Logs(0.5, 0.25, 0.125, 0.125);

    private static float[] Logs(params double[] probabilities) => [.. probabilities.Select(p => (float)Math.Log(p))];

    private static int[] Histogram(
        float[] logits, SamplingOptions options, int draws, ulong seed = 1, TokenHistory? history = null)
    {
        var sampler = new TokenSampler(logits.Length);
        var counts = new int[logits.Length];
        for (int i = 0; i < draws; i++)
            counts[sampler.Sample(logits, new SamplerState(options, seed, 0, i, history)).Token]++;
        return counts;
    }

    // The tokens that occur in many draws.
    private static IEnumerable<int> Support(float[] logits, SamplingOptions options, TokenHistory? history = null) =>
        Histogram(logits, options, 400, history: history).Index().Where(t => t.Item > 0).Select(t => t.Index);

    private static int Greedy(float[] logits, SamplingOptions? options = null, TokenHistory? history = null) =>
        new TokenSampler(logits.Length)
            .Sample(logits, new SamplerState((options ?? new()) with { Temperature = 0 }, 0, 0, 0, history)).Token;

    [Fact]
    public void Greedy_takes_the_largest_logit_and_the_lowest_id_among_equals()
    {
        Assert.Equal(2, Greedy([1, 2, 5, -3]));
        Assert.Equal(1, Greedy([1, 5, 5, 5]));
        Assert.Equal(0, Greedy([-0f, 0f]));
        var wide = new float[1000];
        wide[700] = wide[801] = 1;
        Assert.Equal(700, Greedy(wide));
    }

    [Fact]
    public void A_temperature_too_small_for_a_float_is_greedy() =>
        Assert.Equal([0], Support(s_logits, new() { Temperature = 1e-300 }));

    [Theory]
    [InlineData(1e-44)]
    [InlineData(0.001)]
    public void A_tiny_temperature_draws_only_the_best(double temperature)
    {
        Assert.Equal([0], Support(s_logits, new() { Temperature = temperature }));
        Assert.Equal([0], Support(s_logits, new() { Temperature = temperature, TopK = 3, TopP = 0.9, MinP = 0.1 }));
    }

    [Theory]
    [InlineData(1, 0, 1)]
    [InlineData(0.5, 0, 1)]
    [InlineData(2, 0, 1)]
    [InlineData(1, 3, 1)]
    [InlineData(1.5, 0, 0.8)]
    public void Draws_follow_the_distribution(double temperature, int topK, double topP)
    {
        var options = new SamplingOptions { Temperature = temperature, TopK = topK, TopP = topP };
        float[] logits = [1, 3, -1, 2, 2.5f, float.NegativeInfinity, 0, 2];
        var kept = NaiveSampler.Kept(NaiveSampler.Order(logits), options).ToDictionary();
        double total = kept.Values.Sum();
        var expected = Enumerable.Range(0, logits.Length).Select(token => kept.GetValueOrDefault(token) / total);
        foreach (ulong seed in new ulong[] { 1, 99 })
        {
            var counts = Histogram(logits, options, 8_000, seed);
            Assert.True(Statistics.ChiSquare(counts, expected) < Statistics.Bound(kept.Count - 1));
        }
    }

    [Fact]
    public void Top_k_keeps_the_k_best_and_the_lower_ids_among_equals()
    {
        Assert.Equal([0], Support(s_logits, new() { TopK = 1 }));
        Assert.Equal([0, 1, 2], Support(s_logits, new() { TopK = 3 }));
        Assert.Equal([0, 1, 2, 3], Support(s_logits, new() { TopK = 4 }));
        Assert.Equal([0, 1, 2, 3], Support(s_logits, new() { TopK = 1000 }));
        Assert.Equal([1, 2], Support([0, 1, 1, 1, 1], new() { TopK = 2 }));
        Assert.Equal([0, 1], Support([0f, -0f, 0f, -0f], new() { TopK = 2 }));
    }

    [Fact]
    public void Top_k_finds_tokens_far_apart_and_close_together()
    {
        var logits = new float[1000];
        Array.Fill(logits, -20);
        (logits[3], logits[250], logits[600], logits[999]) = (5.1f, 5.2f, 4.9f, 5);
        Assert.Equal([3, 250, 600, 999], Support(logits, new() { TopK = 4 }));
        logits[601] = logits[602] = 5.5f;
        Assert.Equal([3, 250, 601, 602], Support(logits, new() { TopK = 4 }));
        Assert.Equal([3, 250, 600, 601, 602, 999], Support(logits, new() { TopK = 50 }));
    }

    [Theory]
    [InlineData(1e-9, 1)] // at least one
    [InlineData(0.49, 1)]
    [InlineData(0.5, 1)] // reached exactly
    [InlineData(0.51, 2)]
    [InlineData(0.75, 2)]
    [InlineData(0.76, 3)]
    [InlineData(0.875, 3)]
    [InlineData(0.88, 4)]
    [InlineData(1, 4)]
    public void Top_p_keeps_the_smallest_set_that_reaches_the_mass(double topP, int count) =>
        Assert.Equal(Enumerable.Range(0, count), Support(s_logits, new() { TopP = topP }));

    [Fact]
    public void Top_p_of_equal_tokens_keeps_the_lower_ids_and_is_exact_at_the_border()
    {
        for (int tenths = 1; tenths <= 9; tenths++)
        {
            Assert.Equal(Enumerable.Range(0, tenths), Support(new float[10], new() { TopP = tenths / 10.0 }));
            Assert.Equal(Enumerable.Range(0, tenths), Support(new float[10], new() { TopP = tenths / 10f }));
        }
    }

    [Theory]
    [InlineData(0.24, 4)]
    [InlineData(0.25, 4)] // 0.125 is a quarter of 0.5
    [InlineData(0.26, 2)]
    [InlineData(0.5, 2)]
    [InlineData(0.51, 1)]
    [InlineData(1, 1)]
    public void Min_p_keeps_what_has_the_share_of_the_best(double minP, int count) =>
        Assert.Equal(Enumerable.Range(0, count), Support(s_logits, new() { MinP = minP }));

    [Fact]
    public void Temperature_comes_before_truncation()
    {
        // At temperature 0.5 the probabilities are 16, 4, 1, 1 of 22.
        Assert.Equal([0], Support(s_logits, new() { Temperature = 0.5, TopP = 0.72 }));
        Assert.Equal([0, 1], Support(s_logits, new() { Temperature = 0.5, TopP = 0.74 }));
        Assert.Equal([0, 1], Support(s_logits, new() { Temperature = 0.5, MinP = 0.24 }));
        Assert.Equal([0], Support(s_logits, new() { Temperature = 0.5, MinP = 0.26 }));
    }

    [Fact]
    public void Top_p_looks_at_what_top_k_left()
    {
        // Of 0.5 and 0.25 the first is two thirds.
        Assert.Equal([0], Support(s_logits, new() { TopK = 2, TopP = 0.66 }));
        Assert.Equal([0, 1], Support(s_logits, new() { TopK = 2, TopP = 0.67 }));
    }

    [Fact]
    public void Min_p_does_not_change_what_top_p_looks_at()
    {
        // Were min-p first, it would leave the first alone, or the first two for 0.5.
        Assert.Equal([0, 1], Support(s_logits, new() { TopP = 0.7, MinP = 0.5 }));
        Assert.Equal([0], Support(s_logits, new() { TopP = 0.7, MinP = 0.6 }));
    }

    [Fact]
    public void Repetition_penalty_divides_positive_and_multiplies_negative_logits_in_the_window()
    {
        var options = new SamplingOptions { RepetitionPenalty = 2, PenaltyWindow = 3 };
        var history = new TokenHistory(options, 4, 2);
        history.Begin([3, 0, 1, 1]);

        Assert.Equal(2, Greedy([4, 4, 3, 2.5f], options, history)); // 2, 2, 3; the 3 at the prompt's head is out of the window
        Assert.Equal(0, Greedy([4, 4, 1.9f, 0], options, history)); // twice in the window counts once
        Assert.Equal(3, Greedy([-1, -1, -3, -1.5f], options, history)); // -2, -2, -3, -1.5
        history.Add(2);
        history.Add(2); // the window is now 1, 2, 2
        Assert.Equal(0, Greedy([4, 5, 5, 0], options, history));
    }

    [Fact]
    public void Presence_and_frequency_count_generated_tokens_only()
    {
        var options = new SamplingOptions { PresencePenalty = 0.5, FrequencyPenalty = 1 };
        var history = new TokenHistory(options, 3, 3);
        history.Begin([2, 2, 2]);
        history.Add(0);
        history.Add(0);
        history.Add(1);

        // Token 0 loses 2.5, token 1 loses 1.5, token 2 nothing.
        Assert.Equal(0, Greedy([2.6f, 1.5f, 0], options, history));
        Assert.Equal(1, Greedy([2.6f, 1.7f, 0.15f], options, history));
        Assert.Equal(2, Greedy([2.6f, 1.7f, 0.25f], options, history));
    }

    [Fact]
    public void Penalties_together_give_the_hand_computed_distribution()
    {
        var options = new SamplingOptions { RepetitionPenalty = 2, PresencePenalty = 1, FrequencyPenalty = 0.5, Temperature = 2 };
        var history = new TokenHistory(options, 1, 2);
        history.Begin([1]);
        history.Add(0);
        history.Add(0);

        // Token 0: 6 / 2 - 2 * 0.5 - 1 = 1; token 1: -0.5 * 2 = -1; token 2: 0. Over temperature 2: 0.5, -0.5, 0.
        double[] weights = [Math.Exp(0.5), Math.Exp(-0.5), 1];
        var counts = Histogram([6, -0.5f, 0], options, 8_000, history: history);
        Assert.True(Statistics.ChiSquare(counts, weights.Select(w => w / weights.Sum())) < Statistics.Bound(2));
    }

    [Fact]
    public void A_penalty_without_a_history_is_an_error() =>
        Assert.Throws<ArgumentException>(() => Greedy([1, 2], new() { RepetitionPenalty = 2 }));

    [Theory]
    [InlineData(-100f)]
    [InlineData(-1000f)]
    [InlineData(float.NegativeInfinity)]
    public void A_bias_of_minus_100_forbids_a_token(float bias)
    {
        var options = new SamplingOptions { LogitBias = new Dictionary<int, float> { [0] = bias } };
        Assert.Equal([1, 2], Support([500, 0, 0], options));
        Assert.Equal(1, Greedy([500, 0, 0], options));
    }

    [Fact]
    public void A_bias_is_added_after_the_penalties()
    {
        var options = new SamplingOptions { RepetitionPenalty = 2, LogitBias = new Dictionary<int, float> { [0] = 1 } };
        var history = new TokenHistory(options, 1, 0);
        history.Begin([0]);
        Assert.Equal(0, Greedy([4, 2.9f], options, history)); // 4 / 2 + 1 = 3, not (4 + 1) / 2
        Assert.Equal(1, Greedy([4, 3.1f], options, history));
    }

    [Fact]
    public void The_log_probability_is_that_of_the_unmodified_model()
    {
        var options = new SamplingOptions
        {
            Temperature = 0.3,
            TopK = 2,
            LogitBias = new Dictionary<int, float> { [0] = -100, [3] = 4 },
        };
        var sampler = new TokenSampler(4);
        for (int i = 0; i < 50; i++)
        {
            var sampled = sampler.Sample(s_logits, new SamplerState(options, 1, 0, i));
            Assert.NotEqual(0, sampled.Token);
            Assert.Equal(s_logits[sampled.Token], sampled.Logprob, 1e-6);
        }
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(1000f)]
    [InlineData(-1000f)]
    public void The_log_probability_does_not_depend_on_the_logits_offset(float offset)
    {
        float[] logits = [1 + offset, 3 + offset, -1 + offset, float.NegativeInfinity];
        double logSum = Math.Log(Math.Exp(1) + Math.Exp(3) + Math.Exp(-1));
        var sampled = new TokenSampler(4).Sample(logits, new SamplerState(new() { Temperature = 0 }, 0, 0, 0));
        Assert.Equal(3 - logSum, sampled.Logprob, 1e-6);
    }

    [Fact]
    public void The_most_likely_tokens_come_in_order_with_their_log_probabilities()
    {
        var options = new SamplingOptions { LogitBias = new Dictionary<int, float> { [1] = -100 }, TopK = 1 };
        float[] logits = [0, 3, 1, 3, float.NegativeInfinity, 1];
        double logSum = Math.Log((2 * Math.Exp(3)) + (2 * Math.Exp(1)) + 1);
        for (int top = 0; top <= logits.Length; top++)
        {
            var mostLikely = new TokenLogprob[top];
            new TokenSampler(6).Sample(logits, new SamplerState(options, 0, 0, 0), mostLikely);
            Assert.Equal(new[] { 1, 3, 2, 5, 0, 4 }[..top], mostLikely.Select(t => t.Token));
            Assert.All(mostLikely, t => Assert.Equal(logits[t.Token] - logSum, t.Logprob, 1e-6));
        }
    }

    [Fact]
    public void A_logit_that_is_not_a_number_is_named()
    {
        var error = Assert.Throws<InvalidOperationException>(() => Greedy([1, 2, float.NaN, float.NaN]));
        Assert.Equal("the logit of token 2 is NaN", error.Message);
        error = Assert.Throws<InvalidOperationException>(() => Greedy([1, float.PositiveInfinity]));
        Assert.Equal("the logit of token 1 is +infinity", error.Message);
    }

    [Fact]
    public void Forbidding_every_token_is_an_error()
    {
        Assert.Throws<InvalidOperationException>(() => Greedy([float.NegativeInfinity, float.NegativeInfinity]));
        var options = new SamplingOptions { LogitBias = new Dictionary<int, float> { [0] = -100, [1] = -100 } };
        Assert.Throws<InvalidOperationException>(() => Greedy([1, 2], options));
    }

    [Fact]
    public void Wrong_lengths_are_errors()
    {
        var sampler = new TokenSampler(3);
        var state = new SamplerState(new(), 0, 0, 0);
        Assert.Throws<ArgumentException>(() => sampler.Sample([], state));
        Assert.Throws<ArgumentException>(() => sampler.Sample([1, 2, 3, 4], state));
        Assert.Throws<ArgumentException>(() => sampler.Sample([1, 2], state, new TokenLogprob[3]));
        var biased = new SamplerState(new() { LogitBias = new Dictionary<int, float> { [2] = 1 } }, 0, 0, 0);
        Assert.Throws<RequestRejectedException>(() => sampler.Sample([1, 2], biased));
    }
}
