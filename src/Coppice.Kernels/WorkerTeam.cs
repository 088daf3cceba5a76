using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace Coppice.Kernels;

/// <summary>
/// A fixed team of threads that runs the items of one loop at a time. The caller is worker 0 and takes part. Items are handed
/// out in ascending order, one at a time, to whichever worker is free; kernels are written so that their results do not
/// depend on who ran what. A loop ends when its items are done: a worker that the operating system keeps waiting is not waited for
/// unless it has taken one. Between loops the others spin for a short while (a decode step is hundreds of short loops), then sleep.
/// Where cores are taken by others, helpers that stall the loops are left asleep (<see cref="HelperBudget"/>). A loop allocates nothing.
/// <para>
/// The ticket is (number of the loop, next item). A worker takes an item by exchanging the ticket it has seen for the next one. While
/// a loop is set up the ticket has no item, so an exchange that succeeds is of a loop that was whole when it was read.
/// </para>
/// </summary>
public sealed unsafe class WorkerTeam : IDisposable
{
    private const long NoItem = int.MaxValue;
    private static readonly long s_millisecond = Stopwatch.Frequency / 1000;
    private static readonly long s_microsecond = Math.Max(1, Stopwatch.Frequency / 1_000_000);

    // How long a helper spins for the next loop, and the caller for the last item.
    private static readonly long s_restless = 300 * s_microsecond;
    private static readonly long s_longestSpin = 2 * s_millisecond;
    private static readonly long s_briefSpin = 50 * s_microsecond;

    // What it takes at most, where a core is free, to wake and to come round in a spin.
    private static readonly long s_prompt = 150 * s_microsecond;
    private readonly Thread[] _threads;
    private readonly Bed[] _beds;
    private readonly Bed _callersBed = new();
    private readonly ThreadClock[] _clocks;
    private readonly long[] _ran;
    private readonly long[] _late;
    private readonly HelperBudget _budget;
    private readonly Lock _loop = new();
    private delegate*<void*, int, int, void> _body;
    private Action<int, int>? _action;
    private void* _state;
    private int _items;
    private int _helpers;
    private long _lateBefore;
    private int _done;
    private long _ticket;
    private volatile bool _stop;
    private ExceptionDispatchInfo? _failure;

    /// <summary>Starts a team.</summary>
    /// <param name="threads">Workers, the caller included; at least 1.</param>
    public WorkerTeam(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Threads = threads;
        _helpers = threads - 1;
        _budget = new HelperBudget(_helpers, s_millisecond);
        _threads = new Thread[_helpers];
        _beds = new Bed[_helpers];
        _clocks = new ThreadClock[_helpers];
        _ran = new long[_helpers];
        _late = new long[_helpers];
        for (int i = 0; i < _threads.Length; i++)
        {
            int worker = i + 1;
            _beds[i] = new Bed();
            _threads[i] = new Thread(() => Work(worker)) { IsBackground = true, Name = $"coppice worker {worker}" };
            _threads[i].Start();
        }
    }

    /// <summary>Number of workers, the caller included.</summary>
    public int Threads { get; }

    /// <summary>
    /// Runs <paramref name="body"/>(state, item, worker) for every item in [0, items) and returns when all are done.
    /// One loop at a time; another thread's waits, and one inside a loop of this team is refused.
    /// </summary>
    /// <param name="items">Number of items.</param>
    /// <param name="state">Handed to each call; usually the address of a struct on the caller's stack.</param>
    /// <param name="body">The work of one item; worker is in [0, <see cref="Threads"/>).</param>
    public void Run(int items, void* state, delegate*<void*, int, int, void> body) => Run(items, state, body, null);

    /// <summary>As the other, for callers without pointers.</summary>
    /// <param name="items">Number of items.</param>
    /// <param name="body">The work of (item, worker); made once and kept, so that a loop allocates nothing.</param>
    public void Run(int items, Action<int, int> body)
    {
        ArgumentNullException.ThrowIfNull(body);
        Run(items, null, null, body);
    }

    private void Run(int items, void* state, delegate*<void*, int, int, void> body, Action<int, int>? action)
    {
        if (items <= 0) return;
        ThrowIfInside();
        lock (_loop)
        {
            ObjectDisposedException.ThrowIf(_stop, this);
            int helpers = _threads.Length == 0 || items == 1 ? 0 : _budget.Begin(Stopwatch.GetTimestamp());
            if (helpers == 0)
            {
                if (items > 1) Volatile.Write(ref _helpers, 0);
                for (int item = 0; item < items; item++)
                {
                    if (action is null) body(state, item, 0);
                    else action(item, 0);
                }

                return;
            }

            Interlocked.Exchange(ref _ticket, _ticket | NoItem);
            _body = body;
            _action = action;
            _state = state;
            _items = items;
            _helpers = helpers;
            _done = 0;
            _failure = null;
            Interlocked.Exchange(ref _ticket, NextLoop());
            RunWithHelpers(Math.Min(helpers, items - 1));
            _failure?.Throw();
        }
    }

