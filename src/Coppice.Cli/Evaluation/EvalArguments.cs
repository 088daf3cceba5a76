using System.CommandLine;
using Coppice.Kernels.Attention;
using Coppice.Sampling;

namespace Coppice.Cli.Evaluation;

/// <summary>What <c>eval</c> asks for besides the problems, the model and the check.</summary>
internal sealed class EvalArguments
{
    private const int DefaultSamples = 32;
    private const ulong DefaultSeed = 1;

    /// <summary>How the experiment that pass@top3 comes from draws (arXiv 2403.08845).</summary>
    private static readonly SamplingOptions Drawn = new() { Temperature = 0.8, TopP = 0.95, Seed = DefaultSeed };

    /// <summary>Puzzles are drawn from the model's own distribution: it was trained to spread over a puzzle's solutions.</summary>
    private static readonly SamplingOptions DrawnForPuzzles = new() { Seed = DefaultSeed };

    private readonly Option<int[]> _samples = OptionParsers.Numbers(
        "--samples", "Samples of each problem; several numbers are several runs, as in 1,8,32", [DefaultSamples], 65_536, "-n");

    private readonly Option<int[]> _k = OptionParsers.Numbers(
        "--pass-at", "Numbers of tries to estimate pass@k for; 1, 3, 8, 32 up to the number of samples, and that, if not given", [], 65_536, "-k");

    private readonly Option<AttentionMode[]> _attention = OptionParsers.Choice<AttentionMode[]>(
        "--attention", "Whether a prompt is read once for all samples or once for each",
        ("bifurcated", [AttentionMode.Bifurcated]),
        ("repeated", [AttentionMode.Repeated]),
        ("both", [AttentionMode.Bifurcated, AttentionMode.Repeated]));

    private readonly Option<int?> _limit = OptionParsers.Number("--limit", "Only the first problems.", 1, int.MaxValue);

    private readonly Option<int?> _maxTokens = OptionParsers.Number(
        "--max-tokens", "Tokens a sample has at most; 24 for puzzles, 256 otherwise, or what the context has room for, if not given.", 1, 1 << 24);

    private readonly Option<string[]?> _stop = new(SampleArguments.StopName)
    {
        Description = "A text that ends a sample, instead of those that suit the problems. May be given several times.",
        HelpName = "TEXT",
    };

    private readonly SamplingArguments _sampling = new();
    private readonly Option<string?> _results = File("--results", "Keeps each finished problem in a file, a line each, and goes on from what is there.");
    private readonly Option<string?> _chart = File("--chart", "Draws pass@k over samples, and over time where there are several runs, into a PNG file.");
    private readonly Option<string?> _markdown = File("--markdown", $"Writes the table into a Markdown file, between the lines '{EvalMarkdown.Begin}' and '{EvalMarkdown.End}' where it has them.");

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _samples, _k, _attention, _limit, _maxTokens, _stop }) command.Add(option);
        _sampling.AddTo(command);
        foreach (Option option in new Option[] { _results, _chart, _markdown }) command.Add(option);
    }

    /// <summary>What was asked for.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="puzzles">Whether the problems are puzzles.</param>
    /// <exception cref="RequestRejectedException">A value is out of range, or values do not go together.</exception>
    /// <exception cref="IOException">A file's folder does not exist.</exception>
    public EvalPlan Read(ParseResult parsed, bool puzzles)
    {
        int[] samples = [.. parsed.GetValue(_samples)!.Distinct().Order()];
        int[] ks = [.. parsed.GetValue(_k)!.Distinct().Order()];
        if (ks.Length > 0 && ks[^1] > samples[^1])
            throw new RequestRejectedException(_k.Name, $"at most the {samples[^1]} samples of a problem", $"{ks[^1]}");
        string[]? stop = parsed.GetValue(_stop) is { Length: > 0 } given ? given : null;
        if (stop?.Contains("") is true) throw new RequestRejectedException(_stop.Name, "a text", "an empty one");
        string? chart = Checked(parsed, _chart);
        if (chart is not null && !chart.EndsWith(".png", StringComparison.OrdinalIgnoreCase))
            throw new RequestRejectedException(_chart.Name, "a file that ends in .png", $"'{chart}'");
        return new EvalPlan(
            samples, ks, parsed.GetValue(_attention)!, parsed.GetValue(_limit), parsed.GetValue(_maxTokens), stop, 
            _sampling.Read(parsed, puzzles ? DrawnForPuzzles : Drawn),
            Checked(parsed, _results), chart, Checked(parsed, _markdown));
    }

    private static string? Checked(ParseResult parsed, Option<string?> option)
    {
        if (parsed.GetValue(option) is not { } path) return null;
        if (path.Length == 0) throw new RequestRejectedException(option.Name, "a file", "an empty name");
        if (!Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(path)))) throw new IOException($"{option.Name} {path}: its folder does not exist");
        return Directory.Exists(path) ? throw new IOException($"{option.Name} {path}: expected a file, found a folder") : path;
    }

    private static Option<string?> File(string name, string description) => new(name) { Description = description, HelpName = "FILE" };
}

/// <summary>What an evaluation does.</summary>
/// <param name="Samples">Samples of a problem, ascending; each number is a run of its own.</param>
/// <param name="Ks">Tries to estimate pass@k for, ascending; none: <see cref="DefaultKs"/>.</param>
/// <param name="Modes">How the prompt is read; each is a run of its own.</param>
/// <param name="Limit">Problems at most.</param>
/// <param name="MaxTokens">Tokens of a sample at most, where a number was asked for.</param>
/// <param name="Stop">Texts that end a sample; null: those of the problem.</param>
/// <param name="Sampling">How tokens are drawn, with a seed.</param>
/// <param name="ResultFile">Keeps what is done.</param>
/// <param name="ChartFile">Gets the chart.</param>
/// <param name="MarkdownFile">Gets the table.</param>
internal sealed record EvalPlan(
    int[] Samples, int[] Ks, AttentionMode[] Modes, int? Limit, int? MaxTokens, string[]? Stop, SamplingOptions Sampling,
    string? ResultFile, string? ChartFile, string? MarkdownFile)
{
    private static readonly int[] DefaultKs = [1, 3, 8, 32];

    /// <summary>The runs, by samples.</summary>
    public IReadOnlyList<EvalRun> Runs => [.. Samples.SelectMany(samples => Modes.Select(mode => new EvalRun(samples, mode)))];

    /// <summary>The tries that a run of so many samples can estimate pass@k for.</summary>
    public IReadOnlyList<int> KsOf(int samples) => Ks.Length > 0
        ? [.. Ks.Where(k => k <= samples)]
        : [.. DefaultKs.Append(samples).Where(k => k <= samples).Distinct().Order()];
}

/// <summary>One way to sample all problems.</summary>
/// <param name="Samples">Samples of each.</param>
/// <param name="Attention">How the prompt is read.</param>
internal readonly record struct EvalRun(int Samples, AttentionMode Attention);
