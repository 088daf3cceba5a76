using System.Collections.ObjectModel;
using System.Globalization;

namespace Coppice.Sampling;

/// <summary>
/// How a token is drawn from the model's distribution. Every value is checked when it is set; the defaults draw from the
/// distribution as the model gives it.
/// </summary>
/// <remarks>
/// The order of operations is that of vLLM and Hugging Face: penalties, logit bias, temperature, top-k, top-p, min-p.
/// See <see cref="TokenSampler"/>. A value that is not allowed throws <see cref="RequestRejectedException"/>.
/// </remarks>
public sealed record SamplingOptions
{
    /// <summary>A logit bias at or below this value forbids the token.</summary>
    public const float NeverBias = -100f;

    /// <summary>The logits are divided by it, 0 to 100. 0 takes the most likely token (the lowest id among equals).</summary>
    public double Temperature { get; init => field = Within(value, 0, 100, "temperature"); } = 1;

    /// <summary>Only the k most likely tokens can be drawn; 0 turns it off.</summary>
    public int TopK { get; init => field = AtLeast(value, 0, "top-k"); }

    /// <summary>
    /// Only the smallest set of most likely tokens can be drawn whose probability, after temperature and top-k, reaches
    /// this value, in (0, 1]; 1 turns it off. It holds at least one token.
    /// </summary>
    public double TopP { get; init => field = value > 0 && value <= 1 ? value : throw Rejected("top-p", "more than 0 and at most 1", value); } = 1;

    /// <summary>
    /// Only tokens can be drawn whose probability, after temperature, is at least this share of the most likely
    /// token's, 0 to 1; 0 turns it off.
    /// </summary>
    public double MinP { get; init => field = Within(value, 0, 1, "min-p"); }

    /// <summary>
    /// Positive logits of tokens in the last <see cref="PenaltyWindow"/> tokens, prompt included, are divided by it and
    /// negative ones multiplied (Keskar et al. 2019, section 4.1), 0.01 to 100; 1 turns it off.
    /// </summary>
    public double RepetitionPenalty { get; init => field = Within(value, 0.01, 100, "repetition-penalty"); } = 1;

    /// <summary>Subtracted from the logit of each token the branch has generated, -2 to 2; 0 turns it off.</summary>
    public double PresencePenalty { get; init => field = Within(value, -2, 2, "presence-penalty"); }

    /// <summary>Subtracted from a token's logit once for each time the branch has generated it, -2 to 2; 0 turns it off.</summary>
    public double FrequencyPenalty { get; init => field = Within(value, -2, 2, "frequency-penalty"); }

    /// <summary>
    /// How many of the last tokens, prompt and generated, <see cref="RepetitionPenalty"/> looks at; 0 for none, -1 for all.
    /// The other two penalties count every generated token and none of the prompt.
    /// </summary>
    public int PenaltyWindow { get; init => field = AtLeast(value, -1, "penalty-window"); } = 64;

    /// <summary>
    /// Added to the logits of these token ids: -infinity to 100. <see cref="NeverBias"/> or less forbids the token. The
    /// dictionary is copied.
    /// </summary>
    public IReadOnlyDictionary<int, float> LogitBias
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            foreach (var (token, bias) in value)
            {
                if (token < 0) throw Rejected("logit-bias", "token ids of 0 or more", token);
                if (!(bias <= 100)) throw Rejected("logit-bias", $"at most 100 for token {token}", bias);
            }

            SortedBias = [.. value.OrderBy(pair => pair.Key)];
            field = new ReadOnlyDictionary<int, float>(SortedBias.ToDictionary());
        }
    } = ReadOnlyDictionary<int, float>.Empty;

    /// <summary>The seed of the random numbers; null lets the engine draw one.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Whether a <see cref="TokenHistory"/> is needed to draw a token.</summary>
    public bool NeedsHistory =>
        (RepetitionPenalty != 1 && PenaltyWindow != 0) || PresencePenalty != 0 || FrequencyPenalty != 0;

    /// <summary>Whether the most likely token is taken and no random number is needed.</summary>
    public bool IsGreedy => (float)Temperature == 0;

    /// <summary><see cref="LogitBias"/> in order of the ids, to walk without an allocation.</summary>
    internal KeyValuePair<int, float>[] SortedBias { get; private init; } = [];

    /// <summary>Checks that the token ids of <see cref="LogitBias"/> exist.</summary>
    /// <param name="vocabularySize">The number of logits the model gives.</param>
    /// <exception cref="RequestRejectedException">An id is not below <paramref name="vocabularySize"/>.</exception>
    public void CheckVocabulary(int vocabularySize)
    {
        if (SortedBias.Length > 0 && SortedBias[^1].Key >= vocabularySize)
            throw Rejected("logit-bias", $"token ids below {vocabularySize}", SortedBias[^1].Key);
    }

    private static double Within(double value, double least, double most, string field) =>
        value >= least && value <= most
            ? value
            : throw Rejected(field, string.Create(CultureInfo.InvariantCulture, $"{least} to {most}"), value);

    private static int AtLeast(int value, int least, string field) =>
        value >= least ? value : throw Rejected(field, $"{least} or more", value);

    private static RequestRejectedException Rejected<T>(string field, string expected, T found)
        where T : IFormattable =>
        new(field, expected, found.ToString(null, CultureInfo.InvariantCulture));
}
