using System.Text;
using Coppice.Sampling;
using CsCheck;

namespace Coppice.Tests.Sampling;

public sealed class StopMatcherTests
{
    // All text up to the first end of a stop string, less the longest stop string that ends there.
    private static (string Text, string? Match) Naive(string text, string[] stops)
    {
        for (int end = 1; end <= text.Length; end++)
        {
            string? match = stops.Where(s => text[..end].EndsWith(s, StringComparison.Ordinal)).MaxBy(s => s.Length);
            if (match is not null) return (text[..(end - match.Length)], match);
        }

        return (text, null);
    }

    private static (string Text, string? Match) Run(IEnumerable<string> deltas, string[] stops)
    {
        var matcher = new StopMatcher(stops);
        var text = new StringBuilder();
        foreach (string delta in deltas) text.Append(matcher.Feed(delta));
        text.Append(matcher.Flush());
        return (text.ToString(), matcher.Match);
    }

    [Fact]
    public void Any_cut_gives_what_a_search_of_the_whole_text_gives()
    {
        var letters = Gen.Char["ab"];
        var cases = Gen.Select(
            Gen.String[letters, 0, 30], Gen.String[letters, 1, 5].Array[0, 4], Gen.Int[0, 4].Array[1, 40]);
        cases.Sample((text, stops, cuts) =>
        {
            var deltas = new List<string>();
            for (int at = 0, i = 0; at < text.Length; i++)
            {
                int count = Math.Min(text.Length - at, i < cuts.Length ? cuts[i] : 1);
                deltas.Add(text.Substring(at, count));
                at += count;
            }

            Assert.Equal(Naive(text, stops), Run(deltas, stops));
        }, iter: 3000);
    }

    [Fact]
    public void Each_single_cut_of_a_text_finds_the_stop_string()
    {
        const string Text = "The answer is 42.\n\nQuestion: what";
        for (int cut = 0; cut <= Text.Length; cut++)
            Assert.Equal(("The answer is 42.", "\n\nQ"), Run([Text[..cut], Text[cut..]], ["\n\nQ", "###"]));
    }

    [Fact]
    public void Only_a_possible_beginning_is_held_back()
    {
        var matcher = new StopMatcher(["<end>"]);
        Assert.Equal("a", matcher.Feed("a"));
        Assert.Equal("b", matcher.Feed("b<"));
        Assert.Equal("", matcher.Feed("en"));
        Assert.Equal("<en", matcher.Feed("<"));
        Assert.Equal("<x", matcher.Feed("x"));
        Assert.Equal("", matcher.Feed("<end"));
        Assert.Null(matcher.Match);
        Assert.Equal("<end", matcher.Flush());
        Assert.Equal("", matcher.Flush());
    }

    [Fact]
    public void Text_after_the_match_is_dropped()
    {
        var matcher = new StopMatcher(["stop"]);
        Assert.Equal("a ", matcher.Feed("a stop b"));
        Assert.Equal("stop", matcher.Match);
        Assert.Equal("", matcher.Feed("more"));
        Assert.Equal("", matcher.Flush());
    }

    [Fact]
    public void The_first_to_end_wins_and_the_longest_of_those()
    {
        Assert.Equal(("a", "b"), Run(["abc"], ["abc", "b"]));
        Assert.Equal(("x", "abc"), Run(["xabc"], ["c", "abc", "bc"]));
        Assert.Equal(("a", "aab"), Run(["a", "a", "a", "b"], ["aab"]));
    }

    [Fact]
    public void Without_stop_strings_all_text_passes_at_once()
    {
        var matcher = new StopMatcher([]);
        Assert.Equal("abc", matcher.Feed("abc"));
        Assert.Equal("", matcher.Flush());
    }

    [Fact]
    public void An_empty_stop_string_is_rejected() =>
        Assert.Equal("stop", Assert.Throws<RequestRejectedException>(() => new StopMatcher(["a", ""])).Field);
}
