using Coppice.Kernels.Formats;
using Coppice.LlamaCpp;

namespace Coppice.PeerBench;

/// <summary>
/// llama.cpp, driven as its own batched benchmark drives it with a shared prompt: one prefill in sequence 0, copied to the
/// others, then one batch a step. With a unified cache the copy marks cells; with a stream for each sequence it copies them,
/// which the next batch does: that batch belongs to the fork here.
/// </summary>
internal sealed class LlamaCppEngine : IBenchEngine
{
    /// <summary>Tokens it computes at once; its own default.</summary>
    public const int MicroBatchTokens = 512;

    private const int MostBatchTokens = 2048;
    private const int CacheRounding = 256;

    private readonly LlamaCppContext _context;
    private readonly LlamaCppThreads _pool;
    private readonly bool _unified;
    private readonly int _batchTokens;
    private int _promptTokens;
    private int _steps;
    private int _samples;

    /// <summary>Makes a context.</summary>
    /// <param name="model">The model.</param>
    /// <param name="workload">What it will be asked to do.</param>
    /// <param name="setting">How it holds and reads the cache.</param>
    /// <param name="cacheType">How keys and values are stored.</param>
    /// <param name="pool">The threads, shared with the other contexts.</param>
    public LlamaCppEngine(LlamaCppModel model, Workload workload, LlamaCppSetting setting, TensorType cacheType, LlamaCppThreads pool)
    {
        Setting = setting.Name;
        _pool = pool;
        _unified = setting.UnifiedCache;
        _batchTokens = Math.Max(workload.MostSamples, Math.Min(workload.PromptTokens, MostBatchTokens));
        _context = new LlamaCppContext(model, new LlamaCppContextOptions
        {
            ContextTokens = KvTokens(workload, setting),
            BatchTokens = _batchTokens,
            MicroBatchTokens = MicroBatchTokens,
            MaxSequences = workload.MostSamples,
            Threads = pool.Count,
            Pool = pool,
            FlashAttention = setting.FlashAttention,
            UnifiedCache = _unified,
            KeyType = cacheType,
            ValueType = cacheType,
        });
    }

    public string Name => EngineNames.LlamaCpp;

    public string Setting { get; }

    /// <summary>Cells of the cache: of all streams together.</summary>
    public static int KvTokens(Workload workload, LlamaCppSetting setting)
    {
        int perSample = workload.Tokens + 1;
        return setting.UnifiedCache
            ? workload.PromptTokens + (workload.MostSamples * perSample)
            : workload.MostSamples * ((workload.PromptTokens + perSample + CacheRounding - 1) / CacheRounding * CacheRounding);
    }

    /// <summary>Computes with so many of its threads from now on.</summary>
    public void UseThreads(int threads) => _context.SetThreads(threads);

    public void Wake() => _pool.Wake();

    public void Rest() => _pool.Rest();

    public void Prefill(ReadOnlySpan<int> prompt)
    {
        _context.MemoryClear();
        _promptTokens = prompt.Length;
        for (int start = 0; start < prompt.Length; start += _batchTokens)
        {
            ReadOnlySpan<int> part = prompt[start..Math.Min(start + _batchTokens, prompt.Length)];
            int[] positions = [.. Enumerable.Range(start, part.Length)];
            bool[] outputs = new bool[part.Length];
            outputs[^1] = start + part.Length == prompt.Length;
            _context.Decode(part, positions, new int[part.Length], outputs);
        }

        _context.Synchronize();
    }

    public void Fork(int samples)
    {
        _samples = samples;
        _steps = 0;
        for (int sample = 1; sample < samples; sample++) _context.MemorySeqCp(0, sample);
        if (_unified || samples == 1) return;
        _context.Decode([0], [_promptTokens], [0], [true]);
        _context.Synchronize();
        _context.MemorySeqRm(0, _promptTokens);
    }

    public void Step(ReadOnlySpan<int> tokens)
    {
        int[] positions = new int[tokens.Length];
        Array.Fill(positions, _promptTokens + _steps++);
        bool[] outputs = new bool[tokens.Length];
        Array.Fill(outputs, true);
        _context.Decode(tokens, positions, [.. Enumerable.Range(0, tokens.Length)], outputs);
        _context.Synchronize();
    }

    public void Rewind()
    {
        for (int sample = 1; sample < _samples; sample++) _context.MemorySeqRm(sample);
        _context.MemorySeqRm(0, _promptTokens);
    }

    public void Dispose() => _context.Dispose();
}

/// <summary>One of llama.cpp's four ways to hold and read the cache.</summary>
internal sealed record LlamaCppSetting(string Name, bool FlashAttention, bool UnifiedCache)
{
    /// <summary>All of them, since none is the fastest everywhere. Where memory lacks, the last are left out.</summary>
    public static IReadOnlyList<LlamaCppSetting> All { get; } =
    [
        new("fa,unified", FlashAttention: true, UnifiedCache: true),
        new("nofa,unified", FlashAttention: false, UnifiedCache: true),
        new("nofa,streams", FlashAttention: false, UnifiedCache: false),
        new("fa,streams", FlashAttention: true, UnifiedCache: false),
    ];
}

/// <summary>How reports name the engines.</summary>
internal static class EngineNames
{
    public const string LlamaCpp = "llama.cpp";

    public const string Coppice = "Coppice";
}
