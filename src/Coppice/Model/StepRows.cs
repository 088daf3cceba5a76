namespace Coppice.Model;

/// <summary>
/// The rows of one step: one token each, in the order of the attention plan. Filled anew each step; the arrays stay.
/// </summary>
public sealed class StepRows
{
    private readonly int[] _outputRows, _logitOutputs, _hiddenOutputs;

    /// <summary>Makes room.</summary>
    /// <param name="capacity">Rows a step can have.</param>
    public StepRows(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        Tokens = new int[capacity];
        Positions = new int[capacity];
        Pages = new int[capacity];
        Slots = new int[capacity];
        (_outputRows, _logitOutputs, _hiddenOutputs) = (new int[capacity], new int[capacity], new int[capacity]);
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

    /// <summary>Rows that are wanted beyond the last layer's keys and values, ascending.</summary>
    public ReadOnlySpan<int> OutputRows => _outputRows.AsSpan(0, OutputCount);

    /// <summary>How many such rows there are.</summary>
    public int OutputCount { get; private set; }

    /// <summary>Which of the <see cref="OutputRows"/> want logits, ascending.</summary>
    public ReadOnlySpan<int> LogitOutputs => _logitOutputs.AsSpan(0, LogitCount);

    /// <summary>How many logits are wanted.</summary>
    public int LogitCount { get; private set; }

    /// <summary>Which of the <see cref="OutputRows"/> want their final hidden state, ascending.</summary>
    public ReadOnlySpan<int> HiddenOutputs => _hiddenOutputs.AsSpan(0, HiddenCount);

    /// <summary>How many hidden states are wanted.</summary>
    public int HiddenCount { get; private set; }

    /// <summary>Empties the step.</summary>
    public void Clear() => Count = OutputCount = LogitCount = HiddenCount = 0;

    /// <summary>Adds a row.</summary>
    /// <param name="token">Token id.</param>
    /// <param name="position">Absolute position.</param>
    /// <param name="page">KV page.</param>
    /// <param name="slot">Place in the page.</param>
    /// <param name="wantsLogits">Whether its logits are needed.</param>
    /// <param name="wantsHidden">Whether its final hidden state is needed.</param>
    /// <returns>The index of its logits, or -1.</returns>
    public int Add(int token, int position, int page, int slot, bool wantsLogits, bool wantsHidden = false)
    {
        int row = Count++;
        Tokens[row] = token;
        Positions[row] = position;
        Pages[row] = page;
        Slots[row] = slot;
        if (!wantsLogits && !wantsHidden) return -1;
        int output = OutputCount++;
        _outputRows[output] = row;
        if (wantsHidden) _hiddenOutputs[HiddenCount++] = output;
        if (!wantsLogits) return -1;
        _logitOutputs[LogitCount] = output;
        return LogitCount++;
    }
}
