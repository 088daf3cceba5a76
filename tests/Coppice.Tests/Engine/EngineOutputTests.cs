using System.Diagnostics.Metrics;
using Coppice.Kernels;
using Coppice.Kernels.Attention;
using Coppice.Kernels.Products;
using Coppice.Model;
using Coppice.ModelFiles;
using Coppice.Sampling;

namespace Coppice.Tests.Engines;

/// <summary>What else an engine tells: the most likely tokens, embeddings, metrics, and failures of a step.</summary>
public sealed class EngineOutputTests
{
    [Fact]
    public async Task The_most_likely_tokens_come_with_each_token()
    {
        using Engine engine = NoiseEngine.Load();
        GenerationRequest request = NoiseEngine.Request(NoiseEngine.Tokens(1, 30), samples: 3, maxTokens: 10) with { TopLogprobs = 5 };
        var streamed = new Dictionary<int, List<IReadOnlyList<TokenLogprob>>>();
        GenerationResult? result = null;
        await foreach (GenerationEvent happened in engine.StreamAsync(request))
        {
            if (happened is TokenGenerated token)
            {
                if (!streamed.TryGetValue(token.Branch, out List<IReadOnlyList<TokenLogprob>>? of)) streamed.Add(token.Branch, of = []);
                of.Add(token.TopLogprobs);
            }

            if (happened is GroupFinished finished) result = finished.Result;
        }

        foreach (Choice choice in result!.Choices)
        {
            Assert.Equal(10, choice.TopLogprobs.Count);
            Assert.Equal(streamed[choice.Index], choice.TopLogprobs);
            for (int i = 0; i < 10; i++)
            {
                IReadOnlyList<TokenLogprob> top = choice.TopLogprobs[i];
                Assert.Equal(5, top.Count);
                Assert.Equal(top.OrderByDescending(t => t.Logprob).ThenBy(t => t.Token), top);
                Assert.InRange(top.Sum(t => Math.Exp(t.Logprob)), 0, 1);
                TokenLogprob drawn = top.FirstOrDefault(t => t.Token == choice.TokenIds[i]);
                if (drawn.Logprob != 0) Assert.Equal(choice.Logprobs[i], (float)drawn.Logprob);
                else Assert.True(choice.Logprobs[i] <= top[4].Logprob);
            }
        }

        GenerationResult greedy = await engine.GenerateAsync(request with { Sampling = new SamplingOptions { Temperature = 0 } });
        Assert.All(greedy.Choices, c => Assert.Equal(c.TokenIds, c.TopLogprobs.Select(t => t[0].Token)));
        Assert.Empty((await engine.GenerateAsync(request with { TopLogprobs = 0 })).Choices[0].TopLogprobs);
        await Assert.ThrowsAsync<RequestRejectedException>(() => engine.GenerateAsync(request with { TopLogprobs = 21 }));
    }

    [Fact]
    public async Task An_embedding_is_the_pooled_hidden_state_of_length_one()
    {
        int[] tokens = NoiseEngine.Tokens(1, 150);
        float[][] hidden = HiddenStates(tokens);
        using Engine engine = NoiseEngine.Load(chunk: 37, options: o => o with { KvType = KvType.F32 });
        Assert.Equal(hidden[0].Length, engine.EmbeddingWidth);
        AssertParallel([.. Enumerable.Range(0, hidden[0].Length).Select(i => hidden.Sum(h => (double)h[i]))], await engine.EmbedAsync(tokens));
        AssertParallel([.. hidden[^1].Select(h => (double)h)], await engine.EmbedAsync(tokens, EmbeddingPooling.Last));
        await Assert.ThrowsAsync<RequestRejectedException>(() => engine.EmbedAsync([]));
    }

