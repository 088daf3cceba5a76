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
        var found = new SortedSet<string>(StringComparer.Ordinal);
        var target = new Rational(puzzle.Target);
        Combine([.. puzzle.Numbers.Order().Select(n => Expression.Of(n))], target, found, []);
        return [.. found];
    }

    /// <summary>Whether there is a solution.</summary>
    /// <param name="puzzle">The puzzle.</param>
    public static bool IsSolvable(Puzzle puzzle) => Solve(puzzle).Count > 0;

    private static void Combine(Expression[] left, Rational target, SortedSet<string> found, HashSet<string> seen)
    {
        if (left.Length == 1)
        {
            if (left[0].Value == target) found.Add(left[0].Text);
            return;
        }

        // The same set of expressions is met along several orders of steps.
        if (!seen.Add(string.Join(' ', left.Select(e => e.Text).Order(StringComparer.Ordinal)))) return;
        for (int i = 0; i < left.Length; i++)
        {
            for (int j = i + 1; j < left.Length; j++)
            {
                Expression[] others = [.. left.Where((_, k) => k != i && k != j)];
                foreach (Expression joined in Expression.Join(left[i], left[j])) Combine([.. others, joined], target, found, seen);
            }
        }
    }
}
