using System.CommandLine;

namespace Coppice.Cli.Verifying;

/// <summary>What tells right samples from wrong ones: <c>--verify CMD</c> and its limits.</summary>
internal sealed class VerifyArguments
{
    /// <summary>The option that names the command.</summary>
    public const string Name = "--verify";

    private const double DefaultSeconds = 10;
    private const int DefaultOutputBytes = 65_536;

    private readonly Option<string?> _command = new(Name)
    {
        Description = "A shell command that gets each sample on standard input, or in a file where it says {file}, and exits with 0 if it is right; "
            + $"'{PuzzleVerifier.Word}' checks number puzzles. The right samples rank first. Commands run with your rights.",
        HelpName = $"CMD|{PuzzleVerifier.Word}",
    };

    private readonly Option<double?> _timeout = OptionParsers.Number(
        "--verify-timeout", $"Seconds a command may take; {DefaultSeconds} if not given.", 0.01, 86_400.0);

    private readonly Option<int?> _output = OptionParsers.Number(
        "--verify-output", $"Bytes a command may print; {DefaultOutputBytes} if not given.", 0, 1 << 28);

    private readonly Option<int?> _jobs = OptionParsers.Number("--verify-jobs", "Commands that run at once; as many as cores if not given.", 1, 1024);

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _command, _timeout, _output, _jobs }) command.Add(option);
    }

    /// <summary>What was asked for; null where nothing was.</summary>
    /// <exception cref="RequestRejectedException">A limit is given and no command that it limits, or the command is empty.</exception>
    public VerifySettings? Read(ParseResult parsed)
    {
        string? command = parsed.GetValue(_command);
        if (command is null or PuzzleVerifier.Word)
        {
            Option[] limits = [_timeout, _output, _jobs];
            if (Array.Find(limits, limit => parsed.GetResult(limit) is not null) is { } given)
                throw new RequestRejectedException(given.Name, $"{Name} with a command beside it", command ?? "none");
            return command is null ? null : VerifySettings.Puzzle;
        }

        if (string.IsNullOrWhiteSpace(command)) throw new RequestRejectedException(Name, $"a command or '{PuzzleVerifier.Word}'", "an empty text");
        return new VerifySettings(
            command,
            TimeSpan.FromSeconds(parsed.GetValue(_timeout) ?? DefaultSeconds),
            parsed.GetValue(_output) ?? DefaultOutputBytes,
            parsed.GetValue(_jobs) ?? Environment.ProcessorCount);
    }
}

/// <summary>A command that checks, and its limits.</summary>
/// <param name="Command">What the shell is given, or <see cref="PuzzleVerifier.Word"/>.</param>
/// <param name="Timeout">How long it may take.</param>
/// <param name="OutputBytes">How much it may print.</param>
/// <param name="Jobs">How many may run at once.</param>
internal sealed record VerifySettings(string Command, TimeSpan Timeout, int OutputBytes, int Jobs)
{
    /// <summary>The check of number puzzles, which is no command and needs no limit.</summary>
    public static VerifySettings Puzzle { get; } = new(PuzzleVerifier.Word, TimeSpan.Zero, 0, 1);

    /// <summary>Whether number puzzles are checked, by no command.</summary>
    public bool IsPuzzle => Command == PuzzleVerifier.Word;

    /// <summary>Makes the verifier.</summary>
    /// <param name="withProblems">Whether samples belong to problems of a file.</param>
    /// <exception cref="RequestRejectedException">The command can't be run.</exception>
    public IVerifier Create(bool withProblems) => IsPuzzle ? new PuzzleVerifier() : CommandVerifier.Create(this, withProblems);
}
