using System.Text.Json.Nodes;
using Coppice.Chat;
using Coppice.ModelFiles;
using Coppice.Tests.ModelFiles;
using Coppice.Tests.Tokenizing;
using Coppice.Tokenizing;

namespace Coppice.Tests.Chat;

public sealed class ModelChatTests
{
    private const string ReadsObjects = "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls %}{{ c.function.arguments|tojson }}{% endfor %};{% endfor %}";
    private const string ReadsText = "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls %}{{ '' + c.function.arguments }}{% endfor %};{% endfor %}";
    private static readonly Tokenizer s_tokenizer = new(SmallVocabularies.ByteLevel());

    [Fact]
    public void Arguments_of_calls_come_as_the_template_reads_them()
    {
        foreach (string template in new[] { ReadsObjects, ReadsText })
        {
            Assert.Equal("hi;{\"a\": [1, \"é\"]};", Chat(template).Render(Conversation(new JsonObject { ["a"] = new JsonArray(1, "é") })));
            Assert.Equal("hi;{\"a\": [1, \"é\"]};", Chat(template).Render(Conversation(JsonValue.Create("{\"a\": [1, \"é\"]}"))));
        }

        // Text that is no object stays text.
        Assert.Equal("hi;\"{oops\";", Chat(ReadsObjects).Render(Conversation(JsonValue.Create("{oops"))));
    }

    [Fact]
    public void Content_comes_as_text_or_as_parts_as_the_template_reads_it()
    {
        const string readsParts = "{% for m in messages %}{% for p in m.content %}[{{ p.text }}]{% endfor %}{% endfor %}";
        JsonArray parts = [new JsonObject { ["role"] = "user", ["content"] = new JsonArray(Part("a"), Part("b")) }];
        JsonArray text = [new JsonObject { ["role"] = "user", ["content"] = "a" }];
        Assert.Equal("a\nb;", Chat(ReadsObjects).Render(new ChatTemplateContext(parts)));
        Assert.Equal("[a][b]", Chat(readsParts).Render(new ChatTemplateContext(parts)));
        Assert.Equal("[a]", Chat(readsParts).Render(new ChatTemplateContext(text)));
        Assert.IsType<JsonArray>(parts[0]!["content"]);

        static JsonObject Part(string text) => new() { ["type"] = "text", ["text"] = text };
    }

    [Fact]
    public void The_template_for_tools_is_used_where_there_are_tools()
    {
        ModelChat chat = Chat("plain", ("tool_use", "tools"), ("rag", "rag"));
        Assert.Equal(["rag", "tool_use"], chat.TemplateNames.Order());
        JsonArray messages = [new JsonObject { ["role"] = "user", ["content"] = "x" }];
        Assert.Equal("plain", chat.Render(new ChatTemplateContext(messages)));
        Assert.Equal("plain", chat.Render(new ChatTemplateContext(messages) { Tools = [] }));
        Assert.Equal("tools", chat.Render(new ChatTemplateContext(messages) { Tools = [new JsonObject()] }));
        Assert.Equal("mine", chat.With(ChatTemplate.Parse("mine")).Render(new ChatTemplateContext(messages) { Tools = [new JsonObject()] }));
    }

    [Fact]
    public void A_broken_template_shows_when_it_is_used_and_a_missing_one_is_ChatML()
    {
        ModelChat broken = Chat("{% if %}");
        Assert.True(broken.HasTemplate);
        Assert.Throws<ChatTemplateException>(() => broken.Template);
        ModelChat missing = ModelChat.FromGguf(new GgufMetadata("m"), s_tokenizer);
        Assert.False(missing.HasTemplate);
        Assert.Same(ChatTemplate.ChatMl, missing.Template);
    }

    [Fact]
    public void The_prompt_has_one_begin_token_whether_or_not_the_template_writes_it()
    {
        using GgufFile file = GgufFile.Open(SharedData.Stories("f32"));
        Tokenizer tokenizer = Tokenizer.FromGguf(file);
        ModelChat chat = ModelChat.FromGguf(file.Metadata, tokenizer);
        JsonArray messages = [new JsonObject { ["role"] = "user", ["content"] = "Once" }];
        int[] without = chat.With(ChatTemplate.Parse("{{ messages[0].content }}")).Encode(new ChatTemplateContext(messages));
        int[] with = chat.With(ChatTemplate.Parse("{{ bos_token }}{{ messages[0].content }}")).Encode(new ChatTemplateContext(messages));
        Assert.Equal(without, with);
        Assert.Equal(tokenizer.Encode("Once"), with);
        Assert.Equal(tokenizer.EosId, chat.With(ChatTemplate.Parse("x{{ eos_token }}")).Encode(new ChatTemplateContext(messages))[^1]);
    }

    private static ChatTemplateContext Conversation(JsonNode? arguments) => new(
    [
        new JsonObject { ["role"] = "user", ["content"] = "hi" },
        new JsonObject
        {
            ["role"] = "assistant",
            ["content"] = "",
            ["tool_calls"] = new JsonArray(new JsonObject { ["type"] = "function", ["function"] = new JsonObject { ["name"] = "f", ["arguments"] = arguments } }),
        },
    ]);

    private static ModelChat Chat(string template, params (string Name, string Template)[] more)
    {
        var metadata = new GgufMetadata("m");
        metadata.TryAdd("tokenizer.chat_template", template);
        foreach ((string name, string text) in more) metadata.TryAdd("tokenizer.chat_template." + name, text);
        return ModelChat.FromGguf(metadata, s_tokenizer);
    }
}
