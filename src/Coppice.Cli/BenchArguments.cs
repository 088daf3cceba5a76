using System.CommandLine;
using System.CommandLine.Parsing;
using Coppice.Kernels.Attention;

namespace Coppice.Cli;

/// <summary>What <c>bench</c> measures: every prompt length with every number of samples, in every mode.</summary>
internal sealed class BenchArguments
{
    private readonly Option<int[]> _promptTokens = OptionParsers.Numbers("--prompt-tokens", "Lengths of the prompt, as in 512,2048", [512], 1 << 24);

    private readonly Option<int[]> _samples = OptionParsers.Numbers("--samples", "Numbers of samples, as in 1,4,16", [1, 4, 16, 32], 65_536, "-n");

    private readonly Option<int?> _tokens = OptionParsers.Number("--tokens", "Decode steps; 16 if not given.", 1, 1 << 20);

    private readonly Option<AttentionMode[]> _attention = OptionParsers.Choice<AttentionMode[]>(
        "--attention", "Whether a shared context is read once for all samples or once for each",
        ("bifurcated", [AttentionMode.Bifurcated]),
        ("repeated", [AttentionMode.Repeated]),
        ("both", [AttentionMode.Bifurcated, AttentionMode.Repeated]));

    private readonly Option<int?> _repeats = OptionParsers.Number(
        "--repeats", "Runs of each row, of which the median counts; if not given 3, or fewer where they take more than a minute.", 1, 1000);

    private readonly Option<bool> _cold = new("--cold")
    {
        Description = "Measures the time to the first token instead, with the file in the page cache and not, for every --weights, or the one given.",
    };

    private readonly Option<int?> _warmup = OptionParsers.Number("--warmup", "Short runs before the first row that do not count; 1 if not given.", 0, 1000);

    private readonly Option<bool> _ladder = new("--ladder")
    {
        Description = "Measures the machine's limits, then kernels, steps and whole runs, each as a percentage of the one before; "
            + "of one prompt length, with 1 and 32 samples if not given.",
    };

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _promptTokens, _samples, _tokens, _attention, _repeats, _warmup, _ladder, _cold }) command.Add(option);
    }

    /// <summary>What was asked for with <c>--cold</c>; null without it.</summary>
    /// <exception cref="RequestRejectedException">An option does not go with it.</exception>
    public ColdPlan? ReadCold(ParseResult parsed)
    {
        if (!parsed.GetValue(_cold)) return null;
        RefuseBeside(_cold, parsed, _samples, _tokens, _attention);
        return new ColdPlan(
            IsGiven(parsed, _promptTokens) ? parsed.GetValue(_promptTokens)! : [ColdPlan.DefaultPromptTokens],
            WeightsAreGiven(parsed) ? [parsed.GetValue<WeightStorage>(RuntimeArguments.WeightsName)] : [WeightStorage.Packed, WeightStorage.Mapped],
            parsed.GetValue(_repeats) ?? ColdPlan.DefaultRepeats,
            parsed.GetValue(_warmup) ?? 1);
    }

    /// <summary>What was asked for.</summary>
    public BenchPlan Read(ParseResult parsed) => new(
        parsed.GetValue(_promptTokens)!,
        parsed.GetValue(_samples)!,
        parsed.GetValue(_tokens) ?? 16,
        parsed.GetValue(_attention)!,
        parsed.GetValue(_repeats),
        parsed.GetValue(_warmup) ?? 1);

    /// <summary>What was asked for with <c>--ladder</c>; null without it.</summary>
    /// <exception cref="RequestRejectedException">An option does not go with it.</exception>
    public LadderPlan? ReadLadder(ParseResult parsed)
    {
        if (!parsed.GetValue(_ladder)) return null;
        RefuseBeside(_ladder, parsed, _attention, _warmup, _cold);
        if (WeightsAreGiven(parsed)) throw new RequestRejectedException(RuntimeArguments.WeightsName, "no such option beside --ladder", "one");
        int[] lengths = parsed.GetValue(_promptTokens)!;
        if (lengths.Length != 1) throw new RequestRejectedException("--prompt-tokens", "one length beside --ladder", $"{lengths.Length}");
        int[] samples = IsGiven(parsed, _samples) ? parsed.GetValue(_samples)! : [32];
        return new LadderPlan(lengths[0], [.. samples.Append(1).Distinct().Order()], parsed.GetValue(_tokens) ?? 16, parsed.GetValue(_repeats));
    }

    private static void RefuseBeside(Option chosen, ParseResult parsed, params Option[] options)
    {
        if (Array.Find(options, option => IsGiven(parsed, option)) is { } found)
            throw new RequestRejectedException(found.Name, $"no such option beside {chosen.Name}", "one");
    }

    private static bool WeightsAreGiven(ParseResult parsed) => parsed.GetResult(RuntimeArguments.WeightsName) is OptionResult { Implicit: false };

    private static bool IsGiven(ParseResult parsed, Option option) => parsed.GetResult(option) is { Implicit: false };
}

/// <summary>The rows of a benchmark.</summary>
/// <param name="PromptTokens">Lengths of the prompt.</param>
/// <param name="Samples">Numbers of samples.</param>
/// <param name="Tokens">Decode steps.</param>
/// <param name="Modes">How the context is read; each mode's rows come together.</param>
/// <param name="Repeats">Runs of a row; null: three within a minute.</param>
/// <param name="Warmup">Runs that do not count.</param>
internal sealed record BenchPlan(int[] PromptTokens, int[] Samples, int Tokens, AttentionMode[] Modes, int? Repeats, int Warmup)
{
    /// <summary>Number of rows.</summary>
    public int Rows => PromptTokens.Length * Samples.Length * Modes.Length;

    /// <summary>Tokens of each sample: the first costs no step.</summary>
    public int MaxTokens => Tokens + 1;

    /// <summary>Settings of an engine for the largest row.</summary>
    /// <param name="threads">Threads that compute.</param>
    /// <param name="kv">How keys and values are stored.</param>
    public EngineOptions EngineOptions(int threads, KvType kv) => new()
    {
        Threads = threads,
        KvType = kv,
        ContextLength = PromptTokens.Max() + MaxTokens,
        KvTokens = EngineLoading.KvTokens(PromptTokens.Max(), Samples.Max(), MaxTokens),
        MaxBranches = Samples.Max(),
        PrefillChunk = Math.Min(512, PromptTokens.Max()),
    };
}
