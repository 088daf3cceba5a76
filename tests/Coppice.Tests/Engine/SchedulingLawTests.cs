using Coppice.Kernels;
using Coppice.Kernels.Attention;
using Coppice.Sampling;

namespace Coppice.Tests.Engines;

/// <summary>Load changes when a request is served, never its answer, and loses none; every page has one owner throughout.</summary>
public sealed class SchedulingLawTests
{
    public static TheoryData<KernelPath, KvType> Paths()
    {
        var data = new TheoryData<KernelPath, KvType> { { KernelPaths.Best, KvType.Q8_0 } };
        foreach (KernelPath path in KernelPaths.Available) data.Add(path, KvType.F16);
        return data;
    }

    /// <summary>Requests of many kinds: alike beginnings or none, 1 to 8 samples, penalties, stop texts.</summary>
    private static GenerationRequest Mixed(int i, int maxTokens = 30)
    {
        int[] shared = NoiseEngine.Tokens(1 + (i % 3), 64 * (1 + (i % 4)));
        int[] prompt = i % 5 == 0 ? NoiseEngine.Tokens(1000 + i, 1 + (7 * i % 150)) : [.. shared, .. NoiseEngine.Tokens(1000 + i, 1 + (i % 40))];
        return new GenerationRequest(prompt)
        {
            Samples = 1 + (i % 8), MaxTokens = maxTokens - (i % 7), IgnoreEnd = i % 2 == 0, TopLogprobs = i % 4, Stop = i % 6 == 0 ? ["zq"] : [],
            Sampling = new SamplingOptions { Temperature = 0.9, TopP = i % 3 == 0 ? 0.9 : 1, FrequencyPenalty = i % 4 == 1 ? 0.5 : 0, Seed = (ulong)i },
        };
    }

    private static string Answer(GenerationResult result) =>
        NoiseEngine.Bits(result) + string.Join(' ', result.Choices.OrderBy(c => c.Index).SelectMany(c => c.TopLogprobs).SelectMany(t => t));

