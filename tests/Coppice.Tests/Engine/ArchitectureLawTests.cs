using Coppice.Kernels;
using Coppice.Kernels.Attention;
using Coppice.Kernels.Formats;
using Coppice.Model;
using Coppice.Sampling;

namespace Coppice.Tests.Engines;

/// <summary>The batch and path laws on every architecture: windows, caps, post-norms, learned positions, K-quants, halves.</summary>
public sealed class ArchitectureLawTests
{
    public static TheoryData<string, TensorType, KvType> Models() => new()
    {
        { "tiny-mistral", TensorType.Q4_K, KvType.F16 }, { "tiny-qwen2", TensorType.Q5_1, KvType.F16 }, { "tiny-qwen3", TensorType.Q6_K, KvType.F16 },
        { "tiny-phi3", TensorType.F16, KvType.F16 }, { "tiny-gemma2", TensorType.Q2_K, KvType.F16 }, { "tiny-gemma3", TensorType.BF16, KvType.F16 },
        { "tiny-starcoder", TensorType.Q3_K, KvType.F16 }, { "tiny-llama3", TensorType.F32, KvType.F32 },
        { "tiny-mistral", TensorType.Q4_0, KvType.Q8_0 }, { "tiny-gemma2", TensorType.Q8_0, KvType.Q8_0 }, { "tiny-starcoder", TensorType.Q8_0, KvType.Q8_0 },
    };

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Bits_depend_on_the_request_alone(string shape, TensorType type, KvType kv)
    {
        using TemporaryModel model = RandomModel.WriteTemporary(ModelShapes.Find(shape)!, type);
        string? expected = null;
        (KernelPath Path, int Threads, int Chunk, AttentionMode Mode, int Samples, WeightStorage Weights)[] ways =
        [
            (KernelPaths.Best, 2, 256, AttentionMode.Bifurcated, 3, WeightStorage.Packed),
            (KernelPaths.Best, 2, 100, AttentionMode.Bifurcated, 4, WeightStorage.Mapped),
            (KernelPaths.Best, 1, 7, AttentionMode.Repeated, 3, WeightStorage.Packed),
            (KernelPath.Scalar, 1, 64, AttentionMode.Bifurcated, 3, WeightStorage.Mapped),
            (KernelPaths.Available[Math.Max(0, KernelPaths.Available.Count - 2)], 2, 33, AttentionMode.Bifurcated, 5, WeightStorage.Packed),
        ];
        foreach (var way in ways)
        {
            using Engine engine = Engine.Load(model.Path, new EngineOptions
            {
                Kernels = way.Path, Threads = way.Threads, PrefillChunk = way.Chunk, Attention = way.Mode, Weights = way.Weights, KvType = kv, KvTokens = 4096, PoisonFreedPages = true,
            });
            GenerationResult result = await engine.GenerateAsync(new GenerationRequest(Enumerable.Range(5, 70).ToArray())
            {
                Samples = way.Samples, MaxTokens = 20, IgnoreEnd = true, Sampling = new SamplingOptions { Seed = 3 },
            });
            string bits = string.Join('\n', result.Choices.Where(c => c.Index < 3).OrderBy(c => c.Index)
                .Select(c => $"{string.Join(' ', c.TokenIds)} | {string.Join(' ', c.Logprobs.Select(l => BitConverter.SingleToInt32Bits(l)))}"));
            expected ??= bits;
            Assert.Equal(expected, bits);
        }
    }
}
