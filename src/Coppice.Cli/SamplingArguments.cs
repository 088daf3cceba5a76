using System.CommandLine;
using Coppice.Sampling;

namespace Coppice.Cli;

/// <summary>How tokens are drawn: the options that fill <see cref="SamplingOptions"/>, whose ranges and defaults hold.</summary>
internal sealed class SamplingArguments
{
    private readonly Option<double?> _temperature = OptionParsers.Number<double>(
        "--temperature", "Divides the logits; 0 takes the most likely token.", 0, double.MaxValue);

    private readonly Option<int?> _topK = OptionParsers.Number("--top-k", "Draw from the k most likely tokens; 0 for all.", 0, int.MaxValue);

    private readonly Option<double?> _topP = OptionParsers.Number<double>(
        "--top-p", "Draw from the most likely tokens that reach this probability together; 1 for all.", 0, double.MaxValue);

    private readonly Option<double?> _minP = OptionParsers.Number<double>(
        "--min-p", "Draw from tokens at least this share as likely as the most likely one; 0 for all.", 0, double.MaxValue);

    private readonly Option<ulong?> _seed = OptionParsers.Number<ulong>(
        "--seed", "Seed of the random numbers; the same seed gives the same text.", 0, ulong.MaxValue);

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_temperature);
        command.Add(_topK);
        command.Add(_topP);
        command.Add(_minP);
        command.Add(_seed);
    }

    /// <summary>The options that were given, over the defaults.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="defaults">What holds where nothing is given; null: the library's own.</param>
    /// <exception cref="RequestRejectedException">A value is out of range.</exception>
    public SamplingOptions Read(ParseResult parsed, SamplingOptions? defaults = null)
    {
        defaults ??= new SamplingOptions();
        return defaults with
        {
            Temperature = parsed.GetValue(_temperature) ?? defaults.Temperature,
            TopK = parsed.GetValue(_topK) ?? defaults.TopK,
            TopP = parsed.GetValue(_topP) ?? defaults.TopP,
            MinP = parsed.GetValue(_minP) ?? defaults.MinP,
            Seed = parsed.GetValue(_seed) ?? defaults.Seed,
        };
    }
}
