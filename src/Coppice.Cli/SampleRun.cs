using System.Diagnostics;
using System.Text;
using Coppice.Cli.Verifying;
using Coppice.Ranking;

namespace Coppice.Cli;

/// <summary>
/// The branches of one request as they grow: folds the engine's events, so that what is done can be told at any time, also
/// when the work is cancelled and no result comes.
/// </summary>
internal sealed class SampleRun
{
    private readonly BranchSoFar[] _branches;
    private long _decodeStarted;
    private Func<string, Verdict?>? _verdictOf;

    public SampleRun(int samples)
    {
        _branches = new BranchSoFar[samples];
        for (int i = 0; i < samples; i++) _branches[i] = new BranchSoFar();
    }

    /// <summary>The result, when all branches have ended.</summary>
    public GenerationResult? Result { get; private set; }

    /// <summary>How long the prompt took; zero while it is being processed.</summary>
    public TimeSpan Prefill { get; private set; }

    /// <summary>Time since the prompt was processed.</summary>
    public TimeSpan Decode => _decodeStarted == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(_decodeStarted);

    /// <summary>Tokens of all branches.</summary>
    public long Tokens { get; private set; }

    /// <summary>Branches that have ended.</summary>
    public int Finished { get; private set; }

    /// <summary>Decode steps so far: the first token of a branch costs none.</summary>
    public int Steps => Math.Max(0, _branches.Max(branch => branch.Tokens.Count) - 1);

    /// <summary>Tokens that those steps gave.</summary>
    public long DecodedTokens => _branches.Sum(branch => Math.Max(0, branch.Tokens.Count - 1));

    /// <summary>Takes in what happened.</summary>
    public void Add(GenerationEvent happened)
    {
        switch (happened)
        {
            case PromptProcessed prompt:
                (Prefill, _decodeStarted) = (prompt.Duration, Stopwatch.GetTimestamp());
                break;
            case TokenGenerated token:
                BranchSoFar branch = _branches[token.Branch];
                branch.Text.Append(token.Text);
                branch.Tokens.Add(token.Token);
                branch.Logprobs.Add(token.Logprob);
                Tokens++;
                break;
            case BranchFinished end:
                _branches[end.Branch].Text.Append(end.Text);
                _branches[end.Branch].Reason = end.Reason;
                Finished++;
                break;
            case GroupFinished group:
                Result = group.Result;
                break;
        }
    }

    /// <summary>Takes in what is said of the texts of whole samples; from now on the right ones rank first.</summary>
    public void Judge(Func<string, Verdict?> verdictOf) => _verdictOf = verdictOf;

    /// <summary>The samples in the order of their rank, ended or not.</summary>
    public IReadOnlyList<RankedSample> Ranked(RankingOptions ranking)
    {
        IReadOnlyList<RankedSample> ranked = RankedUnjudged(ranking);
        if (_verdictOf is null) return ranked;
        return [.. ranked
            .Select(sample => sample with { Verdict = sample.Reason is null ? null : _verdictOf(sample.Text) })
            .OrderByDescending(sample => sample.Verdict is { IsRight: true })
            .ThenBy(sample => sample.Rank)
            .Select((sample, i) => sample with { Rank = i + 1 })];
    }

    private IReadOnlyList<RankedSample> RankedUnjudged(RankingOptions ranking)
    {
        if (Result is { } result)
        {
            return [.. result.Choices.Where(choice => !choice.IsDuplicate).Select(choice => new RankedSample(
                choice.Index, choice.Text, choice.TokenIds, choice.Logprobs, choice.FinishReason, choice.MeanLogprob, choice.Rank, choice.Answer))];
        }

        var candidates = _branches.Select((branch, i) => new RankingCandidate(
            i, branch.Text.ToString(), branch.Logprobs.Sum(logprob => (double)logprob), branch.Logprobs.Count));
        return [.. Ranker.Rank([.. candidates], ranking).Where(ranked => !ranked.IsDuplicate).Select(ranked =>
        {
            BranchSoFar branch = _branches[ranked.Candidate.Index];
            return new RankedSample(
                ranked.Candidate.Index, ranked.Candidate.Text, branch.Tokens, branch.Logprobs, branch.Reason, ranked.Candidate.MeanLogprob,
                ranked.Rank, ranked.Answer);
        })];
    }

    private sealed class BranchSoFar
    {
        public StringBuilder Text { get; } = new();

        public List<int> Tokens { get; } = [];

        public List<float> Logprobs { get; } = [];

        public FinishReason? Reason { get; set; }
    }
}

/// <summary>A sample in its place; one that was cancelled has no reason to have ended, one that was not judged has no verdict.</summary>
internal sealed record RankedSample(
    int Index, string Text, IReadOnlyList<int> TokenIds, IReadOnlyList<float> Logprobs, FinishReason? Reason, double MeanLogprob, int Rank,
    string? Answer, Verdict? Verdict = null);
