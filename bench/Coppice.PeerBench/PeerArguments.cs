using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Coppice.Kernels.Attention;

namespace Coppice.PeerBench;

/// <summary>The options, and what they come to.</summary>
internal sealed class PeerArguments
{
    private readonly Option<bool> _suite = new("--suite") { Description = "Measures the rows that Coppice promises, on random models of real shapes." };
    private readonly Option<string?> _model = new("--model", "-m") { Description = "Measures a GGUF file instead.", HelpName = "FILE" };
    private readonly Option<int[]> _prompts = Numbers("--prompt-tokens", "Tokens of the shared prompt, with commas.", [512]);
    private readonly Option<int[]> _samples = Numbers("--samples", "Numbers of samples, with commas.", [1, 16, 32], "-n");
    private readonly Option<string[]> _only = Words("--only", "Measures only rows whose name holds one of these texts, as in q8_0/512/1 or prefill.", "TEXT");
    private readonly Option<string> _models = new("--models")
    {
        Description = "The folder of the suite's models.",
        HelpName = "FOLDER",
        DefaultValueFactory = _ => Suite.DefaultFolder,
    };

    private readonly Option<bool> _missingModels = new("--missing-models")
    {
        Description = "Lists the models that the suite's rows need and the folder lacks, as SHAPE:TYPE and file, and measures nothing.",
    };

    private readonly Option<int> _threads = Number("--threads", "Threads of each engine.", Environment.ProcessorCount);
    private readonly Option<int> _tokens = Number("--tokens", "Tokens a sample gets in a round.", 16);
    private readonly Option<int> _repeats = Number("--repeats", "Rounds, in which the engines take turns; medians count.", 5);
    private readonly Option<string> _cache = new("--cache") { Description = "How both store keys and values: f16, f32 or q8_0, which llama.cpp has with flash attention alone.", DefaultValueFactory = _ => "f16" };
    private readonly Option<bool> _repeated = new("--repeated") { Description = "Measures Coppice's repeated attention too." };
    private readonly Option<string[]> _settings = Words("--settings", "llama.cpp's settings that take part; all if none is named.", "SETTING");
    private readonly Option<string?> _results = new("--results")
    {
        Description = "A JSON file that gets each finished row at once; a later run goes on from there.",
        HelpName = "FILE",
    };

    private readonly Option<bool> _fresh = new("--fresh") { Description = "Begins anew: what the file of results holds is replaced." };
    private readonly Option<string?> _chart = new("--chart") { Description = "Draws the ratios into a PNG file.", HelpName = "FILE" };
    private readonly Option<bool> _json = new("--json") { Description = "Writes one JSON document to standard output and nothing else." };

    public PeerArguments()
    {
        _cache.AcceptOnlyFromAmong("f16", "f32", "q8_0");
        _settings.AcceptOnlyFromAmong([.. LlamaCppSetting.All.Select(setting => setting.Name)]);
        Root = new RootCommand("Measures prefill and N continuations of one prompt by llama.cpp and Coppice, in turn, on the same file and threads.")
        {
            _suite, _model, _prompts, _samples, _only, _models, _missingModels, _threads, _tokens, _repeats, _cache, _repeated, _settings, _results, _fresh,
            _chart, _json,
        };
    }

    /// <summary>The command; it has no action of its own.</summary>
    public RootCommand Root { get; }

    /// <summary>Reads what was asked.</summary>
    /// <exception cref="RequestRejectedException">The options don't go together, or name no row.</exception>
    public PeerRequest Read(ParseResult parsed)
    {
        string? model = parsed.GetValue(_model);
        bool suite = parsed.GetValue(_suite);
        if (suite == (model is not null)) throw new RequestRejectedException("rows", "one of --suite and --model", suite ? "both" : "neither");
        string[] chosen = parsed.GetValue(_settings) ?? [];
        string[] only = parsed.GetValue(_only) ?? [];
        IReadOnlyList<PeerRow> all = suite ? Suite.Rows : Rows(Path.GetFileNameWithoutExtension(model!), parsed.GetValue(_prompts)!, parsed.GetValue(_samples)!);
        IReadOnlyList<PeerRow> rows = [.. all.Where(row => only.Length == 0 || Array.Exists(only, row.IsMeant))];
        if (rows.Count == 0)
            throw new RequestRejectedException("--only", $"a part of a row's name, as in {all[0].Name}", $"'{string.Join("' '", only)}'");
        KvType cache = Enum.Parse<KvType>(parsed.GetValue(_cache)!, ignoreCase: true);
        return new PeerRequest
        {
            AllRows = all,
            Rows = rows,
            Model = model,
            ModelFolder = parsed.GetValue(_models)!,
            ListsMissingModels = parsed.GetValue(_missingModels),
            Procedure = new PeerProcedure(
                parsed.GetValue(_threads),
                parsed.GetValue(_tokens),
                parsed.GetValue(_repeats),
                cache,
                Settings(chosen, cache),
                parsed.GetValue(_repeated) ? [AttentionMode.Bifurcated, AttentionMode.Repeated] : [AttentionMode.Bifurcated]),
            ResultFile = parsed.GetValue(_results),
            Fresh = parsed.GetValue(_fresh),
            ChartFile = parsed.GetValue(_chart),
            AsJson = parsed.GetValue(_json),
        };
    }

