namespace Coppice.Training.Puzzles;

/// <summary>
/// Finds all solutions of a puzzle by combining two of the numbers at a time, in exact fractions. Of expressions that differ only in the
/// order of a sum or a product one is kept: terms in falling order of value, then of spelling, those that are added before those that are
/// subtracted; so with factors. Brackets are where they are needed.
/// </summary>
public static class PuzzleSolver
{
    /// <summary>All solutions in a fixed order; none if the puzzle can't be solved.</summary>
    /// <param name="puzzle">The puzzle; the order of its numbers does not matter.</param>
    public static IReadOnlyList<string> Solve(Puzzle puzzle)
    {
        ArgumentNullException.ThrowIfNull(puzzle);
        return SolveAll(puzzle.Numbers, [puzzle.Target]).GetValueOrDefault(puzzle.Target, []);
    }

    /// <summary>All solutions for several targets, found in one search.</summary>
    /// <param name="numbers">The numbers, in any order.</param>
    /// <param name="targets">The targets.</param>
    /// <returns>For each target that can be reached its solutions in a fixed order.</returns>
    public static IReadOnlyDictionary<int, IReadOnlyList<string>> SolveAll(IReadOnlyList<int> numbers, IReadOnlyCollection<int> targets)
    {
        ArgumentNullException.ThrowIfNull(numbers);
        ArgumentNullException.ThrowIfNull(targets);
        var found = targets.Distinct().ToDictionary(t => new Rational(t), _ => new SortedSet<string>(StringComparer.Ordinal));
        Combine([.. numbers.Order().Select(Expression.Of)], found, []);
        return found.Where(f => f.Value.Count > 0).ToDictionary(f => (int)f.Key.Numerator, f => (IReadOnlyList<string>)[.. f.Value]);
    }

    private static void Combine(Expression[] left, Dictionary<Rational, SortedSet<string>> found, HashSet<string> seen)
    {
        if (left.Length == 1)
        {
            if (found.TryGetValue(left[0].Value, out SortedSet<string>? solutions)) solutions.Add(left[0].Text);
            return;
        }

        // The same set of expressions is met along several orders of steps.
        if (!seen.Add(string.Join(' ', left.Select(e => e.Text).Order(StringComparer.Ordinal)))) return;
        for (int i = 0; i < left.Length; i++)
        {
            for (int j = i + 1; j < left.Length; j++)
            {
                Expression[] others = [.. left.Where((_, k) => k != i && k != j)];
                foreach (Expression joined in Expression.Join(left[i], left[j])) Combine([.. others, joined], found, seen);
            }
        }
    }
}
