using System.Collections.Concurrent;
using System.Diagnostics;

namespace Coppice.LoadBench;

/// <summary>A run: every request is sent when it is due, however many are open.</summary>
internal sealed class LoadRun(LoadOptions options, LoadClient client, Workload workload)
{
    private readonly ConcurrentQueue<RequestOutcome> _outcomes = new();
    private int _inFlight;
    private int _sent;

    /// <summary>Requests that are open now.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Requests sent so far.</summary>
    public int Sent => Volatile.Read(ref _sent);

    /// <summary>Requests that have ended.</summary>
    public int Ended => _outcomes.Count;

    /// <summary>Sends everything and waits for the answers.</summary>
    /// <param name="cancel">Ends the arrivals, and the open requests as interrupted.</param>
    /// <returns>An outcome for each request that was due, in the order of arrivals, and how long it all took.</returns>
    public async Task<(IReadOnlyList<RequestOutcome> Outcomes, TimeSpan Elapsed)> RunAsync(CancellationToken cancel)
    {
        await WarmUpAsync(cancel).ConfigureAwait(false);
        var open = new List<Task>();
        long start = Stopwatch.GetTimestamp();
        foreach (PlannedRequest request in workload.Requests())
        {
            if (!await IsDueAsync(start, request.Due, cancel).ConfigureAwait(false)) break;
            long due = start + (long)(request.Due.TotalSeconds * Stopwatch.Frequency);
            if (InFlight >= options.MaxInFlight)
            {
                var failure = new Failure(FailureKind.NotSent, 0, $"{options.MaxInFlight} requests were open already");
                _outcomes.Enqueue(new RequestOutcome { Request = request, Ending = Ending.Failed, Failure = failure });
                continue;
            }

            Interlocked.Increment(ref _inFlight);
            Interlocked.Increment(ref _sent);
            open.Add(Task.Run(() => SendAsync(request, due, cancel), CancellationToken.None));
        }

        await Task.WhenAll(open).ConfigureAwait(false);
        return ([.. _outcomes.OrderBy(outcome => outcome.Request.Index)], Stopwatch.GetElapsedTime(start));
    }

    /// <summary>Sends requests that nothing counts; they have contents of their own, so that no context is known to the server before it counts.</summary>
    private async Task WarmUpAsync(CancellationToken cancel)
    {
        if (options.Warmup == 0) return;
        LoadOptions other = options with { Seed = ~options.Seed, Requests = options.Warmup, Duration = null, VanishShare = 0, Contexts = 0, Model = client.Model };
        var requests = new Workload(other);
        using var warm = new LoadClient(other, requests);
        foreach (PlannedRequest request in requests.Requests())
        {
            if (cancel.IsCancellationRequested) return;
            await warm.SendAsync(request, Stopwatch.GetTimestamp(), cancel).ConfigureAwait(false);
        }
    }

    private async Task SendAsync(PlannedRequest request, long due, CancellationToken cancel)
    {
        _outcomes.Enqueue(await client.SendAsync(request, due, cancel).ConfigureAwait(false));
        Interlocked.Decrement(ref _inFlight);
    }

    private static async Task<bool> IsDueAsync(long start, TimeSpan due, CancellationToken cancel)
    {
        TimeSpan left = due - Stopwatch.GetElapsedTime(start);
        if (left > TimeSpan.Zero) await Task.Delay(left, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return !cancel.IsCancellationRequested;
    }
}
