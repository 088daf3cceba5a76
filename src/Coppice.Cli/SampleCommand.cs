using System.CommandLine;
using System.Globalization;
using Coppice.Cli.Verifying;
using Coppice.Model;
using Coppice.ModelFiles;
using Coppice.Tokenizing;
using Coppice.Training.Puzzles;

namespace Coppice.Cli;

/// <summary><c>coppice sample</c>: N continuations of one prompt, best first.</summary>
internal static class SampleCommand
{
    private const string DefaultPrompt = "Once upon a time";
    private const int LargestDefaultContext = 131_072;

    /// <summary>Held out: the model that comes with the command has not learned it.</summary>
    private static readonly Puzzle DefaultPuzzle = new(24, 3, 8, 8, 2);

    public static Command Create()
    {
        var model = new ModelArguments(comesWithOne: true);
        var prompt = new PromptArguments();
        var sample = new SampleArguments();
        var verify = new VerifyArguments();
        var runtime = new RuntimeArguments();
        Option<bool> json = JsonOutput.Option();
        var command = new Command("sample", "Samples continuations of one prompt, whose keys and values are read once for all of them.");
        model.AddTo(command);
        prompt.AddTo(command);
        sample.AddTo(command);
        verify.AddTo(command);
        runtime.AddTo(command);
        command.Add(json);
        command.SetAction(async (parsed, cancel) =>
        {
            TextWriter error = parsed.InvocationConfiguration.Error;
            GenerationRequest asked = sample.Read(parsed);
            VerifySettings? check = verify.Read(parsed);
            ModelName name = ModelName.Of(parsed);
            string text = name.DefaultPath is not null && !ModelName.IsGiven(parsed, "--prompt") && !ModelName.IsGiven(parsed, "--file")
                ? name.AnswersPuzzles || check is { IsPuzzle: true } ? PuzzleText.Prompt(DefaultPuzzle) : DefaultPrompt
                : await prompt.ReadAsync(parsed, cancel);
            if (text.Length == 0) throw new RequestRejectedException("prompt", "a text", "an empty one");
            if (check is { IsPuzzle: true }) PuzzleVerifier.Require(text);
            using IVerifier? verifier = check?.Create(withProblems: false);
            using ModelSource source = name.Open(model, parsed, error, cancel);
            (GenerationRequest request, EngineOptions options) = Fit(source.Path, text, asked, sample, runtime, parsed);
            using Engine engine = await EngineLoading.LoadAsync(source, options, error, cancel);
            source.Opened();
            name.WarnOfNoise(error);
            var run = new SampleRun(request.Samples);
            bool ended = !await SampleProgress.RunAsync(error, engine, request, run, cancel);
            if (verifier is not null) ended &= await VerifyAsync(run, request, text, new Verification(verifier, check!.Jobs), error, cancel);
            var output = new SampleOutput(engine, options, request, run);
            if (parsed.GetValue(json)) JsonOutput.Write(parsed.InvocationConfiguration.Output, output.Report(name.Text), CommandJson.Readable.SampleReport);
            else output.WriteText(parsed.InvocationConfiguration.Output);
            return ended ? ExitCode.Good : ExitCode.Interrupted;
        });
        return command;
    }

    /// <summary>Judges the samples that are whole.</summary>
    /// <returns>Whether it came to its end.</returns>
    private static async Task<bool> VerifyAsync(
        SampleRun run, GenerationRequest request, string prompt, Verification verification, TextWriter error, CancellationToken cancel)
    {
        Submission[] whole = [.. run.Ranked(request.Ranking).Where(sample => sample.Reason is not null).Select(sample => new Submission(prompt, sample.Text)).Distinct()];
        bool ended = await Progress.CountAsync(error, "verifying", whole.Length, progress => verification.CheckAsync(whole, progress, cancel));
        run.Judge(sample => verification.Of(new Submission(prompt, sample)));
        return ended;
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
