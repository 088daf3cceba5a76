using System.Collections.Concurrent;
using System.CommandLine;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Coppice.LoadBench.Tests;

public sealed class LoadCommandTests : IDisposable
{
    private static readonly byte[] s_pngSignature = [0x89, (byte)'P', (byte)'N', (byte)'G'];
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_run_with_known_delays_is_measured_and_reported()
    {
        await using var server = new StubServer((request, answer) => AnswerAsync(request, answer, firstDelay: 60, tokenDelay: 20));
        string chart = Path.Combine(_folder, "chart.png");
        (int code, string output, string error) = await RunAsync(
            server, "--requests", "6", "--rate", "100", "--arrivals", "fixed", "-n", "2:1,3:1", "--max-tokens", "4", "--contexts", "2", "--shared-size", "30",
            "--slo-ttft", "50", "--api-key", "secret-key", "--json", "--chart", chart, "--temperature", "0.5", "--extra", """{"rank":"majority"}""");
        Assert.Equal((0, ""), (code, error));
        JsonElement report = JsonElement.Parse(output);
        Assert.Equal((6, 6, 0), (Int(report, "due"), Int(report, "completed"), Int(report, "failed")));
        JsonElement all = report.GetProperty("cohorts")[0];
        // Timers may fire a little early, never much: below these the times would come from elsewhere.
        Assert.InRange(all.GetProperty("first_token").GetProperty("p50").GetDouble(), 55, double.MaxValue);
        Assert.InRange(all.GetProperty("token").GetProperty("p50").GetDouble(), 15, double.MaxValue);
        Assert.InRange(all.GetProperty("total").GetProperty("p50").GetDouble(), 110, double.MaxValue);
        Assert.Equal(0, Int(report.GetProperty("goodput"), "requests"));
        Assert.Equal("stub-model", report.GetProperty("run").GetProperty("model").GetString());
        int samples = report.GetProperty("requests").EnumerateArray().Sum(row => Int(row, "samples"));
        Assert.Equal((samples * 4, 60, 48), (Int(report, "output_tokens"), Int(report, "prompt_tokens"), Int(report, "cached_tokens")));
        Assert.Equal(s_pngSignature, (await File.ReadAllBytesAsync(chart))[..4]);

        Assert.All(server.Requests, request =>
        {
            Assert.Equal(("POST", "/v1/completions", "Bearer secret-key"), (request.Method, request.Path, request.Authorization));
            Assert.Equal(30 + 32, request.Body.GetProperty("prompt").GetString()!.Split(' ').Length);
            Assert.Equal((0.5, "majority"), (request.Body.GetProperty("temperature").GetDouble(), request.Body.GetProperty("rank").GetString()));
        });
    }

    [Fact]
    public async Task Requests_come_when_due_though_none_is_answered()
    {
        var all = new TaskCompletionSource();
        int open = 0;
        await using var server = new StubServer(async (request, answer) =>
        {
            if (Interlocked.Increment(ref open) == 8) all.SetResult();
            await all.Task.WaitAsync(TimeSpan.FromSeconds(30));
            await AnswerAsync(request, answer, 0, 0);
        });
        (int code, string output, _) = await RunAsync(server, "--requests", "8", "--rate", "500", "--json");
        Assert.Equal((0, 8), (code, Int(JsonElement.Parse(output), "completed")));
    }

    [Fact]
    public async Task Clients_that_vanish_close_their_connection_mid_stream()
    {
        var left = new ConcurrentBag<bool>();
        await using var server = new StubServer(async (request, answer) =>
        {
            await answer.BeginEventsAsync();
            await answer.EventAsync(Sample.Piece(0, "a"));
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            left.Add(await answer.ClientLeftAsync(patience.Token));
        });
        (int code, string output, _) = await RunAsync(server, "--requests", "3", "--rate", "200", "--vanish", "1", "--max-tokens", "2", "--json");
        Assert.Equal((0, 3, 0), (code, Int(JsonElement.Parse(output), "vanished"), Int(JsonElement.Parse(output), "completed")));
        for (int wait = 0; left.Count < 3 && wait < 300; wait++) await Task.Delay(10);
        Assert.Equal([true, true, true], left);
    }

