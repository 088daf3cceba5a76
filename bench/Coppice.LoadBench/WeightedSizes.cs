using System.Globalization;

namespace Coppice.LoadBench;

/// <summary>Whole numbers with weights, as in <c>1:0.5,4:0.3,8:0.2</c>; a number alone has the weight 1.</summary>
internal sealed class WeightedSizes
{
    private readonly (int Size, double Weight)[] _entries;
    private readonly double _total;

    private WeightedSizes((int Size, double Weight)[] entries)
    {
        _entries = entries;
        _total = entries.Sum(entry => entry.Weight);
    }

    /// <summary>The numbers, in the order of the text.</summary>
    public IEnumerable<int> Sizes => _entries.Select(entry => entry.Size);

    /// <summary>Reads a mix.</summary>
    /// <param name="text">Numbers with commas between, each with an optional weight above 0 after a colon.</param>
    /// <param name="least">The smallest number allowed.</param>
    /// <param name="most">The largest number allowed.</param>
    /// <param name="mix">The mix, or null.</param>
    public static bool TryParse(string text, int least, int most, out WeightedSizes? mix)
    {
        mix = null;
        var entries = new List<(int, double)>();
        foreach (string word in text.Split(','))
        {
            string[] parts = word.Split(':');
            double weight = 1;
            if (parts.Length > 2
                || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int size) || size < least || size > most
                || (parts.Length == 2 && !double.TryParse(parts[1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out weight))
                || weight is not (> 0 and < 1e9)) return false;
            entries.Add((size, weight));
        }

        mix = new WeightedSizes([.. entries]);
        return true;
    }

    /// <summary>Draws one of the numbers, each as often as its weight says.</summary>
    /// <param name="random">Gives one number.</param>
    public int Draw(Random random)
    {
        double left = random.NextDouble() * _total;
        foreach ((int size, double weight) in _entries)
        {
            left -= weight;
            if (left < 0) return size;
        }

        return _entries[^1].Size;
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Join(',', _entries.Select(entry => _entries.Length == 1 ? $"{entry.Size}" : string.Create(CultureInfo.InvariantCulture, $"{entry.Size}:{entry.Weight}")));
}
