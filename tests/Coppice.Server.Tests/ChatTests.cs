using System.Text.Json.Nodes;
using Coppice.Chat;
using static Coppice.Server.Tests.RunningServer;

namespace Coppice.Server.Tests;

public sealed class ChatTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    private const string Messages = """
        "messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}],"seed":5,"ignore_eos":true
        """;

    private readonly RunningServer _server = fixture.Running;

    [Fact]
    public async Task AConversationIsRenderedWithTheTemplate()
    {
        JsonNode answer = await _server.AskAsync(ChatCompletions, $$"""{"model":"tiny",{{Messages}},"n":2,"max_completion_tokens":10}""");
        var conversation = new ChatTemplateContext(JsonNode.Parse($$"""{{{Messages}}}""")!["messages"]!.DeepClone().AsArray());
        GenerationResult expected = await _server.Engine.GenerateAsync(new GenerationRequest(_server.Engine.Chat.Encode(conversation))
        {
            Samples = 2, MaxTokens = 10, IgnoreEnd = true, Sampling = new() { Seed = 5 },
        });
        Assert.Equal(expected.Choices.OrderBy(c => c.Index).Select(c => c.Text), Texts(answer));
        Assert.Equal("chat.completion", (string)answer["object"]!);
        Assert.StartsWith("chatcmpl-", (string)answer["id"]!);
        Assert.All(answer["choices"]!.AsArray(), c => Assert.Equal("assistant", (string)c!["message"]!["role"]!));
        Assert.Equal(expected.PromptTokens, (int)answer["usage"]!["prompt_tokens"]!);
    }

    [Fact]
    public async Task TheFirstDeltaOfEveryChoiceHasItsRole()
    {
        List<JsonNode> events = await _server.StreamAsync(ChatCompletions, $$"""{{{Messages}},"n":4,"max_tokens":8,"stream":true}""");
        for (int i = 0; i < 4; i++)
        {
            JsonNode[] deltas = [.. events.SelectMany(e => e["choices"]!.AsArray()).Where(c => (int)c!["index"]! == i).Select(c => c!["delta"]!)];
            Assert.Equal("assistant", (string)deltas[0]["role"]!);
            Assert.All(deltas[1..], delta => Assert.Null(delta["role"]));
        }

        Assert.Equal(Texts(await _server.AskAsync(ChatCompletions, $$"""{{{Messages}},"n":4,"max_tokens":8}""")), Texts(events, 4));
        Assert.All(events, e => Assert.Equal("chat.completion.chunk", (string)e["object"]!));
    }

    [Fact]
    public async Task ChoicesOfAStreamAreInterleaved()
    {
        List<JsonNode> events = await _server.StreamAsync(ChatCompletions, $$"""{{{Messages}},"n":4,"max_tokens":200,"stream":true}""");
        int[] order = [.. events.SelectMany(e => e["choices"]!.AsArray()).Select(c => (int)c!["index"]!)];
        int firstEnd = Array.LastIndexOf(order, 0), lastBegin = Enumerable.Range(0, 4).Max(i => Array.IndexOf(order, i));
        Assert.True(lastBegin < firstEnd, "no choice begins after another has ended");
    }

    [Fact]
    public async Task LogprobsComeWithEachToken()
    {
        JsonNode answer = await _server.AskAsync(ChatCompletions, $$"""{{{Messages}},"max_tokens":6,"logprobs":true,"top_logprobs":2,"temperature":0}""");
        JsonArray tokens = answer["choices"]![0]!["logprobs"]!["content"]!.AsArray();
        Assert.Equal(6, tokens.Count);
        foreach (JsonNode? token in tokens)
        {
            JsonArray top = token!["top_logprobs"]!.AsArray();
            Assert.Equal(2, top.Count);
            // The most likely token is the one that was taken.
            Assert.Equal((double)token["logprob"]!, (double)top[0]!["logprob"]!, 4);
            Assert.Equal((string)token["token"]!, (string)top[0]!["token"]!);
            Assert.True((double)top[0]!["logprob"]! >= (double)top[1]!["logprob"]!);
        }

        List<JsonNode> events = await _server.StreamAsync(ChatCompletions, $$"""{{{Messages}},"max_tokens":6,"logprobs":true,"top_logprobs":2,"temperature":0,"stream":true}""");
        JsonNode?[] streamed = [.. events.Select(e => e["choices"]![0]!["logprobs"]).OfType<JsonNode>().SelectMany(l => l["content"]!.AsArray())];
        Assert.Equal(tokens.Select(t => t!.ToJsonString()), streamed.Select(t => t!.ToJsonString()));
    }

    [Fact]
    public async Task TextPartsAndTheDeveloperRoleAreTaken()
    {
        string whole = Texts(await _server.AskAsync(ChatCompletions, $$"""{{{Messages}},"max_tokens":8}"""))[0];
        JsonNode parts = await _server.AskAsync(ChatCompletions, """
            {"messages":[{"role":"developer","content":[{"type":"text","text":"Be brief."}]},{"role":"user","content":[{"type":"text","text":"Hi"}]}],
             "seed":5,"ignore_eos":true,"max_tokens":8,"response_format":{"type":"text"}}
            """);
        Assert.Equal(whole, Texts(parts)[0]);
    }

    [Fact]
    public async Task AnAnswerWithoutALimitHasTheServersUsualLength()
    {
        JsonNode answer = await _server.AskAsync(ChatCompletions, $$"""{{{Messages}}}""");
        Assert.Equal(UsualChatTokens, (int)answer["usage"]!["completion_tokens"]!);
    }

    [Fact]
    public async Task ToolsAreDescribedOnlyWhereNoCallIsWanted()
    {
        const string tools = "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\"}}}]";
        await _server.AskAsync(ChatCompletions, $$"""{{{Messages}},{{tools}},"tool_choice":"none","max_tokens":2}""");
        (int status, JsonNode error) = await _server.FailAsync(ChatCompletions, $$"""{{{Messages}},{{tools}},"max_tokens":2}""");
        Assert.Equal((400, "tools"), (status, (string)error["param"]!));
    }

    [Fact]
    public async Task ToolMessagesOfEarlierTurnsAreTaken()
    {
        JsonNode answer = await _server.AskAsync(ChatCompletions, """
            {"messages":[{"role":"user","content":"2+2?"},
             {"role":"assistant","content":null,"refusal":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"add","arguments":"{\"a\":2,\"b\":2}"}}]},
             {"role":"tool","tool_call_id":"c1","content":"4"}],"max_tokens":3}
            """);
        Assert.Single(answer["choices"]!.AsArray());
    }
}
