using Coppice.Training.Puzzles;

namespace Coppice.Cli.Verifying;

/// <summary><c>--verify puzzle</c>: the puzzle is the one that the prompt ends in, the sample is its answer.</summary>
internal sealed class PuzzleVerifier : IVerifier
{
    /// <summary>The word that chooses it.</summary>
    public const string Word = "puzzle";

    /// <inheritdoc/>
    public string Name => Word;

    /// <summary>Checks that a prompt ends in a puzzle.</summary>
    /// <exception cref="RequestRejectedException">It does not.</exception>
    public static void Require(string prompt)
    {
        if (PuzzleText.TryParse(prompt, out _)) return;
        string end = prompt.Length <= 40 ? prompt : $"...{prompt[^40..]}";
        throw new RequestRejectedException(
            VerifyArguments.Name, $"a prompt that ends in a puzzle, as in '{PuzzleText.Prompt(new Puzzle(24, 3, 8, 8, 2))}'", $"'{end}'");
    }

    /// <inheritdoc/>
    public Task<Verdict> CheckAsync(Submission submission, CancellationToken cancel)
    {
        if (!PuzzleText.TryParse(submission.Prompt, out Puzzle? puzzle)) return Task.FromResult(new Verdict(false, "the prompt holds no puzzle"));
        PuzzleVerdict verdict = PuzzleAnswer.Check(puzzle, submission.Sample);
        return Task.FromResult(new Verdict(verdict.IsRight, verdict.Reason));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
