using System.CommandLine;
using System.Globalization;
using Coppice.Model;
using Coppice.ModelFiles;
using Coppice.Tokenizing;

namespace Coppice.Cli;

/// <summary><c>coppice sample</c>: N continuations of one prompt, best first.</summary>
internal static class SampleCommand
{
    private const string DefaultPrompt = "Once upon a time";
    private const int LargestDefaultContext = 131_072;

    public static Command Create()
    {
        var model = new ModelArguments();
        var prompt = new PromptArguments();
        var sample = new SampleArguments();
        var runtime = new RuntimeArguments();
        Option<bool> json = JsonOutput.Option();
        var command = new Command("sample", "Samples continuations of one prompt, whose keys and values are read once for all of them.");
        model.AddTo(command);
        prompt.AddTo(command);
        sample.AddTo(command);
        runtime.AddTo(command);
        command.Add(json);
        command.SetAction(async (parsed, cancel) =>
        {
            TextWriter error = parsed.InvocationConfiguration.Error;
            GenerationRequest asked = sample.Read(parsed);
            ModelName name = ModelName.Of(parsed);
            string text = name.IsDefault && !ModelName.IsGiven(parsed, "--prompt") && !ModelName.IsGiven(parsed, "--file")
                ? DefaultPrompt
                : await prompt.ReadAsync(parsed, cancel);
            if (text.Length == 0) throw new RequestRejectedException("prompt", "a text", "an empty one");
            using ModelSource source = name.IsDefault ? new ModelSource(ModelName.DefaultPath, null) : model.Read(parsed, 1, error, cancel);
            (GenerationRequest request, EngineOptions options) = Fit(source.Path, text, asked, sample, runtime, parsed);
            using Engine engine = await EngineLoading.LoadAsync(source, options, error, cancel);
            source.Opened();
            if (name.HasRandomWeights) error.WriteLine($"{name.Text} has random weights: its text is noise; -m FILE takes a real model");
            var run = new SampleRun(request.Samples);
            bool cancelled = await SampleProgress.RunAsync(error, engine, request, run, cancel);
            var output = new SampleOutput(engine, options, request, run);
            if (parsed.GetValue(json)) JsonOutput.Write(parsed.InvocationConfiguration.Output, output.Report(name.Text), CommandJson.Readable.SampleReport);
            else output.WriteText(parsed.InvocationConfiguration.Output);
            return cancelled ? ExitCode.Interrupted : ExitCode.Good;
        });
        return command;
    }

    /// <summary>
    /// The request with its prompt's tokens and a number of tokens that fits the context, and an engine whose pool has
    /// exactly the pages that the request takes.
    /// </summary>
    private static (GenerationRequest Request, EngineOptions Options) Fit(
        string path, string text, GenerationRequest asked, SampleArguments sample, RuntimeArguments runtime, ParseResult parsed)
    {
        using GgufFile file = GgufFile.Open(path);
        int[] prompt = Tokenizer.FromGguf(file).Encode(text);
        ModelConfig config = ModelConfig.FromGguf(file);
        asked.Sampling.CheckVocabulary(config.Vocabulary);
        if (sample.Context(parsed) is int wanted) EngineLoading.CheckContext(file, "--context", wanted);
        int context = sample.Context(parsed) ?? Math.Min(config.ContextLength, LargestDefaultContext);
        if (prompt.Length >= context)
        {
            throw new RequestRejectedException(
                "prompt", string.Create(CultureInfo.InvariantCulture, $"fewer tokens than the context of {context}"), $"{prompt.Length}");
        }

        int maxTokens = sample.MaxTokens(parsed) ?? Math.Min(SampleArguments.DefaultMaxTokens, context - prompt.Length);
        if (maxTokens > context - prompt.Length)
        {
            throw new RequestRejectedException(
                "--max-tokens", $"at most {context - prompt.Length}, what the context of {context} leaves after {prompt.Length} of prompt", $"{maxTokens}");
        }

        var request = new GenerationRequest(prompt)
        {
            Samples = asked.Samples, MaxTokens = maxTokens, Sampling = asked.Sampling, Stop = asked.Stop, IgnoreEnd = asked.IgnoreEnd,
            Ranking = asked.Ranking,
        };
        var options = new EngineOptions
        {
            Threads = runtime.Threads(parsed),
            KvType = runtime.Kv(parsed),
            Weights = runtime.Weights(parsed),
            Attention = runtime.Attention(parsed),
            ContextLength = sample.Context(parsed),
            KvTokens = EngineLoading.KvTokens(prompt.Length, request.Samples, maxTokens),
            MaxBranches = request.Samples,
            PrefillChunk = Math.Min(512, prompt.Length),
        };
        return (request, options);
    }
}

/// <summary>A model as the user named it.</summary>
/// <param name="Text">The file, or the random model's shape and type.</param>
/// <param name="IsDefault">Whether none was named.</param>
/// <param name="HasRandomWeights">Whether its text is known to be noise.</param>
internal sealed record ModelName(string Text, bool IsDefault, bool HasRandomWeights)
{
    private const string Default = "assets/tiny-noise.gguf";

    /// <summary>The model that comes with the command, beside the program.</summary>
    public static string DefaultPath => Path.Combine(AppContext.BaseDirectory, Default);

    public static ModelName Of(ParseResult parsed)
    {
        // Where both are given, reading the model refuses them.
        if (IsGiven(parsed, "--random")) return new(parsed.GetValue<string>("--random") ?? "", false, true);
        if (IsGiven(parsed, "--model")) return new(parsed.GetValue<string>("--model") ?? "", false, false);
        return new(Default, true, true);
    }

    /// <summary>Whether an option is on the command line.</summary>
    public static bool IsGiven(ParseResult parsed, string option) => parsed.GetResult(option) is not null;
}
