using System.Text.Json.Nodes;
using Coppice.Chat;
using Coppice.Ranking;
using Coppice.Sampling;
using Coppice.Tests.Engines;
using Microsoft.Extensions.AI;

namespace Coppice.Tests.Chat;

public sealed class CoppiceChatClientTests : IDisposable
{
    private readonly Engine _engine = NoiseEngine.Load();

    public void Dispose() => _engine.Dispose();

    [Fact]
    public async Task An_answer_is_what_the_engine_gives_for_the_rendered_conversation()
    {
        using var client = new CoppiceChatClient(_engine, "noise");
        ChatResponse response = await client.GetResponseAsync([new(ChatRole.User, "hi")], Options());
        JsonArray messages = [new JsonObject { ["role"] = "system", ["content"] = "short" }, new JsonObject { ["role"] = "user", ["content"] = "hi" }];
        int[] prompt = _engine.Chat.Encode(new ChatTemplateContext(messages));
        GenerationResult same = await _engine.GenerateAsync(new GenerationRequest(prompt)
        {
            MaxTokens = 8,
            Sampling = new SamplingOptions { Temperature = 0.7, TopP = 0.9, TopK = 50, Seed = 5, PresencePenalty = 0.5, FrequencyPenalty = 0.25 },
        });
        Assert.Equal(same.Choices[0].Text, response.Text);
        Assert.Equal((prompt.Length, same.Choices[0].TokenIds.Count), ((int)response.Usage!.InputTokenCount!, (int)response.Usage.OutputTokenCount!));
        Assert.Equal("noise", response.ModelId);
        Assert.Equal(same.Choices[0].FinishReason == FinishReason.Length ? ChatFinishReason.Length : ChatFinishReason.Stop, response.FinishReason);
    }

