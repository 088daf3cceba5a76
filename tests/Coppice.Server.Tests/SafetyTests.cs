using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using static Coppice.Server.Tests.RunningServer;

namespace Coppice.Server.Tests;

/// <summary>Keys, limits, clients that vanish or stall, and the end.</summary>
public sealed class SafetyTests
{
    private const string Long = """{"prompt":"Once","max_tokens":3500,"ignore_eos":true,"stream":true}""";
    private const string Short = """{"prompt":"Once","max_tokens":2}""";

    [Fact]
    public async Task AKeyIsNeededWhereKeysAreSet()
    {
        await using RunningServer server = await StartAsync(server: options => options with { ApiKeys = ["first-key", "second-key"] });
        using HttpResponseMessage none = await server.PostAsync(Completions, Short);
        Assert.Equal(HttpStatusCode.Unauthorized, none.StatusCode);
        Assert.Equal("Bearer", none.Headers.WwwAuthenticate.Single().Scheme);
        Assert.Equal("invalid_api_key", (string)(await ErrorOf(none))["code"]!);
        foreach ((string key, HttpStatusCode status) in new[]
        {
            ("first-key", HttpStatusCode.OK), ("second-key", HttpStatusCode.OK), ("first-ke", HttpStatusCode.Unauthorized),
            ("first-key2", HttpStatusCode.Unauthorized), ("FIRST-KEY", HttpStatusCode.Unauthorized),
        })
        {
            server.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
            using HttpResponseMessage answer = await server.PostAsync(Completions, Short);
            Assert.Equal(status, answer.StatusCode);
        }

        server.Http.DefaultRequestHeaders.Authorization = null;
        Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync("/health")).StatusCode);
        foreach (string path in new[] { "/v1/models", "/metrics", "/coppice/state", "/nothing" })
            Assert.Equal(HttpStatusCode.Unauthorized, (await server.Http.GetAsync(path)).StatusCode);
    }

    [Fact]
    public async Task AServerOnLoopbackAnswersToItsOwnNamesOnly()
    {
        await using RunningServer server = await StartAsync(server: options => options with { AllowedHosts = ["my-box"] });
        foreach ((string host, HttpStatusCode status) in new[]
        {
            ("localhost", HttpStatusCode.OK), ("127.0.0.1:99", HttpStatusCode.OK), ("[::1]:8080", HttpStatusCode.OK), ("my-box:8080", HttpStatusCode.OK),
            ("evil.example", HttpStatusCode.Forbidden), ("127.0.0.1.evil.example", HttpStatusCode.Forbidden),
        })
        {
            var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models") { Headers = { Host = host } };
            using HttpResponseMessage answer = await server.Http.SendAsync(request);
            Assert.True(status == answer.StatusCode, $"{host}: {answer.StatusCode}");
        }
    }

    [Fact]
    public async Task LimitsOfSizeAreKept()
    {
        await using RunningServer server = await StartAsync(server: options => options with
        {
            MaxBodyBytes = 2048, MaxPromptTokens = 50, MaxSamples = 4, MaxTotalTokens = 100, MaxPrompts = 2,
        });
        (int status, JsonNode error) = await server.FailAsync(Completions, $$"""{"prompt":"{{new string('a', 3000)}}"}""");
        Assert.Equal((413, "body_too_large"), (status, (string)error["code"]!));
        foreach ((string body, string param) in new[]
        {
            ("{\"prompt\":\"a\",\"n\":5}", "n"),
            ("{\"prompt\":\"a\",\"best_of\":5}", "best_of"),
            ("{\"prompt\":\"a\",\"n\":4,\"max_tokens\":30}", "max_tokens"),
            ("{\"prompt\":[\"a\",\"b\",\"c\"]}", "prompt"),
            ($"{{\"prompt\":[{string.Join(',', Enumerable.Repeat(5, 51))}]}}", "prompt"),
        })
        {
            (status, error) = await server.FailAsync(Completions, body);
            Assert.Equal((400, param), (status, (string)error["param"]!));
        }
    }

    [Fact]
    public async Task WhatIsTooMuchAtOnceGets429()
    {
        await using RunningServer server = await StartAsync(server: options => options with { MaxConcurrent = 1 });
        using HttpResponseMessage running = await server.PostAsync(Completions, Long, HttpCompletionOption.ResponseHeadersRead);
        using HttpResponseMessage refused = await server.PostAsync(Completions, Short);
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.True(refused.Headers.RetryAfter!.Delta > TimeSpan.Zero);
        Assert.Equal("too_many_requests", (string)(await ErrorOf(refused))["code"]!);
        Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync("/health")).StatusCode);
    }

    [Fact]
    public async Task AFullQueueGets429()
    {
        await using RunningServer server = await StartAsync(new EngineOptions { MaxBranches = 1, QueueCapacity = 1 });
        using HttpResponseMessage running = await server.PostAsync(Completions, Long, HttpCompletionOption.ResponseHeadersRead);
        using var cancel = new CancellationTokenSource();
        Task waiting = server.Http.PostAsync(Completions, new StringContent(Short, Encoding.UTF8, "application/json"), cancel.Token);
        await UntilAsync(() => server.Engine.Statistics.QueuedRequests > 0);
        (int status, JsonNode error) = await server.FailAsync(Completions, Short);
        Assert.Equal((429, "queue_full"), (status, (string)error["code"]!));
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    [Fact]
    public async Task AVanishedClientsPagesReturnAtOnce()
    {
        await using RunningServer server = await StartAsync();
        using (HttpResponseMessage response = await server.PostAsync(Completions, Long, HttpCompletionOption.ResponseHeadersRead))
        using (var reader = new StreamReader(await response.Content.ReadAsStreamAsync()))
        {
            for (int i = 0; i < 3; i++) Assert.NotNull(await ReadEventAsync(reader));
        }

        await server.CheckPagesAsync();
        Assert.InRange(server.Engine.Statistics.GeneratedTokens, 3, 3400);
    }

    [Fact]
    public async Task AClientThatDoesNotReadCountsAsGone()
    {
        await using RunningServer server = await StartAsync(server: options => options with { WriteTimeout = TimeSpan.FromSeconds(1) });
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await socket.ConnectAsync(IPAddress.Loopback, server.Server.Address.Port);
        const string body = """{"prompt":"Once","max_tokens":3500,"n":8,"logprobs":20,"ignore_eos":true,"stream":true}""";
        await socket.SendAsync(Encoding.ASCII.GetBytes(
            $"POST {Completions} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}"));
        await UntilAsync(() => server.Engine.Statistics.GeneratedTokens > 0);
        await server.CheckPagesAsync();
        Assert.True(server.Engine.Statistics.GeneratedTokens < 3500 * 8, "it ran to its end although nobody read");
    }

    [Fact]
    public async Task NoLineOfTheLogHasTextOfARequest()
    {
        using var log = new LinesLog();
        await using (RunningServer server = await StartAsync(logging: logs => logs.AddProvider(log)))
        {
            await server.FailAsync(Completions, "{\"prompt\":[5,\"secret\"]}");
            await server.FailAsync(ChatCompletions, "{\"messages\":\"secret\"}");
            await server.FailAsync(Completions, "{\"x\\ny\":1}");
        }

        Assert.Equal(3, log.Lines.Count);
        Assert.DoesNotContain(log.Lines, line => line.Contains("secret", StringComparison.Ordinal) || line.Contains('\n'));
        Assert.Contains(log.Lines, line => line.EndsWith("invalid_value prompt[1]", StringComparison.Ordinal));
    }

    [Fact]
    public void AClientThatWasGivenUpIsGoneBeforeItsConnectionSaysSo()
    {
        var context = new DefaultHttpContext();
        Assert.False(RequestLog.IsGone(context));
        RequestLog.GiveUp(context);
        Assert.False(context.RequestAborted.IsCancellationRequested);
        Assert.True(RequestLog.IsGone(context));
    }

    [Fact]
    public async Task AFailureOfTheServersOwnTellsNothingOfItself()
    {
        ApiException told = ApiException.Of(new InvalidDataException("/root/secret/model.gguf is damaged"));
        Assert.Equal((500, "server_error"), (told.Status, told.Type));
        Assert.DoesNotContain("secret", told.Message, StringComparison.Ordinal);
        await Task.CompletedTask;
    }

    [Fact]
    public async Task RequestsKeepTheIdTheyBringAndGetOneOtherwise()
    {
        await using RunningServer server = await StartAsync();
        foreach ((string given, bool kept) in new[] { ("my-id.7", true), ("", false), ("bad id\t", false), (new string('x', 200), false) })
        {
            var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
            request.Headers.TryAddWithoutValidation("x-request-id", given);
            using HttpResponseMessage answer = await server.Http.SendAsync(request);
            string id = answer.Headers.GetValues("x-request-id").Single();
            Assert.Equal(kept, id == given);
            if (!kept) Assert.StartsWith("req-", id);
        }
    }

    [Fact]
    public async Task StoppingLetsAStreamFinishAndRefusesNewRequests()
    {
        await using RunningServer server = await StartAsync();
        using HttpResponseMessage running = await server.PostAsync(
            Completions, """{"prompt":"Once","max_tokens":300,"ignore_eos":true,"stream":true,"stream_options":{"include_usage":true}}""", HttpCompletionOption.ResponseHeadersRead);
        Task<bool> stopping = server.Server.StopAsync();
        using (HttpResponseMessage refused = await server.PostAsync(Completions, Short))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.NotNull(refused.Headers.RetryAfter);
            Assert.Equal("shutting_down", (string)(await ErrorOf(refused))["code"]!);
        }

        using (HttpResponseMessage health = await server.Http.GetAsync("/health")) Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
        string stream = await running.Content.ReadAsStringAsync();
        Assert.EndsWith("data: [DONE]\n\n", stream);
        Assert.Contains("\"completion_tokens\":300,", stream, StringComparison.Ordinal);
        Assert.True(await stopping);
        await server.CheckPagesAsync();
    }

    [Fact]
    public async Task WhatRunsTooLongAfterTheStopIsEnded()
    {
        await using RunningServer server = await StartAsync(server: options => options with { DrainTimeout = TimeSpan.FromSeconds(0.2) });
        using HttpResponseMessage running = await server.PostAsync(
            Completions, """{"prompt":"Once","max_tokens":3500,"n":8,"ignore_eos":true,"stream":true}""", HttpCompletionOption.ResponseHeadersRead);
        Assert.False(await server.Server.StopAsync());
        string stream = await running.Content.ReadAsStringAsync();
        Assert.Contains("shutting_down", stream, StringComparison.Ordinal);
        Assert.DoesNotContain("[DONE]", stream, StringComparison.Ordinal);
        await server.CheckPagesAsync();
    }

    private sealed class LinesLog : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel)) Lines.Enqueue(formatter(state, exception) + exception);
        }

        public void Dispose()
        {
        }
    }

    private static async Task UntilAsync(Func<bool> holds)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!holds()) await Task.Delay(10, patience.Token);
    }
}
