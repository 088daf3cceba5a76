using Coppice.Sampling;
using CsCheck;

namespace Coppice.Tests.Sampling;

public sealed class TokenHistoryTests
{
    private static readonly SamplingOptions s_penalized = new() { RepetitionPenalty = 1.1 };

    [Fact]
    public void Counts_agree_with_a_plain_recount_after_each_token()
    {
        var cases = Gen.Select(
            Gen.Int[0, 9].Array[0, 40], Gen.Int[0, 9].Array[0, 40], Gen.Int[-1, 12]);
        cases.Sample((prompt, generated, window) =>
        {
            var history = new TokenHistory(s_penalized with { PenaltyWindow = window }, prompt.Length, generated.Length);
            history.Begin(prompt);
            for (int added = 0; added <= generated.Length; added++)
            {
                if (added > 0) history.Add(generated[added - 1]);
                int[] all = [.. prompt, .. generated[..added]];
                var inWindow = window < 0 ? all : all[^Math.Min(window, all.Length)..];
                for (int token = 0; token < 10; token++)
                {
                    Assert.Equal(generated[..added].Count(t => t == token), history.GeneratedCount(token));
                    Assert.Equal(inWindow.Count(t => t == token), history.WindowCount(token));
                }
            }
        }, iter: 300);
    }

    [Fact]
    public void Many_distinct_and_colliding_tokens_are_told_apart()
    {
        var history = new TokenHistory(s_penalized with { PenaltyWindow = 5 }, 1000, 3000);
        history.Begin([.. Enumerable.Range(0, 1000)]);
        for (int i = 0; i < 3000; i++) history.Add(i * 4096);
        Assert.All(Enumerable.Range(0, 3000), i => Assert.Equal(1, history.GeneratedCount(i * 4096)));
        Assert.Equal(0, history.GeneratedCount(1));
        Assert.Equal(1, history.WindowCount(2999 * 4096));
        Assert.Equal(0, history.WindowCount(2994 * 4096));
    }

    [Fact]
    public void Begin_forgets_the_run_before()
    {
        var history = new TokenHistory(s_penalized, 2, 2);
        history.Begin([1, 2]);
        history.Add(3);
        history.Begin([4]);
        Assert.Equal((0, 0, 1, 0), (history.GeneratedCount(3), history.WindowCount(3), history.WindowCount(4), history.Generated));
    }

    [Fact]
    public void More_tokens_than_it_was_made_for_are_an_error()
    {
        var history = new TokenHistory(s_penalized, 1, 1);
        Assert.Throws<ArgumentException>(() => history.Begin([1, 2]));
        history.Begin([1]);
        history.Add(1);
        Assert.Throws<InvalidOperationException>(() => history.Add(1));
    }

    [Fact]
    public void Adding_allocates_nothing()
    {
        var history = new TokenHistory(s_penalized, 10, 4000);
        history.Begin([1, 2, 3]);
        int token = 0;
        Assert.Equal(0, Allocations.OfWarm(() =>
        {
            for (int i = 0; i < 400; i++) history.Add(token++);
        }));
    }
}
