namespace Coppice.Ranking;

/// <summary>
/// pass@top m: whether a right sample is among the m that a user would be shown, who has nothing to check them with. Equal samples
/// count once, and those of the largest mean log-probability are shown (Athiwaratkun et al. 2024, arXiv 2403.08845, applications).
/// </summary>
public static class PassAtTop
{
    /// <summary>Looks for a right sample among the best different ones.</summary>
    /// <param name="samples">All samples of one problem; of equal mean log-probabilities the earlier sample comes first.</param>
    /// <param name="top">m, how many are shown, at least 1; where there are fewer, all are.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="top"/> is below 1.</exception>
    public static bool Passes(IReadOnlyList<JudgedSample> samples, int top)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(top);
        IReadOnlyList<RankedCandidate> ranked = Ranker.Rank(MajorityVote.Candidates(samples), new RankingOptions { RemoveDuplicates = true });
        return ranked.Where(r => !r.IsDuplicate).Take(top).Any(r => samples[r.Candidate.Index].IsRight);
    }
}
