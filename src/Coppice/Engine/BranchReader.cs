using System.Text;
using Coppice.Ranking;
using Coppice.Tokenizing;

namespace Coppice;

/// <summary>One reader's view of a branch: turns what the step loop published into events and text.</summary>
internal sealed class BranchReader(Branch branch, Tokenizer tokenizer)
{
    private readonly StringBuilder _text = new();
    private readonly Detokenizer? _detokenizer = branch.HasText ? null : new Detokenizer(tokenizer);
    private int _seen;
    private bool _ended;

    public Branch Branch => branch;

    public string Text => _text.ToString();

    /// <summary>The next event, or null where the reader has caught up.</summary>
    public GenerationEvent? Next()
    {
        // Finished is read first: a branch publishes its last token before it ends.
        bool finished = branch.Finished;
        if (_seen < branch.Published)
        {
            int token = branch.Tokens[_seen];
            string text = _detokenizer is null ? branch.TextOf(_seen) : _detokenizer.Append(token);
            _text.Append(text);
            int at = _seen++;
            var generated = new TokenGenerated(branch.Index, token, text, branch.Logprobs[at]);
            return branch.TopCount == 0 ? generated : generated with { TopLogprobs = branch.TopOf(at) };
        }

        if (!finished || _ended) return null;
        _ended = true;
        string held = _detokenizer is null ? branch.HeldText : _detokenizer.Flush();
        _text.Append(held);
        return new BranchFinished(branch.Index, held, branch.Reason);
    }
}

/// <summary>Makes the result of a group whose branches have all ended.</summary>
internal static class GroupResult
{
    public static GenerationResult Of(SampleGroup group, BranchReader[] readers)
    {
        var candidates = new RankingCandidate[readers.Length];
        for (int i = 0; i < readers.Length; i++)
        {
            Branch branch = readers[i].Branch;
            candidates[i] = new RankingCandidate(i, readers[i].Text, branch.TotalLogprob, branch.ScoredTokens);
        }

        IReadOnlyList<RankedCandidate> ranked = Ranker.Rank(candidates, group.Request.Ranking);
        var choices = new Choice[ranked.Count];
        for (int i = 0; i < choices.Length; i++)
        {
            RankedCandidate r = ranked[i];
            Branch branch = readers[r.Candidate.Index].Branch;
            choices[i] = new Choice(
                branch.Index, r.Candidate.Text, branch.Tokens.ToArray(), branch.Logprobs.ToArray(), branch.Reason,
                branch.TotalLogprob, r.Candidate.MeanLogprob, r.Rank, r.Score, r.Answer, r.IsDuplicate)
            {
                TopLogprobs = branch.TopCount == 0 ? [] : [.. Enumerable.Range(0, branch.Published).Select(branch.TopOf)],
            };
        }

        return new GenerationResult(
            choices, group.Prompt.Length, group.ReusedTokens, group.Seed, group.Timings, group.Memory,
            new AttentionTraffic(group.Steps, group.ContextBytesRead, group.BranchBytesRead));
    }
}
