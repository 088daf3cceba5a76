using Coppice.LlamaCpp;

namespace Coppice.Oracle.Tests;

public class BindingTests
{
    [Fact]
    public void Model_parameters_have_the_layout_that_the_library_fills()
    {
        TestInputs.RequireLlamaCpp();
        NativeModelParams defaults = NativeMethods.DefaultModelParams();
        Assert.Equal(-1, defaults.GpuLayers);
        Assert.Equal(1, defaults.SplitMode);
        Assert.Equal(-1, defaults.LoadMode);
        Assert.Equal(1, defaults.LazyMode);
        Assert.Equal(0, defaults.MainGpu);
        Assert.Equal(0, defaults.ProgressCallback);
        Assert.Equal(0, defaults.KeyValueOverrides);
        Assert.Equal(
            (false, false, true, false, false, false),
            (defaults.VocabularyOnly, defaults.CheckTensors, defaults.UseExtraBuffers, defaults.NoHost, defaults.NoAlloc, defaults.LoadMtp));
    }

    [Fact]
    public void Context_parameters_have_the_layout_that_the_library_fills()
    {
        TestInputs.RequireLlamaCpp();
        NativeContextParams defaults = NativeMethods.DefaultContextParams();
        Assert.Equal((512u, 2048u, 512u, 1u), (defaults.ContextTokens, defaults.BatchTokens, defaults.MicroBatchTokens, defaults.MaxSequences));
        Assert.Equal((0u, 0u, 1u), (defaults.RecurrentSnapshots, defaults.MaxOutputs, defaults.MaxOutputsPerSequence));
        Assert.Equal((4, 4), (defaults.Threads, defaults.BatchThreads));
        Assert.Equal((0, -1, -1, -1, -1), (defaults.ContextType, defaults.RopeScalingType, defaults.PoolingType, defaults.AttentionType, defaults.FlashAttention));
        Assert.Equal((0f, 0f), (defaults.RopeFrequencyBase, defaults.RopeFrequencyScale));
        Assert.Equal((-1f, -1f, -1f, -1f), (defaults.YarnExtFactor, defaults.YarnAttentionFactor, defaults.YarnBetaFast, defaults.YarnBetaSlow));
        Assert.Equal((0u, -1f), (defaults.YarnOriginalContext, defaults.DefragThreshold));
        Assert.Equal((1, 1), (defaults.KeyType, defaults.ValueType));
        Assert.Equal(
            (false, true, true, true, true, false),
            (defaults.Embeddings, defaults.OffloadKqv, defaults.NoPerf, defaults.OffloadOperations, defaults.FullSizeSlidingWindow, defaults.UnifiedCache));
        Assert.Equal((0, 0u, 0), (defaults.Samplers, defaults.SamplerCount, defaults.OtherContext));
    }

    [Fact]
    public void A_file_that_is_no_model_is_refused_with_its_name()
    {
        TestInputs.RequireLlamaCpp();
        string path = TestInputs.Data("stories260K", "LICENSE");
        LlamaCppException error = Assert.Throws<LlamaCppException>(() => LlamaCppModel.Load(path));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains("magic", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Text_survives_a_round_trip_through_tokens()
    {
        TestInputs.RequireLlamaCpp();
        using LlamaCppModel model = LlamaCppModel.Load(TestInputs.Data("stories260K", "stories260K-f32.gguf"), new LlamaCppModelOptions { VocabularyOnly = true });
        int[] tokens = model.Tokenize("Once upon a time");
        Assert.Equal([1, 403, 407, 261, 378], tokens);
        Assert.Equal("Once upon a time", model.Detokenize(tokens).Trim());
        Assert.Equal(512, model.VocabularySize);
        Assert.Empty(model.Tokenize("", addSpecial: false));
    }

    [Fact]
    public void A_copied_sequence_continues_like_the_original()
    {
        TestInputs.RequireLlamaCpp();
        using LlamaCppModel model = LlamaCppModel.Load(TestInputs.Data("stories260K", "stories260K-f32.gguf"));
        foreach (bool unified in (ReadOnlySpan<bool>)[true, false])
        {
            using var context = new LlamaCppContext(model, new LlamaCppContextOptions { Threads = 1, MaxSequences = 2, UnifiedCache = unified });
            context.Decode([1, 403, 407], [0, 1, 2], [0, 0, 0], [false, false, false]);
            context.MemorySeqCp(0, 1);
            Assert.Equal(2, context.LastPosition(1));
            context.Decode([261, 261], [3, 3], [0, 1], [true, true]);
            for (int token = 0; token < model.VocabularySize; token++)
                Assert.Equal(context.Logits(0)[token], context.Logits(1)[token], 1e-4f);
            Assert.True(context.MemorySeqRm(0, 3));
            Assert.Equal(2, context.LastPosition(0));
            context.MemoryClear();
            Assert.Equal(-1, context.LastPosition(1));
        }
    }

    [Fact]
    public void Threads_that_stay_compute_the_same()
    {
        TestInputs.RequireLlamaCpp();
        Assert.NotEmpty(LlamaCppLibrary.Variant);
        using LlamaCppModel model = LlamaCppModel.Load(TestInputs.Data("stories260K", "stories260K-f32.gguf"));
        using var pool = new LlamaCppThreads(2);
        using var own = new LlamaCppContext(model, new LlamaCppContextOptions { Threads = 2 });
        using var kept = new LlamaCppContext(model, new LlamaCppContextOptions { Threads = 2, Pool = pool });
        Assert.Throws<ArgumentOutOfRangeException>(() => new LlamaCppContext(model, new LlamaCppContextOptions { Threads = 3, Pool = pool }));
        Assert.Throws<ArgumentOutOfRangeException>(() => kept.SetThreads(3));
        own.Decode([1, 403, 407], [0, 1, 2], [0, 0, 0], [false, false, true]);
        foreach (int threads in (int[])[2, 1])
        {
            kept.MemoryClear();
            kept.SetThreads(threads);
            pool.Wake();
            kept.Decode([1, 403, 407], [0, 1, 2], [0, 0, 0], [false, false, true]);
            kept.Synchronize();
            pool.Rest();
            Assert.Equal(own.Logits(2), kept.Logits(2));
        }
    }

    [Fact]
    public void Wrong_arguments_are_refused_before_they_reach_the_library()
    {
        TestInputs.RequireLlamaCpp();
        using LlamaCppModel model = LlamaCppModel.Load(TestInputs.Data("stories260K", "stories260K-f32.gguf"));
        using var context = new LlamaCppContext(model, new LlamaCppContextOptions { BatchTokens = 2 });
        Assert.Throws<ArgumentException>(() => context.Decode([1, 2, 3], [0, 1, 2], [0, 0, 0], [true, true, true]));
        Assert.Throws<ArgumentException>(() => context.Decode([1, 2], [0], [0, 0], [true, true]));
        Assert.Throws<LlamaCppException>(() => context.Decode([99999], [0], [0], [true]));
        Assert.Throws<ArgumentOutOfRangeException>(() => context.MemorySeqCp(0, 1));
        context.Decode([1, 2], [0, 1], [0, 0], [false, true]);
        Assert.Throws<ArgumentException>(() => context.Logits(0).Length);
        Assert.Equal(512, context.Logits(1).Length);
    }
}
