using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Coppice.Kernels;

namespace Coppice.PeerBench;

/// <summary>All that was measured under the same conditions, in one run or several.</summary>
/// <param name="Conditions">What the rows have in common.</param>
/// <param name="Runs">The runs of the program that measured rows.</param>
/// <param name="Rows">The finished rows.</param>
internal sealed record PeerDocument(PeerConditions Conditions, IReadOnlyList<PeerRun> Runs, IReadOnlyList<RowResult> Rows);

/// <summary>What has to be the same for rows to stand in one table.</summary>
/// <param name="Machine">Processor, cores and memory.</param>
/// <param name="LlamaCpp">Its version and the variant it chose for the processor.</param>
/// <param name="Coppice">Its version and build, and the kernel path.</param>
/// <param name="Models">Where the models come from.</param>
/// <param name="Threads">Threads of each engine.</param>
/// <param name="Tokens">Tokens a sample gets in a round.</param>
/// <param name="Repeats">Rounds.</param>
/// <param name="Cache">How keys and values are stored.</param>
/// <param name="Settings">llama.cpp's settings asked for.</param>
internal sealed record PeerConditions(
    string Machine, string LlamaCpp, string Coppice, string Models, int Threads, int Tokens, int Repeats, string Cache, string Settings)
{
    /// <summary>The first thing that is not the same, in words; null where all is.</summary>
    public string? DifferenceFrom(PeerConditions other)
    {
        (string Name, string Here, string There)[] pairs =
        [
            ("machine", Machine, other.Machine),
            ("llama.cpp", LlamaCpp, other.LlamaCpp),
            ("Coppice", Coppice, other.Coppice),
            ("models", Models, other.Models),
            ("--threads", Text(Threads), Text(other.Threads)),
            ("--tokens", Text(Tokens), Text(other.Tokens)),
            ("--repeats", Text(Repeats), Text(other.Repeats)),
            ("--cache", Cache, other.Cache),
            ("--settings", Settings, other.Settings),
        ];
        (string name, string here, string there) = Array.Find(pairs, pair => pair.Here != pair.There);
        return name is null ? null : $"{name}: '{there}', now '{here}'";
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}

/// <summary>What the machine gave at a moment.</summary>
/// <param name="ParallelRatio">Multiply-adds of all threads over those of one.</param>
/// <param name="ReadGigabytesPerSecond">Memory read by all threads.</param>
internal sealed record MachineSpeed(double ParallelRatio, double ReadGigabytesPerSecond)
{
    /// <summary>What speaks against figures taken now; null where the threads have a core each.</summary>
    public string? RatioFlag(string when, int threads) => ParallelRatio < MachineLimits.QuietShare * threads
        ? FormattableString.Invariant($"{when} {threads} threads did {ParallelRatio:f2} times the arithmetic of one")
        : null;
}

/// <summary>One run of the program.</summary>
/// <param name="Started">When, in UTC.</param>
/// <param name="Threads">Threads of each engine.</param>
/// <param name="Begin">The machine before the first row.</param>
/// <param name="End">The machine after the last row; null where the run did not get there.</param>
internal sealed record PeerRun(DateTime Started, int Threads, MachineSpeed Begin, MachineSpeed? End)
{
    /// <summary>The part of its memory bandwidth that a machine must keep.</summary>
    public const double KeptBandwidth = 0.85;

    /// <summary>What speaks against the run's figures; nothing where the machine stayed what it was.</summary>
    public IReadOnlyList<string> Flags => [.. Problems()];

    private IEnumerable<string> Problems()
    {
        if (Begin.RatioFlag("at the start", Threads) is { } beginFlag) yield return beginFlag;
        if (End is null)
        {
            yield return "the run did not come to its end";
            yield break;
        }

        if (End.RatioFlag("at the end", Threads) is { } endFlag) yield return endFlag;
        if (End.ReadGigabytesPerSecond < KeptBandwidth * Begin.ReadGigabytesPerSecond)
            yield return FormattableString.Invariant($"memory bandwidth fell from {Begin.ReadGigabytesPerSecond:f1} to {End.ReadGigabytesPerSecond:f1} GB/s");
    }
}

/// <summary>One engine with one setting in one row.</summary>
/// <param name="Engine">The engine.</param>
/// <param name="Setting">Its setting.</param>
/// <param name="Threads">Its threads.</param>
/// <param name="TokensPerSecond">By the median.</param>
/// <param name="Seconds">Of each round: the whole prefill, or one step.</param>
/// <param name="IdleProcessorShare">Processor time a second that passes after its turns, all threads together.</param>
internal sealed record EngineResult(
    string Engine, string Setting, int Threads, double TokensPerSecond, IReadOnlyList<double> Seconds, double IdleProcessorShare)
{
    /// <summary>Makes a result of what was measured.</summary>
    public static EngineResult Of(IBenchEngine engine, int threads, int tokens, IReadOnlyList<double> seconds, double idle) => new(
        engine.Name,
        engine.Setting,
        threads,
        Math.Round(tokens / Statistics.Median(seconds), 3),
        [.. seconds.Select(value => Math.Round(value, 7))],
        Math.Round(idle, 4));
}

/// <summary>A finished row.</summary>
/// <param name="Name">The row's name.</param>
/// <param name="Model">The model's name.</param>
/// <param name="Context">Tokens of the prompt.</param>
/// <param name="Samples">Continuations; null for the prefill.</param>
/// <param name="Floor">What the ratio must come to; null where nothing is demanded.</param>
/// <param name="Run">Which of the document's runs measured it.</param>
/// <param name="Engines">Every engine and setting.</param>
/// <param name="LeftOut">Settings that memory had no room for.</param>
internal sealed record RowResult(
    string Name,
    string Model,
    int Context,
    int? Samples,
    double? Floor,
    int Run,
    IReadOnlyList<EngineResult> Engines,
    IReadOnlyList<LeftOut> LeftOut)
{
    /// <summary>llama.cpp with the setting that is its fastest in this row.</summary>
    [JsonIgnore]
    public EngineResult LlamaCpp => Engines.Where(result => result.Engine == EngineNames.LlamaCpp).MaxBy(result => result.TokensPerSecond)!;

    /// <summary>Coppice as it runs by default.</summary>
    [JsonIgnore]
    public EngineResult Coppice => Engines.Single(result => result is { Engine: EngineNames.Coppice, Setting: CoppiceEngine.Bifurcated });

    /// <summary>llama.cpp's fastest setting, with its threads where they are not all.</summary>
    public string BestSetting => LlamaCpp.Threads == Coppice.Threads ? LlamaCpp.Setting : $"{LlamaCpp.Setting},1 thread";

    /// <summary>Coppice's tokens a second over llama.cpp's.</summary>
    public double Ratio => Math.Round(Coppice.TokensPerSecond / LlamaCpp.TokensPerSecond, 3);

    /// <summary>Whether the ratio comes to the floor; null where there is none.</summary>
    public bool? Met => Floor is double floor ? Ratio >= floor : null;
}

/// <summary>The document's spelling.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(PeerDocument))]
internal sealed partial class PeerJson : JsonSerializerContext
{
    // Built by hand for the encoder, which leaves '+' and letters outside ASCII as they are; the output is no part of a web page.
    public static PeerJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    });

    /// <summary>A document as text.</summary>
    public static string Write(PeerDocument document) => JsonSerializer.Serialize(document, Readable.PeerDocument);
}