    /// <summary>The caller's part of a loop that is set up.</summary>
    private void RunWithHelpers(int woken)
    {
        for (int i = 0; i < woken; i++) _beds[i].Wake();
        long start = Stopwatch.GetTimestamp();
        TakeItems(0, out int mine);
        long now = Stopwatch.GetTimestamp(), stalled = 0;
        if (Volatile.Read(ref _done) < _items)
        {
            // The others finish within one item's time of each other, unless one was taken off its core: then this core is better used by
            // another, perhaps by the one that is waited for.
            long until = now + Math.Min(s_longestSpin, s_briefSpin + 2 * (now - start) / Math.Max(1, mine));
            while (Volatile.Read(ref _done) < _items)
            {
                if (now > until)
                {
                    stalled = SleepUntilDone();
                    break;
                }

                Thread.SpinWait(1);
                now = Stopwatch.GetTimestamp();
            }

            now = Stopwatch.GetTimestamp();
        }

        long late = 0;
        for (int i = 0; i < _late.Length; i++) late += Volatile.Read(ref _late[i]);
        _budget.End(now, now - start, stalled + late - _lateBefore);
        _lateBefore = late;
    }

    /// <summary>Sleeps to the end of the loop. Returns for how long a helper that has work was not running, in ticks.</summary>
    private long SleepUntilDone()
    {
        int helpers = _helpers;
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < helpers; i++)
            if (_beds[i].IsTaken || !_clocks[i].TryRead(out _ran[i])) _ran[i] = -1;
        while (Volatile.Read(ref _done) < _items)
        {
            _callersBed.Enter();
            if (Volatile.Read(ref _done) < _items) _callersBed.Sleep();
            else _callersBed.Leave();
        }

        double nanoseconds = Stopwatch.GetElapsedTime(start).TotalNanoseconds, stalled = 0;
        for (int i = 0; i < helpers; i++)
            if (_ran[i] >= 0 && !_beds[i].IsTaken && _clocks[i].TryRead(out long ran)) stalled = Math.Max(stalled, nanoseconds - (ran - _ran[i]));
        return (long)(stalled * 1e-6 * s_millisecond);
    }

    /// <summary>Ends the threads.</summary>
    public void Dispose()
    {
        ThrowIfInside();
        lock (_loop)
        {
            if (_stop) return;
            _stop = true;
            Interlocked.MemoryBarrier();
            foreach (Bed bed in _beds) bed.Wake();
        }

        foreach (Thread thread in _threads) thread.Join();
        foreach (Bed bed in _beds) bed.Dispose();
        _callersBed.Dispose();
    }

    /// <summary>A loop inside a loop of the same team would take the outer one's items away, or wait for itself.</summary>
    private void ThrowIfInside()
    {
        if (_loop.IsHeldByCurrentThread || Array.IndexOf(_threads, Thread.CurrentThread) >= 0)
            throw new InvalidOperationException("a loop of this team is already running on this thread");
    }

    private void Work(int worker)
    {
        _clocks[worker - 1] = ThreadClock.OfCaller();
        Bed bed = _beds[worker - 1];
        int seen = 0;
        while (true)
        {
            AwaitLoop(worker, seen, bed);
            if (_stop) return;
            seen = TakeItems(worker, out _);
        }
    }

    /// <summary>Spins, then sleeps, until there is something for this worker to do.</summary>
    private void AwaitLoop(int worker, int seen, Bed bed)
    {
        if (!Rests(worker, seen)) return;
        long last = Stopwatch.GetTimestamp(), until = last + s_restless;
        do
        {
            Thread.SpinWait(1);
            long now = Stopwatch.GetTimestamp();
            NoteLate(worker, now - last);
            last = now;
            if (worker <= Volatile.Read(ref _helpers) && now < until) continue;
            bed.Enter();
            if (!Rests(worker, seen))
            {
                bed.Leave();
                return;
            }

            NoteLate(worker, bed.Sleep());
            last = Stopwatch.GetTimestamp();
            until = last + s_restless;
        }
        while (Rests(worker, seen));
    }

    /// <summary>Adds up for how long this worker was ready but not running.</summary>
    private void NoteLate(int worker, long ticks)
    {
        if (ticks > s_prompt) Volatile.Write(ref _late[worker - 1], _late[worker - 1] + ticks);
    }

    /// <summary>Whether there is no newer loop for this worker, and no end.</summary>
    private bool Rests(int worker, int loop) => !_stop && (worker > Volatile.Read(ref _helpers) || LoopOf(Volatile.Read(ref _ticket)) == loop);

    private static int LoopOf(long ticket) => (int)(ticket >> 32);

    /// <summary>The first ticket of the loop after this one.</summary>
    private long NextLoop() => (long)unchecked(LoopOf(_ticket) + 1) << 32;

    /// <summary>Runs items until none is left. Returns the number of the loop that has none.</summary>
    private int TakeItems(int worker, out int taken)
    {
        taken = 0;
        while (true)
        {
            long ticket = Volatile.Read(ref _ticket);
            // Read after the ticket; they hold if the exchange below succeeds.
            int items = _items;
            void* state = _state;
            delegate*<void*, int, int, void> body = _body;
            Action<int, int>? action = _action;
            int item = (int)ticket;
            if (item >= items)
            {
                // While items of this worker are not reported no other loop begins, so they are of this one.
                if (taken > 0 && Interlocked.Add(ref _done, taken) == items && worker > 0) _callersBed.Wake();
                return LoopOf(ticket);
            }

            if (Interlocked.CompareExchange(ref _ticket, ticket + 1, ticket) != ticket) continue;
            try
            {
                if (action is null) body(state, item, worker);
                else action(item, worker);
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(e), null);
            }

            taken++;
        }
    }
}
