namespace Coppice.Training.Puzzles;

/// <summary>A number puzzle: reach the target from the numbers, each used exactly once, with + - * / and brackets.</summary>
public sealed class Puzzle : IEquatable<Puzzle>
{
    /// <summary>Fewest numbers.</summary>
    public const int MinNumbers = 2;

    /// <summary>Most numbers.</summary>
    public const int MaxNumbers = 6;

    /// <summary>Greatest number and target.</summary>
    public const int MaxNumber = 999;

    private readonly int[] _numbers;

    /// <summary>A puzzle.</summary>
    /// <param name="target">What to reach, 0 to <see cref="MaxNumber"/>.</param>
    /// <param name="numbers">Two to six numbers from 1 to <see cref="MaxNumber"/>, in the order in which they are shown.</param>
    /// <exception cref="ArgumentOutOfRangeException">Too few, too many, or a number out of range.</exception>
    public Puzzle(int target, params ReadOnlySpan<int> numbers)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(target);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(target, MaxNumber);
        ArgumentOutOfRangeException.ThrowIfLessThan(numbers.Length, MinNumbers, nameof(numbers));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(numbers.Length, MaxNumbers, nameof(numbers));
        foreach (int number in numbers)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(number, 1, nameof(numbers));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(number, MaxNumber, nameof(numbers));
        }

        Target = target;
        _numbers = numbers.ToArray();
    }

    /// <summary>What to reach.</summary>
    public int Target { get; }

    /// <summary>The numbers in the order in which they are shown.</summary>
    public IReadOnlyList<int> Numbers => _numbers;

    /// <summary>The puzzle with its numbers in ascending order: the same for each order of them.</summary>
    public Puzzle Sorted() => new(Target, [.. _numbers.Order()]);

    /// <inheritdoc/>
    public bool Equals(Puzzle? other) => other is not null && Target == other.Target && _numbers.AsSpan().SequenceEqual(other._numbers);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Puzzle);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        HashCode hash = default;
        hash.Add(Target);
        foreach (int number in _numbers) hash.Add(number);
        return hash.ToHashCode();
    }

    /// <summary>The puzzle as it is asked.</summary>
    public override string ToString() => PuzzleText.Prompt(this);
}
