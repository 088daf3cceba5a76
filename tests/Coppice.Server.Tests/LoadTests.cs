using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using static Coppice.Server.Tests.RunningServer;

namespace Coppice.Server.Tests;

/// <summary>Many clients at once.</summary>
public sealed class LoadTests
{
    private const string SoakVariable = "COPPICE_SOAK_SECONDS";
    private static readonly string Document = string.Concat(Enumerable.Range(0, 40).Select(i => $"Rule {i} says so. "));

    [Fact]
    public async Task SixtyFourClientsGetTheAnswersThatEachGetsAlone()
    {
        string[] requests = [.. Enumerable.Range(0, 64).Select(i => Request(i, 12))];
        var alone = new string[requests.Length][];
        await using (RunningServer quiet = await StartAsync(new EngineOptions { KeepPrefixes = false }))
        {
            for (int i = 0; i < requests.Length; i++) alone[i] = Texts(await quiet.AskAsync(Completions, requests[i]));
        }

        // Pages for few of them at once: some wait, some give way, prefixes are evicted.
        await using RunningServer busy = await StartAsync(new EngineOptions { KvTokens = 2048, MaxBranches = 48 });
        string[][] together = await Task.WhenAll(requests.Select((request, i) => AnswerAsync(busy, request, i % 2 == 0, alone[i].Length)));
        for (int i = 0; i < requests.Length; i++) Assert.Equal(alone[i], together[i]);
        await busy.CheckPagesAsync();
        Assert.True(busy.Engine.Statistics.PrefixHits > 0, "no request shared a prefix");
    }

    [Fact]
    public async Task SixteenRequestsComputeTheirContextOnceAndReadItOnceAStep()
    {
        await using RunningServer server = await StartAsync();
        int[] context = [.. Enumerable.Range(0, 2000).Select(i => 10 + (i * 7 % 480))];
        string head = string.Join(',', context);
        await Task.WhenAll(Enumerable.Range(0, 16).Select(i => server.AskAsync(
            Completions, $$"""{"prompt":[{{head}},{{20 + i}},{{40 + i}}],"max_tokens":24,"ignore_eos":true,"seed":{{i}}}""")));
        EngineStatistics now = server.Engine.Statistics;
        Assert.Equal(16 * 2002, now.PromptTokens);
        // The context in whole tiles of 64 tokens, and what each request has beyond them.
        Assert.Equal(1984 + (16 * 18), now.PromptTokens - now.ReusedPromptTokens);
        Assert.True(now.ContextBytesRepeated > 8 * now.ContextBytesRead, $"{now.ContextBytesRepeated} against {now.ContextBytesRead}");
        await server.CheckPagesAsync();
    }

    [Fact]
    public async Task AThirdOfTheClientsVanishingChangesNothingForTheOthers()
    {
        double seconds = double.Parse(Environment.GetEnvironmentVariable(SoakVariable) ?? "20", CultureInfo.InvariantCulture);
        await using RunningServer server = await StartAsync(new EngineOptions { KvTokens = 4096 });
        var expected = new ConcurrentDictionary<int, string[]>();
        var end = new CancellationTokenSource();
        int finished = 0, vanished = 0;
        Task[] clients = [.. Enumerable.Range(0, 12).Select(client => Task.Run(async () =>
        {
            for (int turn = client; !end.IsCancellationRequested; turn += 12)
            {
                if (turn % 3 == 0)
                {
                    await VanishAsync(server, turn);
                    Interlocked.Increment(ref vanished);
                    continue;
                }

                int which = turn % 50;
                string request = Request(which, 16);
                string[] texts = await AnswerAsync(server, request, turn % 2 == 0, (which % 8) + 1);
                Assert.Equal(expected.GetOrAdd(which, texts), texts);
                Interlocked.Increment(ref finished);
            }
        }))];
        Task whole = Task.WhenAll(clients);
        await Task.WhenAny(whole, Task.Delay(TimeSpan.FromSeconds(seconds / 3)));
        long before = Memory();
        await Task.WhenAny(whole, Task.Delay(TimeSpan.FromSeconds(seconds * 2 / 3)));
        await end.CancelAsync();
        await whole;
        await server.CheckPagesAsync();
        long grown = Memory() - before;
        Assert.True(grown < 16 << 20, $"{grown} bytes more after {finished} answers and {vanished} clients that vanished");
        Assert.True(finished > 0 && vanished > 0);
        TestContext.Current.TestOutputHelper?.WriteLine($"{finished} answers, {vanished} vanished, {grown} bytes more");
    }

    private static string Request(int i, int tokens)
    {
        string prompt = (i % 4) switch { 0 => Document + $"Question {i}?", 1 => Document, 2 => $"Private text number {i}, ", _ => "Once upon a time" };
        return $$"""{"prompt":"{{prompt}}","n":{{(i % 8) + 1}},"seed":{{i}},"max_tokens":{{tokens + (i % 5)}},"temperature":{{(i % 3) * 0.5}}}""";
    }

    private static async Task<string[]> AnswerAsync(RunningServer server, string request, bool streams, int choices) => streams
        ? Texts(await server.StreamAsync(Completions, request[..^1] + ",\"stream\":true}"), choices)
        : Texts(await server.AskAsync(Completions, request));

    private static async Task VanishAsync(RunningServer server, int turn)
    {
        string request = $$"""{"prompt":"{{Document}}And {{turn}}","n":4,"max_tokens":500,"ignore_eos":true,"stream":true}""";
        using HttpResponseMessage response = await server.PostAsync(Completions, request, HttpCompletionOption.ResponseHeadersRead);
        Assert.True(response.IsSuccessStatusCode);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        for (int i = 0; i < turn % 9; i++) await ReadEventAsync(reader);
    }

    private static long Memory()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return GC.GetTotalMemory(forceFullCollection: true);
    }
}
