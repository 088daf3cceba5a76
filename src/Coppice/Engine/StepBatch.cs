using Coppice.Kernels.Attention;
using Coppice.Kv;
using Coppice.Model;

namespace Coppice;

/// <summary>
/// The rows of one step and who reads what: the segments of all requests as one forest, depth first, so that every shared segment
/// covers a contiguous range of rows and is read once for all of them.
/// </summary>
internal sealed class StepBatch(ModelConfig model, EngineOptions options, int maxRows)
{
    private readonly SegmentForest _forest = new();
    private volatile AttentionMode _attention = options.Attention;
    private AttentionMode _built;

    /// <summary>How shared contexts are read, from the next step on; may be set by any thread.</summary>
    public AttentionMode Attention { get => _attention; set => _attention = value; }

    /// <summary>The rows.</summary>
    public StepRows Rows { get; } = new(maxRows);

    /// <summary>Who attends to what.</summary>
    public AttentionPlan Plan { get; } = new();

    /// <summary>Lays the step out and takes the pages that were reserved for it.</summary>
    /// <param name="work">What it computes.</param>
    public void Build(List<StepWork> work)
    {
        Rows.Clear();
        Plan.Clear();
        _forest.Clear();
        work.RemoveAll(static w => w.Segment.Step.Rows == 0); // they gave way
        for (int i = 0; i < work.Count; i++)
        {
            work[i].Segment.Step.Work = i;
            _forest.Include(work[i].Segment);
        }

        for (Segment? segment = _forest.First; segment is not null; segment = _forest.Next(segment)) Add(segment, work);
        _built = _attention; // the counters below are of this step
        Plan.Build(_built, options.Threads, model.KvHeads, model.HeadsPerGroup);
    }

    /// <summary>Counts what the step's attention read: for each group that decodes what lies on its paths, for the engine everything once.</summary>
    /// <param name="work">The step.</param>
    /// <param name="attention">The kernel, with the step's counters.</param>
    /// <param name="totals">The engine's counts.</param>
    public void CountTraffic(List<StepWork> work, AttentionKernel attention, StepCounters totals)
    {
        foreach (StepWork w in work)
        {
            if (w.Branch is null) continue;
            w.Group.BranchBytesRead += attention.BytesRead(w.Segment.PlanIndex);
            if (w.Draws && w.Rows <= AttentionPlan.BlockRows && w.Group.StepBranches++ == 0) w.Group.Steps++;
        }

        foreach (StepWork w in work)
        {
            if (w.Group.StepBranches == 0) continue;
            for (Segment? s = w.Group.Context; s is not null; s = s.Parent)
            {
                long bytes = attention.BytesReadTogether(s.PlanIndex);
                w.Group.ContextBytesRead += _built == AttentionMode.Repeated ? bytes / s.Step.Readers * w.Group.StepBranches : bytes;
            }

            w.Group.StepBranches = 0;
        }

        for (Segment? s = _forest.First; s is not null; s = _forest.Next(s))
        {
            if (s.IsPrivate)
            {
                totals.BranchBytesRead += attention.BytesRead(s.PlanIndex);
                continue;
            }

            long bytes = attention.BytesReadTogether(s.PlanIndex);
            totals.ContextBytesRead += bytes;
            totals.ContextBytesRepeated += _built == AttentionMode.Repeated ? bytes : bytes * s.Step.Readers;
        }
    }

    private void Add(Segment segment, List<StepWork> work)
    {
        SegmentStep step = segment.Step;
        step.Readers = 0;
        int first = Rows.Count;
        if (step.Rows > 0)
        {
            StepWork w = work[step.Work];
            if (w.Branch is null) AddPrompt(w);
            else AddBranch(w);
        }

        segment.PlanIndex = Plan.AddSegment(segment.Parent?.PlanIndex ?? -1, segment.Start, segment.Written, segment.Pages, segment.IsPrivate);
        for (int row = first; row < Rows.Count; row++) Plan.AddRow(segment.PlanIndex, Rows.Positions[row]);
        // Longer runs are cut into blocks, which read for themselves.
        bool readsTogether = step.Rows is > 0 and <= AttentionPlan.BlockRows;
        for (Segment? s = segment; readsTogether && s is not null; s = s.Parent) s.Step.Readers++;
        (step.Rows, step.Pages) = (0, 0);
    }

    private void AddPrompt(StepWork work)
    {
        SampleGroup group = work.Group;
        ReadOnlySpan<int> ids = work.Segment.Ids.Span;
        bool isEnd = ReferenceEquals(work.Segment, group.Context);
        int firstHidden = Rows.HiddenCount;
        if (isEnd) group.StepLogit = Rows.LogitCount;
        for (int i = work.From; i < work.From + work.Rows; i++)
        {
            work.Segment.Append(out int page, out int slot);
            bool isLast = isEnd && i == ids.Length - 1;
            bool wantsLogits = group.Scores is not null || (isLast && group.Pooled is null && !group.IsForked);
            Rows.Add(ids[i], work.Segment.Start + i, page, slot, wantsLogits, group.Pooled?.Wants(isLast) ?? false);
        }

        group.StepHidden = (firstHidden, Rows.HiddenCount - firstHidden);
    }

    private void AddBranch(StepWork work)
    {
        Branch branch = work.Branch!;
        for (int i = work.From; i < work.From + work.Rows; i++)
        {
            work.Group.Append(work.Segment, out int page, out int slot);
            branch.LogitIndex = Rows.Add(branch.Tokens[i], work.Segment.Start + i, page, slot, wantsLogits: i == branch.Published - 1);
        }
    }
}
