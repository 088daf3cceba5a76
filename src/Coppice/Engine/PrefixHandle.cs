namespace Coppice;

/// <summary>Keeps a prefix in the engine until it is disposed.</summary>
public sealed class PrefixHandle : IDisposable
{
    private Action? _unpin;

    internal PrefixHandle(int tokenCount, Action? unpin) => (TokenCount, _unpin) = (tokenCount, unpin);

    /// <summary>Tokens that are kept: whole tiles of 64, so that at most 63 fewer than were given.</summary>
    public int TokenCount { get; }

    /// <summary>Lets the prefix go when its turn comes.</summary>
    public void Dispose() => Interlocked.Exchange(ref _unpin, null)?.Invoke();
}
