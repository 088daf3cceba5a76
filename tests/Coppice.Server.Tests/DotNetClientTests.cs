using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text;
using System.Text.Json.Nodes;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Embeddings;
using OpenAI.Models;

namespace Coppice.Server.Tests;

/// <summary>OpenAI's client for .NET, as its users call it.</summary>
public sealed class DotNetClientTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    private readonly RunningServer _server = fixture.Running;
    private readonly ChatClient _client = new(RunningServer.ModelName, new ApiKeyCredential("any"), Options(fixture.Running));

    [Fact]
    public async Task HoldsAConversation()
    {
        List<ChatMessage> messages = [new SystemChatMessage("Be brief."), new UserChatMessage("Hello")];
        ChatCompletionOptions options = new() { MaxOutputTokenCount = 10, Seed = 3, Temperature = 0.8f };
        ChatCompletion first = await _client.CompleteChatAsync(messages, options);
        Assert.Equal(ChatMessageRole.Assistant, first.Role);
        messages.Add(new AssistantChatMessage(first));
        messages.Add(new UserChatMessage("And now?"));
        ChatCompletion second = await _client.CompleteChatAsync(messages, options);
        Assert.True(second.Usage.InputTokenCount > first.Usage.InputTokenCount);
        Assert.Equal(second.Usage.TotalTokenCount, second.Usage.InputTokenCount + second.Usage.OutputTokenCount);
        ChatCompletion again = await _client.CompleteChatAsync(messages, options);
        Assert.Equal(second.Content[0].Text, again.Content[0].Text);
        Assert.True(again.Usage.InputTokenDetails.CachedTokenCount > 0, "the conversation so far was computed again");
    }

    [Fact]
    public async Task StreamsFourSamples()
    {
        ChatMessage[] messages = [new UserChatMessage("Tell me a story")];
        string[] whole = await FourAsync(messages);
        ChatCompletionOptions options = FourOptions();
        var texts = new StringBuilder[] { new(), new(), new(), new() };
        var ended = new ChatFinishReason?[4];
        ChatTokenUsage? usage = null;
        await foreach (StreamingChatCompletionUpdate update in _client.CompleteChatStreamingAsync(messages, options))
        {
            usage = update.Usage ?? usage;
            if (!update.Patch.TryGetValue("$.choices[0].index"u8, out int index)) continue;
            foreach (ChatMessageContentPart part in update.ContentUpdate) texts[index].Append(part.Text);
            ended[index] = update.FinishReason ?? ended[index];
        }

        Assert.Equal(whole, texts.Select(text => text.ToString()));
        Assert.All(ended, reason => Assert.NotNull(reason));
        Assert.NotNull(usage);
        Assert.True(usage.OutputTokenCount > 4);
    }

    [Fact]
    public async Task ReadsLogProbabilities()
    {
        ChatCompletionOptions options = new() { MaxOutputTokenCount = 5, Temperature = 0, IncludeLogProbabilities = true, TopLogProbabilityCount = 3 };
        ChatCompletion answer = await _client.CompleteChatAsync([new UserChatMessage("Hi")], options);
        Assert.NotEmpty(answer.ContentTokenLogProbabilities);
        foreach (ChatTokenLogProbabilityDetails token in answer.ContentTokenLogProbabilities)
        {
            Assert.True(token.LogProbability < 0);
            Assert.Equal(3, token.TopLogProbabilities.Count);
            Assert.Equal(token.Token, token.TopLogProbabilities[0].Token);
            Assert.Equal(token.Utf8Bytes!.Value.ToArray(), token.TopLogProbabilities[0].Utf8Bytes!.Value.ToArray());
        }
    }

    [Fact]
    public async Task ReadsAnError()
    {
        ChatCompletionOptions options = new() { MaxOutputTokenCount = 100_000 };
        ClientResultException error = await Assert.ThrowsAsync<ClientResultException>(() => _client.CompleteChatAsync([new UserChatMessage("Hi")], options));
        Assert.Equal(400, error.Status);
        Assert.Contains("'max_tokens' must be at most", error.Message, StringComparison.Ordinal);
        var unknown = new ChatClient("gpt-9", new ApiKeyCredential("any"), Options(_server));
        error = await Assert.ThrowsAsync<ClientResultException>(() => unknown.CompleteChatAsync([new UserChatMessage("Hi")]));
        Assert.Equal(404, error.Status);
    }

    [Fact]
    public async Task CancelsAStream()
    {
        using var cancel = new CancellationTokenSource();
        ChatCompletionOptions options = new() { MaxOutputTokenCount = 3500 };
        options.Patch.Set("$.ignore_eos"u8, true);
        long before = _server.Engine.Statistics.GeneratedTokens;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (StreamingChatCompletionUpdate update in _client.CompleteChatStreamingAsync([new UserChatMessage("Hi")], options, cancel.Token))
                if (update.ContentUpdate.Count > 0) await cancel.CancelAsync();
        });
        await _server.CheckPagesAsync();
        Assert.InRange(_server.Engine.Statistics.GeneratedTokens - before, 1, 3499);
    }

    [Fact]
    public async Task EmbedsTextsAndListsTheModel()
    {
        var embeddings = new EmbeddingClient(RunningServer.ModelName, new ApiKeyCredential("any"), Options(_server));
        OpenAIEmbeddingCollection vectors = await embeddings.GenerateEmbeddingsAsync(["a text", "another one"]);
        float[] expected = await _server.Engine.EmbedAsync(_server.Engine.Tokenizer.Encode("another one"));
        Assert.Equal(expected, vectors[1].ToFloats().ToArray());
        var models = new OpenAIModelClient(new ApiKeyCredential("any"), Options(_server));
        OpenAIModelCollection list = await models.GetModelsAsync();
        Assert.Equal([RunningServer.ModelName], list.Select(model => model.Id));
    }

    private static OpenAIClientOptions Options(RunningServer server) => new() { Endpoint = server.ApiAddress, RetryPolicy = new ClientRetryPolicy(0) };

    private static ChatCompletionOptions FourOptions()
    {
        ChatCompletionOptions options = new() { MaxOutputTokenCount = 12, Seed = 9 };
        options.Patch.Set("$.n"u8, 4);
        return options;
    }

    private async Task<string[]> FourAsync(ChatMessage[] messages)
    {
        ClientResult<ChatCompletion> result = await _client.CompleteChatAsync(messages, FourOptions());
        return RunningServer.Texts(JsonNode.Parse(result.GetRawResponse().Content.ToString())!);
    }
}
