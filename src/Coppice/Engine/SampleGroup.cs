using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Coppice.Kv;

namespace Coppice;

/// <summary>
/// A request on its way: a prompt, then N branches under it. The step loop owns it and alone changes it; a reader waits for
/// <see cref="WaitAsync"/> and looks. It holds its prompt's segments from its beginning to its end, except while it is paused.
/// </summary>
internal sealed class SampleGroup
{
    private readonly SemaphoreSlim _changed = new(0);
    private readonly long _submitted = Stopwatch.GetTimestamp();
    private int _signalled;
    private volatile bool _cancelled;
    private volatile ExceptionDispatchInfo? _failure;
    private volatile bool _finished;
    private long _started;
    private long _prefillEnded;
    private long _ended;
    private long _branchPages;
    private PrefixTreeNode? _pinned;

    public SampleGroup(GenerationRequest request, int[] prompt, ulong seed, Branch[] branches)
    {
        Request = request;
        Prompt = prompt;
        Seed = seed;
        Branches = branches;
        StopTokens = [.. request.StopTokens];
        SharedTokens = request.ReusePrefix ? PrefixTree.SharedTokens(prompt.Length) : 0;
    }

    /// <summary>Asks for the log-probability of each token instead of for continuations.</summary>
    public static SampleGroup ForScoring(int[] tokens) =>
        new(new GenerationRequest(tokens) { ReusePrefix = false }, tokens, 0, []) { Scores = new float[tokens.Length - 1] };

    /// <summary>Asks for an embedding of a text instead of for continuations.</summary>
    public static SampleGroup ForEmbedding(int[] tokens, PooledHidden pooled) =>
        new(new GenerationRequest(tokens) { ReusePrefix = false }, tokens, 0, []) { Pooled = pooled };

    /// <summary>Asks for the keys and values of a prefix alone.</summary>
    /// <param name="tokens">Whole tiles.</param>
    public static SampleGroup ForPin(int[] tokens) =>
        new(new GenerationRequest(tokens), tokens, 0, []) { IsPin = true, SharedTokens = tokens.Length };

    public GenerationRequest Request { get; }

    public int[] Prompt { get; }

    public ulong Seed { get; }

    public Branch[] Branches { get; }

    /// <summary>Tokens that end a branch, besides the model's own.</summary>
    public int[] StopTokens { get; }

    /// <summary>Log-probability of token i + 1 after tokens 0 to i, where scoring was asked for.</summary>
    public float[]? Scores { get; private init; }

    /// <summary>The hidden states so far, where an embedding was asked for.</summary>
    public PooledHidden? Pooled { get; private init; }

    /// <summary>Whether it computes a prefix that is to stay.</summary>
    public bool IsPin { get; private init; }

    /// <summary>Prompt tokens that lie in the prefix tree; the rest is the group's own.</summary>
    public int SharedTokens { get; private init; }

    /// <summary>Prompt tokens whose keys and values existed, or were on their way, when it began.</summary>
    public int ReusedTokens { get; private set; }

    /// <summary>The last of the prompt's nodes, or null.</summary>
    public PrefixTreeNode? Leaf { get; private set; }

    /// <summary>The end of the prompt, the group's own; null before it begins, while it is paused, and for a pin.</summary>
    public Segment? Context { get; private set; }

    /// <summary>The last segment of the prompt, while there is one.</summary>
    public Segment? PromptEnd => Context ?? Leaf?.Segment;

    /// <summary>Whether all the prompt's keys and values are there.</summary>
    public bool IsPromptWritten => PromptEnd is { IsSealed: true };

    /// <summary>Whether the branches have their first tokens; it stays so.</summary>
    public bool IsForked { get; private set; }

    /// <summary>Whether it has begun; it stays so.</summary>
    public bool HasBegun => _started != 0;

    public bool Cancelled => _cancelled;

    /// <summary>Whether nothing more will happen.</summary>
    public bool Finished => _finished;

    /// <summary>Pages it can come to own: the prompt's, and for each branch those of all tokens but its last.</summary>
    public int PagesNeeded => checked((int)PagesFor(Prompt.Length, Branches.Length, Request.MaxTokens));

    /// <summary>Of them, those of one branch; 0 where there are none.</summary>
    public int PagesOfBranch => Branches.Length == 0 ? 0 : Segment.PagesFor(Request.MaxTokens - 1);

    /// <summary>Pages that a request can come to own.</summary>
    public static long PagesFor(int promptTokens, int samples, int maxTokens) =>
        Segment.PagesFor(promptTokens) + ((long)samples * Segment.PagesFor(maxTokens - 1));

    public int Steps { get; set; }

    public long DecodedTokens { get; set; }

    public long ContextBytesRead { get; set; }

    public long BranchBytesRead { get; set; }