    [Fact]
    public async Task A_stream_gives_the_same_text_and_ends_with_usage()
    {
        using var client = new CoppiceChatClient(_engine);
        ChatResponse whole = await client.GetResponseAsync([new(ChatRole.User, "hi")], Options());
        var updates = new List<ChatResponseUpdate>();
        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync([new(ChatRole.User, "hi")], Options())) updates.Add(update);
        Assert.Equal(whole.Text, string.Concat(updates.Select(update => update.Text)));
        Assert.True(updates.Count > 2);
        Assert.Single(updates.Select(update => update.ResponseId).Distinct());
        Assert.Equal(whole.FinishReason, updates[^1].FinishReason);
        Assert.Equal(whole.Usage!.OutputTokenCount, Assert.Single(updates[^1].Contents.OfType<UsageContent>()).Details.OutputTokenCount);
    }

    [Fact]
    public async Task Of_several_answers_the_winner_comes_and_all_are_in_the_raw_representation()
    {
        using var client = new CoppiceChatClient(_engine);
        ChatOptions options = Options();
        options.AdditionalProperties = new() { ["n"] = 4, ["rank"] = "total_logprob" };
        ChatResponse response = await client.GetResponseAsync([new(ChatRole.User, "hi")], options);
        var result = Assert.IsType<GenerationResult>(response.RawRepresentation);
        Assert.Equal([1, 2, 3, 4], result.Choices.Select(choice => choice.Rank));
        Assert.Equal(result.Choices.MaxBy(choice => choice.TotalLogprob)!.Text, response.Text);
        Assert.Equal(result.Choices.Sum(choice => choice.TokenIds.Count), response.Usage!.OutputTokenCount);
        string streamed = "";
        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync([new(ChatRole.User, "hi")], options)) streamed += update.Text;
        Assert.Equal(response.Text, streamed);
    }

    [Fact]
    public async Task What_is_not_supported_is_refused_by_name()
    {
        using var client = new CoppiceChatClient(_engine);
        await Refused("ResponseFormat", new ChatOptions { ResponseFormat = ChatResponseFormat.Json });
        await Refused("tools", new ChatOptions { Tools = [AIFunctionFactory.Create(() => 1, "one")] });
        await Refused("ConversationId", new ChatOptions { ConversationId = "c" });
        await Refused("ModelId", new ChatOptions { ModelId = "other" });
        await Refused("RawRepresentationFactory", new ChatOptions { RawRepresentationFactory = _ => new object() });
        await Refused("Reasoning", new ChatOptions { Reasoning = new ReasoningOptions() });
        await Refused("AdditionalProperties", new ChatOptions { AdditionalProperties = new() { ["m"] = 1 } });
        await Refused("n", new ChatOptions { AdditionalProperties = new() { ["n"] = "many" } });
        await Refused("samples", new ChatOptions { AdditionalProperties = new() { ["n"] = 0 } });
        await Refused("rank", new ChatOptions { AdditionalProperties = new() { ["rank"] = "best" } });
        await Refused("temperature", new ChatOptions { Temperature = -1 });
        await Refused("messages", new ChatOptions(), new ChatMessage(ChatRole.User, [new DataContent(new byte[] { 1 }, "image/png")]));

        async Task Refused(string field, ChatOptions options, ChatMessage? message = null)
        {
            var error = await Assert.ThrowsAsync<RequestRejectedException>(() => client.GetResponseAsync([message ?? new(ChatRole.User, "x")], options));
            Assert.Equal(field, error.Field);
        }
    }

    [Fact]
    public void Calls_results_and_described_tools_become_what_templates_read()
    {
        ChatMessage[] conversation =
        [
            new(ChatRole.User, "w?"),
            new(ChatRole.Assistant, [new TextContent("ok"), new FunctionCallContent("c1", "f", new Dictionary<string, object?> { ["a"] = 1 })]),
            new(ChatRole.Tool, [new FunctionResultContent("c1", "r"), new FunctionResultContent("c2", 5)]),
        ];
        Assert.Equal(
            """[{"role":"system","content":"s"},{"role":"user","content":"w?"},{"role":"assistant","content":"ok","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":{"a":1}}}]},{"role":"tool","tool_call_id":"c1","content":"r"},{"role":"tool","tool_call_id":"c2","content":"5"}]""",
            ChatMessages.Of(conversation, "s").ToJsonString());
        JsonNode tool = ChatMessages.Describe([AIFunctionFactory.Create((int a) => a, "f", "does")])[0]!;
        Assert.Equal(("function", "f", "does"), (tool["type"]!.GetValue<string>(), tool["function"]!["name"]!.GetValue<string>(), tool["function"]!["description"]!.GetValue<string>()));
        Assert.Equal("integer", tool["function"]!["parameters"]!["properties"]!["a"]!["type"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_template_of_the_callers_takes_the_place_of_the_models()
    {
        using var client = new CoppiceChatClient(_engine, template: ChatTemplate.Parse("{{ raise_exception('no') }}"));
        var error = await Assert.ThrowsAsync<ChatTemplateException>(() => client.GetResponseAsync([new(ChatRole.User, "x")]));
        Assert.True(error.IsRaised);
        Assert.Same(_engine, client.GetService(typeof(Engine)));
        Assert.Equal("coppice", Assert.IsType<ChatClientMetadata>(client.GetService(typeof(ChatClientMetadata))).DefaultModelId);
    }

    [Fact]
    public async Task Embeddings_are_those_of_the_engine_in_the_order_of_the_texts()
    {
        using var generator = new CoppiceEmbeddingGenerator(_engine, pooling: EmbeddingPooling.Last);
        string[] texts = [.. Enumerable.Range(0, 20).Select(i => $"text {i}")];
        GeneratedEmbeddings<Embedding<float>> all = await generator.GenerateAsync(texts);
        Assert.Equal(20, all.Count);
        Assert.Equal(await _engine.EmbedAsync(_engine.Tokenizer.Encode(texts[13]), EmbeddingPooling.Last), all[13].Vector.ToArray());
        Assert.Equal(texts.Sum(text => _engine.Tokenizer.Encode(text).Length), all.Usage!.InputTokenCount);
        Assert.Equal(_engine.EmbeddingWidth, all[0].Dimensions);
        await Assert.ThrowsAsync<RequestRejectedException>(() => generator.GenerateAsync(["x"], new EmbeddingGenerationOptions { Dimensions = 3 }));
    }

    private static ChatOptions Options() => new()
    {
        Instructions = "short", Temperature = 0.7f, TopP = 0.9f, TopK = 50, Seed = 5, MaxOutputTokens = 8, PresencePenalty = 0.5f, FrequencyPenalty = 0.25f,
    };
}
