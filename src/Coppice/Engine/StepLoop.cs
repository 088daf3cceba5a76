// What happens in a step:
//
//   arrive   new requests join the queue; the oldest are admitted while the pool can promise all their pages
//   batch    one row for each live branch of each group, and a chunk of one prompt that is not finished;
//            rows lie in the order of the plan, so that every shared segment covers a contiguous range of rows
//   forward  one pass of the decoder over all rows: logits of the branches' rows and of a prompt's last row
//   fork     a prompt that is complete is sealed, N empty branches hang under it; its logits give N first tokens
//   sample   one token a branch; a branch that ends returns its pages at once
//   publish  readers are told
//
// One thread runs the loop; there is no other generate loop. A steady decode step allocates nothing on the managed heap.
using System.Runtime.ExceptionServices;
using Coppice.Kernels;
using Coppice.Kernels.Attention;
using Coppice.Kernels.Elementwise;
using Coppice.Kv;
using Coppice.Model;
using Coppice.Sampling;
using Coppice.Tokenizing;

namespace Coppice;

/// <summary>Runs the requests, all of them in the same steps.</summary>
internal sealed class StepLoop : IDisposable
{
    private const int ScoringChunk = 32;
    private const int MostDrawers = 8;
    private readonly Decoder _decoder;
    private readonly PagePool _pool;
    private readonly AttentionPlan _plan = new();
    private readonly StepRows _rows;
    private readonly List<TokenSampler> _samplers = [];
    private readonly List<(SampleGroup Group, Branch Branch)> _draws = [];
    private readonly Action<int, int> _draw;
    private readonly Action<SampleGroup> _planDraws, _advance;
    private readonly WorkerTeam _team;
    private readonly KernelPath _path;
    private readonly EngineOptions _options;
    private readonly ModelConfig _model;
    private readonly HashSet<int> _endTokens;
    private readonly int _tokens;
    private readonly Queue<SampleGroup> _arrivals = new();
    private readonly LinkedList<SampleGroup> _waiting = new();
    private readonly List<SampleGroup> _active = [];
    private readonly List<SampleGroup> _stepping = [];
    private readonly SemaphoreSlim _wake = new(0);
    private readonly Thread _thread;
    private AlignedBuffer<float> _logits;
    private SampleGroup? _prefilling;
    private int _chunkRows;
    private int _drawers;
    private int _warmSteps = int.MaxValue;
    private int _queued;
    private int _activeBranches;
    private bool _ended;
    private volatile bool _stop;

    public StepLoop(Decoder decoder, PagePool pool, ModelConfig model, Tokenizer tokenizer, KernelPath path, EngineOptions options)
    {
        (_decoder, _team, _pool, _model, _path, _options) = (decoder, decoder.Team, pool, model, path, options);
        Attention = options.Attention;
        _endTokens = [.. tokenizer.EndOfGenerationIds];
        _tokens = tokenizer.VocabularySize;
        _rows = new StepRows(decoder.MaxRows);
        (_draw, _planDraws, _advance) = (Draw, PlanDraws, Advance);
        _logits = new AlignedBuffer<float>((long)ScoringChunk * model.Vocabulary);
        _thread = new Thread(Run) { IsBackground = true, Name = "coppice step loop" };
        _thread.Start();
    }

    /// <summary>How the steps from now on read shared contexts.</summary>
    public AttentionMode Attention { get; set; }

    /// <summary>Decode steps measured.</summary>
    public int MeasuredSteps { get; private set; }

    /// <summary>Managed bytes that the measured steps allocated.</summary>
    public long AllocatedBytes { get; private set; }

    /// <summary>Counts the managed bytes of decode steps from now on, after a few that are not counted.</summary>
    public void MeasureAllocations(int warmSteps)
    {
        AllocatedBytes = 0;
        MeasuredSteps = 0;
        _warmSteps = warmSteps;
    }

    /// <summary>Queues a group; false where the queue is full.</summary>
    /// <exception cref="ObjectDisposedException">The loop has ended, or is about to.</exception>
    public bool TrySubmit(SampleGroup group)
    {
        lock (_arrivals)
        {
            ObjectDisposedException.ThrowIf(_stop, typeof(Engine));
            if (_queued >= _options.QueueCapacity) return false;
            _queued++;
            _arrivals.Enqueue(group);
        }

        Wake();
        return true;
    }

    /// <summary>Makes the loop look at arrivals and cancellations now.</summary>
    public void Wake()
    {
        lock (_arrivals)
        {
            if (!_ended && _wake.CurrentCount == 0) _wake.Release();
        }
    }

    /// <summary>Ends all requests and the thread.</summary>
    public void Dispose()
    {
        lock (_arrivals)
        {
            if (_stop) return;
            _stop = true; // from here on nothing arrives, so the loop's last look finds everything
            _wake.Release();
        }

        _thread.Join();
        lock (_arrivals) _ended = true;
        _logits.Dispose();
        _wake.Dispose();
    }

