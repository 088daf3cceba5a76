using Coppice.Graphs;
using Coppice.Perception.Inference;

namespace Coppice.Server;

/// <summary>
/// One network for pictures of streets and the pictures that wait for it: one pass at a time, which takes all its threads. The network
/// is loaded once, for the first picture. Safe for several threads.
/// </summary>
public sealed class PerceptionQueue : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private Perceiver? _perceiver;
    private int _inside;
    private bool _disposed;

    /// <summary>Makes a queue; no file is read yet.</summary>
    /// <param name="options">Its settings.</param>
    public PerceptionQueue(PerceptionOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Options = options;
    }

    /// <summary>Its settings.</summary>
    public PerceptionOptions Options { get; }

    /// <summary>Pictures that are perceived or wait.</summary>
    public int Inside => Volatile.Read(ref _inside);

    /// <summary>Runs one pass when its turn comes, on a thread of the pool.</summary>
    /// <param name="pass">What is done with the network; it must not keep the network or a scene, which the next pass overwrites.</param>
    /// <param name="cancellation">Leaves the queue. A pass that has begun ends when it looks at the token itself.</param>
    /// <typeparam name="T">What the pass makes.</typeparam>
    /// <exception cref="QueueFullException">As many wait already as may.</exception>
    /// <exception cref="GraphException">The file is not one of weights, or can't be run as the settings say.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    /// <exception cref="ObjectDisposedException">The queue is disposed.</exception>
    public async Task<T> PerceiveAsync<T>(Func<Perceiver, T> pass, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(pass);
        try
        {
            if (Interlocked.Increment(ref _inside) > Options.QueueCapacity + 1) throw new QueueFullException(Options.QueueCapacity);
            await _turn.WaitAsync(cancellation).ConfigureAwait(false);
            try
            {
                return await Task.Run(() => pass(Loaded()), cancellation).ConfigureAwait(false);
            }
            finally
            {
                _turn.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _inside);
        }
    }

    /// <summary>Waits for the pass that runs, and lets the network go.</summary>
    public void Dispose()
    {
        _turn.Wait();
        _disposed = true;
        _perceiver?.Dispose();
        _perceiver = null;
        // Not disposed itself: those that still wait get their turn, and the exception.
        _turn.Release();
    }

    private Perceiver Loaded()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _perceiver ??= Perceiver.Load(Options.Weights, Options.Perceiver);
    }
}
