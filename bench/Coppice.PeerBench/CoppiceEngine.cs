using Coppice.Kernels;
using Coppice.Kernels.Attention;
using Coppice.Kernels.Formats;
using Coppice.Model;
using Coppice.ModelFiles;

namespace Coppice.PeerBench;

/// <summary>Coppice's decoder, driven as its step loop drives it: one sealed context, a private segment for each continuation.</summary>
internal sealed class CoppiceEngine : IBenchEngine
{
    private const int Chunk = 512;
    private readonly WorkerTeam _team;
    private readonly ModelWeights _weights;
    private readonly KvStore _kv;
    private readonly Decoder _decoder;
    private readonly StepRows _rows;
    private readonly AttentionPlan _plan = new();
    private readonly AlignedBuffer<float> _logits;
    private readonly AttentionMode _mode;
    private readonly int _threads;
    private readonly int _promptPages;
    private readonly int _samplePages;
    private readonly int[] _pages;
    private int _promptTokens;
    private int _steps;

    public CoppiceEngine(string path, Workload workload, AttentionMode mode, TensorType cacheType, int threads)
    {
        _mode = mode;
        _threads = threads;
        _team = new WorkerTeam(threads);
        GgufFile file = GgufFile.Open(path);
        ModelConfig config = ModelConfig.FromGguf(file);
        _weights = ModelWeights.Load(file, config, _team);
        int samples = workload.Samples.Max();
        _promptPages = Pages(workload.PromptTokens);
        _samplePages = Pages(workload.Tokens + 1);
        _pages = [.. Enumerable.Range(0, _promptPages + samples * _samplePages)];
        KvType kvType = Enum.Parse<KvType>(cacheType.ToString());
        _kv = new KvStore(config.Layers, config.KvHeads, config.HeadDim, kvType, _pages.Length);
        _rows = new StepRows(Math.Max(Chunk, samples));
        _decoder = new Decoder(_weights, _kv, _team, KernelPaths.FromEnvironment(), _rows.Capacity, workload.PromptTokens + workload.Tokens + 1);
        _logits = new AlignedBuffer<float>((long)samples * config.Vocabulary);
    }

    public string Name => "Coppice";

    public string Setting => _mode == AttentionMode.Bifurcated ? "bifurcated" : "repeated";

    public void Prefill(ReadOnlySpan<int> prompt)
    {
        _promptTokens = prompt.Length;
        for (int start = 0; start < prompt.Length; start += Chunk)
        {
            int end = Math.Min(start + Chunk, prompt.Length);
            Begin();
            int context = _plan.AddSegment(-1, 0, end, _pages.AsSpan(0, Pages(end)), isPrivate: false);
            for (int position = start; position < end; position++)
            {
                int page = _pages[position / KvStore.PageTokens];
                _rows.Add(prompt[position], position, page, position % KvStore.PageTokens, position == prompt.Length - 1);
                _plan.AddRow(context, position);
            }

            Forward();
        }
    }

    public void Fork(int samples) => _steps = 0;

    public void Step(ReadOnlySpan<int> tokens)
    {
        Begin();
        int context = _plan.AddSegment(-1, 0, _promptTokens, _pages.AsSpan(0, Pages(_promptTokens)), isPrivate: false);
        int position = _promptTokens + _steps;
        for (int sample = 0; sample < tokens.Length; sample++)
        {
            ReadOnlySpan<int> own = _pages.AsSpan(_promptPages + sample * _samplePages, Pages(_steps + 1));
            int branch = _plan.AddSegment(context, _promptTokens, _steps + 1, own, isPrivate: true);
            _plan.AddRow(branch, position);
            _rows.Add(tokens[sample], position, own[^1], _steps % KvStore.PageTokens, wantsLogits: true);
        }

        _steps++;
        Forward();
    }

    public void Rewind() => _steps = 0;

    public void Dispose()
    {
        _logits.Dispose();
        _decoder.Dispose();
        _kv.Dispose();
        _weights.Dispose();
        _team.Dispose();
    }

    private static int Pages(int tokens) => (tokens + KvStore.PageTokens - 1) / KvStore.PageTokens;

    private void Begin()
    {
        _rows.Clear();
        _plan.Clear();
    }

    private void Forward()
    {
        ModelConfig config = _weights.Config;
        _plan.Build(_mode, _threads, config.KvHeads, config.HeadsPerGroup);
        _decoder.Forward(_rows, _plan, _logits.Slice(0, _rows.LogitCount * config.Vocabulary));
    }
}
