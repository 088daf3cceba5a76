// Perplexity over a text (the definition that llama.cpp's llama-perplexity uses, so that figures compare): the tokens are cut into
// windows of n, a begin token takes each window's first place where the vocabulary adds one, and the tokens at places
// n/2 + 1 to n - 1 are scored, each after all before it in its window:
//
//   perplexity = exp(-mean of log p)
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Coppice.Model;
using Coppice.ModelFiles;
using Coppice.Tokenizing;
using Spectre.Console;

namespace Coppice.Cli;

/// <summary><c>coppice perplexity</c>: how well a model predicts a text.</summary>
internal static class PerplexityCommand
{
    private const int DefaultContext = 512;

    public static Command Create()
    {
        var model = new ModelArguments();
        var prompt = new PromptArguments();
        Option<int?> context = OptionParsers.Number(
            "--context", $"Tokens of a window; {DefaultContext}, or what the model was made for where that is less, if not given.", 4, 1 << 24);
        var runtime = new RuntimeArguments();
        Option<bool> json = JsonOutput.Option();
        var command = new Command("perplexity", "Tells how well a model predicts a text: lower is better.");
        model.AddTo(command);
        prompt.AddTo(command);
        command.Add(context);
        runtime.AddTo(command, withAttention: false);
        command.Add(json);
        command.SetAction(async (parsed, cancel) =>
        {
            TextWriter error = parsed.InvocationConfiguration.Error;
            string text = await prompt.ReadAsync(parsed, cancel);
            using ModelSource source = model.Read(parsed, 1, error, cancel);
            Windows windows = Windows.Of(source.Path, text, parsed.GetValue(context));
            var options = new EngineOptions
            {
                Threads = runtime.Threads(parsed),
                KvType = runtime.Kv(parsed),
                Weights = runtime.Weights(parsed),
                ContextLength = windows.Context,
                KvTokens = EngineLoading.KvTokens(windows.Context, 0, 1),
                MaxBranches = 1,
                PrefillChunk = Math.Min(512, windows.Context),
            };
            using Engine engine = await EngineLoading.LoadAsync(source, options, error, cancel);
            source.Opened();
            var score = new PerplexityScore();
            bool cancelled = await ScoreAsync(engine, windows, score, EngineLoading.Terminal(error), cancel);
            Write(parsed.InvocationConfiguration.Output, score.Report(ModelName.Of(parsed).Text, windows.Context), score.Scored, parsed.GetValue(json));
            return cancelled ? ExitCode.Interrupted : ExitCode.Good;
        });
        return command;
    }

    /// <summary>Scores windows until they or the user's patience end.</summary>
    /// <returns>Whether it was cancelled, after one window at least.</returns>
    private static async Task<bool> ScoreAsync(Engine engine, Windows windows, PerplexityScore score, IAnsiConsole? console, CancellationToken cancel)
    {
        try
        {
            if (console is null)
            {
                await Run(null);
                return false;
            }

            await console.Progress()
                .AutoClear(true)
                .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
                .StartAsync(context => Run(context.AddTask("first window", maxValue: windows.Count)));
            return false;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested && score.WindowCount > 0)
        {
            return true;
        }

        async Task Run(ProgressTask? bar)
        {
            for (int i = 0; i < windows.Count; i++)
            {
                int[] window = windows[i];
                score.Add(window.Length, await engine.ScoreAsync(window, cancel));
                if (bar is null) continue;
                bar.Value = i + 1;
                bar.Description = string.Create(CultureInfo.InvariantCulture, $"perplexity {score.Perplexity:0.0000}, {score.TokensPerSecond:0} t/s");
            }
        }
    }

    private static void Write(TextWriter output, PerplexityReport report, long scored, bool asJson)
    {
        if (asJson)
        {
            JsonOutput.Write(output, report, CommandJson.Readable.PerplexityReport);
            return;
        }

        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"perplexity {report.Perplexity:0.0000} over {scored} tokens in {report.Windows} windows of {report.Context}; {report.Seconds:0.0} s, {report.TokensPerSecond:0.0} t/s"));
    }

    /// <summary>A text's tokens, cut into windows; what is left at the end is not looked at.</summary>
    private sealed class Windows(int[] tokens, int context, int beginToken)
    {
        public int Context => context;

        public int Count => tokens.Length / context;

        public int[] this[int index]
        {
            get
            {
                int[] window = tokens[(index * context)..((index + 1) * context)];
                if (beginToken >= 0) window[0] = beginToken;
                return window;
            }
        }

        /// <exception cref="RequestRejectedException">The text has fewer tokens than two windows, or the model can't look that far.</exception>
        public static Windows Of(string path, string text, int? asked)
        {
            using GgufFile file = GgufFile.Open(path);
            Tokenizer tokenizer = Tokenizer.FromGguf(file);
            int context = asked ?? Math.Min(DefaultContext, ModelConfig.FromGguf(file).ContextLength);
            EngineLoading.CheckContext(file, "--context", context);
            int[] tokens = tokenizer.Encode(text, parseSpecial: false);
            return tokens.Length >= 2L * context
                ? new Windows(tokens, context, tokenizer.AddsBos ? tokenizer.BosId : -1)
                : throw new RequestRejectedException("file", $"at least {2L * context} tokens, two windows of {context}", $"{tokens.Length}");
        }
    }
}

/// <summary>Adds up what windows say.</summary>
internal sealed class PerplexityScore
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private double _sum;
    private long _tokens;
    private TimeSpan _elapsed;

    /// <summary>Windows so far.</summary>
    public int WindowCount { get; private set; }

    /// <summary>Tokens whose log-probability counts.</summary>
    public long Scored { get; private set; }

    /// <summary>So far.</summary>
    public double Perplexity => Math.Exp(-_sum / Scored);

    /// <summary>Tokens of whole windows a second.</summary>
    public double TokensPerSecond => _elapsed > TimeSpan.Zero ? _tokens / _elapsed.TotalSeconds : 0;

    /// <summary>Takes in a window.</summary>
    /// <param name="windowTokens">Its tokens, n.</param>
    /// <param name="logprobs">[n - 1]: entry i is that of the token at place i + 1.</param>
    public void Add(int windowTokens, IReadOnlyList<float> logprobs)
    {
        for (int i = windowTokens / 2; i < windowTokens - 1; i++)
        {
            _sum += logprobs[i];
            Scored++;
        }

        _tokens += windowTokens;
        WindowCount++;
        _elapsed = Stopwatch.GetElapsedTime(_started);
    }

    /// <summary>The document.</summary>
    public PerplexityReport Report(string model, int context) =>
        new(model, Perplexity, _tokens, WindowCount, context, _elapsed.TotalSeconds, TokensPerSecond);
}

/// <summary>What <c>perplexity --json</c> writes.</summary>
/// <param name="Model">The file, or the random model's shape and type.</param>
/// <param name="Perplexity">Over the second half of each window.</param>
/// <param name="Tokens">Tokens of all windows.</param>
/// <param name="Windows">Number of windows.</param>
/// <param name="Context">Tokens of a window.</param>
/// <param name="Seconds">Time, without loading.</param>
/// <param name="TokensPerSecond">Tokens of the windows a second.</param>
internal sealed record PerplexityReport(
    string Model, double Perplexity, long Tokens, int Windows, int Context, double Seconds, double TokensPerSecond);
