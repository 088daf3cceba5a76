namespace Coppice.Training.Puzzles;

/// <summary>What a puzzle is for.</summary>
public enum PuzzlePart
{
    /// <summary>To learn from.</summary>
    Training,

    /// <summary>To measure on while training.</summary>
    Validation,

    /// <summary>To measure on at the end.</summary>
    Test,
}

/// <summary>
/// All solvable puzzles of a kind, split by a hash of the target and the numbers in ascending order: a puzzle is in the same part under
/// any order of its numbers, on every machine.
/// </summary>
public sealed class PuzzleSet
{
    private readonly Dictionary<PuzzlePart, List<SolvedPuzzle>> _parts = Enum.GetValues<PuzzlePart>().ToDictionary(p => p, _ => new List<SolvedPuzzle>());

    /// <summary>The puzzles that the default model is measured on: three numbers from 1 to 20, targets from 1 to 100.</summary>
    public PuzzleSet()
        : this([.. Enumerable.Range(1, 100)], 3, 20)
    {
    }

    /// <summary>Solves all puzzles of a kind: seconds for four numbers to 13.</summary>
    /// <param name="targets">What they reach.</param>
    /// <param name="count">How many numbers each has.</param>
    /// <param name="max">Numbers are 1 to this.</param>
    public PuzzleSet(IReadOnlyCollection<int> targets, int count, int max)
    {
        ArgumentNullException.ThrowIfNull(targets);
        ArgumentOutOfRangeException.ThrowIfLessThan(max, 1);
        int[][] multisets = [.. Multisets(count, 1, max)];
        var solved = new SolvedPuzzle[multisets.Length][];
        Parallel.For(0, multisets.Length, i =>
        {
            IReadOnlyDictionary<int, IReadOnlyList<string>> solutions = PuzzleSolver.SolveAll(multisets[i], targets);
            solved[i] = [.. solutions.OrderBy(s => s.Key).Select(s => new SolvedPuzzle(new Puzzle(s.Key, multisets[i]), s.Value))];
        });
        foreach (SolvedPuzzle puzzle in solved.SelectMany(s => s)) _parts[PartOf(puzzle.Puzzle)].Add(puzzle);
    }

    /// <summary>The puzzles of a part, by their numbers.</summary>
    /// <param name="part">The part.</param>
    public IReadOnlyList<SolvedPuzzle> Part(PuzzlePart part) => _parts[part];

    /// <summary>The part of a puzzle: 3 of 32 are for tests, 1 of 32 for validation.</summary>
    /// <param name="puzzle">Any puzzle, its numbers in any order.</param>
    public static PuzzlePart PartOf(Puzzle puzzle)
    {
        ArgumentNullException.ThrowIfNull(puzzle);
        ulong hash = Mix(0x9E37_79B9_7F4A_7C15UL ^ (ulong)puzzle.Target);
        foreach (int number in puzzle.Numbers.Order()) hash = Mix(hash ^ (ulong)number);
        return (hash >> 59) switch
        {
            < 3 => PuzzlePart.Test,
            3 => PuzzlePart.Validation,
            _ => PuzzlePart.Training,
        };
    }

    /// <summary>The finalizer of SplitMix64 (Steele, Lea and Flood 2014), after its increment.</summary>
    internal static ulong Mix(ulong z)
    {
        z += 0x9E37_79B9_7F4A_7C15UL;
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EBUL;
        return z ^ (z >> 31);
    }

    private static IEnumerable<int[]> Multisets(int count, int from, int max)
    {
        if (count == 0)
        {
            yield return [];
            yield break;
        }

        for (int first = from; first <= max; first++)
        {
            foreach (int[] rest in Multisets(count - 1, first, max)) yield return [first, .. rest];
        }
    }
}

/// <summary>A puzzle with all its solutions.</summary>
/// <param name="Puzzle">The puzzle, numbers ascending.</param>
/// <param name="Solutions">All solutions as <see cref="PuzzleSolver"/> spells them.</param>
public sealed record SolvedPuzzle(Puzzle Puzzle, IReadOnlyList<string> Solutions);