    [Fact]
    public async Task Sixty_four_mixed_requests_at_once_are_answered_as_each_is_alone()
    {
        GenerationRequest[] requests = [.. Enumerable.Range(0, 64).Select(i => Mixed(i))];
        string[] alone;
        using (Engine engine = NoiseEngine.Load())
            alone = [.. (await NoiseEngine.OneByOne(engine, requests.Select(r => r with { ReusePrefix = false }))).Select(Answer)];
        using Engine crowded = NoiseEngine.Load(kvTokens: 2048, chunk: 50, threads: 2, options: o => o with { StepTokens = 96, MaxBranches = 64 });
        GenerationResult[] together = await Task.WhenAll(requests.Select(r => Task.Run(() => crowded.GenerateAsync(r))));
        Assert.Equal(alone, together.Select(Answer));
        await crowded.DrainAsync(TestContext.Current.CancellationToken);
        AssertNothingIsHeld(crowded);
        Assert.True(crowded.Statistics.Evictions > 0);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task Requests_that_give_way_are_computed_again_with_the_same_bits(KernelPath path, KvType kv)
    {
        // Each fits alone; together they take twice the pages there are, as they find out while they grow.
        GenerationRequest[] requests = [.. Enumerable.Range(0, 3).Select(i => NoiseEngine.Request(NoiseEngine.Tokens(i, 70 + (60 * i)), samples: 3, maxTokens: 130, seed: (ulong)i))];
        string[] alone;
        using (Engine engine = NoiseEngine.Load(path: path, kv: kv)) alone = [.. (await NoiseEngine.OneByOne(engine, requests)).Select(NoiseEngine.Bits)];
        using Engine tiny = NoiseEngine.Load(kvTokens: 640, chunk: 33, path: path, kv: kv);
        GenerationResult[] together = await NoiseEngine.Together(tiny, requests);
        Assert.Equal(alone, together.Select(NoiseEngine.Bits));
        EngineStatistics after = tiny.Statistics;
        Assert.True(after.Pauses > 0);
        Assert.Equal(3 * 3 * 130, after.GeneratedTokens); // computed again, not drawn again
        AssertNothingIsHeld(tiny);
    }

    [Fact]
    public async Task A_group_runs_in_part_where_there_is_no_place_for_all_its_branches()
    {
        GenerationRequest[] requests = [.. Enumerable.Range(0, 3).Select(i => NoiseEngine.Request(NoiseEngine.Tokens(i, 90), samples: 5, maxTokens: 40))];
        using Engine wide = NoiseEngine.Load();
        string[] alone = [.. (await NoiseEngine.OneByOne(wide, requests)).Select(NoiseEngine.Bits)];
        using Engine narrow = NoiseEngine.Load(options: o => o with { MaxBranches = 7 });
        using var rows = new StepRowsListener();
        GenerationResult[] together = await NoiseEngine.Together(narrow, requests);
        Assert.Equal(alone, together.Select(NoiseEngine.Bits));
        Assert.Equal(7, rows.Seen().Where(n => n < 64).Max()); // 5 of one group and 2 of the next; more are prompts
        AssertNothingIsHeld(narrow);
    }

    [Fact]
    public async Task A_step_stays_within_its_budget_and_a_long_prompt_stalls_nobody()
    {
        using Engine engine = NoiseEngine.Load(chunk: 16, options: o => o with { StepTokens = 40, MaxBranches = 30 });
        using var rows = new StepRowsListener();
        // Two long prompts come while 8 branches run: both are prefilled in the same steps, and take none of their own.
        await NoiseEngine.Together(engine,
        [
            NoiseEngine.Request(NoiseEngine.Tokens(1, 20), samples: 8, maxTokens: 150),
            NoiseEngine.Request(NoiseEngine.Tokens(2, 700), maxTokens: 2), NoiseEngine.Request(NoiseEngine.Tokens(3, 700), maxTokens: 2),
        ]);
        Assert.Equal(8 + 16 + 16, rows.Seen().Max());
        Assert.Equal(2 + 149, engine.Statistics.Steps);
    }

    [Fact]
    public async Task A_full_queue_is_an_error_of_its_own_and_waiting_ones_are_served()
    {
        using Engine engine = NoiseEngine.Load(options: o => o with { QueueCapacity = 2, MaxBranches = 1 });
        using IDisposable held = NoiseEngine.Hold(engine);
        Task<GenerationResult> running = engine.GenerateAsync(NoiseEngine.Request(NoiseEngine.Tokens(1, 30), maxTokens: 400));
        while (engine.Statistics.ActiveRequests == 0) await Task.Yield();
        Task<GenerationResult>[] waiting = [.. Enumerable.Range(0, 2).Select(i => engine.GenerateAsync(NoiseEngine.Request(NoiseEngine.Tokens(1, 30 + i), maxTokens: 2)))];
        Assert.Equal(2, engine.Statistics.QueuedRequests);
        QueueFullException full = await Assert.ThrowsAsync<QueueFullException>(() => engine.GenerateAsync(NoiseEngine.Request(NoiseEngine.Tokens(1, 30))));
        Assert.Equal(2, full.Capacity);
        held.Dispose();
        await Task.WhenAll([running, .. waiting]);
    }

    [Fact]
    public async Task A_request_that_waits_takes_no_memory_for_what_it_may_answer()
    {
        using Engine engine = NoiseEngine.Load(kvTokens: 70_000, options: o => o with { MaxBranches = 1, ContextLength = 65_536 });
        using IDisposable held = NoiseEngine.Hold(engine);
        Task<GenerationResult> running = engine.GenerateAsync(NoiseEngine.Request(NoiseEngine.Tokens(1, 30), maxTokens: 2));
        while (engine.Statistics.ActiveRequests == 0) await Task.Yield();
        long before = GC.GetTotalAllocatedBytes();
        using var source = new CancellationTokenSource();
        GenerationRequest large = NoiseEngine.Request(NoiseEngine.Tokens(1, 30), maxTokens: 60_000) with
        {
            TopLogprobs = 20, Stop = ["never"], Sampling = new SamplingOptions { FrequencyPenalty = 1 },
        };
        Task<GenerationResult>[] waiting = [.. Enumerable.Range(0, 10).Select(_ => engine.GenerateAsync(large, source.Token))];
        Assert.Equal(10, engine.Statistics.QueuedRequests);
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 2 << 20); // one answer's would be 20 MB
        await source.CancelAsync();
        held.Dispose();
        await running;
        foreach (Task<GenerationResult> task in waiting) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
    }

