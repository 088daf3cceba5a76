using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Coppice.Graphs;
using Coppice.Perception.Data;
using Coppice.Perception.Inference;
using Coppice.Perception.Networks;
using static Coppice.Server.Tests.RunningServer;

namespace Coppice.Server.Tests;

/// <summary>Turns, limits, keys and networks that are not there.</summary>
public sealed class PerceptionQueueTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("coppice-perception").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task OneIsPerceivedWhileOthersWaitAndMoreAreRefused()
    {
        await using RunningServer server = await StartAsync(server: options => options with { Perception = Small() with { QueueCapacity = 1 } });
        PerceptionQueue queue = server.Server.Pictures!;
        var began = new TaskCompletionSource();
        using var go = new ManualResetEventSlim();
        Task<int> first = queue.PerceiveAsync(_ =>
        {
            began.SetResult();
            go.Wait();
            return 1;
        });
        await began.Task;
        using var leaves = new CancellationTokenSource();
        Task<HttpResponseMessage> gone = PerceiveTests.SendAsync(server, PerceiveTests.Street(), cancellation: leaves.Token);
        await UntilAsync(() => queue.Inside == 2);
        using HttpResponseMessage refused = await PerceiveTests.SendAsync(server, PerceiveTests.Street());
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.True(refused.Headers.RetryAfter!.Delta > TimeSpan.Zero);
        Assert.Equal("queue_full", (string)(await ErrorOf(refused))["code"]!);
        // A client that goes away leaves the queue, and another takes its place.
        await leaves.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        await UntilAsync(() => queue.Inside == 1);
        Task<HttpResponseMessage> waits = PerceiveTests.SendAsync(server, PerceiveTests.Street());
        await UntilAsync(() => queue.Inside == 2);
        Assert.False(waits.IsCompleted);
        go.Set();
        Assert.Equal(1, await first);
        using HttpResponseMessage answered = await waits;
        Assert.Equal(HttpStatusCode.OK, answered.StatusCode);
        await UntilAsync(() => queue.Inside == 0);
    }

    [Fact]
    public async Task AKeyIsNeededWhereKeysAreSet()
    {
        await using RunningServer server = await StartAsync(server: options => options with { Perception = Small(), ApiKeys = ["right"] });
        using (HttpResponseMessage none = await PerceiveTests.SendAsync(server, PerceiveTests.Street()))
            Assert.Equal(HttpStatusCode.Unauthorized, none.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.Http.GetAsync("/v1/perceive")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync("/perceive")).StatusCode);
        Assert.Equal(0, server.Server.Pictures!.Inside);
        server.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "right");
        using HttpResponseMessage good = await PerceiveTests.SendAsync(server, PerceiveTests.Street());
        Assert.Equal(HttpStatusCode.OK, good.StatusCode);
    }

    [Fact]
    public async Task WithoutANetworkTheAnswerSaysWhatToDo()
    {
        await using RunningServer server = await StartAsync();
        using HttpResponseMessage answer = await PerceiveTests.SendAsync(server, PerceiveTests.Street());
        JsonNode error = await ErrorOf(answer);
        Assert.Equal((HttpStatusCode.NotFound, "no_perception"), (answer.StatusCode, (string)error["code"]!));
        Assert.Contains("--perception FILE", (string)error["message"]!, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync("/health")).StatusCode);
    }

    [Fact]
    public async Task ANetworkThatCantBeLoadedIsToldWithoutItsPath()
    {
        string damaged = Path.Combine(_folder, "damaged.safetensors");
        await File.WriteAllTextAsync(damaged, "no weights");
        await using RunningServer server = await StartAsync(server: options => options with { Perception = new PerceptionOptions { Weights = damaged } });
        using HttpResponseMessage answer = await PerceiveTests.SendAsync(server, PerceiveTests.Street());
        JsonNode error = await ErrorOf(answer);
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "perception_unavailable"), (answer.StatusCode, (string)error["code"]!));
        Assert.DoesNotContain("damaged", error.ToJsonString(), StringComparison.Ordinal);
        var missing = new ServerOptions { ModelName = "x", Perception = new PerceptionOptions { Weights = Path.Combine(_folder, "missing.safetensors") } };
        Assert.Contains("missing.safetensors", Assert.Throws<FileNotFoundException>(missing.Validate).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TheEndWaitsForThePassThatRuns()
    {
        var queue = new PerceptionQueue(Small());
        var began = new TaskCompletionSource();
        using var go = new ManualResetEventSlim();
        Task<int> runs = queue.PerceiveAsync(perceiver =>
        {
            began.SetResult();
            go.Wait();
            return perceiver.Perceive(new RgbImage(64, 32)).Width;
        });
        await began.Task;
        Task<int> waits = queue.PerceiveAsync(_ => 0);
        Task ends = Task.Run(queue.Dispose);
        Assert.False(ends.IsCompleted);
        go.Set();
        Assert.Equal(64, await runs);
        await ends;
        try
        {
            await waits;
        }
        catch (ObjectDisposedException)
        {
            // Whether it got its turn before the end or not is not said.
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(() => queue.PerceiveAsync(_ => 0));
    }

    /// <summary>A network of random weights that is made and run in no time.</summary>
    private PerceptionOptions Small()
    {
        string file = Path.Combine(_folder, "small.safetensors");
        var config = new PerceptionConfig { Width = 64, Height = 32, ObjectClasses = SceneClasses.Objects, LabelClasses = SceneClasses.Street };
        PerceptionWeights.Save(file, config, PerceptionWeights.Initial(PerceptionWeights.Parameters(config), 1));
        return new PerceptionOptions { Weights = file, Perceiver = new PerceiverOptions { Run = new GraphRunOptions { Threads = 1 } } };
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        for (int i = 0; !condition(); i++)
        {
            Assert.True(i < 6000, "it did not come to that");
            await Task.Delay(10);
        }
    }
}
