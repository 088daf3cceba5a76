using System.Text.Json.Nodes;
using Coppice.Chat;

namespace Coppice.Tests.Chat;

public sealed class ChatTemplateTests
{
    private static readonly JsonArray s_messages = [Message("user", "hi"), Message("assistant", "yes?")];

    [Fact]
    public void ChatML_is_what_models_without_a_template_get()
    {
        Assert.Equal(
            "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nyes?<|im_end|>\n<|im_start|>assistant\n",
            ChatTemplate.ChatMl.Render(new ChatTemplateContext(s_messages)));
        Assert.EndsWith("yes?<|im_end|>\n", ChatTemplate.ChatMl.Render(new ChatTemplateContext(s_messages) { AddGenerationPrompt = false }), StringComparison.Ordinal);
    }

    [Fact]
    public void Variables_are_what_the_context_gives_and_what_is_not_given_is_undefined()
    {
        ChatTemplate template = ChatTemplate.Parse("{{ bos_token }}|{{ tools is defined }}|{{ enable_thinking|default('?') }}|{{ add_generation_prompt }}|{{ eos_token is defined }}");
        Assert.Equal("|False|?|True|False", template.Render(new ChatTemplateContext(s_messages)));
        Assert.Equal("<s>|True|False|False|True", template.Render(new ChatTemplateContext(s_messages)
        {
            BosToken = "<s>", EosToken = "</s>", Tools = [], AddGenerationPrompt = false, Variables = new JsonObject { ["enable_thinking"] = false },
        }));
    }

    [Fact]
    public void A_conversation_is_not_changed_by_a_template_that_changes_it()
    {
        ChatTemplate template = ChatTemplate.Parse("{% set _ = messages.pop() %}{% set _ = messages[0].update({'role': 'x'}) %}{{ messages|length }}");
        Assert.Equal("1", template.Render(new ChatTemplateContext(s_messages)));
        Assert.Equal("1", template.Render(new ChatTemplateContext(s_messages)));
        Assert.Equal("user", s_messages[0]!["role"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("a\n{{ raise_exception('no ' ~ 1) }}", 2, "no 1", true)]
    [InlineData("\n\n{% if x %}", 3, "expected 'endif', found the end of the template", false)]
    [InlineData("{{ x.y.z }}", 1, "'x' is undefined", false)]
    [InlineData("{{ 1 +\n 'a' }}", 1, "unsupported operand type(s) for +: 'int' and 'str'", false)]
    [InlineData("a\nb {{ 1 2 }}", 2, "expected '}}', found '2'", false)]
    [InlineData("{% include 'x' %}", 1, "'include' is refused: a chat template stands alone", false)]
    [InlineData("{% foo %}", 1, "unknown tag 'foo'", false)]
    [InlineData("{{ x|foo }}", 1, "no filter named 'foo'", false)]
    [InlineData("{{ x is foo }}", 1, "no test named 'foo'", false)]
    [InlineData("{{ 'a' }\n}", 1, "unexpected '}'", false)]
    [InlineData("{# a", 1, "expected '#}', found the end of the template: a comment is not closed", false)]
    [InlineData("{% macro m(a) %}{{ a }}{% endmacro %}\n{{ m(b=1) }}", 2, "macro 'm' takes no keyword argument 'b'", false)]
    [InlineData("{% for a, b in [[1]] %}{% endfor %}", 1, "not enough values to unpack (expected 2, got 1)", false)]
    public void Errors_say_the_line_and_what_was_expected_and_found(string source, int line, string reason, bool isRaised)
    {
        ChatTemplateException error = Rendering.Error(source);
        Assert.Equal((line, reason, isRaised), (error.Line, error.Reason, error.IsRaised));
        Assert.Equal($"chat template t, line {line}: {reason}", error.Message);
    }

    private static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };
}
