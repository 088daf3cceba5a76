using Coppice.Ranking;

namespace Coppice.Tests.Ranking;

public sealed class RankerTests
{
    private static RankingCandidate Candidate(int index, string text, double total = -1, int tokens = 1) =>
        new(index, text, total, tokens);

    private static int[] Order(IReadOnlyList<RankingCandidate> candidates, RankingOptions options)
    {
        var ranked = Ranker.Rank(candidates, options);
        Assert.Equal(Enumerable.Range(1, candidates.Count), ranked.Select(r => r.Rank));
        return [.. ranked.Select(r => r.Candidate.Index)];
    }

    private static readonly RankingCandidate[] s_three =
        [Candidate(0, "a", -6, 2), Candidate(1, "b", -8, 4), Candidate(2, "c", -7, 3)];

    [Fact]
    public void Mean_log_probability_is_per_token() =>
        Assert.Equal([1, 2, 0], Order(s_three, new() { By = RankBy.MeanLogprob }));

    [Fact]
    public void Total_log_probability_is_of_the_text() =>
        Assert.Equal([0, 2, 1], Order(s_three, new() { By = RankBy.TotalLogprob }));

    [Fact]
    public void The_score_is_what_was_ranked_by()
    {
        Assert.Equal([-2, -7.0 / 3, -3], Ranker.Rank(s_three, new()).Select(r => r.Score));
        Assert.Equal([-6, -7, -8], Ranker.Rank(s_three, new() { By = RankBy.TotalLogprob }).Select(r => r.Score));
    }

    [Fact]
    public void Equals_are_ordered_by_index_whatever_the_order_given()
    {
        RankingCandidate[] candidates = [Candidate(2, "c"), Candidate(0, "a"), Candidate(1, "b")];
        foreach (var by in new[] { RankBy.MeanLogprob, RankBy.TotalLogprob, RankBy.Majority })
            Assert.Equal([0, 1, 2], Order(candidates, new() { By = by }));
    }

    [Fact]
    public void A_text_of_no_tokens_has_the_worst_mean() =>
        Assert.Equal([1, 0], Order([Candidate(0, "", 0, 0), Candidate(1, "b", -100, 1)], new()));

