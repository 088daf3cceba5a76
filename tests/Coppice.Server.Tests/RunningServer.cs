using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;

namespace Coppice.Server.Tests;

/// <summary>A server on a free port of this machine, with an engine of one thread.</summary>
public sealed class RunningServer : IAsyncDisposable
{
    public const string ModelName = "tiny";
    public const string Completions = "/v1/completions";
    public const string ChatCompletions = "/v1/chat/completions";
    public const int UsualChatTokens = 20;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private RunningServer(Engine engine, CoppiceServer server)
    {
        (Engine, Server) = (engine, server);
        // Without draining, a response that is let go closes its connection: the client vanishes.
        Http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 256, MaxResponseDrainSize = 0 }) { BaseAddress = server.Address, Timeout = Patience };
    }

    public Engine Engine { get; }

    public CoppiceServer Server { get; }

    public HttpClient Http { get; }

    /// <summary>What OpenAI's clients take as their base address.</summary>
    public Uri ApiAddress => new(Server.Address, "v1");

    /// <summary>Starts one.</summary>
    /// <param name="engine">Settings of the engine; its threads are always one.</param>
    /// <param name="server">Changes the server's settings.</param>
    /// <param name="asset">The model, and what clients call it; the one of random weights if not given.</param>
    /// <param name="logging">Says where logs go; nowhere if not given.</param>
    public static async Task<RunningServer> StartAsync(EngineOptions? engine = null, Func<ServerOptions, ServerOptions>? server = null, string? asset = null, Action<ILoggingBuilder>? logging = null)
    {
        Engine loaded = Engine.Load(Repository.File($"assets/{asset ?? "tiny-noise"}.gguf"), (engine ?? new EngineOptions()) with { Threads = 1 });
        var options = new ServerOptions { ModelName = asset ?? ModelName, Port = 0, DefaultChatTokens = UsualChatTokens };
        CoppiceServer made = CoppiceServer.Create(loaded, server?.Invoke(options) ?? options, logging);
        await made.StartAsync();
        return new RunningServer(loaded, made);
    }

    public Task<HttpResponseMessage> PostAsync(string path, string json, HttpCompletionOption completion = HttpCompletionOption.ResponseContentRead) =>
        PostAsync(path, Encoding.UTF8.GetBytes(json), completion);

    public Task<HttpResponseMessage> PostAsync(string path, byte[] body, HttpCompletionOption completion = HttpCompletionOption.ResponseContentRead)
    {
        var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return Http.SendAsync(new HttpRequestMessage(HttpMethod.Post, path) { Content = content }, completion);
    }

    /// <summary>An answer that must be good.</summary>
    public async Task<JsonNode> AskAsync(string path, string json)
    {
        using HttpResponseMessage response = await PostAsync(path, json);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode}: {text}");
        return JsonNode.Parse(text)!;
    }

    /// <summary>An answer that must be an error in OpenAI's shape.</summary>
    public async Task<(int Status, JsonNode Error)> FailAsync(string path, byte[] body)
    {
        using HttpResponseMessage response = await PostAsync(path, body);
        return ((int)response.StatusCode, await ErrorOf(response));
    }

    public Task<(int Status, JsonNode Error)> FailAsync(string path, string json) => FailAsync(path, Encoding.UTF8.GetBytes(json));

    public static async Task<JsonNode> ErrorOf(HttpResponseMessage response)
    {
        string text = await response.Content.ReadAsStringAsync();
        Assert.False(response.IsSuccessStatusCode, text);
        JsonNode error = JsonNode.Parse(text)!["error"]!;
        string message = (string)error["message"]!;
        Assert.NotEmpty(message);
        Assert.DoesNotContain('\n', message);
        Assert.DoesNotContain("Exception", message, StringComparison.Ordinal);
        Assert.NotNull((string?)error["type"]);
        Assert.Equal(["message", "type", "param", "code"], error.AsObject().Select(p => p.Key));
        return error;
    }

    /// <summary>The events of a stream, which must end well.</summary>
    public async Task<List<JsonNode>> StreamAsync(string path, string json)
    {
        using HttpResponseMessage response = await PostAsync(path, json, HttpCompletionOption.ResponseHeadersRead);
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode}: {(response.IsSuccessStatusCode ? "" : await response.Content.ReadAsStringAsync())}");
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        var events = new List<JsonNode>();
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        while (await ReadEventAsync(reader) is { } data)
        {
            if (data == "[DONE]") return events;
            events.Add(JsonNode.Parse(data)!);
        }

        Assert.Fail($"the stream ended without [DONE] after {events.Count} events");
        return events;
    }

    /// <summary>The data of the next event, or null at the end.</summary>
    public static async Task<string?> ReadEventAsync(StreamReader reader)
    {
        while (await reader.ReadLineAsync() is { } line)
            if (line.StartsWith("data: ", StringComparison.Ordinal)) return line[6..];
        return null;
    }

    /// <summary>The texts of a stream by choice.</summary>
    public static string[] Texts(IEnumerable<JsonNode> events, int choices)
    {
        var texts = new StringBuilder[choices];
        for (int i = 0; i < choices; i++) texts[i] = new StringBuilder();
        foreach (JsonNode happened in events)
        {
            Assert.Null(happened["error"]);
            foreach (JsonNode? choice in happened["choices"]!.AsArray())
                texts[(int)choice!["index"]!].Append((string?)choice["text"] ?? (string?)choice["delta"]?["content"]);
        }

        return [.. texts.Select(text => text.ToString())];
    }

    /// <summary>The texts of a whole answer by choice.</summary>
    public static string[] Texts(JsonNode answer) =>
        [.. answer["choices"]!.AsArray().Select(choice => (string?)choice!["text"] ?? (string)choice["message"]!["content"]!)];

    /// <summary>Waits until nothing runs, and checks that every page is free or kept in the tree.</summary>
    public async Task CheckPagesAsync()
    {
        await Engine.DrainAsync().WaitAsync(Patience);
        Engine.CheckPages();
        EngineStatistics now = Engine.Statistics;
        Assert.Equal(now.PagesTotal, now.PagesFree + now.PagesCached);
        Assert.Equal(0, now.PagesPrivate + now.PagesShared);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Server.DisposeAsync();
        Engine.Dispose();
    }
}

/// <summary>One server for the tests of a class.</summary>
public sealed class ServerFixture : IAsyncLifetime
{
    public RunningServer Running { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Running = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => Running.DisposeAsync();
}
