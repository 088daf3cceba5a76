using System.Diagnostics.Metrics;
using Coppice.Kernels;
using Coppice.Kernels.Attention;
using Coppice.Kernels.Formats;
using Coppice.Model;
using Coppice.Sampling;

namespace Coppice.Tests.Engines;

/// <summary>The fork, batch, traffic, page and allocation laws, on the model that comes with the repository.</summary>
public sealed class EngineLawTests
{
    private const string Story = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park with her friends. One day";

    public static TheoryData<KernelPath, KvType> Paths()
    {
        var data = new TheoryData<KernelPath, KvType> { { KernelPaths.Best, KvType.Q8_0 } };
        foreach (KernelPath path in KernelPaths.Available) data.Add(path, KvType.F16);
        return data;
    }

    public static TheoryData<KvType> Types() => [KvType.F16, KvType.Q8_0];

    private static Engine Load(
        KernelPath? path = null, int threads = 2, int chunk = 256, AttentionMode mode = AttentionMode.Bifurcated, KvType kv = KvType.F16,
        WeightStorage weights = WeightStorage.Packed) =>
        Engine.Load(Repository.File("assets/tiny-noise.gguf"), new EngineOptions
        {
            Kernels = path, Threads = threads, PrefillChunk = chunk, Attention = mode, KvType = kv, Weights = weights, KvTokens = 16_384, ContextLength = 1024, PoisonFreedPages = true,
        });

    private static GenerationRequest Request(int samples, int maxTokens = 40, string prompt = Story, ulong seed = 7) =>
        new(prompt) { Samples = samples, MaxTokens = maxTokens, IgnoreEnd = true, Sampling = new SamplingOptions { Temperature = 1, Seed = seed } };

    private static string Bits(GenerationResult result) => string.Join('\n', result.Choices.OrderBy(c => c.Index)
        .Select(c => $"{c.Index}: {string.Join(' ', c.TokenIds)} | {string.Join(' ', c.Logprobs.Select(l => BitConverter.SingleToInt32Bits(l)))}"));