    private void Run()
    {
        while (!_stop)
        {
            Arrive();
            if (_active.Count == 0)
            {
                _wake.Wait();
                continue;
            }

            long before = GC.GetAllocatedBytesForCurrentThread();
            bool decodes = _active.TrueForAll(static g => g.IsPrefilled);
            Step();
            if (!decodes || _active.Count == 0 || --_warmSteps > 0) continue;
            AllocatedBytes += GC.GetAllocatedBytesForCurrentThread() - before;
            MeasuredSteps++;
        }

        Arrive();
        var stopped = new ObjectDisposedException(nameof(Engine));
        while (_active.Count > 0) End(_active[^1], stopped);
        foreach (SampleGroup group in _waiting) group.End(_pool, stopped);
    }

    private void Arrive()
    {
        lock (_arrivals)
        {
            while (_arrivals.TryDequeue(out SampleGroup? group)) _waiting.AddLast(group);
        }

        for (int i = _active.Count - 1; i >= 0; i--)
            if (_active[i].Cancelled) End(_active[i], new OperationCanceledException());
        bool admits = !_stop;
        for (LinkedListNode<SampleGroup>? node = _waiting.First, next; node is not null; node = next)
        {
            next = node.Next;
            SampleGroup group = node.Value;
            if (group.Cancelled) group.End(_pool, new OperationCanceledException());
            else if (!admits) continue;
            else if (!TryAdmit(group))
            {
                admits = group.Finished; // first come, first served: those behind it wait as well
                if (!group.Finished) continue;
            }

            _waiting.Remove(node);
            lock (_arrivals) _queued--;
        }
    }

    /// <summary>Makes room for a group. False where it has to wait, or, finished then, where the memory is not to be had.</summary>
    private bool TryAdmit(SampleGroup group)
    {
        if (_activeBranches + group.Branches.Length > _options.MaxBranches) return false;
        try
        {
            EnsureLogits(_activeBranches + group.Branches.Length + ScoringChunk);
            EnsureSamplers(_activeBranches + group.Branches.Length);
            if (!group.TryAdmit(_pool)) return false;
        }
        catch (OutOfMemoryException e)
        {
            group.End(_pool, e);
            return false;
        }

        _active.Add(group);
        _activeBranches += group.Branches.Length;
        return true;
    }

    private void Step()
    {
        try
        {
            Batch();
            _decoder.Attention.ResetCounters();
            _decoder.Forward(_rows, _plan, _logits.Slice(0, checked(_rows.LogitCount * _model.Vocabulary)));
        }
        catch (Exception e)
        {
            // What a failed pass wrote can't be told; the requests in it end, the others and the engine live.
            foreach (SampleGroup group in _stepping) End(group, e);
            return;
        }

        foreach (SampleGroup group in _stepping) Guarded(group, _planDraws);
        _drawers = Math.Min(_samplers.Count, _draws.Count);
        _team.Run(_drawers, _draw);
        foreach (SampleGroup group in _stepping) Guarded(group, _advance);
        _draws.Clear(); // ended groups are not kept
    }

    /// <summary>What fails here is the group's own and ends no other.</summary>
    private void Guarded(SampleGroup group, Action<SampleGroup> work)
    {
        if (group.Finished) return;
        try
        {
            work(group);
        }
        catch (Exception e)
        {
            End(group, e);
        }
    }

    private void Batch()
    {
        _rows.Clear();
        _plan.Clear();
        _stepping.Clear();
        _prefilling = null;
        foreach (SampleGroup group in _active)
        {
            if (!group.IsPrefilled && _prefilling is not null) continue;
            _stepping.Add(group); // before its rows: a group that fails here is one that ends
            if (group.IsPrefilled) AddBranches(group);
            else _prefilling = group;
        }

        if (_prefilling is not null) AddPromptChunk(_prefilling);
        _plan.Build(Attention, _options.Threads, _model.KvHeads, _model.HeadsPerGroup);
    }

    private void AddBranches(SampleGroup group)
    {
        Segment context = group.Context!;
        context.PlanIndex = _plan.AddSegment(-1, context.Start, context.Written, context.Pages, isPrivate: false);
        foreach (Branch branch in group.Branches)
        {
            if (branch.Finished) continue;
            Segment segment = branch.Segment!;
            int position = segment.Start + segment.Written;
            group.Append(segment, out int page, out int slot);
            segment.PlanIndex = _plan.AddSegment(context.PlanIndex, segment.Start, segment.Written, segment.Pages, isPrivate: true);
            _plan.AddRow(segment.PlanIndex, position);
            branch.LogitIndex = _rows.Add(branch.LastToken, position, page, slot, wantsLogits: true);
        }
    }

