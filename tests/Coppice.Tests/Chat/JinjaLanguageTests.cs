using System.Text.Json.Nodes;
using Coppice.Chat;

namespace Coppice.Tests.Chat;

public sealed class JinjaLanguageTests
{
    /// <summary>The file holds variables in its first line and then templates with the text, or error, that jinja2 3.1.6 gives.</summary>
    [Fact]
    public void Every_case_of_the_language_gives_what_jinja2_gives()
    {
        string[] lines = File.ReadAllLines(Repository.File("tests/Coppice.Tests/Chat/jinja-cases.jsonl"));
        JsonObject variables = JsonNode.Parse(lines[0])!["context"]!.AsObject();
        var wrong = new List<string>();
        foreach (string line in lines.Skip(1))
        {
            JsonNode row = JsonNode.Parse(line)!;
            string source = row["template"]!.GetValue<string>();
            string? expected = row["expected"]?.GetValue<string>();
            string? found = Rendering.TextOrNull(source, variables);
            if (found != expected) wrong.Add($"{source}: expected {expected ?? "an error"}, found {found ?? "an error"}");
        }

        Assert.True(lines.Length > 1400);
        Assert.Empty(wrong);
    }

    [Theory]
    [InlineData("a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a\n  b\nc")]
    [InlineData("a\n  {%+ if true %}\n  b\n  {%- endif +%}\nc", "a\n    b\nc")]
    [InlineData("  {{- 1 -}}\n  {{ 2 }}\n", "12")]
    [InlineData("a {#- gone -#} b", "ab")]
    [InlineData("{% raw %}{{ x }}{% endraw %}", "{{ x }}")]
    [InlineData("a\r\nb", "a\nb")]
    public void White_space_goes_where_tags_take_it(string source, string expected) => Assert.Equal(expected, Rendering.Text(source));

    [Theory]
    [InlineData("{{ 1.0 }} {{ 1e16 }} {{ 1e-5 }} {{ 7 / 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 70 }}", "1.0 1e+16 1e-05 3.5 -4 2 1180591620717411303424")]
    [InlineData("{{ true }} {{ none }} {{ ['a', 1.5, none] }} {{ {'a': (1,)} }}", "True None ['a', 1.5, None] {'a': (1,)}")]
    [InlineData("{{ [1, true, 'é<'] | tojson }} {{ {'b': 1, 'a': []} | tojson(indent=2, sort_keys=true) }}", "[1, true, \"é<\"] {\n  \"a\": [],\n  \"b\": 1\n}")]
    [InlineData("{{ '🎉é'|length }}{{ '🎉é'[::-1] }}{{ 'a🎉b'.find('b') }}", "2é🎉2")]
    [InlineData("{{ 1 ~ 2 * 3 }}", "16")]
    [InlineData("{{ strftime_now('%d %B %Y, %H:%M') }}", "01 August 2025, 12:00")]
    public void Values_print_as_in_Python(string source, string expected) => Assert.Equal(expected, Rendering.Text(source));

    [Fact]
    public void Numbers_beyond_64_bits_pass_through_unchanged()
    {
        JsonObject variables = JsonNode.Parse("""{"n": 123456789012345678901234567890, "f": 1.10, "e": 1E2}""")!.AsObject();
        Assert.Equal("123456789012345678901234567890 [123456789012345678901234567891] 1.1 100.0", Rendering.Text("{{ n }} {{ [n + 1] | tojson }} {{ f }} {{ e }}", variables));
    }

    [Fact]
    public void Values_made_in_the_program_are_as_those_that_were_parsed()
    {
        var variables = new JsonObject { ["i"] = 5, ["l"] = 5L, ["d"] = 5.0, ["f"] = 0.5f, ["m"] = 1.5m, ["b"] = true, ["s"] = "x", ["n"] = null };
        Assert.Equal("[5, 5, 5.0, 0.5, 1.5, True, 'x', None]", Rendering.Text("{{ [i, l, d, f, m, b, s, n] }}", variables));
    }
}
