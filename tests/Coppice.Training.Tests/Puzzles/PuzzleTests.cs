using Coppice.Training.Puzzles;

namespace Coppice.Training.Tests.Puzzles;

public sealed class PuzzleTests
{
    [Fact]
    public void The_game_of_24_has_its_known_1362_puzzles()
    {
        var set = new PuzzleSet([24], 4, 13);
        Assert.Equal(1362, Enum.GetValues<PuzzlePart>().Sum(p => set.Part(p).Count));
        Assert.InRange(set.Part(PuzzlePart.Test).Count, 100, 150);
    }

    [Fact]
    public void The_default_puzzles_are_three_numbers_and_a_tenth_is_for_tests()
    {
        var set = new PuzzleSet();
        Assert.Equal([14284, 526, 1482], Enum.GetValues<PuzzlePart>().Select(p => set.Part(p).Count));
        Assert.All(set.Part(PuzzlePart.Test), s => Assert.Equal(3, s.Puzzle.Numbers.Count));
    }

    [Fact]
    public void Every_solution_is_right_and_none_is_there_twice()
    {
        foreach (SolvedPuzzle solved in new PuzzleSet([1, 24, 37], 4, 6).Part(PuzzlePart.Training))
        {
            Assert.Equal(solved.Solutions.Count, solved.Solutions.Distinct().Count());
            Assert.All(solved.Solutions, s => Assert.True(PuzzleAnswer.Check(solved.Puzzle, s).IsRight, s));
        }
    }

    [Theory]
    [InlineData(24, new[] { 3, 3, 8, 8 }, "8/(3-8/3)")]
    [InlineData(24, new[] { 1, 5, 5, 5 }, "5*(5-1/5)")]
    [InlineData(24, new[] { 3, 8, 8, 2 }, "(8*2-8)*3")]
    public void Known_solutions_are_found(int target, int[] numbers, string solution) =>
        Assert.Contains(solution, PuzzleSolver.Solve(new Puzzle(target, numbers)));

    [Fact]
    public void Expressions_that_differ_in_order_alone_are_one() =>
        Assert.Equal(["3*2*1", "3*2/1", "3+2+1"], PuzzleSolver.Solve(new Puzzle(6, 1, 2, 3)));

    [Fact]
    public void What_can_t_be_solved_has_no_solution() => Assert.Empty(PuzzleSolver.Solve(new Puzzle(24, 1, 1, 1, 1)));

    [Theory]
    [InlineData("(8*2-8)*3", true, "(8*2-8)*3 = 24")]
    [InlineData(" ( 8 * 2 - 8 ) * 3 = 24 ", true, "24")]
    [InlineData("8*3", false, "uses 8 3, not 3 8 8 2")]
    [InlineData("8*3*(8-2-5)", false, "uses 8 3 8 2 5")]
    [InlineData("8+8+3+2", false, "= 21, not 24")]
    [InlineData("8/(8-8)*3*2", false, "divides by 0")]
    [InlineData("8/(2*3+2-8)", false, "divides by 0")]
    [InlineData("-8+8+3*2", false, "'-' at 1 is not a number")]
    [InlineData("(8*2-8*3", false, "not closed")]
    [InlineData("8*2-8)*3", false, "')' at 6")]
    [InlineData("8 8 3 2", false, "'8' at 3")]
    [InlineData("", false, "empty")]
    [InlineData("99999999999999999999*8", false, "too large")]
    [InlineData("999999999*999999999*999999999*999999999", false, "too large")]
    [InlineData("twenty-four", false, "'t' at 1")]
    public void An_answer_is_judged_and_the_reason_said(string answer, bool right, string reason)
    {
        PuzzleVerdict verdict = PuzzleAnswer.Check(new Puzzle(24, 3, 8, 8, 2), answer);
        Assert.Equal(right, verdict.IsRight);
        Assert.Contains(reason, verdict.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Hostile_answers_are_bounded()
    {
        var puzzle = new Puzzle(24, 3, 8, 8, 2);
        Assert.Contains("longer", PuzzleAnswer.Check(puzzle, new string('(', 100_000)).Reason, StringComparison.Ordinal);
        Assert.Contains("nested", PuzzleAnswer.Check(puzzle, new string('(', 150)).Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("make 24 from 3 8 8 2:", true)]
    [InlineData("Please make 24 from 3, 8, 8, 2", true)]
    [InlineData("make 1 from 2 2:\nmake 24 from 3 8 8 2:", true)]
    [InlineData("make 24 from 3:", false)]
    [InlineData("make 24 from 0 8 8 2:", false)]
    [InlineData("make 24 from 1 2 3 4 5 6 7:", false)]
    [InlineData("make 2400 from 1 2 3:", false)]
    [InlineData("hello", false)]
    public void A_question_is_read_from_text(string text, bool found)
    {
        Assert.Equal(found, PuzzleText.TryParse(text, out Puzzle? puzzle));
        if (found) Assert.Equal(new Puzzle(24, 3, 8, 8, 2), puzzle);
    }

    [Theory]
    [InlineData(24, 24, 4, 13)]
    [InlineData(1, 100, 3, 20)]
    public void No_test_puzzle_is_learned_under_any_order_of_its_numbers(int from, int to, int count, int max)
    {
        var set = new PuzzleSet([.. Enumerable.Range(from, to - from + 1)], count, max);
        var held = set.Part(PuzzlePart.Test).Concat(set.Part(PuzzlePart.Validation)).Select(s => s.Puzzle).ToHashSet();
        var training = new PuzzleTraining([(set.Part(PuzzlePart.Training), 1)]);
        for (int i = 0; i < 5000; i++)
        {
            (Puzzle puzzle, string expression) = training.Line(1, i);
            Assert.DoesNotContain(puzzle.Sorted(), held);
            Assert.True(PuzzleAnswer.Check(puzzle, expression).IsRight);
        }
    }

    [Fact]
    public void Lines_depend_on_seed_and_number_alone_and_fit_their_rows()
    {
        var training = new PuzzleTraining([(new PuzzleSet([24], 4, 13).Part(PuzzlePart.Training), 1), (new PuzzleSet([10], 4, 13).Part(PuzzlePart.Training), 1)]);
        Assert.Equal(training.Line(1, 77), training.Line(1, 77));
        Assert.NotEqual(Enumerable.Range(0, 9).Select(i => training.Line(1, i)), Enumerable.Range(0, 9).Select(i => training.Line(2, i)));
        var tokens = new long[1000 * PuzzleTraining.LineTokens];
        var targets = new long[tokens.Length];
        training.Write(Enumerable.Range(0, 1000).Select(i => training.Line(1, i)), PuzzleTraining.LineTokens, tokens, targets);
        Assert.All(targets.Chunk(PuzzleTraining.LineTokens), row => Assert.Equal(8, row.TakeWhile(t => t == -1).Count()));
    }
}