    [Fact]
    public async Task Embeddings_have_the_same_bits_under_load()
    {
        int[][] texts = [.. Enumerable.Range(0, 12).Select(i => NoiseEngine.Tokens(i, 1 + (17 * i)))];
        var alone = new List<float[]>();
        using (Engine engine = NoiseEngine.Load())
            foreach (int[] text in texts) alone.Add(await engine.EmbedAsync(text));
        using Engine crowded = NoiseEngine.Load(chunk: 20, kvTokens: 512, options: o => o with { StepTokens = 70, MaxBranches = 8 });
        Task<GenerationResult> branches = crowded.GenerateAsync(NoiseEngine.Request(NoiseEngine.Tokens(50, 40), samples: 6, maxTokens: 60));
        Task<IReadOnlyList<float>> scores = crowded.ScoreAsync(texts[9]);
        float[][] together = await Task.WhenAll(texts.Select(t => crowded.EmbedAsync(t)));
        Assert.Equal(alone, together);
        await branches;
        using Engine again = NoiseEngine.Load();
        Assert.Equal(await again.ScoreAsync(texts[9]), await scores);
    }

    [Fact]
    public async Task An_embedding_that_gives_way_is_computed_anew()
    {
        int[] text = NoiseEngine.Tokens(1, 300);
        using Engine engine = NoiseEngine.Load(kvTokens: 384, chunk: 5);
        float[] alone = await engine.EmbedAsync(text);
        // 24 pages: the branches, which come first, grow to 3 and 4 times 4; the text needs 19 and 60 steps.
        Task<float[]>? younger = null;
        engine.BeforeForward = () => younger ??= engine.EmbedAsync(text);
        await engine.GenerateAsync(NoiseEngine.Request(NoiseEngine.Tokens(2, 40), samples: 4, maxTokens: 65));
        float[] found = await younger!;
        Assert.Equal(1, engine.Statistics.Pauses);
        Assert.Equal(alone, found);
    }

    [Fact]
    public async Task A_step_that_fails_ends_its_own_requests_only()
    {
        using Engine engine = NoiseEngine.Load(chunk: 40);
        int[] document = NoiseEngine.Tokens(1, 512);
        GenerationRequest second = NoiseEngine.Request([.. document, .. NoiseEngine.Tokens(2, 30)], samples: 2, maxTokens: 20);
        string expected = NoiseEngine.Bits(await engine.GenerateAsync(second with { ReusePrefix = false }));
        Task<GenerationResult>? waiting = null;
        int steps = 0;
        engine.BeforeForward = () =>
        {
            // The second request comes while the first computes what they share, and waits for it.
            steps++;
            if (steps == 2) waiting = engine.GenerateAsync(second);
            if (steps == 5) throw new InvalidOperationException("the third chunk after that");
        };
        InvalidOperationException failure = await Assert.ThrowsAsync<InvalidOperationException>(
            () => engine.GenerateAsync(NoiseEngine.Request([.. document, .. NoiseEngine.Tokens(3, 30)])));
        Assert.Equal("the third chunk after that", failure.Message);
        GenerationResult answer = await waiting!;
        Assert.Equal(expected, NoiseEngine.Bits(answer));
        Assert.Equal(512, answer.ReusedTokens);
        engine.CheckPages();
        engine.DropPrefixes();
        Assert.Equal(engine.Pool.PageCount, engine.Pool.FreePages);
    }

