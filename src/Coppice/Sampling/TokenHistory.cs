using System.Numerics;

namespace Coppice.Sampling;

/// <summary>
/// What one branch has seen, as the penalties need it: how often each token was generated, and how often it stands in
/// the window of the last tokens, prompt included. All memory is taken when it is made.
/// </summary>
/// <remarks>
/// Tokens that occur have an entry, in order of first occurrence; an open-addressed table leads from the id to the
/// entry. An entry stays when its token leaves the window, so there are at most window + generated of them.
/// </remarks>
public sealed class TokenHistory
{
    private readonly int[] _recent;      // [window]: a ring of the last tokens
    private readonly TokenCount[] _entries;
    private readonly int[] _slots;       // entry index + 1, or 0 where free; a power of two, at most half full
    private readonly int _maxGenerated;
    private int _recentCount;
    private int _recentNext;
    private int _entryCount;

    /// <summary>Takes the memory for one branch.</summary>
    /// <param name="options">Gives the window.</param>
    /// <param name="promptTokens">The number of tokens of the longest prompt it will <see cref="Begin"/> with.</param>
    /// <param name="maxGenerated">The largest number of tokens that will be added.</param>
    public TokenHistory(SamplingOptions options, int promptTokens, int maxGenerated)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegative(promptTokens);
        ArgumentOutOfRangeException.ThrowIfNegative(maxGenerated);
        int window = options.RepetitionPenalty == 1 ? 0 : options.PenaltyWindow;
        int longest = checked(promptTokens + maxGenerated);
        _recent = new int[window < 0 ? longest : Math.Min(window, longest)];
        _entries = new TokenCount[Math.Min(_recent.Length, promptTokens) + maxGenerated];
        _slots = new int[BitOperations.RoundUpToPowerOf2((uint)_entries.Length * 2 + 1)];
        _maxGenerated = maxGenerated;
    }

    /// <summary>The number of tokens generated since <see cref="Begin"/>.</summary>
    public int Generated { get; private set; }

    /// <summary>The tokens that occur or occurred, in order of first occurrence. Valid until the next change.</summary>
    internal ReadOnlySpan<TokenCount> Counts => _entries.AsSpan(0, _entryCount);

    /// <summary>Forgets everything and starts after a prompt.</summary>
    /// <param name="prompt">[promptTokens]: the token ids of the prompt.</param>
    /// <exception cref="ArgumentException">The prompt is longer than the history was made for.</exception>
    public void Begin(ReadOnlySpan<int> prompt)
    {
        Array.Clear(_slots);
        (Generated, _recentCount, _recentNext, _entryCount) = (0, 0, 0, 0);
        var tail = prompt[^Math.Min(prompt.Length, _recent.Length)..];
        if (tail.Length > _entries.Length - _maxGenerated)
            throw new ArgumentException($"the prompt has {prompt.Length} tokens, more than the history was made for", nameof(prompt));
        foreach (int token in tail) Remember(token);
    }

    /// <summary>Adds a generated token.</summary>
    /// <param name="token">Its id.</param>
    /// <exception cref="InvalidOperationException">More tokens are added than the history was made for.</exception>
    public void Add(int token)
    {
        if (Generated == _maxGenerated)
            throw new InvalidOperationException($"a history made for {_maxGenerated} generated tokens got one more");
        Generated++;
        Entry(token).Generated++;
        Remember(token);
    }

    /// <summary>How often the token was generated.</summary>
    public int GeneratedCount(int token) => Find(token).Generated;

    /// <summary>How often the token stands in the window.</summary>
    public int WindowCount(int token) => Find(token).InWindow;

    private void Remember(int token)
    {
        if (_recent.Length == 0) return;
        if (_recentCount == _recent.Length) Entry(_recent[_recentNext]).InWindow--;
        else _recentCount++;
        _recent[_recentNext] = token;
        _recentNext = _recentNext + 1 == _recent.Length ? 0 : _recentNext + 1;
        Entry(token).InWindow++;
    }

    private TokenCount Find(int token)
    {
        int index = _slots[Slot(token)];
        return index == 0 ? default : _entries[index - 1];
    }

    private ref TokenCount Entry(int token)
    {
        int slot = Slot(token);
        if (_slots[slot] == 0)
        {
            _entries[_entryCount++] = new TokenCount { Token = token };
            _slots[slot] = _entryCount;
        }

        return ref _entries[_slots[slot] - 1];
    }

    // The slot that holds the token, or the free one where it belongs. Fibonacci hashing, linear probing.
    private int Slot(int token)
    {
        int mask = _slots.Length - 1;
        int slot = (int)(((uint)token * 0x9E3779B9u) >> 7) & mask;
        while (_slots[slot] != 0 && _entries[_slots[slot] - 1].Token != token) slot = (slot + 1) & mask;
        return slot;
    }
}

/// <summary>How often a token occurs in a branch.</summary>
internal struct TokenCount
{
    /// <summary>The token's id.</summary>
    public int Token;

    /// <summary>How often it was generated.</summary>
    public int Generated;

    /// <summary>How often it stands in the window of last tokens, prompt included.</summary>
    public int InWindow;
}
