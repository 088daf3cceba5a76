// What happens in a step:
//
//   schedule  requests come and go; the scheduler deals out pages and says which tokens the step computes: see Scheduler.cs
//   batch     their rows in the order of the forest, so that every shared segment covers a contiguous range of rows
//   forward   one pass of the decoder over all rows: logits of the branches' rows and of a prompt's last row
//   fork      a prompt that is complete gives N branches their first tokens from its logits
//   sample    one token a branch; a branch that ends returns its pages at once
//   publish   readers are told
//
// One thread runs the loop; there is no other generate loop. All state is changed under _gate, which is free during the forward
// pass: there other threads look, and drop what the step does not use. A steady decode step allocates nothing on the managed heap.
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
    private readonly Decoder _decoder;
    private readonly PagePool _pool;
    private readonly PrefixTree _tree;
    private readonly Scheduler _scheduler;
    private readonly StepBatch _batch;
    private readonly StepSampler _sampler;
    private readonly KernelPath _path;
    private readonly ModelConfig _model;
    private readonly EngineMeter _meter;
    private readonly HashSet<int> _endTokens;
    private readonly StepCounters _counters = new();
    private readonly List<TaskCompletionSource> _draining = [];
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _wake = new(0);
    private readonly Thread _thread;
    private AlignedBuffer<float> _logits;
    private AlignedBuffer<float> _hidden = new(0);
    private int _warmSteps = int.MaxValue;
    private bool _ended;
    private volatile bool _stop;

    public StepLoop(Decoder decoder, PagePool pool, ModelConfig model, Tokenizer tokenizer, KernelPath path, EngineOptions options)
    {
        (_decoder, _pool, _model, _path) = (decoder, pool, model, path);
        _tree = new PrefixTree(pool, options.KeepPrefixes);
        _scheduler = new Scheduler(pool, _tree, options, MakeRoom);
        _batch = new StepBatch(model, options, decoder.MaxRows);
        _sampler = new StepSampler(decoder.Team, model.Vocabulary, tokenizer.VocabularySize, options.Threads);
        _endTokens = [.. tokenizer.EndOfGenerationIds];
        _logits = new AlignedBuffer<float>((long)Scheduler.ScoringRows * model.Vocabulary);
        _meter = new EngineMeter(Statistics);
        _thread = new Thread(Run) { IsBackground = true, Name = "coppice step loop" };
        _thread.Start();
    }

    /// <summary>How the steps from now on read shared contexts.</summary>
    public AttentionMode Attention { get => _batch.Attention; set => _batch.Attention = value; }

    /// <summary>Decode steps measured.</summary>
    public int MeasuredSteps { get; private set; }

    /// <summary>Managed bytes that the measured steps allocated.</summary>
    public long AllocatedBytes { get; private set; }

    /// <summary>Called before each forward pass; what it throws is the step's failure. For tests.</summary>
    public Action? BeforeForward { get; set; }

    /// <summary>Counts the managed bytes of decode steps from now on, after a few that are not counted.</summary>
    public void MeasureAllocations(int warmSteps)
    {
        AllocatedBytes = 0;
        MeasuredSteps = 0;
        _warmSteps = warmSteps;
    }

    /// <summary>Queues a group; false where the queue is full.</summary>
    /// <exception cref="ObjectDisposedException">The loop has ended, or is about to.</exception>
    /// <exception cref="RequestRejectedException">The group could not be served even alone.</exception>
    public bool TrySubmit(SampleGroup group)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_stop, typeof(Engine));
            if (!_scheduler.TryAdd(group)) return false;
            WakeInside();
            return true;
        }
    }

    /// <summary>Ends a group at the next step, for a reader that has gone.</summary>
    public void Cancel(SampleGroup group)
    {
        lock (_gate)
        {
            group.Cancel();
            if (!_ended && group.TakePin() is { } leaf) _scheduler.Unpin(leaf, group.PagesNeeded);
            WakeInside();
        }
    }

    /// <summary>Frees the prefixes that nobody uses. Returns the pages freed.</summary>
    public int DropPrefixes()
    {
        lock (_gate) return _ended ? 0 : _tree.Drop();
    }

    /// <summary>What there is and was, for any thread.</summary>
    public EngineStatistics Statistics()
    {
        lock (_gate) return EngineReport.Statistics(_scheduler, _pool, _tree, _counters);
    }

    /// <summary>The prefix tree as it stands, parents before children.</summary>
    public IReadOnlyList<PrefixNode> PrefixNodes()
    {
        lock (_gate) return EngineReport.PrefixNodes(_tree);
    }

    /// <summary>Throws where the page law is broken.</summary>
    public void CheckPages()
    {
        lock (_gate) EngineReport.CheckPages(_scheduler, _pool, _tree);
    }

    /// <summary>Completes when nothing waits and nothing runs.</summary>
    public Task DrainAsync(CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_ended || _scheduler.IsIdle) return Task.CompletedTask;
            var idle = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _draining.Add(idle);
            return idle.Task.WaitAsync(cancellation);
        }
    }

    /// <summary>Ends all requests and the thread.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_stop) return;
            _stop = true; // from here on nothing arrives, so the loop's last look finds everything
            _wake.Release();
        }

        _thread.Join();
        _meter.Dispose();
        _logits.Dispose();
        _hidden.Dispose();
        _wake.Dispose();
    }

    private void WakeInside()
    {
        if (!_ended && _wake.CurrentCount == 0) _wake.Release();
    }

    private void Run()
    {
        while (!_stop)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            if (!TrySchedule())
            {
                _wake.Wait();
                continue;
            }

            bool decodes = !_scheduler.Work.Exists(static w => w.Branch is null);
            Step();
            if (!decodes || _scheduler.Groups.Count == 0 || --_warmSteps > 0) continue;
            AllocatedBytes += GC.GetAllocatedBytesForCurrentThread() - before;
            MeasuredSteps++;
        }

        lock (_gate)
        {
            _scheduler.EndAll(new ObjectDisposedException(nameof(Engine)));
            _ended = true;
            TellIdle();
        }
    }

    /// <summary>Prepares the next step. False where there is nothing to do.</summary>
    private bool TrySchedule()
    {
        lock (_gate)
        {
            _scheduler.EndCancelled();
            while (!_scheduler.IsIdle)
            {
                try
                {
                    _scheduler.Schedule();
                    if (_scheduler.Work.Count == 0 && !_scheduler.IsIdle) throw new InvalidOperationException("no page was found for the oldest request");
                    _batch.Build(_scheduler.Work);
                    if (_scheduler.Work.Count > 0) return true;
                }
                catch (Exception e)
                {
                    Fail(e);
                }
            }

            TellIdle();
            return false;
        }
    }

    private void Step()
    {
        try
        {
            BeforeForward?.Invoke();
            Reserve(ref _hidden, _batch.Rows.HiddenCount * (long)_model.Width);
            _decoder.Attention.ResetCounters();
            _decoder.Forward(
                _batch.Rows, _batch.Plan, _logits.Slice(0, checked(_batch.Rows.LogitCount * _model.Vocabulary)),
                _hidden.Slice(0, _batch.Rows.HiddenCount * _model.Width));
        }
        catch (Exception e)
        {
            lock (_gate) Fail(e);
            return;
        }

        lock (_gate)
        {
            try
            {
                Advance();
            }
            catch (Exception e)
            {
                Fail(e); // as where somebody who listens to the meter throws
            }
        }
    }

    /// <summary>What a failed pass wrote can't be told; the requests in it end, the others and the engine live.</summary>
    private void Fail(Exception failure)
    {
        _sampler.Draws.Clear();
        _scheduler.Rewind();
        foreach (StepWork work in _scheduler.Work) _scheduler.End(work.Group, failure);
        if (_scheduler.Work.Count == 0 && _scheduler.Groups.Count > 0) _scheduler.End(_scheduler.Groups[0], failure);
        _scheduler.Work.Clear();
    }

    /// <summary>Takes the requests past the step. What fails here is a request's own and ends no other.</summary>
    private void Advance()
    {
        List<StepWork> work = _scheduler.Work;
        _counters.Steps++;
        _meter.CountStep(_batch.Rows.Count);
        _batch.CountTraffic(work, _decoder.Attention, _counters);
        foreach (StepWork w in work)
        {
            try
            {
                PlanDraws(w);
            }
            catch (Exception e)
            {
                End(w.Group, e);
            }
        }

        _sampler.Run(_logits);
        foreach ((SampleGroup group, Branch branch) in _sampler.Draws)
        {
            try
            {
                Accept(group, branch);
            }
            catch (Exception e)
            {
                End(group, e);
            }
        }

        _sampler.Draws.Clear(); // ended groups are not kept
        foreach (StepWork w in work) Settle(w.Group);
    }

    /// <summary>Which branches get a token from this step. A prompt that is done is forked first.</summary>
    private void PlanDraws(in StepWork work)
    {
        SampleGroup group = work.Group;
        if (work.Branch is { } branch)
        {
            if (!work.Draws) return;
            _sampler.Add(group, branch, branch.LogitIndex);
            group.DecodedTokens++;
            return;
        }

        if (group.Scores is not null) Score(work);
        for (int i = 0; i < group.StepHidden.Count; i++)
            group.Pooled!.Add(_hidden.Slice((group.StepHidden.First + i) * (long)_model.Width, _model.Width));
        if (!work.CompletesPrompt || group.IsForked || group.IsPin) return;
        group.Fork();
        if (group.Branches.Length > 0) _meter.CountFirstToken(group.TimeToFirstToken);
        foreach (Branch forked in group.Branches) _sampler.Add(group, forked, group.StepLogit);
    }

    private void Accept(SampleGroup group, Branch branch)
    {
        if (group.Finished) return;
        if (branch.DrawFailure is { } failure) ExceptionDispatchInfo.Throw(failure);
        _counters.GeneratedTokens++;
        SampledToken drawn = branch.Drawn;
        bool ends = (!group.Request.IgnoreEnd && _endTokens.Contains(drawn.Token)) || Array.IndexOf(group.StopTokens, drawn.Token) >= 0;
        branch.Accept(drawn.Token, (float)drawn.Logprob, ends);
        group.IsChanged = true;
    }

    /// <summary>Returns what ended branches held, ends a group that is done and tells its reader; once for all its work.</summary>
    private void Settle(SampleGroup group)
    {
        if (group.Finished || !group.IsForked) return;
        if (Array.TrueForAll(group.Branches, static b => b.Finished))
        {
            End(group, null);
            return;
        }

        if (!group.IsChanged) return;
        group.IsChanged = false;
        _scheduler.StopFinished(group);
        group.Signal();
    }

    /// <summary>Each row of the chunk has logits.</summary>
    private void Score(in StepWork work)
    {
        SampleGroup group = work.Group;
        for (int i = 0; i < work.Rows; i++)
        {
            int next = work.From + i + 1;
            if (next == group.Prompt.Length) break;
            ReadOnlySpan<float> logits = _logits.Slice((group.StepLogit + i) * (long)_model.Vocabulary, _model.Vocabulary);
            group.Scores![next - 1] = logits[group.Prompt[next]] - Softmax.LogSumExp(_path, logits);
        }
    }

    private void End(SampleGroup group, Exception? failure)
    {
        if (group.Finished) return;
        _scheduler.End(group, failure);
        if (failure is null && group.Steps > 0) _meter.CountDecode(group.Timings.Decode / group.Steps);
    }

    private void TellIdle()
    {
        foreach (TaskCompletionSource idle in _draining) idle.SetResult();
        _draining.Clear();
    }

    private void MakeRoom(int branches)
    {
        _sampler.MakeRoom(branches);
        Reserve(ref _logits, (branches + Scheduler.ScoringRows) * (long)_model.Vocabulary);
    }

    private static void Reserve(ref AlignedBuffer<float> buffer, long elements)
    {
        if (buffer.Length >= elements) return;
        var larger = new AlignedBuffer<float>(elements);
        buffer.Dispose();
        buffer = larger;
    }
}
