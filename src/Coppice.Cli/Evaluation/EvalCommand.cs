using System.CommandLine;
using System.Globalization;
using Coppice.Cli.Perception;
using Coppice.Cli.Verifying;
using Coppice.Kernels;
using Coppice.Kernels.Attention;
using Coppice.Model;
using Coppice.ModelFiles;
using Coppice.Tokenizing;

namespace Coppice.Cli.Evaluation;

/// <summary><c>coppice eval</c>: how many problems a model solves, given so many tries.</summary>
internal static class EvalCommand
{
    private const int LargestContext = 131_072;

    public static Command Create()
    {
        var set = new Argument<string>("set")
        {
            Description = $"'{ProblemSet.Puzzles}', the number puzzles that no training line has, or a file of HumanEval's or MBPP's form, one JSON object a line.",
            HelpName = $"{ProblemSet.Puzzles}|FILE",
        };
        var model = new ModelArguments(comesWithOne: true);
        var eval = new EvalArguments();
        var verify = new VerifyArguments();
        var runtime = new RuntimeArguments();
        Option<bool> json = JsonOutput.Option();
        var command = new Command("eval", "Samples many answers to each of many problems, checks them, and estimates pass@k.") { set };
        model.AddTo(command);
        eval.AddTo(command);
        verify.AddTo(command);
        runtime.AddTo(command, withAttention: false);
        command.Add(json);
        command.Add(EvalPerceptionCommand.Create());
        command.SetAction(async (parsed, cancel) =>
        {
            EvalPlan plan = eval.Read(parsed, parsed.GetValue(set) == ProblemSet.Puzzles);
            if (plan.MarkdownFile is { } page) EvalMarkdown.Require(page);
            ProblemSet problems = ProblemSet.Open(parsed.GetValue(set)!);
            VerifySettings check = Check(verify.Read(parsed), problems);
            using IVerifier verifier = check.Create(withProblems: !problems.IsPuzzles);
            ModelName name = ModelName.Of(parsed);
            using ModelSource source = name.Open(model, parsed, parsed.InvocationConfiguration.Error, cancel);
            IReadOnlyList<EvalTask> tasks = Tasks(source.Path, problems, plan);
            EngineOptions options = Options(runtime, parsed, plan, tasks);
            EvalSettings settings = Settings(problems, name, source.Path, plan, verifier, options);
            using EvalResults results = EvalResults.Open(plan.ResultFile, settings);
            var runner = new EvalRunner(plan, tasks, verifier, check.Jobs, results);
            bool ended = runner.Open == 0 || await RunAsync(runner, source, options, plan.Modes[^1], name, parsed.InvocationConfiguration.Error, cancel);
            EvalScore[] scores = [.. plan.Runs.Select(run => new EvalScore(run, results.Of(run, tasks.Select(task => task.Problem))))];
            if (scores.All(score => score.Problems == 0)) throw new OperationCanceledException(cancel);
            Write(parsed.InvocationConfiguration.Output, parsed.GetValue(json), scores, plan, settings, problems, name);
            return ended ? ExitCode.Good : ExitCode.Interrupted;
        });
        return command;
    }

    /// <summary>The check that was asked for; puzzles have their own.</summary>
    private static VerifySettings Check(VerifySettings? asked, ProblemSet problems)
    {
        if (asked is null)
        {
            return problems.IsPuzzles
                ? VerifySettings.Puzzle
                : throw new RequestRejectedException(
                    VerifyArguments.Name,
                    "a command that runs a program and its tests, as in --verify 'python3 {file}' (exit code 0 means right; it runs what the model wrote with your rights, so name one that confines it)",
                    "none");
        }

        if (asked.IsPuzzle)
            foreach (EvalProblem problem in problems.Problems) PuzzleVerifier.Require(problem.Prompt);
        return asked;
    }

