namespace Coppice.Ranking;

/// <summary>
/// Whether the answer that most samples give is right (self-consistency, Wang et al. 2022, arXiv 2203.11171). Of answers with equal
/// votes the one whose best sample has the larger mean log-probability counts.
/// </summary>
public static class MajorityVote
{
    /// <summary>Judges the elected answer.</summary>
    /// <param name="samples">All samples of one problem; blank ones have no vote.</param>
    /// <returns>Whether it is right; false where nobody votes.</returns>
    public static bool Passes(IReadOnlyList<JudgedSample> samples)
    {
        ArgumentNullException.ThrowIfNull(samples);
        RankedCandidate? elected = Ranker.Rank(Candidates(samples), new RankingOptions { By = RankBy.Majority }).FirstOrDefault(r => r.Answer is not null);
        return elected is not null && samples[elected.Candidate.Index].IsRight;
    }

    /// <summary>Samples as the ranking sees them: their mean is all that is known, as if of one token.</summary>
    internal static RankingCandidate[] Candidates(IReadOnlyList<JudgedSample> samples) =>
        [.. samples.Select((sample, i) => new RankingCandidate(i, sample.Text, sample.MeanLogprob, 1))];
}
