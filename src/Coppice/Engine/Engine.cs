using System.Diagnostics;
using System.Runtime.CompilerServices;
using Coppice.Chat;
using Coppice.Kernels;
using Coppice.Kernels.Attention;
using Coppice.Kv;
using Coppice.Model;
using Coppice.ModelFiles;
using Coppice.Sampling;
using Coppice.Tokenizing;

namespace Coppice;

/// <summary>
/// A loaded model that samples groups of continuations. Safe to call from several threads; requests of all of them share the
/// decode steps. Disposing it ends all requests and returns all memory.
/// </summary>
public sealed class Engine : IDisposable
{
    private const int LargestDefaultContext = 131_072;
    private const int MostTopLogprobs = 20;
    private readonly EngineOptions _options;
    private readonly ModelWeights _weights;
    private readonly WorkerTeam _team;
    private readonly KvStore _kv;
    private readonly Decoder _decoder;
    private readonly StepLoop _loop;
    private int _disposal;

    private Engine(ModelWeights weights, Tokenizer tokenizer, ModelChat chat, WorkerTeam team, KernelPath path, EngineOptions options)
    {
        (_weights, Tokenizer, Chat, _team, _options, KernelPath) = (weights, tokenizer, chat, team, options, path);
        ModelConfig model = weights.Config;
        // Learned positions end where the table ends; others may be asked for more than the model was made for.
        int natural = Math.Min(model.ContextLength, LargestDefaultContext);
        ContextLength = model.Architecture.Positions == PositionKind.Learned
            ? Math.Min(options.ContextLength ?? natural, model.ContextLength)
            : options.ContextLength ?? natural;
        EngineSizes.Check(model, options);
        try
        {
            _kv = new KvStore(model.Layers, model.KvHeads, model.HeadDim, options.KvType, EngineSizes.PagesToTake(model, options));
            Pool = new PagePool(_kv, options.PoisonFreedPages);
            _decoder = new Decoder(weights, _kv, team, path, Scheduler.MaxRows(options), ContextLength);
            _loop = new StepLoop(_decoder, Pool, model, tokenizer, path, options);
        }
        catch
        {
            _decoder?.Dispose();
            _kv?.Dispose();
            throw;
        }
    }

    private bool IsDisposed => Volatile.Read(ref _disposal) == 1;

    /// <summary>The model's sizes.</summary>
    public ModelConfig Model => _weights.Config;

    /// <summary>
    /// How shared contexts are read: what the options say, until it is set. A change takes effect with the next step and changes no result.
    /// </summary>
    public AttentionMode Attention
    {
        get => _loop.Attention;
        set => _loop.Attention = value;
    }

    /// <summary>The model's tokenizer.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>How the model is talked to: its chat templates.</summary>
    public ModelChat Chat { get; }

    /// <summary>Positions a prompt and its continuation can take.</summary>
    public int ContextLength { get; }

    /// <summary>The kernel path in use.</summary>
    public KernelPath KernelPath { get; }

    /// <summary>Threads that compute.</summary>
    public int Threads => _options.Threads;

    /// <summary>How long it took to open the file and to read its metadata and tokenizer: the first part of <see cref="LoadTime"/>.</summary>
    public TimeSpan OpenTime { get; private init; }

    /// <summary>How long loading took.</summary>
    public TimeSpan LoadTime { get; private init; }

    internal PagePool Pool { get; }

    /// <summary>Called before each forward pass; what it throws is the step's failure.</summary>
    internal Action? BeforeForward
    {
        set => _loop.BeforeForward = value;
    }

    /// <summary>Throws where a page is lost, or has more than one owner: at any time, from any thread.</summary>
    internal void CheckPages() => _loop.CheckPages();

    /// <summary>Steps since <see cref="MeasureAllocations"/>, its warm ones not counted.</summary>
    internal int MeasuredSteps => _loop.MeasuredSteps;

    /// <summary>Managed bytes that those steps took.</summary>
    internal long AllocatedBytes => _loop.AllocatedBytes;

    /// <summary>Starts to count what decode steps allocate.</summary>
    internal void MeasureAllocations(int warmSteps) => _loop.MeasureAllocations(warmSteps);