    private void AddPromptChunk(SampleGroup group)
    {
        Segment context = group.Context!;
        int from = context.Written;
        int chunk = group.Scores is null ? _options.PrefillChunk : Math.Min(ScoringChunk, _options.PrefillChunk);
        int to = Math.Min(group.Prompt.Length, from + chunk);
        _chunkRows = to - from;
        for (int position = from; position < to; position++)
        {
            group.Append(context, out int page, out int slot);
            bool wantsLogits = group.Scores is not null || position == group.Prompt.Length - 1;
            _rows.Add(group.Prompt[position], position, page, slot, wantsLogits);
        }

        context.PlanIndex = _plan.AddSegment(-1, context.Start, context.Written, context.Pages, isPrivate: false);
        for (int position = from; position < to; position++) _plan.AddRow(context.PlanIndex, position);
    }

    /// <summary>Which branches of a group get a token from this step. A prompt that is done is forked first.</summary>
    private void PlanDraws(SampleGroup group)
    {
        if (ReferenceEquals(group, _prefilling))
        {
            if (group.Scores is not null) Score(group);
            if (group.Context!.Written < group.Prompt.Length) return;
            group.Fork(_pool);
            foreach (Branch branch in group.Branches)
            {
                branch.LogitIndex = _rows.LogitCount - 1;
                _draws.Add((group, branch));
            }

            return;
        }

        CountStep(group);
        foreach (Branch branch in group.Branches)
        {
            if (branch.Finished) continue;
            _draws.Add((group, branch));
            group.DecodedTokens++;
        }
    }

    /// <summary>Draws every so many-th token, on any thread of the team.</summary>
    private void Draw(int drawer, int worker)
    {
        for (int i = drawer; i < _draws.Count; i += _drawers) Draw(_draws[i].Group, _draws[i].Branch, _samplers[drawer]);
    }

    /// <summary>Draws one token: it depends on the branch's logits and state alone.</summary>
    private void Draw(SampleGroup group, Branch branch, TokenSampler sampler)
    {
        branch.DrawFailure = null;
        try
        {
            // A model's output can be wider than its vocabulary: what has no token is never drawn.
            ReadOnlySpan<float> logits = _logits.Slice((long)branch.LogitIndex * _model.Vocabulary, _tokens);
            int position = group.Prompt.Length + branch.Published;
            branch.Drawn = sampler.Sample(
                logits, new SamplerState(group.Request.Sampling, group.Seed, branch.Index, position, branch.History));
        }
        catch (Exception e)
        {
            branch.DrawFailure = e;
        }
    }

    /// <summary>Takes a group past the step: its branches accept their tokens.</summary>
    private void Advance(SampleGroup group)
    {
        if (group.IsPrefilled)
        {
            foreach (Branch branch in group.Branches)
                if (!branch.Finished) Accept(group, branch);
        }

        group.ReleaseFinished();
        if (group.IsPrefilled && Array.TrueForAll(group.Branches, static b => b.Finished)) End(group, null);
        else group.Signal();
    }

    private void Accept(SampleGroup group, Branch branch)
    {
        if (branch.DrawFailure is { } failure) ExceptionDispatchInfo.Throw(failure);
        SampledToken drawn = branch.Drawn;
        bool ends = (!group.Request.IgnoreEnd && _endTokens.Contains(drawn.Token)) || Array.IndexOf(group.StopTokens, drawn.Token) >= 0;
        branch.Accept(drawn.Token, (float)drawn.Logprob, ends);
    }

    /// <summary>The chunk's rows are the step's last ones, and each has logits.</summary>
    private void Score(SampleGroup group)
    {
        int first = group.Context!.Written - _chunkRows;
        for (int i = 0; i < _chunkRows; i++)
        {
            int next = first + i + 1;
            if (next == group.Prompt.Length) break;
            int logitIndex = _rows.LogitCount - _chunkRows + i;
            ReadOnlySpan<float> logits = _logits.Slice((long)logitIndex * _model.Vocabulary, _model.Vocabulary);
            group.Scores![next - 1] = logits[group.Prompt[next]] - Softmax.LogSumExp(_path, logits);
        }
    }

    private void CountStep(SampleGroup group)
    {
        group.Steps++;
        group.ContextBytesRead += _decoder.Attention.BytesRead(group.Context!.PlanIndex);
        foreach (Branch branch in group.Branches)
            if (branch.Segment is { } segment && !branch.Finished) group.BranchBytesRead += _decoder.Attention.BytesRead(segment.PlanIndex);
    }

    private void End(SampleGroup group, Exception? failure)
    {
        if (!_active.Remove(group)) return;
        _activeBranches -= group.Branches.Length;
        group.End(_pool, failure);
    }

    /// <summary>A sampler, 32 bytes a token of the vocabulary, for each thread that can have something to draw.</summary>
    private void EnsureSamplers(int branches)
    {
        int wanted = Math.Min(Math.Min(_options.Threads, MostDrawers), Math.Max(1, branches));
        while (_samplers.Count < wanted) _samplers.Add(new TokenSampler(_model.Vocabulary));
    }

    private void EnsureLogits(int rows)
    {
        long needed = rows * (long)_model.Vocabulary;
        if (_logits.Length >= needed) return;
        var larger = new AlignedBuffer<float>(needed);
        _logits.Dispose();
        _logits = larger;
    }
}