    /// <summary>Counts of the step that is under way: branches that took part.</summary>
    public int StepBranches { get; set; }

    /// <summary>Index of the first logits that the step makes for the prompt.</summary>
    public int StepLogit { get; set; }

    /// <summary>The hidden states that the step makes for the prompt.</summary>
    public (int First, int Count) StepHidden { get; set; }

    /// <summary>Whether the step gave it tokens that its reader has not been told of.</summary>
    public bool IsChanged { get; set; }

    public KvMemory Memory { get; private set; } = new(0, 0);

    public TimeSpan PrefillTime => Stopwatch.GetElapsedTime(_started, _prefillEnded);

    /// <summary>From its submission to its first tokens.</summary>
    public TimeSpan TimeToFirstToken => Stopwatch.GetElapsedTime(_submitted, _prefillEnded);

    public GenerationTimings Timings => new(
        PrefillTime, Stopwatch.GetElapsedTime(_prefillEnded, _ended), Prompt.Length, Steps, DecodedTokens);

    public void Cancel() => _cancelled = true;

    /// <summary>Takes its place in the tree, at its beginning and after a pause.</summary>
    public void Enter(PagePool pool, PrefixTree tree)
    {
        Pooled?.Clear();
        if (!HasBegun)
            foreach (Branch branch in Branches) branch.Begin(Prompt);
        Leaf = tree.Attach(Prompt.AsMemory(0, SharedTokens), out int matched);
        int own = Prompt.Length - SharedTokens;
        if (own > 0) Context = new Segment(pool, Leaf?.Segment, isPrivate: false, own) { Ids = Prompt.AsMemory(SharedTokens) };
        if (HasBegun) return;
        _started = Stopwatch.GetTimestamp();
        ReusedTokens = matched;
    }

    /// <summary>Gives back all that it holds, at its end and for a pause.</summary>
    public void Leave(PrefixTree tree)
    {
        foreach (Branch branch in Branches) Release(branch);
        Context?.Release();
        Context = null;
        tree.Detach(Leaf);
        Leaf = null;
    }

    /// <summary>Makes a pin of its place in the tree, which it holds beyond its end then.</summary>
    public void Pin()
    {
        PrefixTree.Pin(Leaf, pins: true);
        (_pinned, Leaf) = (Leaf, null);
    }

    /// <summary>Takes the pin, once.</summary>
    /// <returns>The last pinned node, or null.</returns>
    public PrefixTreeNode? TakePin()
    {
        PrefixTreeNode? leaf = _pinned;
        _pinned = null;
        return leaf;
    }

    /// <summary>The prompt is done: from here on there are branches.</summary>
    public void Fork()
    {
        IsForked = true;
        _prefillEnded = _ended = Stopwatch.GetTimestamp();
    }

    /// <summary>Gives a branch an empty suffix.</summary>
    public void Start(PagePool pool, Branch branch) =>
        branch.Segment = new Segment(pool, Context, isPrivate: true, Math.Max(1, Request.MaxTokens - 1));

    /// <summary>Takes a branch's pages; its tokens stay.</summary>
    /// <returns>Whether it had any.</returns>
    public bool Park(Branch branch)
    {
        int pages = branch.Segment!.Pages.Length;
        _branchPages -= pages;
        branch.IsParked |= pages > 0;
        Release(branch);
        return pages > 0;
    }

    /// <summary>Returns the pages of a branch.</summary>
    public static void Release(Branch branch)
    {
        branch.Segment?.Release();
        branch.Segment = null;
    }

    /// <summary>Room for one more token of a branch.</summary>
    public void Append(Segment segment, out int page, out int slot)
    {
        if (segment.Append(out page, out slot)) _branchPages++;
    }

    /// <summary>Ends it and returns every page. Idempotent.</summary>
    public void End(PagePool pool, PrefixTree tree, Exception? failure)
    {
        if (_finished) return;
        Leave(tree);
        Memory = new KvMemory(Segment.PagesFor(Prompt.Length) * pool.PageBytes, _branchPages * pool.PageBytes);
        _ended = Stopwatch.GetTimestamp();
        if (failure is not null) _failure = ExceptionDispatchInfo.Capture(failure);
        _finished = true;
        Signal();
    }

    /// <summary>Tells the reader to look. Allocates nothing where nobody waits.</summary>
    public void Signal()
    {
        if (Interlocked.Exchange(ref _signalled, 1) == 0) _changed.Release();
    }

    /// <summary>Waits until something changed since the last look.</summary>
    public async ValueTask WaitAsync(CancellationToken cancellation)
    {
        await _changed.WaitAsync(cancellation).ConfigureAwait(false);
        // A full fence: what is read after this is at least as new as the signal that this clears.
        Interlocked.Exchange(ref _signalled, 0);
    }

    public void ThrowIfFailed() => _failure?.Throw();
}
