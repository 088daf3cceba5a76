using Coppice.Cli.Verifying;

namespace Coppice.Cli.Evaluation;

/// <summary>One problem of an evaluation.</summary>
/// <param name="Key">Its name in its set.</param>
/// <param name="Prompt">What the model continues.</param>
internal sealed record EvalProblem(string Key, string Prompt)
{
    /// <summary>What stands before the sample in the program that is checked.</summary>
    public string Before { get; init; } = "";

    /// <summary>What stands behind it: the tests.</summary>
    public string After { get; init; } = "";

    /// <summary>Ending of the program's file, with its dot.</summary>
    public string Extension { get; init; } = ".txt";

    /// <summary>Texts that end a sample and are not part of it.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>The problem's line in its file; null where there is no file.</summary>
    public string? Json { get; init; }

    /// <summary>A sample as a verifier gets it.</summary>
    public Submission Submit(string sample) =>
        new(Prompt, sample) { Program = Before + sample + After, Extension = Extension, Problem = Json };
}
