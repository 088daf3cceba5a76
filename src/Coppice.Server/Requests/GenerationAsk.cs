using System.Globalization;
using System.Text.Json;
using Coppice.Ranking;
using Coppice.Sampling;

namespace Coppice.Server.Requests;

/// <summary>What a completion asks for, besides its prompts: read from the fields that both kinds of completion share.</summary>
internal sealed record GenerationAsk
{
    private const int MostStops = 16;
    private const int LongestStop = 512;
    private const int MostStopTokens = 1024;
    private const int LongestPattern = 1000;
    private const int MostBiases = 1024;

    /// <summary>Choices the answer has for each prompt.</summary>
    public required int Choices { get; init; }

    /// <summary>Samples drawn for each prompt, of which the answer has the best.</summary>
    public required int Samples { get; init; }

    /// <summary>Tokens of a choice at most, or null.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>How tokens are chosen; its seed is always set.</summary>
    public required SamplingOptions Sampling { get; init; }

    /// <summary>How choices are ordered.</summary>
    public required RankingOptions Ranking { get; init; }

    /// <summary>Whether scores were asked for by name.</summary>
    public bool AsksForRank { get; init; }

    public IReadOnlyList<string> Stop { get; init; } = [];

    public IReadOnlyList<int> StopTokens { get; init; } = [];

    public bool IgnoreEnd { get; init; }

    public bool ReusePrefix { get; init; } = true;

    /// <summary>Whether tokens come with log-probabilities.</summary>
    public bool Logprobs { get; init; }

    /// <summary>Most likely tokens beside each one.</summary>
    public int TopLogprobs { get; init; }

    public bool Stream { get; init; }

    /// <summary>Whether a stream ends with the usage.</summary>
    public bool IncludeUsage { get; init; }

    /// <summary>Reads what both kinds of completion share.</summary>
    /// <param name="fields">The request.</param>
    /// <param name="mostSamples">Samples of one prompt at most.</param>
    /// <param name="vocabulary">Token ids are below it.</param>
    public static GenerationAsk Read(Fields fields, int mostSamples, int vocabulary)
    {
        int? choices = fields.Whole("n", 1, mostSamples);
        int? best = fields.Whole("best_of", 1, mostSamples);
        bool stream = fields.Flag("stream") ?? false;
        if (best < (choices ?? 1)) throw ApiException.Invalid("best_of", $"'best_of' must be at least 'n', {choices ?? 1}, found {best}");
        if (stream && best > (choices ?? 1)) throw ApiException.Invalid("best_of", "'best_of' above 'n' can't be streamed: which samples are best is known at their end");
        string? rank = fields.Word("rank", "mean_logprob", "total_logprob", "majority");
        string? pattern = fields.Text("answer_pattern", LongestPattern);
        bool? unique = fields.Flag("unique");
        return new GenerationAsk
        {
            Choices = choices ?? 1,
            Samples = best ?? choices ?? 1,
            Sampling = ReadSampling(fields, vocabulary),
            Ranking = new RankingOptions
            {
                By = rank switch { "total_logprob" => RankBy.TotalLogprob, "majority" => RankBy.Majority, _ => RankBy.MeanLogprob },
                AnswerPattern = pattern,
                RemoveDuplicates = unique ?? false,
            },
            AsksForRank = rank is not null || pattern is not null || unique is true,
            Stop = ReadStops(fields),
            StopTokens = fields.Tokens("stop_token_ids", vocabulary, MostStopTokens) ?? [],
            IgnoreEnd = fields.Flag("ignore_eos") ?? false,
            ReusePrefix = fields.Flag("reuse_prefix") ?? true,
            Stream = stream,
            IncludeUsage = ReadStreamOptions(fields, stream),
        };
    }

    private static SamplingOptions ReadSampling(Fields fields, int vocabulary) => new()
    {
        Temperature = fields.Number("temperature", 0, 2) ?? 1,
        TopP = fields.Number("top_p", 0, 1) ?? 1,
        TopK = fields.Whole("top_k", -1, int.MaxValue) is int k and > 0 ? k : 0,
        MinP = fields.Number("min_p", 0, 1) ?? 0,
        PresencePenalty = fields.Number("presence_penalty", -2, 2) ?? 0,
        FrequencyPenalty = fields.Number("frequency_penalty", -2, 2) ?? 0,
        RepetitionPenalty = fields.Number("repetition_penalty", 0.01, 100) ?? 1,
        PenaltyWindow = fields.Whole("penalty_window", -1, 1 << 24) ?? 64,
        LogitBias = ReadBiases(fields, vocabulary),
        // Drawn here below 2^53, so that every client can send back the seed that it is told.
        Seed = fields.Seed("seed") ?? (ulong)Random.Shared.NextInt64(1L << 53),
    };

    private static Dictionary<int, float> ReadBiases(Fields fields, int vocabulary)
    {
        var biases = new Dictionary<int, float>();
        if (fields.Take("logit_bias") is not { } value) return biases;
        if (value.ValueKind != JsonValueKind.Object) throw fields.Wrong("logit_bias", "an object of token ids and biases", Fields.Found(value));
        foreach (JsonProperty property in value.EnumerateObject())
        {
            string name = Fields.NameOf(property, "logit_bias");
            if (!int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int token) || token >= vocabulary)
                throw fields.Wrong("logit_bias", $"an object whose names are token ids from 0 to {vocabulary - 1}", $"'{ApiException.Shown(name)}'");
            if (property.Value.ValueKind != JsonValueKind.Number || !property.Value.TryGetSingle(out float bias) || bias is not (>= -100 and <= 100))
                throw ApiException.Invalid("logit_bias", $"'logit_bias.{token}' must be a number from -100 to 100, found {Fields.Found(property.Value)}");
            if (!biases.TryAdd(token, bias)) throw ApiException.Invalid("logit_bias", $"'logit_bias.{token}' is given twice");
            if (biases.Count > MostBiases) throw fields.Wrong("logit_bias", $"at most {MostBiases} tokens", "more");
        }

        return biases;
    }

    private static IReadOnlyList<string> ReadStops(Fields fields)
    {
        IReadOnlyList<string> stops = fields.Texts("stop", MostStops);
        foreach (string stop in stops)
        {
            if (stop.Length is 0 or > LongestStop)
                throw fields.Wrong("stop", $"strings of 1 to {LongestStop} characters", stop.Length == 0 ? "an empty one" : $"one of {stop.Length}");
        }

        return stops;
    }

    private static bool ReadStreamOptions(Fields fields, bool stream)
    {
        if (fields.Object("stream_options") is not { } options) return false;
        if (!stream) throw ApiException.Invalid("stream_options", "'stream_options' needs 'stream' to be true");
        bool usage = options.Flag("include_usage") ?? false;
        options.Ignore("include_obfuscation");
        options.End();
        return usage;
    }
}