    [Fact]
    public void Many_slow_matches_are_ended_as_one_is()
    {
        string text = string.Concat(Enumerable.Repeat(new string('a', 20) + "x", 2000));
        var error = Assert.Throws<RequestRejectedException>(() => Ranker.Rank([Candidate(0, text)], new() { By = RankBy.Majority, AnswerPattern = "(a+)+b|x" }));
        Assert.Equal("answer-pattern", error.Field);
        Assert.Contains("within 2 s", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void No_candidates_give_no_ranks() => Assert.Empty(Ranker.Rank([], new()));

    [Fact]
    public void The_majority_answer_wins_over_the_likeliest()
    {
        RankingCandidate[] candidates =
        [
            Candidate(0, "answer: 7", -0.1), Candidate(1, "answer: 8", -3), Candidate(2, "no idea", -0.01),
            Candidate(3, "first answer: 7, no, answer: 8 ", -2),
        ];
        var ranked = Ranker.Rank(candidates, new() { By = RankBy.Majority, AnswerPattern = @"answer: (\d+)" });
        Assert.Equal([3, 1, 0, 2], ranked.Select(r => r.Candidate.Index));
        Assert.Equal([2, 2, 1, 0], ranked.Select(r => r.Score));
        Assert.Equal(["8", "8", "7", null], ranked.Select(r => r.Answer));
    }

    [Fact]
    public void Equal_votes_go_to_the_answer_with_the_best_candidate_and_stay_together()
    {
        RankingCandidate[] candidates =
            [Candidate(0, "x", -5), Candidate(1, "y", -4), Candidate(2, "x", -1), Candidate(3, "y", -2)];
        Assert.Equal([2, 0, 3, 1], Order(candidates, new() { By = RankBy.Majority }));
    }

    [Fact]
    public void Answers_that_are_equal_in_all_stay_together()
    {
        RankingCandidate[] candidates = [Candidate(0, "x"), Candidate(1, "y"), Candidate(2, "x"), Candidate(3, "y")];
        Assert.Equal([0, 2, 1, 3], Order(candidates, new() { By = RankBy.Majority }));
    }

    [Fact]
    public void Without_a_pattern_the_whole_text_votes_and_blank_texts_do_not()
    {
        RankingCandidate[] candidates = [Candidate(0, " ", -0.1), Candidate(1, "b", -2), Candidate(2, " b\n", -3), Candidate(3, "c")];
        Assert.Equal([1, 2, 3, 0], Order(candidates, new() { By = RankBy.Majority }));
    }

    [Theory]
    [InlineData(@"\d+", "7 or 8", "8")]
    [InlineData(@"is (\d+)", "it is 7, it is 8", "8")]
    [InlineData(@"is (?<n>\d*)", "it is 7, it is x", "7")] // a blank answer is none
    [InlineData(@"x", "it is 7", null)]
    public void The_last_match_is_the_answer(string pattern, string text, string? answer) =>
        Assert.Equal(answer, Ranker.Rank([Candidate(0, text)], new() { AnswerPattern = pattern })[0].Answer);

    [Fact]
    public void A_callers_score_ranks_and_not_a_number_goes_last()
    {
        double[] scores = [1, double.NaN, 3, double.NegativeInfinity];
        RankingCandidate[] candidates = [Candidate(0, "a"), Candidate(1, "b"), Candidate(2, "c"), Candidate(3, "d")];
        var options = new RankingOptions { By = RankBy.Custom, Score = candidate => scores[candidate.Index] };
        Assert.Equal([2, 0, 3, 1], Order(candidates, options));
    }

    [Fact]
    public void An_exception_of_the_callers_score_passes_through()
    {
        var options = new RankingOptions { By = RankBy.Custom, Score = _ => throw new NotSupportedException("mine") };
        Assert.Equal("mine", Assert.Throws<NotSupportedException>(() => Ranker.Rank(s_three, options)).Message);
    }

    [Fact]
    public void Duplicates_come_after_all_others_and_are_marked()
    {
        RankingCandidate[] candidates =
            [Candidate(0, "a", -2), Candidate(1, " a\n", -1), Candidate(2, "b", -9), Candidate(3, "a", -3)];
        var ranked = Ranker.Rank(candidates, new() { RemoveDuplicates = true });
        Assert.Equal([1, 2, 0, 3], ranked.Select(r => r.Candidate.Index));
        Assert.Equal([false, false, true, true], ranked.Select(r => r.IsDuplicate));
        Assert.Equal([1, 2, 3, 4], ranked.Select(r => r.Rank));
        Assert.All(Ranker.Rank(candidates, new()), r => Assert.False(r.IsDuplicate));
    }

    [Fact]
    public void Duplicates_still_vote()
    {
        RankingCandidate[] candidates = [Candidate(0, "x", -0.1), Candidate(1, "y", -2), Candidate(2, "y", -3)];
        Assert.Equal([1, 0, 2], Order(candidates, new() { By = RankBy.Majority, RemoveDuplicates = true }));
    }

    [Fact]
    public void Wrong_options_are_rejected_by_name()
    {
        Assert.Equal("answer-pattern", Assert.Throws<RequestRejectedException>(() => new RankingOptions { AnswerPattern = "(" }).Field);
        Assert.Equal("rank-by", Assert.Throws<RequestRejectedException>(() => new RankingOptions { By = (RankBy)9 }).Field);
        Assert.Equal("rank-by", Assert.Throws<RequestRejectedException>(() => Ranker.Rank([], new() { By = RankBy.Custom })).Field);
    }

    [Fact]
    public void A_pattern_that_takes_too_long_is_rejected()
    {
        var options = new RankingOptions { By = RankBy.Majority, AnswerPattern = "^(a+)+(a+)+$" };
        var error = Assert.Throws<RequestRejectedException>(() => Ranker.Rank([Candidate(0, new string('a', 60) + "!")], options));
        Assert.Equal("answer-pattern", error.Field);
    }
}
