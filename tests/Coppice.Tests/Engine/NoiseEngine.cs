using Coppice.Kernels;
using Coppice.Kernels.Attention;
using Coppice.Sampling;

namespace Coppice.Tests.Engines;

/// <summary>Engines of the small model that comes with the repository, requests of made-up tokens, and the bits of answers.</summary>
internal static class NoiseEngine
{
    private const int Vocabulary = 512;

    public static Engine Load(
        int kvTokens = 16_384, int chunk = 256, int threads = 1, KernelPath? path = null, KvType kv = KvType.F16, Func<EngineOptions, EngineOptions>? options = null)
    {
        var all = new EngineOptions
        {
            Kernels = path, Threads = threads, PrefillChunk = chunk, KvType = kv, KvTokens = kvTokens, ContextLength = 1024, PoisonFreedPages = true,
        };
        return Engine.Load(Repository.File("assets/tiny-noise.gguf"), options is null ? all : options(all));
    }

    /// <summary>Tokens that are a function of a number.</summary>
    public static int[] Tokens(int seed, int count)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(3, Vocabulary))];
    }

    public static GenerationRequest Request(int[] prompt, int samples = 1, int maxTokens = 8, ulong seed = 7) =>
        new(prompt) { Samples = samples, MaxTokens = maxTokens, IgnoreEnd = true, Sampling = new SamplingOptions { Temperature = 1, Seed = seed } };

    public static async Task<List<GenerationResult>> OneByOne(Engine engine, IEnumerable<GenerationRequest> requests)
    {
        var results = new List<GenerationResult>();
        foreach (GenerationRequest request in requests) results.Add(await engine.GenerateAsync(request));
        return results;
    }

    public static string Bits(GenerationResult result) => string.Join('\n', result.Choices.OrderBy(c => c.Index)
        .Select(c => $"{c.Index}: {string.Join(' ', c.TokenIds)} | {string.Join(' ', c.Logprobs.Select(l => BitConverter.SingleToInt32Bits(l)))}"));
}
