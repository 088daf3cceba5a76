using Coppice.Kernels.Attention;
using Coppice.Model;

namespace Coppice.PeerBench;

/// <summary>A setting of llama.cpp that does not take part, and why.</summary>
internal sealed record LeftOut(string Setting, string Reason);

/// <summary>
/// What the engines of one model and context take, so that they can exist side by side: estimated from the model's sizes before
/// anything is made, and a little too much rather than too little.
/// </summary>
/// <param name="WeightBytes">Bytes of the file's tensors.</param>
/// <param name="KvBytesPerToken">Bytes of a token's keys and values.</param>
/// <param name="Heads">Query heads.</param>
/// <param name="Vocabulary">Tokens of the vocabulary.</param>
internal sealed record EngineMemory(long WeightBytes, long KvBytesPerToken, int Heads, int Vocabulary)
{
    private const long Gibibyte = 1L << 30;

    public EngineMemory(ModelConfig config, long weightBytes, KvType cache)
        : this(weightBytes, config.KvBytesPerToken(cache), config.Heads, config.Vocabulary)
    {
    }

    /// <summary>The file's pages, and each engine's own copy of the weights in its layout; Coppice's is up to a twentieth larger.</summary>
    public long Weights => (3 * WeightBytes) + (WeightBytes / 20);

    /// <summary>Coppice's keys and values, and its rows and logits.</summary>
    public long Coppice(Workload workload) =>
        (KvBytesPerToken * CoppiceEngine.KvTokens(workload)) + (4L * Vocabulary * workload.MostSamples) + (Gibibyte / 4);

    /// <summary>A context of llama.cpp: keys and values, the logits of a batch and, without flash attention, its scores before and after the softmax.</summary>
    public long LlamaCpp(Workload workload, LlamaCppSetting setting)
    {
        long rows = LlamaCppEngine.MicroBatchTokens;
        long scores = setting.FlashAttention ? 0 : 2 * 4 * rows * Heads * workload.PromptTokens;
        return (KvBytesPerToken * LlamaCppEngine.KvTokens(workload, setting)) + (4L * Vocabulary * rows) + scores + (Gibibyte / 8);
    }

    /// <summary>Takes settings in their order as long as there is room for all that were taken.</summary>
    /// <param name="settings">The settings asked for.</param>
    /// <param name="workload">What they will do.</param>
    /// <param name="coppiceEngines">Engines of Coppice beside them.</param>
    /// <param name="available">Bytes to be had.</param>
    public (IReadOnlyList<LlamaCppSetting> Fitting, IReadOnlyList<LeftOut> LeftOut) Choose(
        IEnumerable<LlamaCppSetting> settings, Workload workload, int coppiceEngines, long available)
    {
        var fitting = new List<LlamaCppSetting>();
        var leftOut = new List<LeftOut>();
        long taken = Weights + (coppiceEngines * Coppice(workload));
        foreach (LlamaCppSetting setting in settings)
        {
            long needed = LlamaCpp(workload, setting);
            if (taken + needed <= available)
            {
                fitting.Add(setting);
                taken += needed;
            }
            else
            {
                leftOut.Add(new LeftOut(setting.Name, $"needs {Text(needed)} beside {Text(taken)} of the engines before it, and {Text(available)} are to be had"));
            }
        }

        return (fitting, leftOut);
    }

    private static string Text(long bytes) => FormattableString.Invariant($"{(double)bytes / Gibibyte:f1} GiB");
}
