namespace Coppice.Sampling;

/// <summary>
/// Finds stop strings in a text that arrives in pieces, and lets through what can be shown: all text before the match,
/// and never a part of a stop string that is still arriving.
/// </summary>
/// <remarks>
/// The match is the one that is complete first; of several that end at the same character, the longest. So neither the
/// result nor the text depends on how the text was cut into pieces. Comparison is ordinal.
/// </remarks>
public sealed class StopMatcher
{
    private readonly string[] _stops;
    private string _held = "";

    /// <summary>Starts before the first character.</summary>
    /// <param name="stops">The stop strings; none at all is allowed.</param>
    /// <exception cref="RequestRejectedException">A stop string is empty.</exception>
    public StopMatcher(IEnumerable<string> stops)
    {
        ArgumentNullException.ThrowIfNull(stops);
        _stops = [.. stops];
        foreach (string stop in _stops)
            if (string.IsNullOrEmpty(stop)) throw new RequestRejectedException("stop", "strings of at least one character", "an empty one");
    }

    /// <summary>The stop string that was found, or null. Once it is set no text comes any more.</summary>
    public string? Match { get; private set; }

    /// <summary>Takes the next piece and returns the text that can be shown now.</summary>
    /// <param name="delta">Any number of characters.</param>
    public string Feed(string delta)
    {
        ArgumentNullException.ThrowIfNull(delta);
        if (Match is not null) return "";
        if (_stops.Length == 0 || delta.Length == 0) return delta;

        int held = _held.Length;
        string text = held == 0 ? delta : _held + delta;
        for (int end = held + 1; end <= text.Length; end++)
        {
            Match = LongestStopBefore(text.AsSpan(0, end));
            if (Match is null) continue;
            _held = "";
            return text[..(end - Match.Length)];
        }

        int shown = text.Length - PossibleBeginning(text);
        _held = text[shown..];
        return text[..shown];
    }

    /// <summary>Ends the text and returns what was held back: a beginning of a stop string that never came.</summary>
    public string Flush()
    {
        string rest = _held;
        _held = "";
        return rest;
    }

    private string? LongestStopBefore(ReadOnlySpan<char> text)
    {
        string? longest = null;
        foreach (string stop in _stops)
            if (stop.Length > (longest?.Length ?? 0) && text.EndsWith(stop, StringComparison.Ordinal)) longest = stop;
        return longest;
    }

    // The number of characters at the text's end with which the longest unfinished stop string begins.
    private int PossibleBeginning(ReadOnlySpan<char> text)
    {
        int longest = 0;
        foreach (string stop in _stops)
        {
            for (int count = Math.Min(stop.Length - 1, text.Length); count > longest; count--)
            {
                if (!text.EndsWith(stop.AsSpan(0, count), StringComparison.Ordinal)) continue;
                longest = count;
                break;
            }
        }

        return longest;
    }
}
