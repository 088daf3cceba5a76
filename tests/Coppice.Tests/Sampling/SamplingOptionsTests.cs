using Coppice.Sampling;

namespace Coppice.Tests.Sampling;

public sealed class SamplingOptionsTests
{
    public static TheoryData<string, Func<SamplingOptions>> Wrong => new()
    {
        { "temperature", () => new() { Temperature = -0.1 } },
        { "temperature", () => new() { Temperature = double.NaN } },
        { "temperature", () => new() { Temperature = double.PositiveInfinity } },
        { "top-k", () => new() { TopK = -1 } },
        { "top-p", () => new() { TopP = 0 } },
        { "top-p", () => new() { TopP = 1.01 } },
        { "top-p", () => new() { TopP = double.NaN } },
        { "min-p", () => new() { MinP = -0.1 } },
        { "min-p", () => new() { MinP = 1.1 } },
        { "repetition-penalty", () => new() { RepetitionPenalty = 0 } },
        { "presence-penalty", () => new() { PresencePenalty = 2.1 } },
        { "frequency-penalty", () => new() { FrequencyPenalty = -2.1 } },
        { "penalty-window", () => new() { PenaltyWindow = -2 } },
        { "logit-bias", () => new() { LogitBias = new Dictionary<int, float> { [-1] = 0 } } },
        { "logit-bias", () => new() { LogitBias = new Dictionary<int, float> { [1] = float.NaN } } },
        { "logit-bias", () => new() { LogitBias = new Dictionary<int, float> { [1] = float.PositiveInfinity } } },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_value_out_of_range_is_rejected_by_name(string field, Func<SamplingOptions> make) =>
        Assert.Equal(field, Assert.Throws<RequestRejectedException>(make).Field);

    [Fact]
    public void The_values_at_the_ends_of_the_ranges_are_allowed()
    {
        var options = new SamplingOptions
        {
            Temperature = 0,
            TopP = 1,
            MinP = 1,
            PresencePenalty = -2,
            FrequencyPenalty = 2,
            PenaltyWindow = -1,
            LogitBias = new Dictionary<int, float> { [3] = float.NegativeInfinity, [0] = 100 },
        };
        Assert.True(options.IsGreedy);
        Assert.True(options.NeedsHistory);
        Assert.False(new SamplingOptions().NeedsHistory);
    }

    [Fact]
    public void The_bias_is_a_copy_and_stays_with_a_changed_record()
    {
        var bias = new Dictionary<int, float> { [2] = 1, [1] = -1 };
        var options = new SamplingOptions { LogitBias = bias };
        bias[9] = 5;
        Assert.Equal([1, 2], (options with { TopK = 3 }).SortedBias.Select(pair => pair.Key));
        Assert.Equal(2, options.LogitBias.Count);
    }

    [Fact]
    public void A_bias_for_a_token_beyond_the_vocabulary_is_rejected()
    {
        var options = new SamplingOptions { LogitBias = new Dictionary<int, float> { [10] = 1 } };
        options.CheckVocabulary(11);
        Assert.Equal("logit-bias", Assert.Throws<RequestRejectedException>(() => options.CheckVocabulary(10)).Field);
    }
}
