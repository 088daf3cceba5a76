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
    private const int MicroBatchTokens = 512;
    private const int CacheRounding = 256;

    private readonly LlamaCppContext _context;
    private readonly bool _unified;
    private readonly int _batchTokens;
    private int _promptTokens;
    private int _steps;
    private int _samples;

    public LlamaCppEngine(LlamaCppModel model, Workload workload, LlamaCppSetting setting, TensorType cacheType, int threads)
    {
        Setting = setting.Name;
        _unified = setting.UnifiedCache;
        int most = workload.Samples.Max();
        int perSample = workload.Tokens + 1;
        int perStream = (workload.PromptTokens + perSample + CacheRounding - 1) / CacheRounding * CacheRounding;
        _batchTokens = Math.Max(most, Math.Min(workload.PromptTokens, 2048));
        _context = new LlamaCppContext(model, new LlamaCppContextOptions
        {
            ContextTokens = _unified ? workload.PromptTokens + most * perSample : most * perStream,
            BatchTokens = _batchTokens,
            MicroBatchTokens = MicroBatchTokens,
            MaxSequences = most,
            Threads = threads,
            FlashAttention = setting.FlashAttention,
            UnifiedCache = _unified,
            KeyType = cacheType,
            ValueType = cacheType,
        });
    }

    public string Name => "llama.cpp";

    public string Setting { get; }

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
    /// <summary>All of them: none is the fastest everywhere.</summary>
    public static IReadOnlyList<LlamaCppSetting> All { get; } =
    [
        new("fa,unified", FlashAttention: true, UnifiedCache: true),
        new("fa,streams", FlashAttention: true, UnifiedCache: false),
        new("nofa,unified", FlashAttention: false, UnifiedCache: true),
        new("nofa,streams", FlashAttention: false, UnifiedCache: false),
    ];
}
