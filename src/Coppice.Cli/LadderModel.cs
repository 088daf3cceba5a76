using Coppice.Kernels;
using Coppice.Kernels.Attention;
using Coppice.Model;
using Coppice.ModelFiles;

namespace Coppice.Cli;

/// <summary>The rows of a step that is measured.</summary>
/// <param name="Phase">decode: branches under the prompt; prefill: a chunk of the prompt.</param>
/// <param name="Rows">Number of rows.</param>
/// <param name="LogitRows">Rows whose logits are computed, the last ones.</param>
internal sealed record LadderStep(string Phase, int Rows, int LogitRows)
{
    public const string Decode = "decode";
    public const string Prefill = "prefill";
}

/// <summary>
/// A model with a prompt in its KV store, and the steps that are measured on it. Branches are in the middle of a run, and
/// a chunk of the prompt lies in its middle, where it sees as much context as chunks do on average.
/// </summary>
internal sealed class LadderModel : IDisposable
{
    private readonly LadderPlan _plan;
    private readonly int _ownTokens;
    private readonly int[] _tokens;
    private readonly int[] _pages;
    private readonly StepRows _rows;
    private readonly AttentionPlan _attention = new();
    private readonly Decoder _decoder;
    private readonly AlignedBuffer<float> _logits;

    /// <summary>Loads a model; the prompt is yet to be filled in.</summary>
    /// <param name="path">The file.</param>
    /// <param name="plan">What is measured.</param>
    /// <param name="threads">Threads that compute.</param>
    /// <param name="kv">How keys and values are stored.</param>
    public LadderModel(string path, LadderPlan plan, int threads, KvType kv)
    {
        _plan = plan;
        _ownTokens = (plan.Tokens + 1) / 2;
        KernelPath = KernelPaths.FromEnvironment();
        GgufFile file = GgufFile.Open(path);
        Team = new WorkerTeam(threads);
        try
        {
            Weights = ModelWeights.Load(file, ModelConfig.FromGguf(file), Team);
        }
        catch
        {
            file.Dispose();
            Team.Dispose();
            throw;
        }

        int samples = plan.Samples.Max();
        _pages = [.. Enumerable.Range(0, EngineLoading.Pages(plan.PromptTokens) + (samples * EngineLoading.Pages(_ownTokens)))];
        Kv = new KvStore(Config.Layers, Config.KvHeads, Config.HeadDim, kv, _pages.Length);
        _rows = new StepRows(Math.Max(plan.Chunk, samples));
        _decoder = new Decoder(Weights, Kv, Team, KernelPath, _rows.Capacity, Positions);
        _logits = new AlignedBuffer<float>((long)samples * Config.Vocabulary);
        var random = new Random(1);
        _tokens = [.. Enumerable.Range(0, Math.Max(plan.PromptTokens, samples)).Select(_ => random.Next(Config.Vocabulary))];
    }

    /// <summary>The threads.</summary>
    public WorkerTeam Team { get; }

    /// <summary>The weights.</summary>
    public ModelWeights Weights { get; }

    /// <summary>The model's sizes.</summary>
    public ModelConfig Config => Weights.Config;

    /// <summary>Keys and values of the prompt and the branches.</summary>
    public KvStore Kv { get; }

    /// <summary>The instruction set.</summary>
    public KernelPath KernelPath { get; }

    /// <summary>Positions that occur.</summary>
    public int Positions => _plan.PromptTokens + _plan.Tokens + 1;

    /// <summary>The step of so many branches.</summary>
    public static LadderStep Decode(int samples) => new(LadderStep.Decode, samples, samples);

    /// <summary>The step of a chunk of the prompt; the logits of its last token are computed, as those of a prompt's last one are.</summary>
    public LadderStep Prefill() => new(LadderStep.Prefill, _plan.Chunk, 1);

    /// <summary>Computes the keys and values of the prompt, and gives the branches' some values.</summary>
    public void FillIn(CancellationToken cancel)
    {
        for (int from = 0; from < _plan.PromptTokens; from += _plan.Chunk)
        {
            cancel.ThrowIfCancellationRequested();
            _rows.Clear();
            _attention.Clear();
            AddChunk(_rows, _attention, from, Math.Min(_plan.PromptTokens, from + _plan.Chunk), logitRows: 1);
            Forward();
        }

        var random = new Random(2);
        float[] values = [.. Enumerable.Range(0, Config.KvHeads * Config.HeadDim).Select(_ => random.NextSingle() - 0.5f)];
        for (int layer = 0; layer < Config.Layers; layer++)
            for (int page = EngineLoading.Pages(_plan.PromptTokens); page < _pages.Length; page++)
                for (int slot = 0; slot < KvStore.PageTokens; slot++) Kv.Write(KernelPath, layer, page, slot, values, values);
    }

    /// <summary>Fills in a step's rows and who attends to what.</summary>
    public void Arrange(LadderStep step, StepRows rows, AttentionPlan attention)
    {
        rows.Clear();
        attention.Clear();
        if (step.Phase == LadderStep.Decode)
        {
            AddBranches(rows, attention, step.Rows);
        }
        else
        {
            int from = (_plan.PromptTokens - step.Rows) / 2 / KvStore.PageTokens * KvStore.PageTokens;
            AddChunk(rows, attention, from, from + step.Rows, step.LogitRows);
        }

        attention.Build(AttentionMode.Bifurcated, Team.Threads, Config.KvHeads, Config.HeadsPerGroup);
    }

    /// <summary>Runs a whole step of the decoder.</summary>
    public void Run(LadderStep step)
    {
        Arrange(step, _rows, _attention);
        _decoder.Forward(_rows, _attention, Logits(_rows.LogitCount));
    }

    /// <summary>The logits of the last step [rows, vocabulary].</summary>
    public Span<float> Logits(int rows) => _logits.Slice(0, checked(rows * Config.Vocabulary));

    /// <summary>Returns all memory.</summary>
    public void Dispose()
    {
        _logits.Dispose();
        _decoder.Dispose();
        Kv.Dispose();
        Weights.Dispose();
        Team.Dispose();
    }

    private void AddChunk(StepRows rows, AttentionPlan attention, int from, int to, int logitRows)
    {
        int context = attention.AddSegment(-1, 0, to, _pages, isPrivate: false);
        for (int position = from; position < to; position++)
        {
            rows.Add(
                _tokens[position], position, _pages[position / KvStore.PageTokens], position % KvStore.PageTokens, wantsLogits: position >= to - logitRows);
            attention.AddRow(context, position);
        }
    }

    private void AddBranches(StepRows rows, AttentionPlan attention, int samples)
    {
        int prompt = _plan.PromptTokens, promptPages = EngineLoading.Pages(prompt), ownPages = EngineLoading.Pages(_ownTokens);
        int position = prompt + _ownTokens - 1;
        int context = attention.AddSegment(-1, 0, prompt, _pages, isPrivate: false);
        for (int sample = 0; sample < samples; sample++)
        {
            ReadOnlySpan<int> own = _pages.AsSpan(promptPages + (sample * ownPages), ownPages);
            int branch = attention.AddSegment(context, prompt, _ownTokens, own, isPrivate: true);
            attention.AddRow(branch, position);
            rows.Add(_tokens[sample], position, own[^1], (_ownTokens - 1) % KvStore.PageTokens, wantsLogits: true);
        }
    }

    private void Forward()
    {
        _attention.Build(AttentionMode.Bifurcated, Team.Threads, Config.KvHeads, Config.HeadsPerGroup);
        _decoder.Forward(_rows, _attention, Logits(_rows.LogitCount));
    }
}
