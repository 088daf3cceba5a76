namespace Coppice.PeerBench;

/// <summary>
/// An engine with one choice of its settings, driven through N continuations of one prompt. Every call returns when its work is
/// done; the harness holds the clock and brings the tokens, so that no engine samples. Several engines exist at a time and take
/// turns; outside its turn an engine leaves the processor alone.
/// </summary>
internal interface IBenchEngine : IDisposable
{
    /// <summary>The engine, as the table names it.</summary>
    string Name { get; }

    /// <summary>The choice of settings, as the table names it.</summary>
    string Setting { get; }

    /// <summary>Begins a turn: threads may wait for work awake.</summary>
    void Wake();

    /// <summary>Ends a turn: threads sleep.</summary>
    void Rest();

    /// <summary>Computes the prompt, with the logits of its last token, on an empty cache.</summary>
    /// <param name="prompt">Token ids.</param>
    void Prefill(ReadOnlySpan<int> prompt);

    /// <summary>Makes continuations 0 to <paramref name="samples"/> of the prompt.</summary>
    void Fork(int samples);

    /// <summary>Adds one token to each continuation and computes its logits.</summary>
    /// <param name="tokens">Token ids, one a continuation.</param>
    void Step(ReadOnlySpan<int> tokens);

    /// <summary>Drops all continuations; the prompt stays computed.</summary>
    void Rewind();
}
