namespace Coppice.Ranking;

/// <summary>One finished text, as the ranking sees it.</summary>
/// <param name="Index">The index of the branch; equals are ordered by it.</param>
/// <param name="Text">The generated text.</param>
/// <param name="TotalLogprob">The sum of the log-probabilities of its tokens.</param>
/// <param name="Tokens">The number of tokens in that sum.</param>
public sealed record RankingCandidate(int Index, string Text, double TotalLogprob, int Tokens)
{
    /// <summary>The log-probability per token; -infinity for a text of no tokens.</summary>
    public double MeanLogprob => Tokens == 0 ? double.NegativeInfinity : TotalLogprob / Tokens;
}

/// <summary>A candidate in its place.</summary>
/// <param name="Candidate">What was ranked.</param>
/// <param name="Rank">1 for the best.</param>
/// <param name="Score">What it was ranked by: the log-probability, the number of votes, or the caller's score.</param>
/// <param name="Answer">The answer found in the text, without blanks at its ends; null where there is none or none was
/// asked for.</param>
/// <param name="IsDuplicate">Whether a better candidate has the same text; set only where duplicates are removed.</param>
public sealed record RankedCandidate(RankingCandidate Candidate, int Rank, double Score, string? Answer, bool IsDuplicate);
