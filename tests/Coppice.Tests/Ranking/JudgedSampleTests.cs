using Coppice.Ranking;

namespace Coppice.Tests.Ranking;

public sealed class JudgedSampleTests
{
    private static readonly JudgedSample[] Samples =
    [
        new("often", -0.5, false),
        new("often", -0.4, false),
        new(" often\n", -0.6, false),
        new("likely", -0.1, false),
        new("likely", -0.2, false),
        new("right", -0.7, true),
        new("rare", -0.9, true),
    ];

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, true)] // likely, often, right: equal texts count once
    [InlineData(99, true)]
    public void The_top_holds_the_likeliest_of_different_texts(int top, bool passes) => Assert.Equal(passes, PassAtTop.Passes(Samples, top));

    [Fact]
    public void Of_equal_texts_the_likeliest_gives_the_place()
    {
        JudgedSample[] samples = [new("a", -5, true), new("b", -2, false), new("a", -1, true)];
        Assert.True(PassAtTop.Passes(samples, 1));
    }

    [Fact]
    public void Texts_of_no_tokens_and_of_unknown_probability_come_last()
    {
        JudgedSample[] samples = [new("", double.NegativeInfinity, true), new("x", double.NaN, true), new("b", -9, false)];
        Assert.False(PassAtTop.Passes(samples, 1));
        Assert.True(PassAtTop.Passes(samples, 2));
    }

    [Fact]
    public void Nothing_passes_where_nothing_is_sampled_and_a_top_of_none_is_an_error()
    {
        Assert.False(PassAtTop.Passes([], 3));
        Assert.False(MajorityVote.Passes([]));
        Assert.Throws<ArgumentOutOfRangeException>(() => PassAtTop.Passes(Samples, 0));
    }

    [Fact]
    public void The_majority_is_the_answer_with_the_most_votes_whatever_its_probability()
    {
        Assert.False(MajorityVote.Passes(Samples));
        Assert.True(MajorityVote.Passes([new("a", -9, true), new("a ", -8, true), new("b", -1, false)]));
    }

    [Fact]
    public void Equal_votes_go_to_the_likeliest_and_blanks_have_none()
    {
        Assert.True(MajorityVote.Passes([new("a", -2, false), new("b", -1, true)]));
        Assert.True(MajorityVote.Passes([new("b", -1, true), new(" ", -0.1, false), new("", -0.1, false)]));
        Assert.False(MajorityVote.Passes([new(" ", -0.1, true)]));
    }
}
