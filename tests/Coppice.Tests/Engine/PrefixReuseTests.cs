using Coppice.Kernels;
using Coppice.Kernels.Attention;
using Coppice.Kernels.Formats;
using Coppice.Model;

namespace Coppice.Tests.Engines;

/// <summary>Reuse of prefixes: the same bits as without, each shared part computed once and read once a step.</summary>
public sealed class PrefixReuseTests
{
    public static TheoryData<KernelPath, KvType> Paths()
    {
        var data = new TheoryData<KernelPath, KvType> { { KernelPaths.Best, KvType.Q8_0 } };
        foreach (KernelPath path in KernelPaths.Available) data.Add(path, KvType.F16);
        return data;
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task An_answer_has_the_same_bits_whatever_is_in_the_tree(KernelPath path, KvType kv)
    {
        using Engine engine = NoiseEngine.Load(path: path, kv: kv);
        int[] text = NoiseEngine.Tokens(1, 700);
        // Cut within a tile, at its end, one after it; the first one is the longest, then the shorter ones split it.
        foreach (int length in (int[])[700, 64, 65, 127, 128, 129, 512, 577, 640, 700])
        {
            GenerationRequest request = NoiseEngine.Request([.. text[..length]], samples: 3, maxTokens: 12);
            GenerationResult cold = await engine.GenerateAsync(request with { ReusePrefix = false });
            GenerationResult warm = await engine.GenerateAsync(request);
            Assert.Equal(NoiseEngine.Bits(cold), NoiseEngine.Bits(warm));
            Assert.Equal(0, cold.ReusedTokens);
            engine.CheckPages();
        }
    }

    [Fact]
    public async Task The_longest_match_is_reused_and_the_rest_is_computed()
    {
        using Engine engine = NoiseEngine.Load();
        int[] text = NoiseEngine.Tokens(1, 400), other = NoiseEngine.Tokens(2, 400);
        Assert.Equal(0, (await engine.GenerateAsync(NoiseEngine.Request(text))).ReusedTokens);
        Assert.Equal(384, (await engine.GenerateAsync(NoiseEngine.Request(text))).ReusedTokens);
        Assert.Equal(192, (await engine.GenerateAsync(NoiseEngine.Request([.. text[..250], .. other]))).ReusedTokens);
        Assert.Equal(448, (await engine.GenerateAsync(NoiseEngine.Request([.. text[..250], .. other[..210]]))).ReusedTokens);
        Assert.Equal(0, (await engine.GenerateAsync(NoiseEngine.Request(other))).ReusedTokens);
        // A tile is a prompt's own until a token comes after it: its logits are always computed.
        Assert.Equal(64, (await engine.GenerateAsync(NoiseEngine.Request([.. text[..128]]))).ReusedTokens);
        EngineStatistics now = engine.Statistics;
        Assert.Equal((4, 2), (now.PrefixHits, now.PrefixMisses));
        Assert.Equal(384 + 192 + 448 + 64, now.ReusedPromptTokens);
        engine.CheckPages();
    }

    [Fact]
    public async Task Splitting_a_prefix_moves_pages_and_takes_none()
    {
        using Engine engine = NoiseEngine.Load();
        int[] text = NoiseEngine.Tokens(1, 641);
        await engine.GenerateAsync(NoiseEngine.Request(text));
        Assert.Equal(40, engine.Statistics.PagesCached);
        await engine.GenerateAsync(NoiseEngine.Request([.. text[..321]]));
        await engine.GenerateAsync(NoiseEngine.Request([.. text[..193]]));
        Assert.Equal(40, engine.Statistics.PagesCached);
        IReadOnlyList<PrefixNode> nodes = engine.PrefixTree();
        Assert.Equal([(0, 192), (192, 128), (320, 320)], nodes.Select(n => (n.Start, n.TokenCount)));
        Assert.Equal([0, nodes[0].Id, nodes[1].Id], nodes.Select(n => n.ParentId));
        Assert.Equal(text[192..256], nodes[1].Tokens);
        Assert.All(nodes, n => Assert.Equal((n.TokenCount / 16, 0, false), (n.Pages, n.Users, n.Pinned)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Prompts_that_come_together_compute_what_they_share_once(bool keeps)
    {
        using Engine engine = NoiseEngine.Load(chunk: 48, options: o => o with { KeepPrefixes = keeps });
        int[] document = NoiseEngine.Tokens(1, 512);
        GenerationRequest[] requests = [.. Enumerable.Range(0, 16).Select(i => NoiseEngine.Request([.. document, .. NoiseEngine.Tokens(100 + i, 20 + i)], samples: 1 + (i % 3), maxTokens: 24))];
        string[] alone = [.. (await NoiseEngine.OneByOne(engine, requests.Select(r => r with { ReusePrefix = false }))).Select(NoiseEngine.Bits)];
        EngineStatistics before = engine.Statistics;
        GenerationResult[] together = await NoiseEngine.Together(engine, requests);
        EngineStatistics after = engine.Statistics;
        Assert.Equal(alone, together.Select(NoiseEngine.Bits));
        Assert.Equal(1, after.PrefixMisses - before.PrefixMisses);
        Assert.Equal(15 * 512, after.ReusedPromptTokens - before.ReusedPromptTokens);
        engine.CheckPages();
        Assert.Equal(keeps ? 32 : 0, engine.DropPrefixes());
        Assert.Equal(engine.Pool.PageCount, engine.Pool.FreePages);
    }

    [Fact]
    public async Task Sixteen_requests_with_one_long_context_read_it_once_a_step()
    {
        using Engine engine = NoiseEngine.Load();
        const int context = 512, samples = 2, tokens = 30, requests = 16;
        int[] document = NoiseEngine.Tokens(1, context);
        GenerationRequest Ask(int i) => NoiseEngine.Request([.. document, .. NoiseEngine.Tokens(100 + i, 10)], samples, tokens);
        using PrefixHandle pinned = await engine.PinPrefixAsync(document);
        EngineStatistics before = engine.Statistics;
        await NoiseEngine.Together(engine, Enumerable.Range(0, requests).Select(Ask));
        EngineStatistics after = engine.Statistics;
        Assert.Equal(requests * context, after.ReusedPromptTokens - before.ReusedPromptTokens);

        // The first request may have a step before the others come; each step reads the document once.
        long token = engine.Model.KvBytesPerToken(KvType.F16);
        long steps = after.Steps - before.Steps;
        long read = after.ContextBytesRead - before.ContextBytesRead;
        Assert.InRange(steps, tokens, tokens + 1);
        long questions = requests * 10L * tokens * token; // at most: a question is read once a step for its samples
        Assert.InRange(read, steps * context * token, (steps * context * token) + questions);
        // Repeated, each of the branches, and each question while it is prefilled, would have read the document.
        long repeated = after.ContextBytesRepeated - before.ContextBytesRepeated;
        Assert.InRange(repeated, requests * ((samples * (tokens - 1)) + 1) * context * token, requests * ((samples * (tokens - 1)) + 1) * (context + 10) * token);
        Assert.Equal(requests * samples * (tokens - 1) * tokens / 2 * token, after.BranchBytesRead - before.BranchBytesRead);
    }

    [Fact]
    public async Task Traffic_of_a_request_is_what_it_is_alone()
    {
        foreach (AttentionMode mode in (AttentionMode[])[AttentionMode.Bifurcated, AttentionMode.Repeated])
        {
            using Engine engine = NoiseEngine.Load(options: o => o with { Attention = mode });
            int[] document = NoiseEngine.Tokens(1, 256);
            GenerationRequest[] requests = [.. Enumerable.Range(0, 4).Select(i => NoiseEngine.Request([.. document, .. NoiseEngine.Tokens(100 + i, 10)], samples: 3, maxTokens: 20))];
            AttentionTraffic[] alone = [.. (await NoiseEngine.OneByOne(engine, requests)).Select(r => r.Traffic)];
            GenerationResult[] together = await NoiseEngine.Together(engine, requests);
            Assert.Equal(alone, together.Select(r => r.Traffic));
            Assert.Equal(266 * 19 * engine.Model.KvBytesPerToken(KvType.F16) * (mode == AttentionMode.Repeated ? 3 : 1), alone[0].ContextBytesRead);
        }
    }

    [Fact]
    public async Task A_model_of_one_layer_reads_nothing_while_many_prompts_are_only_written()
    {
        using TemporaryModel model = RandomModel.WriteTemporary(ModelShapes.Find("tiny")! with { Layers = 1 }, TensorType.Q8_0);
        using Engine engine = Engine.Load(model.Path, new EngineOptions { Threads = 1, KvTokens = 16_384, PrefillChunk = 8, StepTokens = 1024 });
        // Eighty prompts, none of which is whole after its first chunk: no row of that step is wanted, so no layer attends.
        GenerationResult[] together = await NoiseEngine.Together(engine, Enumerable.Range(0, 80).Select(i => NoiseEngine.Request(NoiseEngine.Tokens(i, 20), maxTokens: 2)));
        Assert.All(together, r => Assert.Equal(20 * engine.Model.KvBytesPerToken(KvType.F16), r.Traffic.ContextBytesRead));
        engine.CheckPages();
    }

    [Fact]
    public async Task A_pinned_prefix_stays_and_an_unpinned_one_goes()
    {
        using Engine engine = NoiseEngine.Load();
        int[] text = NoiseEngine.Tokens(1, 200);
        PrefixHandle first = await engine.PinPrefixAsync(text), second = await engine.PinPrefixAsync(text[..150]);
        Assert.Equal((192, 128), (first.TokenCount, second.TokenCount));
        Assert.Equal(0, engine.DropPrefixes());
        Assert.Equal([(128, true), (64, true)], engine.PrefixTree().Select(n => (n.TokenCount, n.Pinned)));
        Assert.Equal(192, (await engine.GenerateAsync(NoiseEngine.Request(text))).ReusedTokens);
        first.Dispose();
        first.Dispose();
        Assert.Equal(4, engine.DropPrefixes());
        Assert.Equal([(128, true)], engine.PrefixTree().Select(n => (n.TokenCount, n.Pinned)));
        second.Dispose();
        Assert.Equal(8, engine.DropPrefixes());
        Assert.Empty(engine.PrefixTree());
        Assert.Equal(0, (await engine.PinPrefixAsync(text[..63])).TokenCount);
        engine.CheckPages();
    }

    [Fact]
    public async Task Pins_leave_room_for_every_accepted_request()
    {
        using Engine engine = NoiseEngine.Load(kvTokens: 1024);
        int[] text = NoiseEngine.Tokens(1, 512);
        using PrefixHandle pin = await engine.PinPrefixAsync(text);
        Assert.Equal("kv-tokens", (await Assert.ThrowsAsync<RequestRejectedException>(() => engine.PinPrefixAsync(NoiseEngine.Tokens(2, 576)))).Field);
        await Assert.ThrowsAsync<RequestRejectedException>(() => engine.GenerateAsync(NoiseEngine.Request(NoiseEngine.Tokens(3, 513))));
        await engine.GenerateAsync(NoiseEngine.Request(NoiseEngine.Tokens(3, 480), samples: 2, maxTokens: 17));
        Assert.Equal(32, engine.PrefixTree().Where(n => n.Pinned).Sum(n => n.Pages));
        engine.CheckPages();
    }

    [Fact]
    public async Task A_pin_that_is_cancelled_holds_nothing()
    {
        using Engine engine = NoiseEngine.Load(chunk: 1);
        for (int i = 0; i < 5; i++)
        {
            using var source = new CancellationTokenSource();
            using IDisposable held = NoiseEngine.Hold(engine);
            Task<PrefixHandle> pin = engine.PinPrefixAsync(NoiseEngine.Tokens(i, 640), source.Token);
            await source.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pin);
        }

        await engine.DrainAsync(TestContext.Current.CancellationToken);
        engine.CheckPages();
        engine.DropPrefixes();
        Assert.Equal(engine.Pool.PageCount, engine.Pool.FreePages);
        // All of the promise is back, too.
        await engine.GenerateAsync(NoiseEngine.Request(NoiseEngine.Tokens(9, 900), maxTokens: 2));
    }

    [Fact]
    public async Task The_least_recently_used_goes_first_from_its_end()
    {
        using Engine engine = NoiseEngine.Load(kvTokens: 1024);
        int[] a = NoiseEngine.Tokens(1, 321), b = NoiseEngine.Tokens(2, 321);
        await engine.GenerateAsync(NoiseEngine.Request(a, maxTokens: 1));
        await engine.GenerateAsync(NoiseEngine.Request(b, maxTokens: 1));
        Assert.Equal(320, (await engine.GenerateAsync(NoiseEngine.Request(a, maxTokens: 1))).ReusedTokens); // b is the oldest now
        Assert.Equal(40, engine.Statistics.PagesCached);
        await engine.GenerateAsync(NoiseEngine.Request(NoiseEngine.Tokens(3, 449), maxTokens: 1)); // 29 pages, 24 are free
        engine.CheckPages();
        Assert.Equal([192, 320, 448], engine.PrefixTree().Select(n => n.TokenCount).Order());
        Assert.Equal(320, (await engine.GenerateAsync(NoiseEngine.Request(a, maxTokens: 1))).ReusedTokens);
        Assert.Equal(192, (await engine.GenerateAsync(NoiseEngine.Request(b, maxTokens: 1))).ReusedTokens);
        Assert.True(engine.Statistics.Evictions > 0);
    }

    [Fact]
    public async Task What_a_cancelled_prompt_computed_stays_in_whole_tiles()
    {
        using Engine engine = NoiseEngine.Load(chunk: 40);
        int[] text = NoiseEngine.Tokens(1, 900);
        using (var source = new CancellationTokenSource())
        {
            int steps = 0;
            engine.BeforeForward = () =>
            {
                if (++steps == 5) source.Cancel();
            };
            Task<GenerationResult> running = engine.GenerateAsync(NoiseEngine.Request(text), source.Token);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        }

        await engine.DrainAsync(TestContext.Current.CancellationToken);
        engine.CheckPages();
        int kept = Assert.Single(engine.PrefixTree()).TokenCount;
        Assert.True(kept is >= 192 and < 900 && kept % 64 == 0, $"{kept}"); // its reader has to hear of it
        engine.BeforeForward = null;
        GenerationRequest request = NoiseEngine.Request(text, samples: 2);
        GenerationResult warm = await engine.GenerateAsync(request);
        Assert.Equal(kept, warm.ReusedTokens);
        Assert.Equal(NoiseEngine.Bits(await engine.GenerateAsync(request with { ReusePrefix = false })), NoiseEngine.Bits(warm));
    }
}