    /// <summary>All pages are free or in the tree, and free once the tree is dropped.</summary>
    private static void AssertNothingIsHeld(Engine engine)
    {
        engine.CheckPages();
        EngineStatistics now = engine.Statistics;
        Assert.Equal((0, 0, 0, 0), (now.QueuedRequests, now.ActiveRequests, now.PagesPrivate, now.PagesShared));
        Assert.Equal(now.PagesCached, engine.DropPrefixes());
        Assert.Equal(engine.Pool.PageCount, engine.Pool.FreePages);
        Assert.Equal(0, engine.Pool.ReservedPages);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task Branches_give_the_same_bits_as_fewer_branches_do(KernelPath path, KvType kv)
    {
        using Engine engine = Load(path, kv: kv);
        GenerationResult eight = await engine.GenerateAsync(Request(8));
        string[] together = Bits(eight).Split('\n');
        // Branch i is the last one of a run of i + 1.
        for (int i = 0; i < 8; i++) Assert.Equal(together[i], Bits(await engine.GenerateAsync(Request(i + 1))).Split('\n')[i]);
        Assert.Equal(8, eight.Choices.Select(c => c.Text).Distinct(StringComparer.Ordinal).Count());
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task Bits_do_not_depend_on_threads_chunks_or_the_attention_mode(KernelPath path, KvType kv)
    {
        string? expected = null;
        foreach ((int threads, int chunk, AttentionMode mode) in ((int, int, AttentionMode)[])
            [(1, 256, AttentionMode.Bifurcated), (3, 7, AttentionMode.Bifurcated), (2, 1, AttentionMode.Repeated), (1, 64, AttentionMode.Repeated)])
        {
            using Engine engine = Load(path, threads, chunk, mode, kv);
            string bits = Bits(await engine.GenerateAsync(Request(5)));
            expected ??= bits;
            Assert.Equal(expected, bits);
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public async Task Bits_are_equal_on_every_kernel_path(KvType kv)
    {
        string? expected = null;
        foreach (KernelPath path in KernelPaths.Available)
        {
            using Engine engine = Load(path, kv: kv);
            string bits = Bits(await engine.GenerateAsync(Request(3)));
            expected ??= bits;
            Assert.Equal(expected, bits);
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task Bits_do_not_depend_on_where_weights_are(KernelPath path, KvType kv)
    {
        using Engine packed = Load(path, kv: kv), mapped = Load(path, kv: kv, weights: WeightStorage.Mapped);
        Assert.Equal(Bits(await packed.GenerateAsync(Request(5))), Bits(await mapped.GenerateAsync(Request(5))));
    }

    [Theory]
    [MemberData(nameof(Types))]
    public async Task Bits_do_not_depend_on_batch_mates(KvType kv)
    {
        using Engine engine = Load(chunk: 16, kv: kv);
        string[] prompts = [Story, "Tim had a red ball.", "The dog", "A very long day began when Sam woke up and saw the sun. " + Story];
        var alone = new List<string>();
        foreach (string prompt in prompts) alone.Add(Bits(await engine.GenerateAsync(Request(4, 50, prompt))));
        GenerationResult[] together = await Task.WhenAll(prompts.Select(p => engine.GenerateAsync(Request(4, 50, p))));
        Assert.Equal(alone, together.Select(Bits));
        AssertNothingIsHeld(engine);
    }

    [Theory]
    [InlineData(AttentionMode.Bifurcated, KvType.F16)]
    [InlineData(AttentionMode.Repeated, KvType.F16)]
    [InlineData(AttentionMode.Bifurcated, KvType.Q8_0)]
    public async Task Counted_bytes_equal_the_formula(AttentionMode mode, KvType kv)
    {
        using Engine engine = Load(mode: mode, kv: kv);
        const int samples = 6, tokens = 40;
        GenerationResult result = await engine.GenerateAsync(Request(samples, tokens));
        long perToken = engine.Model.KvBytesPerToken(kv);
        long steps = tokens - 1;
        long context = result.PromptTokens * steps * (mode == AttentionMode.Bifurcated ? 1 : samples);
        long branches = samples * steps * (steps + 1) / 2;
        Assert.Equal(steps, result.Traffic.Steps);
        Assert.Equal(context * perToken, result.Traffic.ContextBytesRead);
        Assert.Equal(branches * perToken, result.Traffic.BranchBytesRead);
    }

    [Fact]
    public async Task Counted_bytes_of_each_request_are_its_own_when_several_share_steps()
    {
        using Engine engine = Load();
        GenerationResult alone = await engine.GenerateAsync(Request(3));
        GenerationResult[] together = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => engine.GenerateAsync(Request(3))));
        Assert.All(together, r => Assert.Equal(alone.Traffic, r.Traffic));
    }

    // What the step's own thread allocates is counted: with one thread, all that the others do elsewhere.
    [Theory]
    [InlineData(KvType.F16, 1)]
    [InlineData(KvType.F16, 2)]
    [InlineData(KvType.Q8_0, 1)]
    public async Task A_steady_decode_step_allocates_nothing(KvType kv, int threads)
    {
        using Engine engine = Load(threads: threads, kv: kv);
        await engine.GenerateAsync(Request(8, 200));
        long fewest = long.MaxValue;
        for (int run = 0; run < 3; run++)
        {
            engine.MeasureAllocations(warmSteps: 20);
            await engine.GenerateAsync(Request(8, 200));
            Assert.True(engine.MeasuredSteps > 100);
            // In one run the runtime may allocate for itself, as when it compiles a method anew; the step would in each.
            fewest = Math.Min(fewest, engine.AllocatedBytes);
        }

        Assert.Equal(0, fewest);
    }

    [Fact]
    public async Task Cancelling_returns_every_page()
    {
        using Engine engine = Load();
        for (int after = 0; after < 12; after++)
        {
            using var source = new CancellationTokenSource();
            int seen = 0;
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            {
                if (after == 0) await source.CancelAsync();
                await foreach (GenerationEvent _ in engine.StreamAsync(Request(5, 300), source.Token))
                    if (++seen == after) await source.CancelAsync();
            });
        }

        await engine.GenerateAsync(Request(1, 2)); // the loop has seen all cancellations once this one is through
        AssertNothingIsHeld(engine);
    }

    [Fact]
    public async Task Leaving_the_enumeration_returns_every_page()
    {
        using Engine engine = Load();
        await foreach (GenerationEvent happened in engine.StreamAsync(Request(5, 300)))
            if (happened is TokenGenerated) break;
        await engine.GenerateAsync(Request(1, 2));
        AssertNothingIsHeld(engine);
    }

    [Fact]
    public async Task Disposing_ends_requests_that_are_under_way()
    {
        Engine engine = Load();
        Task<GenerationResult> running = engine.GenerateAsync(Request(5, 400));
        engine.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => running);
    }

    [Fact]
    public async Task Greedy_branches_are_all_the_same()
    {
        using Engine engine = Load();
        GenerationResult result = await engine.GenerateAsync(Request(8) with { Sampling = new SamplingOptions { Temperature = 0 } });
        Assert.Single(result.Choices.Select(c => c.Text).Distinct(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Stop_text_ends_a_branch_and_is_not_part_of_it()
    {
        using Engine engine = Load();
        GenerationRequest greedy = Request(1, 60) with { Sampling = new SamplingOptions { Temperature = 0 } };
        string whole = (await engine.GenerateAsync(greedy)).Choices[0].Text;
        string stop = whole.Substring(whole.Length / 2, 5);
        GenerationResult stopped = await engine.GenerateAsync(greedy with { Stop = [stop] });
        Assert.Equal(whole[..whole.IndexOf(stop, StringComparison.Ordinal)], stopped.Choices[0].Text);
        Assert.Equal(FinishReason.Stop, stopped.Choices[0].FinishReason);
    }

    [Fact]
    public async Task Streamed_text_is_the_folded_text()
    {
        using Engine engine = Load();
        foreach (IReadOnlyList<string> stop in (IReadOnlyList<string>[])[[], ["never in the text"]])
        {
            var texts = new string[4];
            GenerationResult? result = null;
            await foreach (GenerationEvent happened in engine.StreamAsync(Request(4, 60) with { Stop = stop }))
            {
                if (happened is TokenGenerated token) texts[token.Branch] += token.Text;
                if (happened is BranchFinished end) texts[end.Branch] += end.Text;
                if (happened is GroupFinished finished) result = finished.Result;
            }

            Assert.Equal(result!.Choices.OrderBy(c => c.Index).Select(c => c.Text), texts);
        }
    }

    [Fact]
    public async Task Scores_are_the_log_probabilities_that_sampling_reports()
    {
        using Engine engine = Load(kv: KvType.F32);
        GenerationResult result = await engine.GenerateAsync(Request(1));
        int[] prompt = engine.Tokenizer.Encode(Story);
        IReadOnlyList<float> scores = await engine.ScoreAsync([.. prompt, .. result.Choices[0].TokenIds]);
        Assert.Equal(prompt.Length + 39, scores.Count);
        for (int i = 0; i < 40; i++) Assert.Equal(result.Choices[0].Logprobs[i], scores[prompt.Length - 1 + i], 1e-4f);
    }

    [Fact]
    public async Task A_request_that_fails_in_a_step_ends_no_other()
    {
        using Engine engine = Load();
        string alone = Bits(await engine.GenerateAsync(Request(4, 60)));
        // The penalties and biases of this one leave nothing to draw.
        var forbidden = Enumerable.Range(0, engine.Model.Vocabulary).ToDictionary(t => t, _ => float.NegativeInfinity);
        GenerationRequest impossible = Request(2) with { Sampling = new SamplingOptions { LogitBias = forbidden } };
        Task<GenerationResult> healthy = engine.GenerateAsync(Request(4, 60));
        for (int i = 0; i < 5; i++) await Assert.ThrowsAsync<InvalidOperationException>(() => engine.GenerateAsync(impossible));
        Assert.Equal(alone, Bits(await healthy));
        await engine.GenerateAsync(Request(1, 2));
        Assert.Equal((2 * 4 * 60) + 2, engine.Statistics.GeneratedTokens); // nothing was drawn for those that failed
        AssertNothingIsHeld(engine);
    }

    [Fact]
    public async Task Who_listens_to_the_meter_and_throws_ends_the_requests_of_the_step_alone()
    {
        using Engine engine = Load();
        string alone = Bits(await engine.GenerateAsync(Request(3)));
        foreach (string instrument in (string[])["coppice.step.rows", "coppice.time_to_first_token", "coppice.time_per_token"])
        {
            using (var listener = new MeterListener())
            {
                listener.InstrumentPublished = (published, to) =>
                {
                    if (published.Meter.Name == "Coppice" && published.Name == instrument) to.EnableMeasurementEvents(published);
                };
                listener.SetMeasurementEventCallback<int>((_, _, _, _) => throw new NotSupportedException("rows"));
                listener.SetMeasurementEventCallback<double>((_, _, _, _) => throw new NotSupportedException("seconds"));
                listener.Start();
                Task<GenerationResult> heard = engine.GenerateAsync(Request(3));
                // The time of a token is told when all is over.
                if (instrument == "coppice.time_per_token") Assert.Equal(alone, Bits(await heard));
                else await Assert.ThrowsAsync<NotSupportedException>(() => heard);
            }

            Assert.Equal(alone, Bits(await engine.GenerateAsync(Request(3))));
        }

        AssertNothingIsHeld(engine);
    }

    [Fact]
    public async Task Enumerating_a_stream_twice_runs_it_twice()
    {
        using Engine engine = Load();
        IAsyncEnumerable<GenerationEvent> stream = engine.StreamAsync(Request(3, 10));
        var runs = new List<string>();
        for (int i = 0; i < 2; i++)
        {
            await foreach (GenerationEvent happened in stream)
                if (happened is GroupFinished finished) runs.Add(Bits(finished.Result));
        }

        Assert.Equal(2, runs.Count);
        Assert.Equal(runs[0], runs[1]);
        AssertNothingIsHeld(engine);
    }

    [Fact]
    public async Task A_stream_that_begins_after_dispose_fails_at_once()
    {
        Engine engine = Load();
        IAsyncEnumerable<GenerationEvent> stream = engine.StreamAsync(Request(3, 10));
        Task<GenerationResult> running = engine.GenerateAsync(Request(5, 400));
        engine.Dispose();
        engine.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () =>
        {
            await foreach (GenerationEvent _ in stream) { }
        });
        await Assert.ThrowsAsync<ObjectDisposedException>(() => running);
    }

    [Fact]
    public async Task More_pages_than_there_are_is_rejected_before_memory_is_taken()
    {
        using Engine engine = Load();
        long before = GC.GetTotalAllocatedBytes();
        RequestRejectedException e = await Assert.ThrowsAsync<RequestRejectedException>(() => engine.GenerateAsync(Request(256, 900)));
        Assert.Equal("kv-tokens", e.Field);
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 1 << 20);
    }

    [Fact]
    public void Heads_that_are_not_whole_blocks_are_rejected()
    {
        using TemporaryModel model = RandomModel.WriteTemporary(ModelShapes.Find("tiny")! with { HeadDim = 40 }, TensorType.F32);
        string message = Assert.Throws<RequestRejectedException>(() => Engine.Load(model.Path, new EngineOptions { KvType = KvType.Q8_0 })).Message;
        Assert.Equal("keys and values as Q8_0: expected heads of a multiple of 32 elements, found 40", message);
    }

    public static TheoryData<string> BadRequests() => ["samples", "max-tokens", "empty", "long", "token", "stop"];

    [Theory]
    [MemberData(nameof(BadRequests))]
    public async Task Requests_that_cannot_be_done_are_rejected_by_name(string kind)
    {
        using Engine engine = Load();
        GenerationRequest request = kind switch
        {
            "samples" => Request(0),
            "max-tokens" => Request(1, 0),
            "empty" => new GenerationRequest((IReadOnlyList<int>)[]),
            "long" => new GenerationRequest(Enumerable.Repeat(5, 4000).ToArray()),
            "token" => new GenerationRequest((IReadOnlyList<int>)[1, 512]),
            _ => Request(1) with { Stop = [""] },
        };
        RequestRejectedException e = await Assert.ThrowsAsync<RequestRejectedException>(() => engine.GenerateAsync(request));
        Assert.DoesNotContain('\n', e.Message);
    }
}
