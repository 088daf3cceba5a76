namespace Coppice.Tokenizing;

/// <summary>
/// Finds special tokens in a text. Longer tokens are served first over the whole text, equal lengths by id, each from left to
/// right; what is taken is not looked at again. The tokens that begin at a place are found by narrowing a sorted list byte by byte.
/// </summary>
internal sealed class SpecialTokenFinder
{
    /// <summary>A stretch [Start, End) of the text that is the token; [End, TextEnd) is white space it swallows.</summary>
    public readonly record struct Found(int Start, int End, int TextEnd, int Id);

    private readonly record struct Special(byte[] Spelling, int Id, bool StripsRight);

    private readonly Special[] _sorted;
    private readonly bool[] _begins = new bool[256];

    /// <summary>Prepares the tokens to look for.</summary>
    /// <param name="ids">Their ids.</param>
    /// <param name="spelling">Their spellings, UTF-8; empty ones are passed over.</param>
    /// <param name="stripsRight">Whether a token swallows the white space after it.</param>
    public SpecialTokenFinder(IEnumerable<int> ids, Func<int, ReadOnlyMemory<byte>> spelling, Func<int, bool> stripsRight)
    {
        _sorted = [.. ids.Select(id => new Special(spelling(id).ToArray(), id, stripsRight(id))).Where(special => special.Spelling.Length > 0)];
        Array.Sort(_sorted, (a, b) => a.Spelling.AsSpan().SequenceCompareTo(b.Spelling));
        foreach (Special special in _sorted) _begins[special.Spelling[0]] = true;
    }

    /// <summary>The tokens in a text, left to right.</summary>
    /// <param name="utf8">The text. [bytes]</param>
    public List<Found> Find(ReadOnlySpan<byte> utf8)
    {
        List<(int Start, int Special)> candidates = Candidates(utf8);
        if (candidates.Count == 0) return [];
        candidates.Sort(Compare);
        bool[] taken = new bool[utf8.Length];
        List<Found> found = [];
        foreach ((int start, int index) in candidates)
        {
            ref readonly Special special = ref _sorted[index];
            int end = start + special.Spelling.Length;
            // Whatever was taken before is at least as long, so an overlap shows at one of the two ends.
            if (taken[start] || taken[end - 1]) continue;
            int textEnd = end;
            while (special.StripsRight && textEnd < utf8.Length && !taken[textEnd] && IsSpace(utf8[textEnd])) textEnd++;
            taken.AsSpan(start, textEnd - start).Fill(true);
            found.Add(new Found(start, end, textEnd, special.Id));
        }
        found.Sort((a, b) => a.Start.CompareTo(b.Start));
        return found;
    }

    private int Compare((int Start, int Special) a, (int Start, int Special) b)
    {
        ref readonly Special x = ref _sorted[a.Special];
        ref readonly Special y = ref _sorted[b.Special];
        if (x.Spelling.Length != y.Spelling.Length) return y.Spelling.Length.CompareTo(x.Spelling.Length);
        return x.Id != y.Id ? x.Id.CompareTo(y.Id) : a.Start.CompareTo(b.Start);
    }

    private List<(int Start, int Special)> Candidates(ReadOnlySpan<byte> utf8)
    {
        List<(int, int)> candidates = [];
        if (_sorted.Length == 0) return candidates;
        for (int start = 0; start < utf8.Length; start++)
        {
            if (_begins[utf8[start]]) AddBeginning(utf8, start, candidates);
        }
        return candidates;
    }

    private void AddBeginning(ReadOnlySpan<byte> utf8, int start, List<(int, int)> candidates)
    {
        int low = 0;
        int high = _sorted.Length;
        for (int depth = 0; low < high && start + depth < utf8.Length; depth++)
        {
            byte value = utf8[start + depth];
            low = FirstAtLeast(low, high, depth, value);
            high = FirstAtLeast(low, high, depth, value + 1);
            while (low < high && _sorted[low].Spelling.Length == depth + 1) candidates.Add((start, low++));
        }
    }

    /// <summary>The first special in [low, high), all alike before <paramref name="depth"/>, whose byte there is at least the value.</summary>
    private int FirstAtLeast(int low, int high, int depth, int value)
    {
        while (low < high)
        {
            int middle = low + ((high - low) / 2);
            if (_sorted[middle].Spelling[depth] < value) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    private static bool IsSpace(byte value) => value is (byte)' ' or (>= 9 and <= 13);
}
