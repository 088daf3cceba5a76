namespace Coppice.Kernels;

/// <summary>
/// How many helpers a caller's loops are worth on the machine as it is now. A helper that the operating system takes off its core while it
/// holds an item stops the whole loop for milliseconds; where that happens often, fewer helpers finish sooner than more do.
/// Time that such stalls cost is paid from a credit which loops earn: an eighth of the time they take. When it is spent, the
/// team shrinks; after a pause it is tried with more, and each trial that fails makes the pause longer.
/// Times are in ticks of one clock of the caller's choice.
/// </summary>
internal sealed class HelperBudget
{
    private const int EarnedPart = 8;
    private const int MostCredit = 8; // milliseconds, as the following
    private const int ShortestPause = 4;
    private const int LongestPause = 1_000;
    private const int PauseOverStall = 16;
    private readonly int _all;
    private readonly long _millisecond;
    private long _credit;
    private long _pause;
    private long _pauseEnds;

    /// <summary>Begins with all helpers and all credit.</summary>
    /// <param name="all">Helpers there are.</param>
    /// <param name="millisecond">Ticks in a millisecond.</param>
    public HelperBudget(int all, long millisecond)
    {
        (_all, _millisecond, Helpers) = (all, millisecond, all);
        (_credit, _pause) = (MostCredit * millisecond, ShortestPause * millisecond);
    }

    /// <summary>Helpers that the next loop may have.</summary>
    public int Helpers { get; private set; }

    /// <summary>Before a loop: tries more helpers when the pause is over.</summary>
    /// <param name="now">The time.</param>
    /// <returns><see cref="Helpers"/>.</returns>
    public int Begin(long now)
    {
        if (Helpers < _all && now >= _pauseEnds)
        {
            Helpers = Math.Min(_all, Helpers + Math.Max(1, Helpers / 3));
            _pauseEnds = now + _pause;
            _credit = _millisecond / 2;
        }

        return Helpers;
    }

    /// <summary>After a loop that had helpers.</summary>
    /// <param name="now">The time.</param>
    /// <param name="took">What the loop took.</param>
    /// <param name="stalled">For how long helpers were kept from their cores.</param>
    public void End(long now, long took, long stalled)
    {
        _credit += took / EarnedPart - stalled;
        if (_credit >= MostCredit * _millisecond)
        {
            _credit = MostCredit * _millisecond;
            _pause = Math.Max(ShortestPause * _millisecond, _pause / 2);
            return;
        }

        if (_credit >= 0) return;
        Helpers = Math.Max(0, Helpers - Math.Max(1, Helpers / 4));
        _pause = Math.Min(LongestPause * _millisecond, Math.Max(_pause * 2, stalled * PauseOverStall));
        _pauseEnds = now + _pause;
        _credit = _millisecond / 2;
    }
}
