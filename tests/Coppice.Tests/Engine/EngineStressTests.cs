using Coppice.Kernels;
using Coppice.Kernels.Attention;
using Coppice.Kernels.Formats;
using Coppice.Model;
using Coppice.Sampling;

namespace Coppice.Tests.Engines;

/// <summary>
/// Everything that callers can do, at once and at random, on engines with little room: what is answered is what is answered alone,
/// what fails does so for a reason that the test made, and in the end every page is free.
/// </summary>
public sealed class EngineStressTests
{
    private sealed class MadeFailure() : Exception("a failure that the test made");

    [Theory]
    [InlineData(1, "tiny-gemma3", 2)]
    [InlineData(2, "tiny-mistral", 1)]
    public async Task Answers_are_those_of_a_quiet_engine_whatever_happens_around_them(int seed, string shape, int threads)
    {
        var random = new Random(seed);
        using TemporaryModel model = RandomModel.WriteTemporary(ModelShapes.Find(shape)!, TensorType.Q8_0);
        KvType kv = seed % 2 == 0 ? KvType.F16 : KvType.Q8_0;
        int longest = 200 + random.Next(700);
        GenerationRequest[] requests = [.. Enumerable.Range(0, 16).Select(i => Mixed(random, i, longest))];
        var quiet = new EngineOptions { Threads = 1, KvType = kv, ContextLength = 2048, KvTokens = 16_384, KeepPrefixes = false };
        (string[] answers, string[] scores, string[] embeddings) = await AloneAsync(model.Path, quiet, requests);
        int largest = requests.Max(r => (int)SampleGroup.PagesFor(r.PromptTokens!.Count, r.Samples, r.MaxTokens)) * 16;
        using Engine engine = Engine.Load(model.Path, quiet with
        {
            Threads = threads, KvTokens = largest + random.Next(500), KeepPrefixes = random.Next(3) > 0, PrefillChunk = 1 + random.Next(200),
            MaxBranches = 8 + random.Next(12), StepTokens = random.Next(2) == 0 ? null : 20 + random.Next(100), PoisonFreedPages = true,
        });
        int steps = 0, failEvery = 60 + random.Next(200);
        engine.BeforeForward = () =>
        {
            if (++steps % 7 == 0) engine.Attention = (AttentionMode)(steps % 2);
            if (steps % failEvery == 0) throw new MadeFailure();
        };
        int right = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(client => Task.Run(() => ClientAsync(new Random((seed * 1000) + client)))));
        await engine.DrainAsync(TestContext.Current.CancellationToken);
        Assert.True(right > 10, $"{right} answers");
        AssertNothingIsHeld(engine);

        async Task ClientAsync(Random mine)
        {
            for (int round = 0; round < 6; round++)
            {
                int i = mine.Next(requests.Length);
                using var source = new CancellationTokenSource();
                try
                {
                    await DoAsync(mine, i, source);
                }
                catch (MadeFailure)
                {
                }
                catch (OperationCanceledException) when (source.IsCancellationRequested)
                {
                }
                catch (RequestRejectedException e) when (e.Field == "kv-tokens")
                {
                    // It and all pins would not fit together.
                }

                engine.CheckPages();
            }
        }