    [Fact]
    public async Task Draining_ends_when_the_last_request_does()
    {
        using Engine engine = NoiseEngine.Load();
        await engine.DrainAsync(TestContext.Current.CancellationToken);
        using IDisposable held = NoiseEngine.Hold(engine);
        Task<GenerationResult> running = engine.GenerateAsync(NoiseEngine.Request(NoiseEngine.Tokens(1, 30), maxTokens: 300));
        Task drained = engine.DrainAsync(TestContext.Current.CancellationToken);
        using var impatient = new CancellationTokenSource();
        Task cancelled = engine.DrainAsync(impatient.Token);
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        Assert.False(drained.IsCompleted);
        held.Dispose();
        await drained;
        Assert.Equal(0, engine.Statistics.ActiveRequests);
        Assert.Equal(300, (await running).Choices[0].TokenIds.Count);
    }

    [Theory]
    [InlineData(1, true, 20)]
    [InlineData(2, false, 20)]
    [InlineData(3, true, 8)]
    public async Task Pages_have_one_owner_under_everything_at_once(int seed, bool keeps, int places)
    {
        GenerationRequest[] requests = [.. Enumerable.Range(0, 24).Select(i => Mixed(i, 45))];
        string[] alone;
        using (Engine plain = NoiseEngine.Load()) alone = [.. (await NoiseEngine.OneByOne(plain, requests)).Select(Answer)];
        using Engine engine = NoiseEngine.Load(kvTokens: 720, chunk: 25, options: o => o with { MaxBranches = places, StepTokens = 48, KeepPrefixes = keeps });
        int rejected = 0;
        await Parallel.ForAsync(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (client, cancellation) =>
        {
            var random = new Random((seed * 100) + client);
            for (int round = 0; round < 9; round++)
            {
                int i = random.Next(requests.Length);
                try
                {
                    await Do(random.Next(6), i, random, cancellation);
                }
                catch (RequestRejectedException e) when (e.Field == "kv-tokens")
                {
                    Interlocked.Increment(ref rejected); // it and all pins would not fit together
                }

                engine.CheckPages();
                EngineStatistics now = engine.Statistics;
                Assert.Equal(now.PagesTotal, now.PagesFree + now.PagesPrivate + now.PagesShared + now.PagesCached);
            }
        });
        await engine.DrainAsync(TestContext.Current.CancellationToken);
        Assert.True(engine.Statistics.Pauses > 0);
        Assert.InRange(rejected, 0, 20);
        AssertNothingIsHeld(engine);

        async Task Do(int what, int i, Random random, CancellationToken cancellation)
        {
            if (what == 0)
            {
                int events = random.Next(12); // then its reader goes
                await foreach (GenerationEvent _ in engine.StreamAsync(requests[i], cancellation))
                    if (--events < 0) break;
                return;
            }

            if (what == 1)
            {
                engine.DropPrefixes();
                await engine.ScoreAsync([.. requests[i].PromptTokens!, 5, 6], cancellation);
                return;
            }

            using PrefixHandle? pin = what == 2 ? await engine.PinPrefixAsync(NoiseEngine.Tokens(1 + random.Next(3), 64), cancellation) : null;
            Assert.Equal(alone[i], Answer(await engine.GenerateAsync(requests[i], cancellation)));
        }
    }

    private static void AssertNothingIsHeld(Engine engine)
    {
        engine.CheckPages();
        Assert.Equal((0, 0, 0, 0), (engine.Statistics.QueuedRequests, engine.Statistics.ActiveRequests, engine.Statistics.PagesPrivate, engine.Statistics.PagesShared));
        engine.DropPrefixes();
        Assert.Equal(engine.Pool.PageCount, engine.Pool.FreePages);
    }
}
