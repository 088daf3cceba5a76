using System.Text.RegularExpressions;

namespace Coppice.Ranking;

/// <summary>What the best of several answers is.</summary>
public enum RankBy
{
    /// <summary>The largest log-probability per token.</summary>
    MeanLogprob,

    /// <summary>The largest log-probability of the whole text.</summary>
    TotalLogprob,

    /// <summary>The answer that most candidates give (self-consistency, Wang et al. 2022, arXiv 2203.11171).</summary>
    Majority,

    /// <summary>The largest score of a function of the caller's.</summary>
    Custom,
}

/// <summary>How candidates are put in order. A value that is not allowed throws <see cref="RequestRejectedException"/>.</summary>
public sealed record RankingOptions
{
    /// <summary>The longest time that one search with <see cref="AnswerPattern"/> may take.</summary>
    public static readonly TimeSpan PatternTimeout = TimeSpan.FromSeconds(1);

    /// <summary>The longest time that all searches of one ranking may take together.</summary>
    public static readonly TimeSpan PatternsTimeout = TimeSpan.FromSeconds(2);

    /// <summary>The method.</summary>
    public RankBy By
    {
        get;
        init => field = Enum.IsDefined(value)
            ? value
            : throw new RequestRejectedException("rank-by", "MeanLogprob, TotalLogprob, Majority or Custom", value.ToString());
    }

    /// <summary>
    /// A .NET regular expression that finds the answer in a text: group 1, or the whole match where it has no group; of
    /// several matches the last whose answer is not blank. Null takes the whole text.
    /// </summary>
    public string? AnswerPattern
    {
        get;
        init
        {
            Regex = value is null ? null : Parse(value);
            field = value;
        }
    }

    /// <summary>The caller's function for <see cref="RankBy.Custom"/>: the larger the better. NaN goes last.</summary>
    public Func<RankingCandidate, double>? Score { get; init; }

    /// <summary>
    /// Whether of candidates with the same text, blanks at its ends aside, only the best keeps its place; the others
    /// come after all the rest, marked. They still vote in <see cref="RankBy.Majority"/>.
    /// </summary>
    public bool RemoveDuplicates { get; init; }

    internal Regex? Regex { get; private init; }

    /// <summary>Checks what no single value tells.</summary>
    /// <exception cref="RequestRejectedException"><see cref="RankBy.Custom"/> without <see cref="Score"/>.</exception>
    public void Validate()
    {
        if (By == RankBy.Custom && Score is null)
            throw new RequestRejectedException("rank-by", "a score function with Custom", "none");
    }

    private static Regex Parse(string pattern)
    {
        try
        {
            return new Regex(pattern, RegexOptions.CultureInvariant, PatternTimeout);
        }
        catch (ArgumentException error)
        {
            throw new RequestRejectedException("answer-pattern", "a regular expression", $"'{pattern}' ({error.Message})");
        }
    }
}
