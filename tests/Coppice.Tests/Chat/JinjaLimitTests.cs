using System.Text.Json.Nodes;
using Coppice.Chat;

namespace Coppice.Tests.Chat;

/// <summary>Templates come with models of strangers: none takes the process down, or all its memory or time.</summary>
public sealed class JinjaLimitTests
{
    [Theory]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "inside each other")]
    [InlineData("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "inside each other")]
    [InlineData("{% set ns = namespace(s='xxxxxxxxxxxxxxxx') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}", "characters or elements")]
    [InlineData("{% set ns = namespace(l=[1]) %}{% for i in range(100) %}{% set ns.l = ns.l + ns.l %}{% endfor %}", "characters or elements")]
    [InlineData("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", "steps")]
    [InlineData("{% set l = [1] %}{% for i in l %}{% set _ = l.append(1) %}{% endfor %}", "steps")]
    [InlineData("{{ 'x' * 1000000000 }}", "characters or elements")]
    [InlineData("{{ [1] * 1000000000 }}", "characters or elements")]
    [InlineData("{{ 'x'|center(1000000000) }}", "characters or elements")]
    [InlineData("{{ 'x'.ljust(1000000000) }}", "characters or elements")]
    [InlineData("{{ [1]|batch(1000000000, 0)|list }}", "characters or elements")]
    [InlineData("{{ '%1000000000d' % 1 }}", "width")]
    [InlineData("{{ '{:1000000000}'.format(1) }}", "width")]
    [InlineData("{{ '%.1000000f' % 1.5 }}", "digits")]
    [InlineData("{{ 9 ** 99999999 }}", "bits")]
    [InlineData("{{ range(1000000000)|list }}", "Range too big")]
    [InlineData("{% set l = [] %}{% set _ = l.append(l) %}{{ l }}", "nested too deeply")]
    [InlineData("{% set l = [] %}{% set _ = l.append(l) %}{{ l|tojson }}", "nested too deeply")]
    [InlineData("{% set l = [] %}{% set m = [] %}{% set _ = l.append(m) %}{% set _ = m.append(l) %}{{ l == m }}", "nested too deeply")]
    [InlineData("{% set a = 'xxxxxxxxxx' * 100000 %}{{ a.replace('x', a) }}", "characters or elements")]
    [InlineData("{{ ([''] * 100000)|join('x' * 1000) }}", "characters or elements")]
    public void What_would_not_end_is_ended(string source, string part) =>
        Assert.Contains(part, Rendering.Error(source).Reason, StringComparison.Ordinal);

    [Fact]
    public void What_nests_too_deeply_is_refused_when_it_is_read()
    {
        string[] sources =
        [
            "{{ " + new string('(', 100_000), "{{ " + new string('[', 100_000), "{{ " + string.Concat(Enumerable.Repeat("not ", 100_000)) + "x }}",
            "{{ " + new string('-', 100_000) + "1 }}", "{{ 1" + string.Concat(Enumerable.Repeat("+1", 100_000)) + " }}",
            "{{ x" + string.Concat(Enumerable.Repeat(".y", 100_000)) + " }}", "{{ x" + string.Concat(Enumerable.Repeat("|e", 100_000)) + " }}",
            string.Concat(Enumerable.Repeat("{% if x %}", 100_000)), "{{ " + string.Concat(Enumerable.Repeat("x if y else ", 100_000)) + "z }}",
            "{% set " + new string('(', 100_000), "{% set x" + string.Concat(Enumerable.Repeat("|e", 100_000)) + " %}{% endset %}",
        ];
        Assert.All(sources, source => Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse(source)));
    }

    [Fact]
    public void Deep_data_is_an_error_not_a_crash()
    {
        JsonNode node = new JsonArray();
        for (int i = 0; i < 50_000; i++) node = new JsonArray(node);
        Assert.Throws<ChatTemplateException>(() => Rendering.Text("{{ x }}", new JsonObject { ["x"] = node }));
    }

    [Fact]
    public void A_long_conversation_is_within_the_limits()
    {
        var messages = new JsonArray([.. Enumerable.Range(0, 2000).Select(i => new JsonObject { ["role"] = i % 2 == 0 ? "user" : "assistant", ["content"] = new string('x', 1000) })]);
        string text = ChatTemplate.ChatMl.Render(new ChatTemplateContext(messages));
        Assert.True(text.Length > 2_000_000);
    }
}
