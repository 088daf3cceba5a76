using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace Coppice.Training.Puzzles;

/// <summary>
/// How puzzles are written: <c>make 24 from 3 8 8 2:</c> asks, and a space, an expression and the end of the text answer.
/// </summary>
public static partial class PuzzleText
{
    /// <summary>The question.</summary>
    /// <param name="puzzle">The puzzle.</param>
    public static string Prompt(Puzzle puzzle)
    {
        ArgumentNullException.ThrowIfNull(puzzle);
        return $"make {puzzle.Target} from {string.Join(' ', puzzle.Numbers)}:";
    }

    /// <summary>The question with its answer: a line to learn from.</summary>
    /// <param name="puzzle">The puzzle.</param>
    /// <param name="expression">One of its solutions.</param>
    public static string Line(Puzzle puzzle, string expression) => $"{Prompt(puzzle)} {expression}";

    /// <summary>Reads the question back; text before it does not matter, the last question counts.</summary>
    /// <param name="text">Text that ends in a question.</param>
    /// <param name="puzzle">The puzzle.</param>
    /// <returns>Whether there is one.</returns>
    public static bool TryParse(string text, [NotNullWhen(true)] out Puzzle? puzzle)
    {
        ArgumentNullException.ThrowIfNull(text);
        puzzle = null;
        Match match = Question().Match(text);
        if (!match.Success || !int.TryParse(match.Groups["target"].Value, out int target) || target > Puzzle.MaxNumber) return false;
        var numbers = new List<int>();
        foreach (Capture number in match.Groups["number"].Captures)
        {
            if (!int.TryParse(number.Value, out int value) || value is < 1 or > Puzzle.MaxNumber) return false;
            numbers.Add(value);
        }

        if (numbers.Count is < Puzzle.MinNumbers or > Puzzle.MaxNumbers) return false;
        puzzle = new Puzzle(target, [.. numbers]);
        return true;
    }

    [GeneratedRegex(@"make\s+(?<target>[0-9]{1,4})\s+from(?:[\s,]+(?<number>[0-9]{1,4}))+\s*:?\s*$", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase, 1000)]
    private static partial Regex Question();
}
