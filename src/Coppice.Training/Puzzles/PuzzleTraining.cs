using Coppice.Training.LanguageModels;
using Coppice.Tokenizing;

namespace Coppice.Training.Puzzles;

/// <summary>
/// Puzzles as training data: lines of <see cref="PuzzleText"/>, one a row, only the answer counts. A line is a function of seed and
/// number alone: a random training puzzle, its numbers in random order, one of its solutions.
/// </summary>
public sealed class PuzzleTraining
{
    private readonly (SolvedPuzzle[] Puzzles, double Share)[] _sources;
    private readonly Tokenizer _tokenizer;

    /// <summary>A source of lines.</summary>
    /// <param name="sources">Puzzles and how often they are chosen, relative to each other.</param>
    public PuzzleTraining(IEnumerable<(IReadOnlyList<SolvedPuzzle> Puzzles, double Share)> sources)
    {
        ArgumentNullException.ThrowIfNull(sources);
        (IReadOnlyList<SolvedPuzzle> Puzzles, double Share)[] given = [.. sources];
        double all = given.Sum(s => s.Share);
        _sources = [.. given.Select(s => (s.Puzzles.ToArray(), s.Share / all))];
        _tokenizer = Vocabulary.ToTokenizer();
    }

    /// <summary>The tokens that puzzles are written with: words of the question, numbers with and without a space, signs.</summary>
    public static TrainingVocabulary Vocabulary { get; } = new(Pieces());

    /// <summary>Tokens of the longest line of four numbers, but for the last: 9 of the question, 11 of the answer.</summary>
    public const int LineTokens = 20;

    /// <summary>The line of a number.</summary>
    /// <param name="seed">Another seed, other lines.</param>
    /// <param name="number">Its number.</param>
    public (Puzzle Puzzle, string Expression) Line(ulong seed, long number)
    {
        var random = new Counter(PuzzleSet.Mix(seed) ^ PuzzleSet.Mix((ulong)number));
        double at = random.Next(1 << 30) / (double)(1 << 30);
        int source = 0;
        while (source < _sources.Length - 1 && at >= _sources[source].Share) at -= _sources[source++].Share;
        SolvedPuzzle[] puzzles = _sources[source].Puzzles;
        SolvedPuzzle solved = puzzles[random.Next(puzzles.Length)];
        int[] numbers = [.. solved.Puzzle.Numbers];
        for (int i = numbers.Length - 1; i > 0; i--)
        {
            int other = random.Next(i + 1);
            (numbers[i], numbers[other]) = (numbers[other], numbers[i]);
        }

        return (new Puzzle(solved.Puzzle.Target, numbers), solved.Solutions[random.Next(solved.Solutions.Count)]);
    }

    /// <summary>Writes lines as rows of tokens and of targets, -1 where none counts.</summary>
    /// <param name="lines">The lines.</param>
    /// <param name="length">Tokens of a row.</param>
    /// <param name="tokens">[lines, length].</param>
    /// <param name="targets">[lines, length].</param>
    /// <exception cref="InvalidOperationException">A line is longer than a row.</exception>
    public void Write(IEnumerable<(Puzzle Puzzle, string Expression)> lines, int length, Span<long> tokens, Span<long> targets)
    {
        ArgumentNullException.ThrowIfNull(lines);
        int row = 0;
        foreach ((Puzzle puzzle, string expression) in lines)
        {
            int question = _tokenizer.Encode(PuzzleText.Prompt(puzzle)).Length;
            List<int> ids = [.. _tokenizer.Encode(PuzzleText.Line(puzzle, expression)), TrainingVocabulary.EndId];
            if (ids.Count > length + 1) throw new InvalidOperationException($"'{PuzzleText.Line(puzzle, expression)}' has {ids.Count} tokens, not {length + 1}");
            for (int i = 0; i < length; i++)
            {
                tokens[(row * length) + i] = i < ids.Count ? ids[i] : TrainingVocabulary.EndId;
                targets[(row * length) + i] = i + 1 >= question && i + 1 < ids.Count ? ids[i + 1] : -1;
            }

            row++;
        }
    }

    private static IEnumerable<string> Pieces()
    {
        foreach (char c in " 0123456789+-*/()=:,.makefromABCDEFGHIJKLMNOPQRSTUVWXYZbcdghijlnpqstuvwxyz?!\n") yield return c.ToString();
        foreach (string word in (string[])["ma", "mak", "make", " f", " fr", " fro", " from", " (", " ="]) yield return word;
        for (int number = 10; number < 100; number++) yield return $"{number}";
        for (int number = 0; number < 100; number++) yield return $" {number}";
    }

    /// <summary>Random numbers of one line.</summary>
    private struct Counter(ulong key)
    {
        private ulong _drawn;

        public int Next(int below) => (int)(PuzzleSet.Mix(key + (0xD1B5_4A32_D192_ED03UL * ++_drawn)) % (ulong)below);
    }
}