    [Fact]
    public async Task Metrics_say_what_the_statistics_say()
    {
        var counts = new Dictionary<string, double>(StringComparer.Ordinal);
        var recorded = new Dictionary<string, int>(StringComparer.Ordinal);
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == "Coppice") l.EnableMeasurementEvents(instrument);
        };
        void Take(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            lock (counts)
            {
                string name = tags.Length == 0 ? instrument.Name : $"{instrument.Name}/{tags[0].Value}";
                if (instrument.IsObservable) counts[name] = value;
                else recorded[name] = recorded.GetValueOrDefault(name) + 1;
            }
        }

        listener.SetMeasurementEventCallback<int>((i, v, tags, _) => Take(i, v, tags));
        listener.SetMeasurementEventCallback<long>((i, v, tags, _) => Take(i, v, tags));
        listener.SetMeasurementEventCallback<double>((i, v, tags, _) => Take(i, v, tags));
        using Engine engine = NoiseEngine.Load();
        listener.Start();
        await engine.GenerateAsync(NoiseEngine.Request(NoiseEngine.Tokens(1, 100), samples: 3, maxTokens: 10));
        await engine.GenerateAsync(NoiseEngine.Request(NoiseEngine.Tokens(1, 100), samples: 3, maxTokens: 10));
        await engine.DrainAsync(TestContext.Current.CancellationToken);
        listener.RecordObservableInstruments();
        EngineStatistics now = engine.Statistics;
        lock (counts)
        {
            Assert.Equal((now.Steps, 200.0, 64.0, 60.0), ((long)counts["coppice.steps"], counts["coppice.tokens.prompt"], counts["coppice.tokens.reused"], counts["coppice.tokens.generated"]));
            Assert.Equal((1.0, 1.0), (counts["coppice.prefix.hits"], counts["coppice.prefix.misses"]));
            Assert.Equal((4.0, 0.0, 0.0, 1020.0), (counts["coppice.kv.pages/cached"], counts["coppice.kv.pages/private"], counts["coppice.kv.pages/shared"], counts["coppice.kv.pages/free"]));
            Assert.Equal((double)now.ContextBytesRead, counts["coppice.attention.context_read"]);
            Assert.Equal((double)now.ContextBytesRepeated, counts["coppice.attention.context_repeated"]);
            Assert.Equal((double)now.BranchBytesRead, counts["coppice.attention.branch_read"]);
            Assert.Equal((now.Steps, 2, 2), (recorded["coppice.step.rows"], recorded["coppice.time_to_first_token"], recorded["coppice.time_per_token"]));
        }
    }

    [Fact]
    public async Task A_budget_in_bytes_is_one_in_pages()
    {
        using Engine engine = NoiseEngine.Load(options: o => o with { KvTokens = null, KvBytes = 100_000 });
        EngineStatistics now = engine.Statistics;
        Assert.Equal(100_000 / now.PageBytes, now.PagesTotal);
        Assert.Equal(now.PagesTotal * now.PageBytes, now.KvBytesLimit);
        Assert.Throws<RequestRejectedException>(() => NoiseEngine.Load(options: o => o with { KvBytes = 100_000 }));
        Assert.Throws<RequestRejectedException>(() => NoiseEngine.Load(options: o => o with { KvTokens = null, KvBytes = 10 }));
        await engine.GenerateAsync(NoiseEngine.Request(NoiseEngine.Tokens(1, 20)));
    }

    private static void AssertParallel(double[] expected, float[] found)
    {
        double length = Math.Sqrt(expected.Sum(e => e * e));
        Assert.Equal(1, found.Sum(f => (double)f * f), 5);
        for (int i = 0; i < found.Length; i++) Assert.Equal(expected[i] / length, found[i], 1e-5);
    }

    /// <summary>[tokens][width], in one step; they are what the logits are made of.</summary>
    private static float[][] HiddenStates(int[] tokens)
    {
        using var team = new WorkerTeam(1);
        GgufFile file = GgufFile.Open(Repository.File("assets/tiny-noise.gguf"));
        using ModelWeights weights = ModelWeights.Load(file, ModelConfig.FromGguf(file), team);
        ModelConfig config = weights.Config;
        using var kv = new KvStore(config.Layers, config.KvHeads, config.HeadDim, KvType.F32, 10);
        using var decoder = new Decoder(weights, kv, team, KernelPaths.Best, tokens.Length, 512);
        var rows = new StepRows(tokens.Length);
        var plan = new AttentionPlan();
        int segment = plan.AddSegment(-1, 0, tokens.Length, [.. Enumerable.Range(0, 10)], isPrivate: false);
        for (int i = 0; i < tokens.Length; i++)
        {
            rows.Add(tokens[i], i, i / 16, i % 16, wantsLogits: i % 3 == 0, wantsHidden: true);
            plan.AddRow(segment, i);
        }

        plan.Build(AttentionMode.Bifurcated, 1, config.KvHeads, config.HeadsPerGroup);
        var logits = new float[rows.LogitCount * config.Vocabulary];
        var hidden = new float[tokens.Length * config.Width];
        decoder.Forward(rows, plan, logits, hidden);

        using var input = new ActivationRows(rows.LogitCount, config.Width);
        input.Load([.. Enumerable.Range(0, rows.LogitCount).SelectMany(i => hidden.AsSpan(3 * i * config.Width, config.Width).ToArray())], rows.LogitCount, config.Width);
        var expected = new float[logits.Length];
        MatrixProduct.Multiply(KernelPaths.Best, team, weights.Output.Weights, input, expected);
        Assert.Equal(expected, logits);
        return [.. hidden.Chunk(config.Width)];
    }
}
