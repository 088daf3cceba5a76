using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Coppice.Kv;

namespace Coppice;

/// <summary>
/// A request on its way: a prompt, then N branches under it. The step loop owns it and alone changes it; a reader waits for
/// <see cref="WaitAsync"/> and looks. Its pages are reserved when it is admitted and returned as its branches end.
/// </summary>
internal sealed class SampleGroup
{
    private readonly SemaphoreSlim _changed = new(0);
    private int _signalled;
    private volatile bool _cancelled;
    private volatile ExceptionDispatchInfo? _failure;
    private volatile bool _finished;
    private long _started;
    private long _prefillEnded;
    private long _ended;
    private int _reservedPages;
    private long _branchPages;

    public SampleGroup(GenerationRequest request, int[] prompt, ulong seed, Branch[] branches)
    {
        Request = request;
        Prompt = prompt;
        Seed = seed;
        Branches = branches;
        StopTokens = [.. request.StopTokens];
    }

    /// <summary>Asks for the log-probability of each token instead of for continuations.</summary>
    public static SampleGroup ForScoring(int[] tokens) =>
        new(new GenerationRequest(tokens), tokens, 0, []) { Scores = new float[tokens.Length - 1] };

    /// <summary>Asks for an embedding of a text instead of for continuations.</summary>
    public static SampleGroup ForEmbedding(int[] tokens, PooledHidden pooled) =>
        new(new GenerationRequest(tokens), tokens, 0, []) { Pooled = pooled };

    public GenerationRequest Request { get; }

    public int[] Prompt { get; }

    public ulong Seed { get; }

    public Branch[] Branches { get; }

    /// <summary>Log-probability of token i + 1 after tokens 0 to i, where scoring was asked for.</summary>
    public float[]? Scores { get; private init; }

    /// <summary>The hidden states so far, where an embedding was asked for.</summary>
    public PooledHidden? Pooled { get; private init; }

    /// <summary>Prompt tokens whose keys and values existed or were on their way.</summary>
    public int ReusedTokens { get; private set; }

    /// <summary>The prompt's segment.</summary>
    public Segment? Context { get; private set; }

    public bool IsPrefilled => Context is { IsSealed: true };

    public bool Cancelled => _cancelled;

    /// <summary>Whether nothing more will happen.</summary>
    public bool Finished => _finished;

    /// <summary>Pages it can come to own: the prompt's, and for each branch those of all tokens but its last.</summary>
    public int PagesNeeded => checked((int)PagesFor(Prompt.Length, Branches.Length, Request.MaxTokens));

    /// <summary>Tokens that end a branch, besides the model's own.</summary>
    public int[] StopTokens { get; }

    /// <summary>Pages that a request can come to own.</summary>
    public static long PagesFor(int promptTokens, int samples, int maxTokens) =>
        Segment.PagesFor(promptTokens) + ((long)samples * Segment.PagesFor(maxTokens - 1));

    public int Steps { get; set; }

    public long DecodedTokens { get; set; }

    public long ContextBytesRead { get; set; }

    public long BranchBytesRead { get; set; }

    public void Cancel() => _cancelled = true;

    /// <summary>Takes its reservation and starts an empty context. False where the pool has too few pages now.</summary>
    public bool TryAdmit(PagePool pool)
    {
        if (!pool.TryReserve(PagesNeeded)) return false;
        _reservedPages = PagesNeeded;
        _started = Stopwatch.GetTimestamp();
        Context = new Segment(pool, null, isPrivate: false, Prompt.Length);
        return true;
    }

    /// <summary>Room for one more token of a segment of this group.</summary>
    public void Append(Segment segment, out int page, out int slot)
    {
        if (!segment.Append(out page, out slot)) return;
        _reservedPages--;
        if (segment.IsPrivate) _branchPages++;
    }

    /// <summary>The prompt is done: seals it and gives every branch an empty suffix under it.</summary>
    public void Fork(PagePool pool)
    {
        Context!.Seal();
        _prefillEnded = _ended = Stopwatch.GetTimestamp();
        foreach (Branch branch in Branches)
            branch.Segment = new Segment(pool, Context, isPrivate: true, Math.Max(1, Request.MaxTokens - 1));
    }

    /// <summary>Returns the pages of branches that ended.</summary>
    public void ReleaseFinished()
    {
        foreach (Branch branch in Branches)
        {
            if (!branch.Finished || branch.Segment is null) continue;
            branch.Segment.Release();
            branch.Segment = null;
        }
    }

    /// <summary>Ends it and returns every page and reservation. Idempotent.</summary>
    public void End(PagePool pool, Exception? failure)
    {
        if (_finished) return;
        foreach (Branch branch in Branches)
        {
            branch.Segment?.Release();
            branch.Segment = null;
        }

        ContextBytes = (Context?.Pages.Length ?? 0) * pool.PageBytes;
        BranchBytes = _branchPages * pool.PageBytes;
        Context?.Release();
        pool.Unreserve(_reservedPages);
        _reservedPages = 0;
        _ended = Stopwatch.GetTimestamp();
        if (failure is not null) _failure = ExceptionDispatchInfo.Capture(failure);
        _finished = true;
        Signal();
    }

    public long ContextBytes { get; private set; }

    public long BranchBytes { get; private set; }

    public TimeSpan PrefillTime => Stopwatch.GetElapsedTime(_started, _prefillEnded);

    public GenerationTimings Timings => new(
        PrefillTime, Stopwatch.GetElapsedTime(_prefillEnded, _ended), Prompt.Length, Steps, DecodedTokens);

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
