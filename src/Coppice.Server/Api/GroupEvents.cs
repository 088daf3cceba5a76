using System.Threading.Channels;

namespace Coppice.Server.Api;

/// <summary>What happens in the groups of one HTTP request, one group for each prompt, in the order in which it happens.</summary>
internal sealed class GroupEvents : IAsyncDisposable
{
    // A reader that falls behind this far makes the groups' events wait, not the engine.
    private const int Ahead = 1024;
    private readonly Channel<(int Prompt, GenerationEvent Event)> _channel =
        Channel.CreateBounded<(int, GenerationEvent)>(new BoundedChannelOptions(Ahead) { SingleReader = true });

    private readonly CancellationTokenSource _cancel;
    private readonly List<Task> _pumps = [];
    private int _running;

    private GroupEvents(CancellationToken cancellation) => _cancel = CancellationTokenSource.CreateLinkedTokenSource(cancellation);

    /// <summary>Submits all groups.</summary>
    /// <param name="engine">Runs them.</param>
    /// <param name="requests">One for each prompt.</param>
    /// <param name="cancellation">Ends them.</param>
    public static GroupEvents Start(Engine engine, IReadOnlyList<GenerationRequest> requests, CancellationToken cancellation)
    {
        var events = new GroupEvents(cancellation) { _running = requests.Count };
        for (int i = 0; i < requests.Count; i++) events._pumps.Add(events.PumpAsync(engine, requests[i], i));
        return events;
    }

    /// <summary>Takes the next event, where there is one already.</summary>
    public bool TryRead(out (int Prompt, GenerationEvent Event) next) => _channel.Reader.TryRead(out next);

    /// <summary>Waits for an event; false at the end of all groups. What ends a group early ends all, and is thrown here.</summary>
    public ValueTask<bool> WaitAsync() => _channel.Reader.WaitToReadAsync();

    /// <summary>Ends what still runs and waits until its pages are given back.</summary>
    public async ValueTask DisposeAsync()
    {
        await _cancel.CancelAsync();
        await Task.WhenAll(_pumps);
        _cancel.Dispose();
    }

    private async Task PumpAsync(Engine engine, GenerationRequest request, int prompt)
    {
        try
        {
            await foreach (GenerationEvent happened in engine.StreamAsync(request, _cancel.Token))
                await _channel.Writer.WriteAsync((prompt, happened), _cancel.Token);
            if (Interlocked.Decrement(ref _running) == 0) _channel.Writer.TryComplete();
        }
        catch (Exception e)
        {
            if (_channel.Writer.TryComplete(e)) await _cancel.CancelAsync();
        }
    }
}
