namespace Coppice.Server;

/// <summary>Counts the requests inside, lets in no more than may be, and none once it is closed.</summary>
internal sealed class RequestGate(int most) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _ending = new();
    private int _inside;
    private bool _closed;

    /// <summary>Requests inside.</summary>
    public int Inside => Volatile.Read(ref _inside);

    /// <summary>Whether no more are let in.</summary>
    public bool IsClosed => Volatile.Read(ref _closed);

    /// <summary>Ends the requests that are still inside when the time to finish is over.</summary>
    public CancellationToken Ending => _ending.Token;

    /// <summary>Lets a request in until the returned pass is disposed.</summary>
    /// <exception cref="ApiException">The gate is closed, or as many are inside as may be.</exception>
    public IDisposable Enter()
    {
        lock (_lock)
        {
            if (_closed) throw ApiException.Stopping();
            if (_inside >= most) throw ApiException.TooMany($"{most} requests are being worked on, which is the most; try again later", "too_many_requests");
            _inside++;
        }

        return new Pass(this);
    }

    /// <summary>Closes the gate and waits until all have left.</summary>
    /// <param name="patience">How long; after it the rest is told to end.</param>
    /// <returns>Whether all left by themselves.</returns>
    public async Task<bool> CloseAsync(TimeSpan patience)
    {
        lock (_lock)
        {
            _closed = true;
            if (_inside == 0) _idle.TrySetResult();
        }

        try
        {
            await _idle.Task.WaitAsync(patience);
            return true;
        }
        catch (TimeoutException)
        {
            await _ending.CancelAsync();
            return false;
        }
    }

    public void Dispose() => _ending.Dispose();

    private void Leave()
    {
        lock (_lock)
        {
            if (--_inside == 0 && _closed) _idle.TrySetResult();
        }
    }

    private sealed class Pass(RequestGate gate) : IDisposable
    {
        private RequestGate? _gate = gate;

        public void Dispose() => Interlocked.Exchange(ref _gate, null)?.Leave();
    }
}
