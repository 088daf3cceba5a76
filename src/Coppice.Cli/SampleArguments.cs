using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Coppice.Ranking;
using Coppice.Sampling;

namespace Coppice.Cli;

/// <summary>What <c>sample</c> asks for besides the model and the prompt: how many, how long, drawn and ranked how.</summary>
/// <param name="usualMaxTokens">Tokens a sample has at most where nothing is said.</param>
internal sealed class SampleArguments(int usualMaxTokens = SampleArguments.DefaultMaxTokens)
{
    /// <summary>An option that takes any text.</summary>
    public const string StopName = "--stop";

    /// <summary>An option that takes any pattern.</summary>
    public const string AnswerName = "--answer-pattern";

    /// <summary>Tokens a sample has at most where nothing is said and the context has room for them.</summary>
    public const int DefaultMaxTokens = 128;

    private readonly Option<int?> _samples = OptionParsers.Number("--samples", "How many continuations; 1 if not given.", 1, 65_536, "-n");

    private readonly Option<int?> _maxTokens = OptionParsers.Number(
        "--max-tokens", $"Tokens a continuation has at most; {usualMaxTokens}, or what the context has room for, if not given.", 1, 1 << 24);

    private readonly Option<int?> _context = OptionParsers.Number(
        "--context", "Tokens of prompt and continuation together; what the model was made for if not given.", 2, 1 << 24);

    private readonly SamplingArguments _sampling = new();

    private readonly Option<double?> _repetition = OptionParsers.Number<double>(
        "--repetition-penalty", "Makes recent tokens, the prompt's included, less likely; 1 for none.", double.MinValue, double.MaxValue);

    private readonly Option<double?> _presence = OptionParsers.Number<double>(
        "--presence-penalty", "Taken from the logit of each token the sample has already; 0 for none.", double.MinValue, double.MaxValue);

    private readonly Option<double?> _frequency = OptionParsers.Number<double>(
        "--frequency-penalty", "Taken from a token's logit for each time the sample has it already; 0 for none.", double.MinValue, double.MaxValue);

    private readonly Option<KeyValuePair<int, float>[]?> _bias = new("--logit-bias")
    {
        Description = "Added to a token's logit; -100 or less forbids it. May be given several times.",
        HelpName = "ID=VALUE",
        CustomParser = ParseBiases,
    };

    private readonly Option<string[]?> _stop = new(StopName)
    {
        Description = "A text that ends a sample and is not part of it. May be given several times.",
        HelpName = "TEXT",
    };

    private readonly Option<bool> _ignoreEnd = new("--ignore-eos") { Description = "Goes on after the model's own end tokens." };

    private readonly Option<RankBy> _rank = OptionParsers.Choice(
        "--rank", "What the best sample is",
        ("mean-logprob", RankBy.MeanLogprob), ("total-logprob", RankBy.TotalLogprob), ("majority", RankBy.Majority));

    private readonly Option<string?> _answer = new(AnswerName)
    {
        Description = "Finds the answer in a text, for --rank majority: group 1, or the whole match; the whole text if not given.",
        HelpName = "REGEX",
    };

    private readonly Option<bool> _unique = new("--unique") { Description = "Leaves out samples whose text a better one has." };

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_samples);
        command.Add(_maxTokens);
        command.Add(_context);
        _sampling.AddTo(command);
        foreach (Option option in new Option[] { _repetition, _presence, _frequency, _bias, _stop, _ignoreEnd, _rank, _answer, _unique })
            command.Add(option);
    }

    /// <summary>The context's size, where one was asked for.</summary>
    public int? Context(ParseResult parsed) => parsed.GetValue(_context);

    /// <summary>The tokens of a sample, where a number was asked for.</summary>
    public int? MaxTokens(ParseResult parsed) => parsed.GetValue(_maxTokens);

    /// <summary>The request, but for its prompt and the number of tokens.</summary>
    /// <exception cref="RequestRejectedException">A value is out of range.</exception>
    public GenerationRequest Read(ParseResult parsed)
    {
        SamplingOptions sampling = _sampling.Read(parsed);
        string[] stop = parsed.GetValue(_stop) ?? [];
        if (stop.Contains("")) throw new RequestRejectedException("--stop", "a text", "an empty one");
        return new GenerationRequest([])
        {
            Samples = parsed.GetValue(_samples) ?? 1,
            Sampling = sampling with
            {
                RepetitionPenalty = parsed.GetValue(_repetition) ?? sampling.RepetitionPenalty,
                PresencePenalty = parsed.GetValue(_presence) ?? sampling.PresencePenalty,
                FrequencyPenalty = parsed.GetValue(_frequency) ?? sampling.FrequencyPenalty,
                // Of several values for one token the last one holds.
                LogitBias = (parsed.GetValue(_bias) ?? []).GroupBy(bias => bias.Key).ToDictionary(same => same.Key, same => same.Last().Value),
            },
            Stop = stop,
            IgnoreEnd = parsed.GetValue(_ignoreEnd),
            Ranking = new RankingOptions
            {
                By = parsed.GetValue(_rank),
                AnswerPattern = parsed.GetValue(_answer),
                RemoveDuplicates = parsed.GetValue(_unique),
            },
        };
    }

    private static KeyValuePair<int, float>[]? ParseBiases(ArgumentResult result)
    {
        var biases = new KeyValuePair<int, float>[result.Tokens.Count];
        for (int i = 0; i < biases.Length; i++)
        {
            string text = result.Tokens[i].Value;
            string[] parts = text.Split('=');
            if (parts.Length == 2
                && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int token)
                && float.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out float value))
            {
                biases[i] = new(token, value);
                continue;
            }

            result.AddError($"--logit-bias: expected ID=VALUE, as in 13=-100, found '{text}'");
            return null;
        }

        return biases;
    }
}