        async Task DoAsync(Random mine, int i, CancellationTokenSource source)
        {
            GenerationRequest request = requests[i];
            switch (mine.Next(9))
            {
                case 0:
                    int events = mine.Next(30);
                    await foreach (GenerationEvent _ in engine.StreamAsync(request, source.Token))
                        if (--events < 0) break;
                    return;
                case 1:
                    Task<GenerationResult> cut = engine.GenerateAsync(request, source.Token);
                    await Task.Delay(mine.Next(20));
                    await source.CancelAsync();
                    await cut;
                    return;
                case 2:
                    Assert.Equal(scores[i], Text(await engine.ScoreAsync(request.PromptTokens!)));
                    break;
                case 3:
                    Assert.Equal(embeddings[i], Text(await engine.EmbedAsync(request.PromptTokens!)));
                    break;
                case 4:
                    Task<PrefixHandle> pin = engine.PinPrefixAsync(request.PromptTokens!, source.Token);
                    if (mine.Next(2) == 0) await source.CancelAsync();
                    using (await pin) Assert.Equal(answers[i], Answer(await engine.GenerateAsync(request)));
                    break;
                case 5:
                    engine.DropPrefixes();
                    goto default;
                default:
                    Assert.Equal(answers[i], Answer(await engine.GenerateAsync(request with { ReusePrefix = mine.Next(4) > 0 })));
                    break;
            }

            Interlocked.Increment(ref right);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Disposing_in_the_midst_ends_every_call(int seed)
    {
        using TemporaryModel model = RandomModel.WriteTemporary(ModelShapes.Find("tiny-mistral")!, TensorType.Q8_0);
        var random = new Random(seed);
        GenerationRequest[] requests = [.. Enumerable.Range(0, 8).Select(i => Mixed(random, i, 400))];
        Engine engine = Engine.Load(model.Path, new EngineOptions { Threads = 2, ContextLength = 2048, KvTokens = 2048, PrefillChunk = 40, PoisonFreedPages = true });
        int waitFor = 1 + random.Next(60);
        using var begun = new SemaphoreSlim(0);
        int steps = 0;
        engine.BeforeForward = () =>
        {
            if (++steps == waitFor) begun.Release();
        };
        Task[] clients = [.. Enumerable.Range(0, 8).Select(client => Task.Run(() => Assert.ThrowsAsync<ObjectDisposedException>(async () =>
        {
            var mine = new Random((seed * 1000) + client);
            PrefixHandle? pin = null;
            try
            {
                while (true)
                {
                    GenerationRequest request = requests[mine.Next(requests.Length)];
                    switch (mine.Next(5))
                    {
                        case 0:
                            pin?.Dispose();
                            pin = await engine.PinPrefixAsync(NoiseEngine.Tokens(mine.Next(2), 128));
                            break;
                        case 1: await engine.EmbedAsync(request.PromptTokens!); break;
                        case 2: await engine.ScoreAsync(request.PromptTokens!); break;
                        default: await engine.GenerateAsync(request); break;
                    }
                }
            }
            finally
            {
                pin?.Dispose();
            }
        })))];
        await begun.WaitAsync(TimeSpan.FromSeconds(2), TestContext.Current.CancellationToken);
        Task drained = engine.DrainAsync(TestContext.Current.CancellationToken);
        engine.Dispose();
        await Task.WhenAll(clients);
        await drained;
        AssertEnded(engine);
    }

    private static void AssertEnded(Engine engine)
    {
        EngineStatistics now = engine.Statistics;
        Assert.Equal((0, 0, 0), (now.QueuedRequests, now.ActiveRequests, now.LiveBranches));
        Assert.Equal(0, engine.DropPrefixes());
        engine.CheckPages();
    }

    /// <summary>Prompts that begin alike for some tiles, and part anywhere.</summary>
    private static GenerationRequest Mixed(Random random, int i, int longest)
    {
        int[] common = NoiseEngine.Tokens(1 + random.Next(2), 1024), own = NoiseEngine.Tokens(100 + i, 1024);
        int shared = random.Next(5) == 0 ? 0 : random.Next(longest);
        int[] prompt = [.. common[..shared], .. own[..(2 + random.Next(130))]];
        return new GenerationRequest(prompt)
        {
            Samples = 1 + random.Next(6), MaxTokens = 1 + random.Next(60), IgnoreEnd = random.Next(2) == 0, TopLogprobs = random.Next(3),
            Stop = random.Next(5) == 0 ? ["zq"] : [],
            Sampling = new SamplingOptions { Temperature = 0.9, TopK = random.Next(3) * 20, FrequencyPenalty = random.Next(2) * 0.5, Seed = (ulong)i },
        };
    }

    private static async Task<(string[] Answers, string[] Scores, string[] Embeddings)> AloneAsync(string model, EngineOptions options, GenerationRequest[] requests)
    {
        using Engine engine = Engine.Load(model, options);
        var answers = new List<string>();
        var scores = new List<string>();
        var embeddings = new List<string>();
        foreach (GenerationRequest request in requests)
        {
            answers.Add(Answer(await engine.GenerateAsync(request)));
            scores.Add(Text(await engine.ScoreAsync(request.PromptTokens!)));
            embeddings.Add(Text(await engine.EmbedAsync(request.PromptTokens!)));
        }

        return ([.. answers], [.. scores], [.. embeddings]);
    }

    private static string Answer(GenerationResult result) =>
        NoiseEngine.Bits(result) + string.Join(' ', result.Choices.OrderBy(c => c.Index).SelectMany(c => c.TopLogprobs).SelectMany(t => t));

    private static string Text(IEnumerable<float> values) => string.Join(' ', values.Select(v => BitConverter.SingleToInt32Bits(v)));

    private static void AssertNothingIsHeld(Engine engine)
    {
        engine.CheckPages();
        Assert.Equal((0, 0, 0, 0), (engine.Statistics.QueuedRequests, engine.Statistics.ActiveRequests, engine.Statistics.PagesPrivate, engine.Statistics.PagesShared));
        engine.DropPrefixes();
        Assert.Equal(engine.Pool.PageCount, engine.Pool.FreePages);
        Assert.Equal(0, engine.Pool.ReservedPages);
    }
}
