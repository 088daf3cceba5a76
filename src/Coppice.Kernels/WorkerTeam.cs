using System.Runtime.ExceptionServices;

namespace Coppice.Kernels;

/// <summary>
/// A fixed team of threads that runs the items of one loop at a time. The caller is worker 0 and takes part. Items are handed
/// out in ascending order, one at a time, to whichever worker is free; kernels are written so that their results do not
/// depend on who ran what. A loop ends when its items are done: a worker that the operating system keeps waiting is not waited for
/// unless it has taken one. Between loops the others spin for a short while (a decode step is hundreds of short loops), then sleep.
/// A loop allocates nothing.
/// <para>
/// The ticket is (number of the loop, next item). A worker takes an item by exchanging the ticket it has seen for the next one. While
/// a loop is set up the ticket has no item, so an exchange that succeeds is of a loop that was whole when it was read.
/// </para>
/// </summary>
public sealed unsafe class WorkerTeam : IDisposable
{
    private const long NoItem = int.MaxValue;
    private const int SpinsBeforeSleep = 2_000;
    private const int SpinsBeforeYield = 1_000;
    private readonly Thread[] _threads;
    private readonly Sleeper[] _sleepers;
    private readonly Lock _loop = new();
    private delegate*<void*, int, int, void> _body;
    private Action<int, int>? _action;
    private void* _state;
    private int _items;
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
        _threads = new Thread[threads - 1];
        _sleepers = new Sleeper[threads - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            int worker = i + 1;
            _sleepers[i] = new Sleeper();
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
            if (_threads.Length == 0 || items == 1)
            {
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
            _done = 0;
            _failure = null;
            Interlocked.Exchange(ref _ticket, NextLoop());
            foreach (Sleeper sleeper in _sleepers) sleeper.Wake();

            TakeItems(0);
            // The others finish within one item's time of each other. Where there are more threads than free cores, the one that is
            // waited for needs this core: hence the yield.
            for (int spins = 0; Volatile.Read(ref _done) < items; spins++)
            {
                if (spins < SpinsBeforeYield) Thread.SpinWait(8);
                else Thread.Yield();
            }

            _failure?.Throw();
        }
    }

    /// <summary>Ends the threads.</summary>
    public void Dispose()
    {
        ThrowIfInside();
        lock (_loop)
        {
            if (_stop) return;
            _stop = true;
            foreach (Sleeper sleeper in _sleepers) sleeper.Wake();
        }

        foreach (Thread thread in _threads) thread.Join();
        foreach (Sleeper sleeper in _sleepers) sleeper.Dispose();
    }

    /// <summary>A loop inside a loop of the same team would take the outer one's items away, or wait for itself.</summary>
    private void ThrowIfInside()
    {
        if (_loop.IsHeldByCurrentThread || Array.IndexOf(_threads, Thread.CurrentThread) >= 0)
            throw new InvalidOperationException("a loop of this team is already running on this thread");
    }

    private void Work(int worker)
    {
        Sleeper sleeper = _sleepers[worker - 1];
        int seen = 0;
        while (true)
        {
            int spins = 0;
            while (IsOver(seen))
            {
                if (++spins < SpinsBeforeSleep)
                {
                    Thread.SpinWait(16);
                    continue;
                }

                sleeper.SleepWhile(this, seen);
                spins = 0;
            }

            if (_stop) return;
            seen = TakeItems(worker);
        }
    }

    /// <summary>Whether there is no newer loop yet, and no end.</summary>
    private bool IsOver(int loop) => !_stop && LoopOf(Volatile.Read(ref _ticket)) == loop;

    private static int LoopOf(long ticket) => (int)(ticket >> 32);

    /// <summary>The first ticket of the loop after this one.</summary>
    private long NextLoop() => (long)unchecked(LoopOf(_ticket) + 1) << 32;

    /// <summary>Runs items until none is left. Returns the number of the loop that has none.</summary>
    private int TakeItems(int worker)
    {
        while (true)
        {
            long ticket = Volatile.Read(ref _ticket);
            // Read after the ticket; they hold if the exchange below succeeds.
            int items = _items;
            void* state = _state;
            delegate*<void*, int, int, void> body = _body;
            Action<int, int>? action = _action;
            int item = (int)ticket;
            if (item >= items) return LoopOf(ticket);
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

            Interlocked.Increment(ref _done);
        }
    }

    /// <summary>
    /// One worker's bed. Each worker has its own: with one semaphore for all, a worker that finished early and lay down again
    /// could take the signal meant for another, which then slept through the loop for ever.
    /// </summary>
    private sealed class Sleeper : IDisposable
    {
        private readonly SemaphoreSlim _signal = new(0);
        private int _asleep;

        public void SleepWhile(WorkerTeam team, int loop)
        {
            Interlocked.Exchange(ref _asleep, 1);
            // Woken or not: whoever clears the flag also knows whether a signal is on its way.
            if (team.IsOver(loop) || Interlocked.Exchange(ref _asleep, 0) == 0) _signal.Wait();
        }

        public void Wake()
        {
            if (Interlocked.Exchange(ref _asleep, 0) == 1) _signal.Release();
        }

        public void Dispose() => _signal.Dispose();
    }
}
