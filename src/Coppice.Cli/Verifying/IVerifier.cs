namespace Coppice.Cli.Verifying;

/// <summary>Tells right samples from wrong ones. May be called from several threads.</summary>
internal interface IVerifier : IDisposable
{
    /// <summary>How it is named in results: what of it decides on a verdict.</summary>
    string Name { get; }

    /// <summary>Judges one sample.</summary>
    /// <param name="submission">The sample and the problem it belongs to.</param>
    /// <param name="cancel">Ends the check.</param>
    /// <exception cref="IOException">The check can't be made, whatever the sample.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; the sample is neither right nor wrong.</exception>
    Task<Verdict> CheckAsync(Submission submission, CancellationToken cancel);
}

/// <summary>What a check says.</summary>
/// <param name="IsRight">Whether the sample solves its problem.</param>
/// <param name="Reason">One line: what a right sample shows, or what is wrong.</param>
internal sealed record Verdict(bool IsRight, string Reason);

/// <summary>A sample to be judged.</summary>
/// <param name="Prompt">The prompt's text.</param>
/// <param name="Sample">The text that was sampled.</param>
internal sealed record Submission(string Prompt, string Sample)
{
    /// <summary>What a command is to run or to look at: the sample, or a program made of it.</summary>
    public string Program { get; init; } = Sample;

    /// <summary>Ending of the program's file, with its dot.</summary>
    public string Extension { get; init; } = ".txt";

    /// <summary>The problem as its file has it, one JSON object; null where there is no file.</summary>
    public string? Problem { get; init; }
}
