namespace Coppice.Model;

/// <summary>
/// The rows of one step: one token each, in the order of the attention plan. Filled anew each step; the arrays stay.
/// </summary>
public sealed class StepRows
{
    private int[] _logitRows;

    /// <summary>Makes room.</summary>
    /// <param name="capacity">Rows a step can have.</param>
    public StepRows(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        Tokens = new int[capacity];
        Positions = new int[capacity];
        Pages = new int[capacity];
        Slots = new int[capacity];
        _logitRows = new int[capacity];
    }

    /// <summary>Rows there is room for.</summary>
    public int Capacity => Tokens.Length;

    /// <summary>Rows of this step.</summary>
    public int Count { get; private set; }

    /// <summary>Token ids [<see cref="Count"/>].</summary>
    public int[] Tokens { get; }

    /// <summary>Absolute positions [<see cref="Count"/>].</summary>
    public int[] Positions { get; }

    /// <summary>KV page that each row's key and value go to [<see cref="Count"/>].</summary>
    public int[] Pages { get; }

    /// <summary>Place in that page [<see cref="Count"/>].</summary>
    public int[] Slots { get; }

    /// <summary>Rows whose logits are wanted, ascending.</summary>
    public ReadOnlySpan<int> LogitRows => _logitRows.AsSpan(0, LogitCount);

    /// <summary>How many logits are wanted.</summary>
    public int LogitCount { get; private set; }

    /// <summary>Empties the step.</summary>
    public void Clear() => Count = LogitCount = 0;

    /// <summary>Adds a row.</summary>
    /// <param name="token">Token id.</param>
    /// <param name="position">Absolute position.</param>
    /// <param name="page">KV page.</param>
    /// <param name="slot">Place in the page.</param>
    /// <param name="wantsLogits">Whether its logits are needed.</param>
    /// <returns>The index of its logits, or -1.</returns>
    public int Add(int token, int position, int page, int slot, bool wantsLogits)
    {
        int row = Count++;
        Tokens[row] = token;
        Positions[row] = position;
        Pages[row] = page;
        Slots[row] = slot;
        if (!wantsLogits) return -1;
        _logitRows[LogitCount] = row;
        return LogitCount++;
    }
}
