using System.Text.Json.Nodes;
using static Coppice.Server.Tests.RunningServer;

namespace Coppice.Server.Tests;

public sealed class CompletionTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    private const string Shared = "\"prompt\":\"Once upon a time\",\"seed\":7,\"max_tokens\":12,\"ignore_eos\":true";
    private readonly RunningServer _server = fixture.Running;

    [Fact]
    public async Task AnswersHaveTheShapeOfOpenAI()
    {
        JsonNode answer = await _server.AskAsync(Completions, $$"""{"model":"tiny",{{Shared}},"n":2}""");
        Assert.StartsWith("cmpl-", (string)answer["id"]!);
        Assert.Equal("text_completion", (string)answer["object"]!);
        Assert.Equal(ModelName, (string)answer["model"]!);
        Assert.InRange((long)answer["created"]!, 1_600_000_000, 10_000_000_000);
        JsonArray choices = answer["choices"]!.AsArray();
        Assert.Equal([0, 1], choices.Select(choice => (int)choice!["index"]!));
        Assert.All(choices, choice => Assert.Equal("length", (string)choice!["finish_reason"]!));
        Assert.All(choices, choice => Assert.Null(choice!["logprobs"]));
        int prompt = _server.Engine.Tokenizer.Encode("Once upon a time").Length;
        Assert.Equal(prompt, (int)answer["usage"]!["prompt_tokens"]!);
        Assert.Equal(24, (int)answer["usage"]!["completion_tokens"]!);
        Assert.Equal(prompt + 24, (int)answer["usage"]!["total_tokens"]!);
        Assert.Equal(7ul, (ulong)answer["coppice"]!["seed"]!);
    }

    [Fact]
    public async Task TextsAreThoseOfTheEngine()
    {
        JsonNode answer = await _server.AskAsync(Completions, $$"""{{{Shared}},"n":3,"temperature":0.9,"top_p":0.8,"top_k":40,"min_p":0.01,"presence_penalty":0.5,"frequency_penalty":0.25,"repetition_penalty":1.1,"logit_bias":{"300":-100,"301":2.5} }""");
        GenerationResult expected = await _server.Engine.GenerateAsync(new GenerationRequest("Once upon a time")
        {
            Samples = 3, MaxTokens = 12, IgnoreEnd = true,
            Sampling = new()
            {
                Seed = 7, Temperature = 0.9, TopP = 0.8, TopK = 40, MinP = 0.01, PresencePenalty = 0.5, FrequencyPenalty = 0.25, RepetitionPenalty = 1.1,
                LogitBias = new Dictionary<int, float> { [300] = -100, [301] = 2.5f },
            },
        });
        Assert.Equal(expected.Choices.OrderBy(c => c.Index).Select(c => c.Text), Texts(answer));
    }

    [Fact]
    public async Task AStreamGivesTheSameTextsAsAWholeAnswer()
    {
        string[] whole = Texts(await _server.AskAsync(Completions, $$"""{{{Shared}},"n":4}"""));
        List<JsonNode> events = await _server.StreamAsync(Completions, $$"""{{{Shared}},"n":4,"stream":true}""");
        Assert.Equal(whole, Texts(events, 4));
        for (int i = 0; i < 4; i++)
        {
            JsonNode last = events.SelectMany(e => e["choices"]!.AsArray()).Last(choice => (int)choice!["index"]! == i)!;
            Assert.Equal("length", (string)last["finish_reason"]!);
        }

        Assert.All(events, e => Assert.Single(e["choices"]!.AsArray()));
    }

    [Fact]
    public async Task AStreamEndsWithUsageAndRanksWhereAskedFor()
    {
        List<JsonNode> events = await _server.StreamAsync(Completions, $$"""{{{Shared}},"n":3,"stream":true,"stream_options":{"include_usage":true} }""");
        JsonNode last = events[^1];
        Assert.Empty(last["choices"]!.AsArray());
        Assert.Equal(36, (int)last["usage"]!["completion_tokens"]!);
        Assert.Equal([1, 2, 3], last["coppice"]!["choices"]!.AsArray().Select(choice => (int)choice!["rank"]!).Order());
        List<JsonNode> ranked = await _server.StreamAsync(Completions, $$"""{{{Shared}},"n":3,"stream":true,"rank":"total_logprob"}""");
        Assert.Null(ranked[^1]["usage"]);
        Assert.Equal([0, 1, 2], ranked[^1]["coppice"]!["choices"]!.AsArray().Select(choice => (int)choice!["index"]!));
    }

    [Fact]
    public async Task BestOfReturnsTheBestSamplesFirst()
    {
        JsonNode all = await _server.AskAsync(Completions, $$"""{{{Shared}},"n":6}""");
        string[] byRank = [.. all["choices"]!.AsArray().OrderBy(c => (int)c!["coppice"]!["rank"]!).Select(c => (string)c!["text"]!)];
        JsonNode best = await _server.AskAsync(Completions, $$"""{{{Shared}},"n":2,"best_of":6}""");
        Assert.Equal(byRank[..2], Texts(best));
        Assert.Equal([0, 1], best["choices"]!.AsArray().Select(c => (int)c!["index"]!));
        Assert.Equal(72, (int)best["usage"]!["completion_tokens"]!);
    }

    [Fact]
    public async Task RankingByMajorityCountsAnswers()
    {
        JsonNode answer = await _server.AskAsync(Completions, $$"""{{{Shared}},"n":8,"rank":"majority","answer_pattern":"^(.)","unique":true}""");
        JsonObject[] scores = [.. answer["choices"]!.AsArray().Select(c => c!["coppice"]!.AsObject())];
        var votes = scores.GroupBy(s => (string?)s["answer"]).ToDictionary(g => g.Key ?? "", g => g.Count());
        // A text in which nothing is found has no vote.
        Assert.All(scores, s => Assert.Equal(s["answer"] is null ? 0 : votes[(string)s["answer"]!], (int)s["score"]!));
        Assert.Equal(votes.Where(v => v.Key.Length > 0).Max(v => v.Value), (int)scores.Single(s => (int)s["rank"]! == 1)["score"]!);
    }

    [Fact]
    public async Task OffsetsOfAStreamAreThoseOfTheWholeWhileTextIsHeldBack()
    {
        for (int seed = 0; seed < 8; seed++)
        {
            string body = $$""" "prompt":"Once","max_tokens":30,"seed":{{seed}},"temperature":0.7,"logprobs":0,"stop":["a b","t","th","he"]""";
            JsonNode choice = (await _server.AskAsync(Completions, $$"""{{{body}}}"""))["choices"]![0]!;
            int length = ((string)choice["text"]!).Length;
            IEnumerable<int> streamed = (await _server.StreamAsync(Completions, $$"""{{{body}},"stream":true}"""))
                .Select(e => e["choices"]![0]!["logprobs"]).OfType<JsonNode>().Select(l => Math.Min(length, (int)l["text_offset"]![0]!));
            Assert.Equal(choice["logprobs"]!["text_offset"]!.AsArray().Select(offset => (int)offset!), streamed);
        }
    }

    [Fact]
    public async Task LogprobsAreThoseOfTheEngine()
    {
        JsonNode answer = await _server.AskAsync(Completions, $$"""{{{Shared}},"logprobs":3,"temperature":0.6}""");
        GenerationResult expected = await _server.Engine.GenerateAsync(new GenerationRequest("Once upon a time")
        {
            MaxTokens = 12, IgnoreEnd = true, TopLogprobs = 3, Sampling = new() { Seed = 7, Temperature = 0.6 },
        });
        JsonNode logprobs = answer["choices"]![0]!["logprobs"]!;
        Assert.Equal(expected.Choices[0].Logprobs.Select(l => (double)l), logprobs["token_logprobs"]!.AsArray().Select(l => (double)l!));
        Assert.Equal(12, logprobs["tokens"]!.AsArray().Count);
        Assert.All(logprobs["top_logprobs"]!.AsArray(), top => Assert.InRange(top!.AsObject().Count, 1, 3));
        Assert.Equal(0, (int)logprobs["text_offset"]![0]!);
        JsonNode[] streamed = [.. (await _server.StreamAsync(Completions, $$"""{{{Shared}},"logprobs":3,"temperature":0.6,"stream":true}"""))
            .Select(e => e["choices"]![0]!["logprobs"]).OfType<JsonNode>()];
        Assert.Equal(
            logprobs["token_logprobs"]!.AsArray().Select(l => (double)l!), streamed.SelectMany(l => l["token_logprobs"]!.AsArray().Select(x => (double)x!)));
        Assert.Equal(logprobs["text_offset"]!.ToJsonString(), new JsonArray([.. streamed.Select(l => l["text_offset"]![0]!.DeepClone())]).ToJsonString());
    }

    [Fact]
    public async Task SeveralPromptsAreAnsweredAsEachAlone()
    {
        const string rest = "\"seed\":3,\"max_tokens\":8,\"n\":2,\"ignore_eos\":true";
        string[] alone = [
            .. Texts(await _server.AskAsync(Completions, $$"""{"prompt":"one",{{rest}}}""")),
            .. Texts(await _server.AskAsync(Completions, $$"""{"prompt":"another text",{{rest}}}"""))];
        int[] tokens = _server.Engine.Tokenizer.Encode("another text");
        JsonNode texts = await _server.AskAsync(Completions, $$"""{"prompt":["one","another text"],{{rest}}}""");
        JsonNode mixed = await _server.AskAsync(Completions, $$"""{"prompt":["one",[{{string.Join(',', tokens)}}]],{{rest}}}""");
        Assert.Equal(alone, Texts(texts));
        Assert.Equal(alone, Texts(mixed));
        Assert.Equal([0, 1, 2, 3], texts["choices"]!.AsArray().Select(c => (int)c!["index"]!));
        Assert.Equal(alone[2..], Texts(await _server.AskAsync(Completions, $$"""{"prompt":[{{string.Join(',', tokens)}}],{{rest}}}""")));
        Assert.Equal(alone, Texts(await _server.StreamAsync(Completions, $$"""{"prompt":["one","another text"],{{rest}},"stream":true}"""), 4));
    }

    [Fact]
    public async Task AStopTextEndsAChoiceAndIsNotPartOfIt()
    {
        string text = Texts(await _server.AskAsync(Completions, $$"""{{{Shared}}}"""))[0];
        string stop = text.Substring(text.Length / 2, 2);
        JsonNode stopped = await _server.AskAsync(Completions, $$"""{{{Shared}},"stop":{{JsonValue.Create(stop).ToJsonString()}}}""");
        Assert.Equal(text[..text.IndexOf(stop, StringComparison.Ordinal)], Texts(stopped)[0]);
        Assert.Equal("stop", (string)stopped["choices"]![0]!["finish_reason"]!);
    }

    [Fact]
    public async Task ARepeatedContextIsReportedAsCached()
    {
        string prompt = string.Concat(Enumerable.Range(0, 60).Select(i => $"line {i} "));
        string json = $$"""{"prompt":"{{prompt}}","max_tokens":2,"temperature":0}""";
        JsonNode first = await _server.AskAsync(Completions, json), second = await _server.AskAsync(Completions, json);
        Assert.Equal(0, (int)first["usage"]!["prompt_tokens_details"]!["cached_tokens"]!);
        int tokens = (int)second["usage"]!["prompt_tokens"]!;
        Assert.InRange((int)second["usage"]!["prompt_tokens_details"]!["cached_tokens"]!, tokens - 64, tokens - 1);
        Assert.Equal(Texts(first), Texts(second));
        JsonNode fresh = await _server.AskAsync(Completions, json.Replace("\"temperature\"", "\"reuse_prefix\":false,\"temperature\"", StringComparison.Ordinal));
        Assert.Equal(0, (int)fresh["usage"]!["prompt_tokens_details"]!["cached_tokens"]!);
    }

    [Fact]
    public async Task ASeedThatWasDrawnGivesTheSameTextsWhenSentBack()
    {
        JsonNode first = await _server.AskAsync(Completions, """{"prompt":"a","max_tokens":10,"n":2}""");
        ulong seed = (ulong)first["coppice"]!["seed"]!;
        Assert.InRange(seed, 0ul, 1ul << 53);
        Assert.Equal(Texts(first), Texts(await _server.AskAsync(Completions, $$"""{"prompt":"a","max_tokens":10,"n":2,"seed":{{seed}}}""")));
        await _server.AskAsync(Completions, """{"prompt":"a","max_tokens":1,"seed":-9223372036854775808}""");
        await _server.AskAsync(Completions, """{"prompt":"a","max_tokens":1,"seed":18446744073709551615}""");
    }

    [Fact]
    public async Task FieldsWithoutEffectAreTakenAndNullsCountAsAbsent()
    {
        JsonNode answer = await _server.AskAsync(Completions, $$"""
            {{{Shared}},"model":null,"user":"u","metadata":{"a":"b"},"store":false,"service_tier":"auto","suffix":null,"echo":false,"best_of":null,
             "logprobs":null,"stop":null,"logit_bias":null,"stream":false,"stream_options":null,"tools":null}
            """);
        Assert.Single(answer["choices"]!.AsArray());
    }
}
