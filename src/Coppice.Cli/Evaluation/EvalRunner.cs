using System.Diagnostics;
using System.Globalization;
using Coppice.Cli.Verifying;
using Coppice.Kernels.Attention;
using Spectre.Console;

namespace Coppice.Cli.Evaluation;

/// <summary>A problem with its prompt's tokens and how many more a sample may have.</summary>
internal sealed record EvalTask(EvalProblem Problem, int[] Prompt, int MaxTokens);

/// <summary>
/// Samples and judges every problem of every run that is not finished yet. The runs of a problem come one after the other, so that a
/// slow minute of the machine falls on all of them.
/// </summary>
internal sealed class EvalRunner(EvalPlan plan, IReadOnlyList<EvalTask> tasks, IVerifier verifier, int jobs, EvalResults results)
{
    private int _done;

    /// <summary>Problems times runs that are open.</summary>
    public int Open { get; } = tasks.Sum(task => plan.Runs.Count(run => !results.Has(task.Problem.Key, run)));

    /// <summary>Runs to the end, or to where it is cancelled.</summary>
    /// <param name="load">Loads an engine for a way to read prompts.</param>
    /// <param name="error">Gets the progress bar when it is a terminal.</param>
    /// <param name="cancel">Ends the work; what is finished is in the results.</param>
    /// <returns>Whether all is done.</returns>
    public async Task<bool> RunAsync(Func<AttentionMode, Task<Engine>> load, TextWriter error, CancellationToken cancel)
    {
        var engines = new Dictionary<AttentionMode, Engine>();
        try
        {
            // Side by side, so that the ways to read prompts take turns.
            foreach (AttentionMode mode in plan.Modes) engines[mode] = await load(mode);
            foreach (Engine engine in engines.Values) await engine.GenerateAsync(Request(tasks[0], plan.Samples[^1]), cancel);
            if (EngineLoading.Terminal(error) is not { } console)
            {
                await RunAllAsync(engines, null, cancel);
                return true;
            }

            await console.Progress()
                .AutoClear(true)
                .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
                .StartAsync(context => RunAllAsync(engines, context.AddTask("first problem", maxValue: Open), cancel));
            return true;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            return false;
        }
        finally
        {
            foreach (Engine engine in engines.Values) engine.Dispose();
        }
    }

    private async Task RunAllAsync(Dictionary<AttentionMode, Engine> engines, ProgressTask? bar, CancellationToken cancel)
    {
        long started = Stopwatch.GetTimestamp();
        for (int i = 0; i < tasks.Count; i++)
        {
            var verification = new Verification(verifier, jobs);
            foreach (EvalRun run in i % 2 == 0 ? plan.Runs : plan.Runs.Reverse())
            {
                if (results.Has(tasks[i].Problem.Key, run)) continue;
                results.Add(run, await RunOneAsync(engines[run.Attention], tasks[i], run, verification, cancel));
                _done++;
                if (bar is null) continue;
                bar.Value = _done;
                bar.Description = string.Create(
                    CultureInfo.InvariantCulture, $"{_done} of {Open}, {_done / Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} a second");
            }
        }
    }

    private async Task<EvalOutcome> RunOneAsync(Engine engine, EvalTask task, EvalRun run, Verification verification, CancellationToken cancel)
    {
        long started = Stopwatch.GetTimestamp();
        GenerationResult result = await engine.GenerateAsync(Request(task, run.Samples), cancel);
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        started = Stopwatch.GetTimestamp();
        Choice[] choices = [.. result.Choices.OrderBy(choice => choice.Index)];
        if (!await verification.CheckAsync(choices.Select(choice => task.Problem.Submit(choice.Text)), null, cancel))
            throw new OperationCanceledException(cancel);
        return new EvalOutcome(
            task.Problem.Key, run.Samples, Spelling.Of(run.Attention), result.PromptTokens, choices.Sum(choice => (long)choice.TokenIds.Count), seconds,
            Stopwatch.GetElapsedTime(started).TotalSeconds, result.Traffic.ContextBytesRead,
            [.. choices.Select(choice => Judged(choice, verification.Of(task.Problem.Submit(choice.Text))!))]);
    }

    private static EvalChoice Judged(Choice choice, Verdict verdict) => new(
        choice.Text, double.IsFinite(choice.MeanLogprob) ? choice.MeanLogprob : null, verdict.IsRight, verdict.IsRight ? null : verdict.Reason);

    /// <summary>A problem's seed depends on its name, not on its place: a part of the problems gives the same samples as all of them.</summary>
    private GenerationRequest Request(EvalTask task, int samples) => new(task.Prompt)
    {
        Samples = samples,
        MaxTokens = task.MaxTokens,
        Sampling = plan.Sampling with { Seed = ProblemSet.Hash(string.Create(CultureInfo.InvariantCulture, $"{plan.Sampling.Seed} {task.Problem.Key}")) },
        Stop = plan.Stop ?? task.Problem.Stop,
    };
}
