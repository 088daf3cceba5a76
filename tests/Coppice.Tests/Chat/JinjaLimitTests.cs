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
    [InlineData("{% set ns = namespace(x=['a']) %}{% for i in range(100000) %}{% set ns.x = ns.x|select %}{% endfor %}{{ ns.x|list }}", "nested too deeply")]
    [InlineData("{% set ns = namespace(x=(1,)) %}{% for i in range(100000)|list * 10 %}{% set ns.x = (ns.x,) %}{% endfor %}{{ {ns.x: 1}|length }}", "nested too deeply")]
    [InlineData("{% macro f(x=f()) %}{% endmacro %}{{ f() }}", "nested too deeply")]
    [InlineData("{% set ns = namespace(a=[], b=[]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% set ns.b = [ns.b, ns.b] %}{% endfor %}{{ ns.a == ns.b }}", "too large to compare")]
    [InlineData("{% set ns = namespace(a=(1,)) %}{% for i in range(60) %}{% set ns.a = (ns.a, ns.a) %}{% endfor %}{{ {ns.a: 1}|length }}", "too large to compare")]
    [InlineData("{{ ('a' * 2000000)|wordwrap(1) }}", "made on the way")]
    [InlineData("{{ ('{0}' * 1000).format('x' * 1000 * 30000) }}", "characters or elements")]
    [InlineData("{{ ('%s' * 40) % ((('x' * 1000 * 30000),) * 40) }}", "characters or elements")]
    [InlineData("{{ ('\t' * 1000000).expandtabs(10000) }}", "characters or elements")]
    [InlineData("{{ strftime_now('%c' * 1000 * 16000) }}", "characters or elements")]
    [InlineData("{{ [1]|tojson(indent='x' * 1001) }}", "at most 1000 characters")]
    [InlineData("{% set l = [1] * 1000000 %}{% for i in range(100) %}{% set _ = l.count(2) %}{% endfor %}", "steps")]
    [InlineData("{% set l = [1] * 1000000 + [2] %}{% for i in range(100) %}{% set _ = l.index(2) %}{% endfor %}", "steps")]
    public void What_would_not_end_is_ended(string source, string part) =>
        Assert.Contains(part, Rendering.Error(source).Reason, StringComparison.Ordinal);

    [Theory]
    [InlineData("{{ '%c' % 55296 }}")]
    [InlineData("{{ '%c' % -1 }}")]
    [InlineData("{{ '{:c}'.format(10**20) }}")]
    [InlineData("{{ '%d' % (1e308 * 10) }}")]
    [InlineData("{{ (1e308 * 10)|round(0, 'ceil') }}")]
    [InlineData("{{ (-1e308 * 10)|filesizeformat }}")]
    [InlineData("{{ range(0, -5, -2147483648)[::-2147483648][::-2147483648]|list }}")]
    public void A_number_that_can_not_be_shown_is_the_templates_fault(string source) => Assert.NotEmpty(Rendering.Error(source).Reason);

    [Fact]
    public void A_rendering_that_takes_too_long_is_ended()
    {
        ChatTemplate template = ChatTemplate.Parse("{% set s = 'x' * 1000 * 30000 %}{% for i in range(100000) %}{% if s|length > 0 %}{% endif %}{% endfor %}");
        var error = Assert.Throws<ChatTemplateException>(() => template.Render(new ChatTemplateContext([]) { TimeLimit = TimeSpan.FromMilliseconds(200) }));
        Assert.Contains("takes too long", error.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_long_is_gone_through_once()
    {
        const string source = "{{ ('<>' * 1000000)|striptags|length }} {{ ('a ' * 1000000).split()|length }} {{ ('a ' * 1000000).rsplit()|length }} {{ ('a ' * 1000000)|wordwrap(2000000000)|length }}";
        Assert.Equal("0 1000000 1000000 1999999", Rendering.Text(source));
    }

    [Theory]
    [InlineData("a<!-- b -->c<d>e</d>f", "acef")]
    [InlineData("a<!<!-- x -->-- y -->b", "ab")]
    [InlineData("<<!-- x -->!-- y -->b<!-- z", "b<!-- z")]
    [InlineData("<!<!---->--<!-- q -->a", "a")]
    [InlineData("a < b <i", "a < b <i")]
    public void Tags_go_as_if_they_were_taken_one_by_one(string text, string left) =>
        Assert.Equal(left, Rendering.Text("{{ x|striptags }}", new JsonObject { ["x"] = text }));

    [Theory]
    [InlineData("{{ ' a  b c '.split() }}{{ ' a  b c '.split(none, 1) }}{{ ' a b '.split(none, 0) }}{{ '  '.split() }}", "['a', 'b', 'c']['a', 'b c ']['a b '][]")]
    [InlineData("{{ ' a  b c '.rsplit() }}{{ ' a  b c '.rsplit(none, 1) }}{{ ' a b '.rsplit(none, 0) }}{{ '  '.rsplit() }}", "['a', 'b', 'c'][' a  b', 'c'][' a b'][]")]
    public void Blanks_part_words_as_in_Python(string source, string expected) => Assert.Equal(expected, Rendering.Text(source));

    [Fact]
    public void Json_that_can_not_be_read_is_an_error_of_its_own_kind()
    {
        foreach (string json in new[] { """{"x":{"a":1,"a":2}}""", """{"x":"\ud800"}""", """{"x":{"\ud800":1}}""" })
        {
            JsonObject variables = JsonNode.Parse(json)!.AsObject();
            Assert.Throws<ChatTemplateException>(() => Rendering.Text("{{ x }}", variables));
        }
    }

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