    /// <summary>The settings named; if none is, all that can store keys and values so.</summary>
    private static LlamaCppSetting[] Settings(string[] chosen, KvType cache)
    {
        if (chosen.Length == 0) return [.. LlamaCppSetting.All.Where(IsPossible)];
        LlamaCppSetting[] named = [.. LlamaCppSetting.All.Where(setting => chosen.Contains(setting.Name, StringComparer.Ordinal))];
        return Array.Find(named, setting => !IsPossible(setting)) is { } wrong
            ? throw new RequestRejectedException("--settings", "flash attention where --cache is q8_0", wrong.Name)
            : named;

        bool IsPossible(LlamaCppSetting setting) => cache != KvType.Q8_0 || setting.FlashAttention;
    }

    private static IReadOnlyList<PeerRow> Rows(string name, int[] prompts, int[] samples) =>
        [.. prompts.SelectMany(prompt => samples.Select(count => (int?)count).Prepend(null).Select(count => new PeerRow(name, prompt, count)))];

    private static Option<string[]> Words(string name, string description, string helpName) => new(name)
    {
        Description = description,
        HelpName = helpName,
        AllowMultipleArgumentsPerToken = true,
    };

    private static Option<int> Number(string name, string description, int value) => new(name)
    {
        Description = description,
        HelpName = "NUMBER",
        DefaultValueFactory = _ => value,
        CustomParser = result => Positive(result, name, result.Tokens[0].Value),
    };

    private static Option<int[]> Numbers(string name, string description, int[] values, params string[] aliases) => new(name, aliases)
    {
        Description = description,
        HelpName = "NUMBERS",
        DefaultValueFactory = _ => values,
        CustomParser = result =>
            [.. result.Tokens.SelectMany(token => token.Value.Split(',')).Select(part => Positive(result, name, part)).Distinct()],
    };

    private static int Positive(ArgumentResult result, string name, string text)
    {
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number is > 0 and <= 1 << 20) return number;
        result.AddError($"{name}: expected a whole number from 1 to {1 << 20}, found '{text}'");
        return 1;
    }
}

/// <summary>What is to be measured, how, and where the results go.</summary>
internal sealed record PeerRequest
{
    /// <summary>All rows of the suite or file; they decide how large the engines are.</summary>
    public required IReadOnlyList<PeerRow> AllRows { get; init; }

    /// <summary>The rows asked for.</summary>
    public required IReadOnlyList<PeerRow> Rows { get; init; }

    /// <summary>The file to measure; null for the suite's.</summary>
    public required string? Model { get; init; }

    /// <summary>Where the suite's models are.</summary>
    public required string ModelFolder { get; init; }

    /// <summary>Whether only missing models are to be listed.</summary>
    public required bool ListsMissingModels { get; init; }

    /// <summary>How rows are measured.</summary>
    public required PeerProcedure Procedure { get; init; }

    /// <summary>The file of results, or null.</summary>
    public required string? ResultFile { get; init; }

    /// <summary>Whether the file's results are replaced.</summary>
    public required bool Fresh { get; init; }

    /// <summary>The picture, or null.</summary>
    public required string? ChartFile { get; init; }

    /// <summary>Whether the document goes to standard output instead of the table.</summary>
    public required bool AsJson { get; init; }

    /// <summary>A row's model file.</summary>
    public string FileOf(string model) => Model ?? Suite.File(ModelFolder, model);
}
