using Coppice.Kernels.Attention;
using Coppice.Ranking;

namespace Coppice.Cli.Evaluation;

/// <summary>What a run has shown, over all its finished problems. Without any, shares are 0.</summary>
internal sealed class EvalScore
{
    private const int Top = 3;
    private readonly int[] _right;

    /// <summary>Adds up a run.</summary>
    /// <param name="run">The run.</param>
    /// <param name="outcomes">Its finished problems.</param>
    public EvalScore(EvalRun run, IReadOnlyList<EvalOutcome> outcomes)
    {
        Run = run;
        Problems = outcomes.Count;
        _right = [.. outcomes.Select(outcome => outcome.Choices.Count(choice => choice.Right))];
        PassAtTop3 = Share(outcomes.Count(outcome => PassAtTop.Passes(outcome.Judged(), Top)));
        Majority = Share(outcomes.Count(outcome => MajorityVote.Passes(outcome.Judged())));
        Seconds = outcomes.Sum(outcome => outcome.Seconds);
        VerifySeconds = outcomes.Sum(outcome => outcome.VerifySeconds);
        TokensPerProblem = Share(outcomes.Sum(outcome => outcome.Tokens));
        ContextKvBytesRead = outcomes.Sum(outcome => outcome.ContextKvBytesRead);
    }

    /// <summary>The run.</summary>
    public EvalRun Run { get; }

    /// <summary>Finished problems.</summary>
    public int Problems { get; }

    /// <summary>Share of problems with a right sample among the three likeliest different ones.</summary>
    public double PassAtTop3 { get; }

    /// <summary>Share of problems whose most frequent answer is right.</summary>
    public double Majority { get; }

    /// <summary>Time of sampling.</summary>
    public double Seconds { get; }

    /// <summary>Time of checking.</summary>
    public double VerifySeconds { get; }

    /// <summary>Tokens of all samples of one problem.</summary>
    public double TokensPerProblem { get; }

    /// <summary>Keys and values of prompts that attention read.</summary>
    public long ContextKvBytesRead { get; }

    /// <summary>Time of sampling, of one problem.</summary>
    public double SecondsPerProblem => Share(Seconds);

    /// <summary>The mean over problems of the estimate of pass@k.</summary>
    /// <param name="k">Tries, at most the run's samples.</param>
    public double PassAt(int k) => Share(_right.Sum(right => PassAtK.Estimate(Run.Samples, right, k)));

    /// <summary>The document of the run.</summary>
    /// <param name="ks">Tries to estimate pass@k for.</param>
    public EvalRunReport Report(IReadOnlyList<int> ks) => new(
        Problems, Run.Samples, Spelling.Of(Run.Attention), ks.ToDictionary(k => $"{k}", PassAt), PassAtTop3, Majority, Seconds,
        VerifySeconds, SecondsPerProblem, TokensPerProblem, ContextKvBytesRead);

    private double Share(double sum) => Problems == 0 ? 0 : sum / Problems;
}

/// <summary>What <c>eval --json</c> writes: the run with the most samples, and all runs.</summary>
/// <param name="Set">The problems.</param>
/// <param name="Model">The file, or the random model's shape and type.</param>
/// <param name="Problems">Finished problems.</param>
/// <param name="Samples">Samples of each.</param>
/// <param name="PassAtK">By k: the mean of the unbiased estimates.</param>
/// <param name="PassAtTop3">Share of problems with a right sample among the three likeliest different ones.</param>
/// <param name="Majority">Share of problems whose most frequent answer is right.</param>
/// <param name="Seconds">Time of sampling.</param>
/// <param name="Runs">Every run.</param>
internal sealed record EvalReport(
    string Set, string Model, int Problems, int Samples, IReadOnlyDictionary<string, double> PassAtK, double PassAtTop3, double Majority,
    double Seconds, IReadOnlyList<EvalRunReport> Runs);

/// <summary>One run.</summary>
internal sealed record EvalRunReport(
    int Problems, int Samples, string Attention, IReadOnlyDictionary<string, double> PassAtK, double PassAtTop3, double Majority,
    double Seconds, double VerifySeconds, double SecondsPerProblem, double TokensPerProblem, long ContextKvBytesRead);
