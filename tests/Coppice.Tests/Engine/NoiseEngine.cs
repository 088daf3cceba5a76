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

    /// <summary>Runs requests that are all there before the first step is computed.</summary>
    public static async Task<GenerationResult[]> Together(Engine engine, IEnumerable<GenerationRequest> requests)
    {
        using IDisposable held = Hold(engine);
        Task<GenerationResult>[] tasks = [.. requests.Select(r => engine.GenerateAsync(r))];
        held.Dispose();
        return await Task.WhenAll(tasks);
    }

    /// <summary>Keeps the engine from computing its next step, for a minute at most, until disposed.</summary>
    public static IDisposable Hold(Engine engine)
    {
        var hold = new Held();
        engine.BeforeForward = hold.Wait;
        return hold;
    }

    private sealed class Held : IDisposable
    {
        private readonly ManualResetEventSlim _released = new();

        public void Wait() => _released.Wait(TimeSpan.FromMinutes(1));

        // Only set: the step loop may be about to wait.
        public void Dispose() => _released.Set();
    }

    public static string Bits(GenerationResult result) => string.Join('\n', result.Choices.OrderBy(c => c.Index)
        .Select(c => $"{c.Index}: {string.Join(' ', c.TokenIds)} | {string.Join(' ', c.Logprobs.Select(l => BitConverter.SingleToInt32Bits(l)))}"));
}