    /// <summary>Loads a GGUF model.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Settings; the defaults suit one model on one machine.</param>
    /// <exception cref="ModelFormatException">The file is not a model that can be run; the message says why.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static Engine Load(string path, EngineOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new EngineOptions();
        options.Validate();
        long started = Stopwatch.GetTimestamp();
        KernelPath kernels = options.Kernels ?? KernelPaths.FromEnvironment();
        GgufFile file = GgufFile.Open(path);
        WorkerTeam? team = null;
        ModelWeights? weights = null;
        try
        {
            Tokenizer tokenizer = Tokenizer.FromGguf(file);
            ModelConfig config = ModelConfig.FromGguf(file);
            if (tokenizer.VocabularySize > config.Vocabulary)
                throw new ModelFormatException(file.Path, "tokenizer.ggml.tokens", $"at most {config.Vocabulary} tokens", $"{tokenizer.VocabularySize}");
            TimeSpan opened = Stopwatch.GetElapsedTime(started);
            team = new WorkerTeam(options.Threads);
            weights = ModelWeights.Load(file, config, team, kernels, options.Weights);
            return new Engine(weights, tokenizer, ModelChat.FromGguf(file.Metadata, tokenizer), team, kernels, options) { OpenTime = opened, LoadTime = Stopwatch.GetElapsedTime(started) };
        }
        catch
        {
            weights?.Dispose();
            team?.Dispose();
            file.Dispose();
            throw;
        }
    }

    /// <summary>Samples continuations and hands out what happens, as it happens.</summary>
    /// <param name="request">What to sample.</param>
    /// <param name="cancellation">Ends the request at the next step; its pages return at once.</param>
    /// <returns>The events; leaving the enumeration ends the request as well.</returns>
    /// <exception cref="RequestRejectedException">The request asks for what can't be done.</exception>
    public IAsyncEnumerable<GenerationEvent> StreamAsync(GenerationRequest request, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        return Events(request, Checked(request), cancellation);
    }

    /// <summary>Samples continuations and returns them ranked: <see cref="StreamAsync"/>, folded.</summary>
    /// <inheritdoc cref="StreamAsync"/>
    public async Task<GenerationResult> GenerateAsync(GenerationRequest request, CancellationToken cancellation = default)
    {
        await foreach (GenerationEvent happened in StreamAsync(request, cancellation).ConfigureAwait(false))
            if (happened is GroupFinished finished) return finished.Result;
        throw new InvalidOperationException("a group ended without a result");
    }

    /// <summary>Log-probability of each token after the ones before it.</summary>
    /// <param name="tokens">Two or more tokens, at most <see cref="ContextLength"/>.</param>
    /// <param name="cancellation">Ends the request at the next step.</param>
    /// <returns>[tokens - 1]: entry i is that of token i + 1, natural log.</returns>
    public async Task<IReadOnlyList<float>> ScoreAsync(IReadOnlyList<int> tokens, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        RequestRejectedException.CheckRange("tokens", tokens.Count, 2, ContextLength);
        int[] ids = [.. tokens];
        CheckTokens(ids);
        CheckPages(SampleGroup.PagesFor(ids.Length, 0, 1));
        SampleGroup group = SampleGroup.ForScoring(ids);
        await RunAsync(group, cancellation).ConfigureAwait(false);
        return group.Scores!;
    }

    /// <summary>Elements of an embedding.</summary>
    public int EmbeddingWidth => Model.Width;

    /// <summary>A text as one vector: its tokens' hidden states after the final norm, pooled, of length one.</summary>
    /// <param name="tokens">One or more tokens, at most <see cref="ContextLength"/>.</param>
    /// <param name="pooling">How they become one.</param>
    /// <param name="cancellation">Ends the request at the next step.</param>
    /// <returns>[<see cref="EmbeddingWidth"/>].</returns>
    /// <exception cref="RequestRejectedException">The request asks for what can't be done.</exception>
    public async Task<float[]> EmbedAsync(
        IReadOnlyList<int> tokens, EmbeddingPooling pooling = EmbeddingPooling.Mean, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        RequestRejectedException.CheckRange("tokens", tokens.Count, 1, ContextLength);
        RequestRejectedException.CheckRange("pooling", (int)pooling, (int)EmbeddingPooling.Mean, (int)EmbeddingPooling.Last);
        int[] ids = [.. tokens];
        CheckTokens(ids);
        CheckPages(SampleGroup.PagesFor(ids.Length, 0, 1));
        var pooled = new PooledHidden(pooling, EmbeddingWidth);
        await RunAsync(SampleGroup.ForEmbedding(ids, pooled), cancellation).ConfigureAwait(false);
        return pooled.Normalized();
    }

    /// <summary>What the engine holds and has done; cheap, from any thread.</summary>
    public EngineStatistics Statistics => _loop.Statistics();

    /// <summary>The prefixes that are kept, parents before children.</summary>
    public IReadOnlyList<PrefixNode> PrefixTree() => _loop.PrefixNodes();

    /// <summary>Keeps a prefix of later prompts in memory until the handle is disposed; computes it where it is not there yet.</summary>
    /// <param name="tokens">The prefix; what does not fill a tile of 64 tokens at its end is not kept.</param>
    /// <param name="cancellation">Ends the request at the next step.</param>
    /// <exception cref="RequestRejectedException">There is no room for it beside what was promised to others.</exception>
    public async Task<PrefixHandle> PinPrefixAsync(IReadOnlyList<int> tokens, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        RequestRejectedException.CheckRange("tokens", tokens.Count, 0, ContextLength);
        int[] ids = [.. tokens.Take(tokens.Count / AttentionPlan.TileTokens * AttentionPlan.TileTokens)];
        CheckTokens(ids);
        if (ids.Length == 0) return new PrefixHandle(0, null);
        SampleGroup pin = SampleGroup.ForPin(ids);
        try
        {
            await RunAsync(pin, cancellation).ConfigureAwait(false);
            return new PrefixHandle(ids.Length, () => _loop.Cancel(pin));
        }
        catch
        {
            _loop.Cancel(pin);
            throw;
        }
    }

    /// <summary>Frees every kept prefix that is neither in use nor pinned.</summary>
    /// <returns>Pages freed.</returns>
    public int DropPrefixes() => _loop.DropPrefixes();

    /// <summary>Completes when no request waits or runs. It does not keep new ones from coming.</summary>
    /// <param name="cancellation">Ends the wait.</param>
    public Task DrainAsync(CancellationToken cancellation = default) => _loop.DrainAsync(cancellation);

    /// <summary>Ends all requests and returns all memory.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposal, 1) == 1) return;
        _loop.Dispose();
        _decoder.Dispose();
        _kv.Dispose();
        _weights.Dispose();
        _team.Dispose();
    }

    private async IAsyncEnumerable<GenerationEvent> Events(
        GenerationRequest request, int[] prompt, [EnumeratorCancellation] CancellationToken cancellation)
    {
        // Made here, so that each enumeration is a run of its own.
        SampleGroup group = MakeGroup(request, prompt);
        Submit(group);
        var texts = new BranchReader[group.Branches.Length];
        for (int i = 0; i < texts.Length; i++) texts[i] = new BranchReader(group.Branches[i], Tokenizer);
        bool prefilled = false;
        try
        {
            while (true)
            {
                cancellation.ThrowIfCancellationRequested();
                bool last = group.Finished;
                if (last) group.ThrowIfFailed();
                if (!prefilled && (last || Array.Exists(group.Branches, b => b.Published > 0 || b.Finished)))
                {
                    prefilled = true;
                    yield return new PromptProcessed(group.Prompt.Length, group.ReusedTokens, group.PrefillTime);
                }

                foreach (BranchReader text in texts)
                    while (text.Next() is { } happened) yield return happened;
                if (last) break;
                await group.WaitAsync(cancellation).ConfigureAwait(false);
            }

            yield return new GroupFinished(GroupResult.Of(group, texts));
        }
        finally
        {
            Leave(group);
        }
    }

    /// <summary>Checks a request before memory is taken for it.</summary>
    /// <returns>The prompt's tokens.</returns>
    private int[] Checked(GenerationRequest request)
    {
        int[] prompt = request.Prompt is { } text ? Tokenizer.Encode(text) : [.. request.PromptTokens!];
        RequestRejectedException.CheckRange("samples", request.Samples, 1, _options.MaxBranches);
        RequestRejectedException.CheckRange("max-tokens", request.MaxTokens, 1, ContextLength);
        RequestRejectedException.CheckRange("top-logprobs", request.TopLogprobs, 0, Math.Min(MostTopLogprobs, Tokenizer.VocabularySize));
        if (prompt.Length == 0) throw new RequestRejectedException("prompt", "at least one token", "none");
        if ((long)prompt.Length + request.MaxTokens > ContextLength)
        {
            throw new RequestRejectedException(
                "prompt", $"prompt and max-tokens within the context of {ContextLength} tokens", $"{prompt.Length} + {request.MaxTokens}");
        }

        if (request.Stop.Any(string.IsNullOrEmpty)) throw new RequestRejectedException("stop", "texts that are not empty", "an empty one");
        CheckTokens(prompt);
        request.Sampling.CheckVocabulary(Model.Vocabulary);
        request.Ranking.Validate();
        CheckPages(SampleGroup.PagesFor(prompt.Length, request.Samples, request.MaxTokens));
        return prompt;
    }

    private SampleGroup MakeGroup(GenerationRequest request, int[] prompt)
    {
        ulong seed = request.Sampling.Seed ?? (ulong)Random.Shared.NextInt64();
        var branches = new Branch[request.Samples];
        for (int i = 0; i < branches.Length; i++) branches[i] = new Branch(i, request, Tokenizer);
        return new SampleGroup(request, prompt, seed, branches);
    }

    private void CheckTokens(int[] tokens)
    {
        foreach (int token in tokens)
            RequestRejectedException.CheckRange("prompt token", token, 0, Model.Vocabulary - 1);
    }

    private void CheckPages(long pages)
    {
        if (pages <= Pool.PageCount) return;
        throw new RequestRejectedException(
            "kv-tokens", $"at most {Pool.PageCount * KvStore.PageTokens} tokens of prompt and branches", $"{pages * KvStore.PageTokens}");
    }

    private async Task RunAsync(SampleGroup group, CancellationToken cancellation)
    {
        Submit(group);
        try
        {
            while (!group.Finished) await group.WaitAsync(cancellation).ConfigureAwait(false);
        }
        finally
        {
            Leave(group);
        }

        group.ThrowIfFailed();
    }

    private void Submit(SampleGroup group)
    {
        if (!_loop.TrySubmit(group)) throw new QueueFullException(_options.QueueCapacity);
    }

    private void Leave(SampleGroup group)
    {
        if (group.Finished) return;
        _loop.Cancel(group);
    }
}