    [Fact]
    public async Task Failures_are_told_apart()
    {
        int number = -1;
        await using var server = new StubServer(async (request, answer) =>
        {
            switch (Interlocked.Increment(ref number))
            {
                case 0: await answer.WholeAsync(429, """{"error":{"message":"the queue is full","type":"rate_limit"}}"""); break;
                case 1: await answer.WholeAsync(502, "<html>bad\ngateway</html>", "text/html"); break;
                case 2:
                    await answer.BeginEventsAsync();
                    await answer.EventAsync(Sample.Piece(0, "a"));
                    break;
                case 3:
                    await answer.BeginEventsAsync();
                    await answer.EventAsync("""{"error":{"message":"a step failed"}}""");
                    break;
                case 4:
                    await answer.BeginEventsAsync();
                    await answer.EventAsync(Sample.Piece(0, "a", "stop"));
                    await answer.EventAsync("[DONE]");
                    break;
                default: break;
            }
        });
        (int code, string output, string error) = await RunAsync(server, "--requests", "6", "--rate", "20", "--arrivals", "fixed", "-n", "2", "--json");
        Assert.Equal((1, "load: no request was answered"), (code, error.Trim()));
        Assert.Equal(
            [
                ("broken off", 2), ("choices missing", 1), ("error in the stream", 1), ("status 429", 1), ("status 502", 1),
            ],
            JsonElement.Parse(output).GetProperty("failures").EnumerateArray().Select(failure => (failure.GetProperty("kind").GetString()!, Int(failure, "count"))));
        Assert.Contains("the queue is full", output, StringComparison.Ordinal);
        Assert.Contains("asked for 2 choices, got 1", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_that_takes_too_long_is_a_timeout()
    {
        await using var server = new StubServer((_, answer) => answer.ClientLeftAsync(CancellationToken.None));
        (int code, string output, _) = await RunAsync(server, "--requests", "1", "--timeout", "0.05", "--json");
        Assert.Equal(1, code);
        Assert.Equal("timeout", JsonElement.Parse(output).GetProperty("failures")[0].GetProperty("kind").GetString());
    }

    [Fact]
    public async Task More_requests_than_may_be_open_are_not_sent()
    {
        var release = new TaskCompletionSource();
        await using var server = new StubServer(async (request, answer) =>
        {
            await release.Task.WaitAsync(TimeSpan.FromSeconds(30));
            await AnswerAsync(request, answer, 0, 0);
        });
        Task<(int, string Output, string)> running = RunAsync(server, "--requests", "5", "--rate", "100", "--max-in-flight", "2", "--json");
        for (int wait = 0; server.Requests.Count < 2 && wait < 1000; wait++) await Task.Delay(10);
        await Task.Delay(200);
        release.SetResult();
        JsonElement report = JsonElement.Parse((await running).Output);
        Assert.Equal((2, 3), (Int(report, "completed"), Int(report, "failed")));
        Assert.Equal("not sent", report.GetProperty("failures")[0].GetProperty("kind").GetString());
    }

    [Fact]
    public async Task Whole_answers_have_an_end_and_no_tokens_times()
    {
        await using var server = new StubServer((request, answer) =>
        {
            Assert.False(request.Body.TryGetProperty("stream", out _));
            Assert.Equal("system", request.Body.GetProperty("messages")[0].GetProperty("role").GetString());
            return answer.WholeAsync(200, """
                {"choices":[{"index":0,"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}
                """);
        });
        (int code, string output, _) = await RunAsync(server, "--requests", "2", "--rate", "100", "--no-stream", "--api", "chat", "--contexts", "1", "--json");
        JsonElement all = JsonElement.Parse(output).GetProperty("cohorts")[0];
        Assert.Equal((0, JsonValueKind.Null, JsonValueKind.Null), (code, all.GetProperty("first_token").ValueKind, all.GetProperty("token").ValueKind));
        Assert.Equal(2, Int(all.GetProperty("total"), "count"));
    }

    [Fact]
    public async Task An_interrupted_run_reports_what_is_done()
    {
        using var interrupt = new CancellationTokenSource();
        int number = -1;
        await using var server = new StubServer(async (request, answer) =>
        {
            if (Interlocked.Increment(ref number) == 0) await AnswerAsync(request, answer, 0, 0);
            else
            {
                await interrupt.CancelAsync();
                await answer.ClientLeftAsync(CancellationToken.None);
            }
        });
        (int code, string output, string error) = await RunAsync(server, interrupt.Token, "--requests", "1000", "--rate", "10", "--arrivals", "fixed");
        Assert.Equal((130, "load: interrupted; the report is of what was done"), (code, error.Trim()));
        Assert.Contains("2 due, 1 completed, 0 failed, 0 vanished, 1 unfinished", output, StringComparison.Ordinal);
        Assert.Contains("| time to first token", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("load: --rate: expected a number from 0.001 to 100000, found 'fast'", "--rate", "fast")]
    [InlineData("load: --samples: expected whole numbers from 1 to 1024 with weights, as in 1:0.5,4:0.3, found '0'", "-n", "0")]
    [InlineData("load: --url: expected an address as in http://127.0.0.1:8080/v1, found 'here'", "--url", "here")]
    [InlineData("load: --vanish: expected a stream to vanish from, found --no-stream", "--vanish", "1", "--no-stream")]
    [InlineData("load: --slo-ttft, --slo-tpot: expected a stream to take the times from, found --no-stream", "--slo-tpot", "1", "--no-stream")]
    [InlineData("load: --token-ids: expected two ids in ascending order, as in 300-30000, found '9-8'", "--token-ids", "9-8")]
    [InlineData("load: --token-ids: expected --api completions, found chat, which takes text alone", "--token-ids", "8-9", "--api", "chat")]
    [InlineData("load: --shared-size, --shared-share: expected --contexts of at least 1, found none", "--shared-size", "9")]
    [InlineData("load: --extra: expected a JSON object, found '[1]'", "--extra", "[1]")]
    [InlineData("load: --chart: expected a file in a folder that is there, found '/no/such'", "--chart", "/no/such/file.png")]
    [InlineData("load: Unrecognized command or argument '--fast'.", "--fast")]
    public async Task A_wrong_command_line_ends_in_one_line(string expected, params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        Assert.Equal(2, await LoadCommand.RunAsync(arguments, output, error, CancellationToken.None));
        Assert.Equal((expected, ""), (error.ToString().TrimEnd('\n', '\r'), output.ToString()));
    }

    [Fact]
    public void The_command_lines_of_the_document_are_accepted()
    {
        string document = File.ReadAllText(Path.Combine(Root(), "docs", "load.md"));
        string shown = document[document.IndexOf("./bench/load", StringComparison.Ordinal)..].Split("```")[0].Replace("\\\n", "", StringComparison.Ordinal);
        var arguments = new LoadArguments();
        ParseResult parsed = arguments.Root.Parse(shown["./bench/load".Length..].Trim());
        Assert.Empty(parsed.Errors);
        LoadOptions options = arguments.Read(parsed);
        Assert.Equal((4, 8, "1:0.5,4:0.3,8:0.2", 1000), (options.Rate, options.Contexts, options.Samples.ToString(), options.Slo.FirstToken));
        string[] named = [.. Regex.Matches(document, "`(--[a-z0-9-]+)").Select(match => match.Groups[1].Value).Distinct()];
        Assert.All(named, name => Assert.Contains(arguments.Root.Options, option => option.Name == name));
        Assert.True(named.Length > 15);
    }

    [Fact]
    public async Task A_server_that_is_not_there_ends_in_one_line()
    {
        Uri url;
        await using (var server = new StubServer((_, _) => Task.CompletedTask)) url = server.Url;
        using var error = new StringWriter();
        Assert.Equal(1, await LoadCommand.RunAsync(["--url", url.ToString()], TextWriter.Null, error, CancellationToken.None));
        Assert.StartsWith($"load: {url}models: no connection: ", error.ToString(), StringComparison.Ordinal);
        Assert.Single(error.ToString().TrimEnd().Split('\n'));
    }

    private static string Root()
    {
        for (DirectoryInfo? d = new(AppContext.BaseDirectory); d is not null; d = d.Parent)
            if (File.Exists(Path.Combine(d.FullName, "Coppice.slnx"))) return d.FullName;
        throw new InvalidOperationException("the tests run outside a checkout");
    }

    private static int Int(JsonElement holder, string name) => holder.GetProperty(name).GetInt32();

    private static Task<(int Code, string Output, string Error)> RunAsync(StubServer server, params string[] arguments) =>
        RunAsync(server, CancellationToken.None, arguments);

    private static async Task<(int Code, string Output, string Error)> RunAsync(StubServer server, CancellationToken cancel, params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        int code = await LoadCommand.RunAsync(["--url", server.Url.ToString(), .. arguments], output, error, cancel);
        return (code, output.ToString(), error.ToString());
    }

    /// <summary>Streams an answer as it was asked for, with the usage at its end.</summary>
    private static async Task AnswerAsync(StubRequest request, StubAnswer answer, int firstDelay, int tokenDelay)
    {
        int samples = Int(request.Body, "n"), tokens = Int(request.Body, "max_tokens");
        await answer.BeginEventsAsync();
        await Task.Delay(firstDelay);
        for (int token = 0; token < tokens; token++)
        {
            if (token > 0) await Task.Delay(tokenDelay);
            for (int choice = 0; choice < samples; choice++) await answer.EventAsync(Sample.Piece(choice, "x", token == tokens - 1 ? "length" : null));
        }

        await answer.EventAsync(Sample.Usage(10, 8, samples * tokens));
        await answer.EventAsync("[DONE]");
    }
}
