namespace Coppice.Training.Puzzles;

/// <summary>What is to be said of an answer.</summary>
/// <param name="IsRight">Whether the answer solves the puzzle.</param>
/// <param name="Reason">One sentence; of a right answer what it shows.</param>
public sealed record PuzzleVerdict(bool IsRight, string Reason);

/// <summary>
/// Checks answers: an expression of whole numbers, + - * / and brackets, evaluated in exact fractions, that uses each number of the
/// puzzle exactly once and reaches the target. Answers are untrusted: length and depth are bounded.
/// </summary>
public static class PuzzleAnswer
{
    private const int MaxLength = 200;
    private const int MaxDepth = 32;

    /// <summary>Judges an answer.</summary>
    /// <param name="puzzle">The puzzle.</param>
    /// <param name="answer">The expression, with white space around it at most, or "= target" behind it.</param>
    public static PuzzleVerdict Check(Puzzle puzzle, string answer)
    {
        ArgumentNullException.ThrowIfNull(puzzle);
        ArgumentNullException.ThrowIfNull(answer);
        string text = answer.Trim();
        string ending = $"={puzzle.Target}";
        string spaceless = string.Concat(text.Where(c => !char.IsWhiteSpace(c)));
        if (spaceless.EndsWith(ending, StringComparison.Ordinal)) text = text[..text.LastIndexOf('=')];
        if (text.Length == 0) return new(false, "the answer is empty");
        if (text.Length > MaxLength) return new(false, $"the answer is longer than {MaxLength} characters");
        try
        {
            var parser = new Parser(text);
            Rational value = parser.Whole();
            if (!parser.Numbers.Order().SequenceEqual(puzzle.Numbers.Order()))
                return new(false, $"it uses {string.Join(' ', parser.Numbers)}, not {string.Join(' ', puzzle.Numbers)} once each");
            return value == new Rational(puzzle.Target) ? new(true, $"{text} = {puzzle.Target}") : new(false, $"{text} = {value}, not {puzzle.Target}");
        }
        catch (FormatException e)
        {
            return new(false, e.Message);
        }
        catch (OverflowException)
        {
            return new(false, "a number is too large");
        }
    }

    /// <summary>sum = product { (+|-) product }; product = atom { (*|/) atom }; atom = number | ( sum ).</summary>
    private sealed class Parser(string text)
    {
        private int _at;
        private int _depth;

        public List<int> Numbers { get; } = [];

        public Rational Whole()
        {
            Rational value = Sum();
            if (Peek() is char c) throw new FormatException($"'{c}' at {_at + 1} does not belong there");
            return value;
        }

        private Rational Sum()
        {
            Rational value = Product();
            while (Peek() is '+' or '-')
            {
                bool add = text[_at++] == '+';
                Rational next = Product();
                value = add ? value + next : value - next;
            }

            return value;
        }

        private Rational Product()
        {
            Rational value = Atom();
            while (Peek() is '*' or '/')
            {
                bool multiply = text[_at++] == '*';
                Rational next = Atom();
                if (!multiply && next.Numerator == 0) throw new FormatException("it divides by 0");
                value = multiply ? value * next : value / next;
            }

            return value;
        }

        private Rational Atom()
        {
            char? c = Peek();
            if (c == '(')
            {
                if (++_depth > MaxDepth) throw new FormatException($"brackets are nested deeper than {MaxDepth}");
                _at++;
                Rational inner = Sum();
                if (Peek() != ')') throw new FormatException("a bracket is not closed");
                _at++;
                _depth--;
                return inner;
            }

            int start = _at;
            while (_at < text.Length && char.IsAsciiDigit(text[_at])) _at++;
            if (_at == start) throw new FormatException(c is null ? "it ends where a number is expected" : $"'{c}' at {_at + 1} is not a number");
            int number = int.Parse(text.AsSpan(start, _at - start), System.Globalization.CultureInfo.InvariantCulture);
            Numbers.Add(number);
            return new Rational(number);
        }

        private char? Peek()
        {
            while (_at < text.Length && char.IsWhiteSpace(text[_at])) _at++;
            return _at < text.Length ? text[_at] : null;
        }
    }
}
