using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Coppice.Ranking;

/// <summary>Puts finished candidates in order, best first.</summary>
public static class Ranker
{
    /// <summary>Ranks candidates. All are returned; equal ones are ordered by their index, and NaN scores go last.</summary>
    /// <param name="candidates">In any order.</param>
    /// <param name="options">The method. An exception of its score function passes through.</param>
    /// <exception cref="RequestRejectedException">The options lack something, or the answer pattern takes too long.</exception>
    /// <remarks>
    /// Majority: answers with more votes first, then the answer whose best candidate has the larger mean
    /// log-probability; within an answer by mean log-probability. Candidates without an answer have no vote and go last.
    /// </remarks>
    public static IReadOnlyList<RankedCandidate> Rank(IReadOnlyList<RankingCandidate> candidates, RankingOptions options)
    {
        ArgumentNullException.ThrowIfNull(candidates);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        long started = Stopwatch.GetTimestamp();
        var scored = candidates.Select(candidate => new Scored(candidate, Answer(candidate.Text, options, started))).ToList();
        var ordered = options.By switch
        {
            RankBy.MeanLogprob => ByScore(scored, candidate => candidate.MeanLogprob),
            RankBy.TotalLogprob => ByScore(scored, candidate => candidate.TotalLogprob),
            RankBy.Majority => ByVotes(scored),
            _ => ByScore(scored, options.Score!),
        };
        if (options.RemoveDuplicates) ordered = DuplicatesLast(ordered);
        return [.. ordered.Select((s, i) => new RankedCandidate(s.Candidate, i + 1, s.Score, s.Answer, s.IsDuplicate))];
    }

    private static List<Scored> ByScore(List<Scored> scored, Func<RankingCandidate, double> score)
    {
        foreach (var s in scored) s.Score = score(s.Candidate);
        return [.. scored.OrderByDescending(s => s.Score).ThenBy(s => s.Candidate.Index)];
    }

    private static List<Scored> ByVotes(List<Scored> scored)
    {
        var groups = scored.Where(s => s.Answer is not null).GroupBy(s => s.Answer, StringComparer.Ordinal);
        foreach (var group in groups)
        {
            var best = ByMean(group).First().Candidate;
            int votes = group.Count();
            foreach (var s in group) (s.Score, s.Best) = (votes, best);
        }

        return [.. scored
            .OrderByDescending(s => s.Score)
            .ThenByDescending(s => s.Best?.MeanLogprob)
            .ThenBy(s => s.Best?.Index)
            .ThenByDescending(s => s.Candidate.MeanLogprob)
            .ThenBy(s => s.Candidate.Index)];
    }

    private static IOrderedEnumerable<Scored> ByMean(IEnumerable<Scored> scored) =>
        scored.OrderByDescending(s => s.Candidate.MeanLogprob).ThenBy(s => s.Candidate.Index);

    private static List<Scored> DuplicatesLast(List<Scored> ordered)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var s in ordered) s.IsDuplicate = !seen.Add(s.Candidate.Text.Trim());
        return [.. ordered.Where(s => !s.IsDuplicate), .. ordered.Where(s => s.IsDuplicate)];
    }

    // The last answer that is not blank.
    private static string? Answer(string text, RankingOptions options, long started)
    {
        if (options.Regex is not { } regex)
            return options.By == RankBy.Majority && !string.IsNullOrWhiteSpace(text) ? text.Trim() : null;

        string? last = null;
        int group = regex.GetGroupNumbers().Contains(1) ? 1 : 0;
        try
        {
            for (var match = regex.Match(text); match.Success; match = match.NextMatch())
            {
                string answer = match.Groups[group].Value.Trim();
                if (answer.Length > 0) last = answer;
                // Each match has its own time: a text can have any number of slow ones.
                if (Stopwatch.GetElapsedTime(started) > RankingOptions.PatternsTimeout) throw TooSlow(regex, RankingOptions.PatternsTimeout);
            }
        }
        catch (RegexMatchTimeoutException)
        {
            throw TooSlow(regex, RankingOptions.PatternTimeout);
        }

        if (Stopwatch.GetElapsedTime(started) > RankingOptions.PatternsTimeout) throw TooSlow(regex, RankingOptions.PatternsTimeout);
        return last;
    }

    private static RequestRejectedException TooSlow(Regex regex, TimeSpan most) =>
        new("answer-pattern", $"a pattern that is found within {most.TotalSeconds} s", $"'{regex}'");

    private sealed class Scored(RankingCandidate candidate, string? answer)
    {
        public RankingCandidate Candidate { get; } = candidate;

        public string? Answer { get; } = answer;

        public double Score { get; set; }

        public RankingCandidate? Best { get; set; }

        public bool IsDuplicate { get; set; }
    }
}
