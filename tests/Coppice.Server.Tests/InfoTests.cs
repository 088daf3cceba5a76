using System.Net;
using System.Text.Json.Nodes;
using static Coppice.Server.Tests.RunningServer;

namespace Coppice.Server.Tests;

/// <summary>What a server tells of itself: models, state, metrics, tokens, embeddings and the page.</summary>
public sealed class InfoTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    private readonly RunningServer _server = fixture.Running;

    [Fact]
    public async Task TheModelIsListed()
    {
        JsonNode list = JsonNode.Parse(await _server.Http.GetStringAsync("/v1/models"))!;
        Assert.Equal("list", (string)list["object"]!);
        Assert.Equal(ModelName, (string)list["data"]!.AsArray().Single()!["id"]!);
        JsonNode one = JsonNode.Parse(await _server.Http.GetStringAsync($"/v1/models/{ModelName}"))!;
        Assert.Equal(list["data"]![0]!.ToJsonString(), one.ToJsonString());
        Assert.Equal(4096, (int)one["context_length"]!);
    }

    [Fact]
    public async Task AModelWithASlashInItsNameIsFoundEscapedOrNot()
    {
        await using RunningServer server = await StartAsync(server: options => options with { ModelName = "org/tiny" });
        foreach (string path in new[] { "/v1/models/org/tiny", "/v1/models/org%2Ftiny", "/v1/models/org%2ftiny" })
            Assert.Equal("org/tiny", (string)JsonNode.Parse(await server.Http.GetStringAsync(path))!["id"]!);
    }

    [Fact]
    public async Task TokensAndTextsRoundTrip()
    {
        const string text = "Once upon a time, 日本 🌳";
        JsonNode tokens = await _server.AskAsync("/tokenize", $$"""{"prompt":"{{text}}","return_token_strs":true}""");
        int[] expected = _server.Engine.Tokenizer.Encode(text);
        Assert.Equal(expected, tokens["tokens"]!.AsArray().Select(t => (int)t!));
        Assert.Equal((expected.Length, 4096), ((int)tokens["count"]!, (int)tokens["max_model_len"]!));
        Assert.Equal(expected.Length, tokens["token_strs"]!.AsArray().Count);
        JsonNode back = await _server.AskAsync("/detokenize", $$"""{"tokens":{{tokens["tokens"]!.ToJsonString()}}}""");
        Assert.Equal(text, (string)back["prompt"]!);
        JsonNode bare = await _server.AskAsync("/tokenize", $$"""{"prompt":"{{text}}","add_special_tokens":false}""");
        Assert.Equal(expected.Length - 1, (int)bare["count"]!);
        JsonNode chat = await _server.AskAsync("/tokenize", """{"messages":[{"role":"user","content":"Hi"}]}""");
        Assert.True((int)chat["count"]! > 2);
    }

    [Fact]
    public async Task EmbeddingsAreTheEnginesInBothEncodings()
    {
        JsonNode numbers = await _server.AskAsync("/v1/embeddings", """{"model":"tiny","input":["one","two"],"encoding_format":"float"}""");
        JsonNode bytes = await _server.AskAsync("/v1/embeddings", """{"input":["one","two"],"encoding_format":"base64","pooling":"last"}""");
        float[] mean = await _server.Engine.EmbedAsync(_server.Engine.Tokenizer.Encode("two"));
        float[] last = await _server.Engine.EmbedAsync(_server.Engine.Tokenizer.Encode("two"), EmbeddingPooling.Last);
        Assert.Equal(mean, numbers["data"]![1]!["embedding"]!.AsArray().Select(v => (float)v!));
        byte[] raw = Convert.FromBase64String((string)bytes["data"]![1]!["embedding"]!);
        Assert.Equal(last, Enumerable.Range(0, raw.Length / 4).Select(i => BitConverter.ToSingle(raw, i * 4)));
        Assert.Equal((int)numbers["usage"]!["prompt_tokens"]!, (int)numbers["usage"]!["total_tokens"]!);
    }

    [Fact]
    public async Task TheStateHasTheEnginesNumbersAndTree()
    {
        string prompt = string.Concat(Enumerable.Range(0, 40).Select(i => $"state {i} "));
        await _server.AskAsync(Completions, $$"""{"prompt":"{{prompt}}","max_tokens":4,"n":2}""");
        JsonNode state = JsonNode.Parse(await _server.Http.GetStringAsync("/coppice/state"))!;
        EngineStatistics now = _server.Engine.Statistics;
        Assert.Equal(now.PagesTotal, (int)state["pages"]!["total"]!);
        Assert.Equal(now.GeneratedTokens, (long)state["tokens"]!["generated"]!);
        Assert.Equal(_server.Engine.PrefixTree().Count, state["tree"]!.AsArray().Count);
        Assert.Contains(state["tree"]!.AsArray(), node => ((string)node!["text"]!).Contains("state 1", StringComparison.Ordinal));
        Assert.Equal((ModelName, false), ((string)state["model"]!, (bool)state["draining"]!));
        foreach (string field in new[] { "requests", "rates", "prefix", "attention" }) Assert.NotNull(state[field]);
    }

    [Fact]
    public async Task MetricsAreWhatPrometheusReads()
    {
        await _server.AskAsync(Completions, """{"prompt":"metrics","max_tokens":4,"n":2,"ignore_eos":true}""");
        using HttpResponseMessage response = await _server.Http.GetAsync("/metrics");
        Assert.Equal("text/plain", response.Content.Headers.ContentType!.MediaType);
        string text = await response.Content.ReadAsStringAsync();
        foreach (string name in DocumentTests.MetricNames()) Assert.True(text.Contains('\n' + name, StringComparison.Ordinal), $"{name} is not in\n{text}");
    }

    [Fact]
    public async Task ThePageLoadsNothingFromElsewhere()
    {
        using HttpResponseMessage page = await _server.Http.GetAsync("/");
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        Assert.Equal("text/html", page.Content.Headers.ContentType!.MediaType);
        string policy = page.Headers.GetValues("Content-Security-Policy").Single();
        Assert.StartsWith("default-src 'none'", policy);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("http", policy, StringComparison.Ordinal);
        string html = await page.Content.ReadAsStringAsync();
        Assert.DoesNotContain("http://", html, StringComparison.Ordinal);
        Assert.DoesNotContain("https://", html, StringComparison.Ordinal);
        foreach ((string file, string type) in new[] { ("/app.js", "text/javascript"), ("/style.css", "text/css") })
        {
            using HttpResponseMessage part = await _server.Http.GetAsync(file);
            Assert.Equal((HttpStatusCode.OK, type), (part.StatusCode, part.Content.Headers.ContentType!.MediaType));
            var again = new HttpRequestMessage(HttpMethod.Get, file);
            again.Headers.TryAddWithoutValidation("If-None-Match", part.Headers.ETag!.Tag);
            using HttpResponseMessage unchanged = await _server.Http.SendAsync(again);
            Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
        }

        using HttpResponseMessage outside = await _server.Http.GetAsync("/../CoppiceServer.cs");
        Assert.Equal(HttpStatusCode.NotFound, outside.StatusCode);
    }
}