    /// <summary>The problems' prompts as tokens, each with room for a token at least.</summary>
    /// <exception cref="RequestRejectedException">The context has no room for a problem.</exception>
    private static EvalTask[] Tasks(string path, ProblemSet problems, EvalPlan plan)
    {
        using GgufFile file = GgufFile.Open(path);
        Tokenizer tokenizer = Tokenizer.FromGguf(file);
        int context = Math.Min(ModelConfig.FromGguf(file).ContextLength, LargestContext);
        return [.. problems.Problems.Take(plan.Limit ?? int.MaxValue).Select(problem =>
        {
            int[] prompt = tokenizer.Encode(problem.Prompt);
            int room = context - prompt.Length;
            int needed = plan.MaxTokens ?? 1;
            return needed <= room
                ? new EvalTask(problem, prompt, Math.Min(room, plan.MaxTokens ?? problems.MaxTokens))
                : throw new RequestRejectedException(
                    plan.MaxTokens is null ? "--model" : "--max-tokens",
                    $"room in the context of {context} for problem '{problem.Key}'", $"{prompt.Length} tokens of prompt and {needed} more");
        })];
    }

    private static EngineOptions Options(RuntimeArguments runtime, ParseResult parsed, EvalPlan plan, IReadOnlyList<EvalTask> tasks)
    {
        int prompt = tasks.Max(task => task.Prompt.Length);
        return new EngineOptions
        {
            Threads = runtime.Threads(parsed),
            KvType = runtime.Kv(parsed),
            Weights = runtime.Weights(parsed),
            KvTokens = EngineLoading.KvTokens(prompt, plan.Samples[^1], tasks.Max(task => task.MaxTokens)),
            MaxBranches = plan.Samples[^1],
            PrefillChunk = Math.Min(512, prompt),
        };
    }

    private static EvalSettings Settings(
        ProblemSet problems, ModelName name, string path, EvalPlan plan, IVerifier verifier, EngineOptions options) => new(
        1, problems.Identity(), $"{Path.GetFileName(name.Text)} ({FileIdentity.Of(path)})", verifier.Name,
        plan.Sampling.Temperature, plan.Sampling.TopK, plan.Sampling.TopP, plan.Sampling.MinP, plan.Sampling.Seed!.Value,
        plan.MaxTokens ?? problems.MaxTokens, plan.Stop, options.KvType.ToString().ToLowerInvariant(), Spelling.Of(options.Weights),
        KernelPaths.FromEnvironment().ToString().ToLowerInvariant(), options.Threads);

    private static async Task<bool> RunAsync(
        EvalRunner runner, ModelSource source, EngineOptions options, AttentionMode last, ModelName name, TextWriter error, CancellationToken cancel)
    {
        name.WarnOfNoise(error);
        return await runner.RunAsync(LoadAsync, error, cancel);

        async Task<Engine> LoadAsync(AttentionMode mode)
        {
            Engine engine = await EngineLoading.LoadAsync(source, options with { Attention = mode }, error, cancel);
            if (mode == last) source.Opened();
            return engine;
        }
    }

    private static void Write(
        TextWriter output, bool asJson, EvalScore[] scores, EvalPlan plan, EvalSettings settings, ProblemSet problems, ModelName name)
    {
        string title = string.Create(
            CultureInfo.InvariantCulture,
            $"{problems.Name}, {name.Text}: temperature {settings.Temperature}, top-p {settings.TopP}, seed {settings.Seed}; {settings.Kernels}, {settings.Threads} threads");
        if (asJson)
        {
            EvalRunReport main = EvalChart.Most(scores).Report(plan.KsOf(plan.Samples[^1]));
            JsonOutput.Write(
                output,
                new EvalReport(
                    problems.Name, name.Text, main.Problems, main.Samples, main.PassAtK, main.PassAtTop3, main.Majority, main.Seconds,
                    [.. scores.Select(score => score.Report(plan.KsOf(score.Run.Samples)))]),
                CommandJson.Readable.EvalReport);
        }
        else
        {
            EvalText.Write(output, title, scores, plan);
        }

        if (plan.ChartFile is { } chart) EvalChart.Write(chart, $"{problems.Name}, {Path.GetFileName(name.Text)}", scores);
        if (plan.MarkdownFile is { } page) EvalMarkdown.Write(page, title, scores);
    }
}
