using Coppice.Kernels;
using Coppice.Kernels.Attention;
using Coppice.Model;
using Coppice.ModelFiles;

namespace Coppice.Tests.Shared;

/// <summary>Runs the decoder over a whole text in one step.</summary>
internal sealed class DecoderRun : IDisposable
{
    private readonly WorkerTeam _team = new(2);
    private readonly ModelWeights _weights;
    private readonly KernelPath _path;
    private readonly KvType _kvType;

    public DecoderRun(string path, KvType kvType, KernelPath kernels)
    {
        GgufFile file = GgufFile.Open(path);
        _weights = ModelWeights.Load(file, ModelConfig.FromGguf(file), _team);
        _kvType = kvType;
        _path = kernels;
    }

    /// <summary>The logits after each token: [tokens][vocabulary].</summary>
    public float[][] Logits(int[] tokens)
    {
        ModelConfig config = _weights.Config;
        int[] pages = [.. Enumerable.Range(0, (tokens.Length + KvStore.PageTokens - 1) / KvStore.PageTokens)];
        using var kv = new KvStore(config.Layers, config.KvHeads, config.HeadDim, _kvType, pages.Length);
        using var decoder = new Decoder(_weights, kv, _team, _path, tokens.Length, Math.Max(config.ContextLength, tokens.Length));
        var rows = new StepRows(tokens.Length);
        var plan = new AttentionPlan();
        int segment = plan.AddSegment(-1, 0, tokens.Length, pages, isPrivate: false);
        for (int i = 0; i < tokens.Length; i++)
        {
            rows.Add(tokens[i], i, pages[i / KvStore.PageTokens], i % KvStore.PageTokens, wantsLogits: true);
            plan.AddRow(segment, i);
        }

        plan.Build(AttentionMode.Bifurcated, 2, config.KvHeads, config.HeadsPerGroup);
        var logits = new float[tokens.Length * config.Vocabulary];
        decoder.Forward(rows, plan, logits);
        return [.. logits.Chunk(config.Vocabulary)];
    }

    public void Dispose()
    {
        _weights.Dispose();
        _team.Dispose();
    }
}
