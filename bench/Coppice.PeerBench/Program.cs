using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Coppice.Kernels.Attention;
using Coppice.Kernels.Formats;
using Coppice.LlamaCpp;
using Coppice.PeerBench;

// The side-by-side run: N continuations of one prompt, by each engine in turn on an otherwise idle machine.

var model = new Option<FileInfo>("--model", "-m") { Description = "The GGUF file.", Required = true };
var promptTokens = new Option<int>("--prompt-tokens") { Description = "Tokens of the shared prompt.", DefaultValueFactory = _ => 512 };
var samples = new Option<int[]>("--samples", "-n") { Description = "Numbers of samples, with commas.", DefaultValueFactory = _ => [1, 16, 32], CustomParser = Numbers };
var tokens = new Option<int>("--tokens") { Description = "Tokens a sample gets.", DefaultValueFactory = _ => 16 };
var threads = new Option<int>("--threads") { Description = "Threads.", DefaultValueFactory = _ => Environment.ProcessorCount };
var repeats = new Option<int>("--repeats") { Description = "How often each is measured; the fastest counts.", DefaultValueFactory = _ => 1 };
var cache = new Option<TensorType>("--cache") { Description = "How both engines store keys and values: F16, F32 or Q8_0 (which llama.cpp has with flash attention alone).", DefaultValueFactory = _ => TensorType.F16 };
var repeated = new Option<bool>("--repeated") { Description = "Measure Coppice's repeated attention too." };
var settings = new Option<string[]>("--settings")
{
    Description = "llama.cpp's settings: fa,unified fa,streams nofa,unified nofa,streams. All if none is named.",
    AllowMultipleArgumentsPerToken = true,
};
cache.AcceptOnlyFromAmong(nameof(TensorType.F16), nameof(TensorType.F32), nameof(TensorType.Q8_0));
settings.AcceptOnlyFromAmong([.. LlamaCppSetting.All.Select(setting => setting.Name)]);
foreach (Option<int> positive in (Option<int>[])[promptTokens, tokens, threads, repeats])
    positive.Validators.Add(result => RequirePositive(result, positive));

var root = new RootCommand("Measures N continuations of one prompt, engine beside engine.") { model, promptTokens, samples, tokens, threads, repeats, cache, repeated, settings };
root.SetAction(Run);
ParseResult parsed = root.Parse(args);
return parsed.Errors.Count > 0 ? Refuse(string.Join("; ", parsed.Errors.Select(error => error.Message))) : parsed.Invoke();

int Run(ParseResult result)
{
    if (!LlamaCppLibrary.TryLoad(out string reason)) return Refuse(reason);
    try
    {
        using LlamaCppModel rival = LlamaCppModel.Load(result.GetRequiredValue(model).FullName);
        var workload = new Workload(result.GetValue(promptTokens), result.GetValue(samples)!, result.GetValue(tokens), result.GetValue(repeats), rival.VocabularySize);
        int threadCount = result.GetValue(threads);
        Describe(rival, threadCount);

        string[] chosen = result.GetValue(settings) ?? [];
        var table = new ResultTable(Console.Out);
        table.Header();
        foreach (LlamaCppSetting setting in LlamaCppSetting.All.Where(setting => (chosen.Length == 0 || chosen.Contains(setting.Name, StringComparer.Ordinal))
            && (setting.FlashAttention || result.GetValue(cache) != TensorType.Q8_0)))
            Measure(() => new LlamaCppEngine(rival, workload, setting, result.GetValue(cache), threadCount), workload, table);
        foreach (AttentionMode mode in result.GetValue(repeated) ? (AttentionMode[])[AttentionMode.Bifurcated, AttentionMode.Repeated] : [AttentionMode.Bifurcated])
            Measure(() => new CoppiceEngine(result.GetRequiredValue(model).FullName, workload, mode, result.GetValue(cache), threadCount), workload, table);
        table.Best();
        return 0;
    }
    catch (LlamaCppException error)
    {
        Console.Error.WriteLine(error.Message);
        return 1;
    }
}

// One engine at a time: each is gone before the next one begins.
static void Measure(Func<IBenchEngine> create, Workload workload, ResultTable table)
{
    using IBenchEngine engine = create();
    foreach (Measurement line in SharedPromptBenchmark.Run(engine, workload)) table.Add(line);
}

static void Describe(LlamaCppModel rival, int threads)
{
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"model: {rival.Description}, {rival.Bytes / 1048576.0:f0} MiB"));
    Console.WriteLine($"llama.cpp {LlamaCppLibrary.Version}: {LlamaCppLibrary.SystemInfo}");
    double ratio = MachineCheck.ParallelRatio(threads);
    string verdict = ratio >= MachineCheck.GoodShare * threads ? "good" : "NOT a quiet machine: take the figures with care";
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{threads} threads do {ratio:f2} times the arithmetic of one: {verdict}"));
    Console.WriteLine();
}

static int Refuse(string message)
{
    Console.Error.WriteLine(message);
    return 2;
}

static int[] Numbers(ArgumentResult result)
{
    var numbers = new List<int>();
    foreach (string part in result.Tokens.SelectMany(token => token.Value.Split(',')))
    {
        if (int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0) numbers.Add(number);
        else result.AddError($"--samples: expected numbers above 0 with commas, found '{part}'");
    }

    return [.. numbers];
}

static void RequirePositive(OptionResult result, Option<int> option)
{
    if (result.GetValueOrDefault<int>() < 1) result.AddError($"{option.Name}: expected a number above 0");
}
