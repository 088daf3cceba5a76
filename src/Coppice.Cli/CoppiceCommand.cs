using System.CommandLine;
using System.CommandLine.Help;
using Coppice.Cli.Evaluation;

namespace Coppice.Cli;

/// <summary>The <c>coppice</c> command: its subcommands, and how each ends.</summary>
internal static class CoppiceCommand
{
    /// <summary>What the user types.</summary>
    public const string Name = "coppice";

    /// <summary>Parses and runs a command line.</summary>
    /// <param name="args">The arguments, the program's name not included.</param>
    /// <param name="output">Gets results and nothing else.</param>
    /// <param name="error">Gets progress, logs and the one line of an error.</param>
    /// <param name="cancel">Ends the work early.</param>
    /// <returns>The exit code, one of <see cref="ExitCode"/>.</returns>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error, CancellationToken cancel)
    {
        // An argument that starts with @ is text, not the name of a file with more arguments.
        ParseResult parsed = Create().Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (CommandErrors.Find(parsed) is { } wrong)
        {
            error.WriteLine(CommandErrors.OneLine(wrong));
            return ExitCode.Wrong;
        }
        var invocation = new InvocationConfiguration
        {
            Output = output,
            Error = error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        };
        try
        {
            return await parsed.InvokeAsync(invocation, cancel);
        }
        catch (Exception e)
        {
            (int code, string message) = CommandErrors.Describe(e);
            error.WriteLine(CommandErrors.OneLine(message));
            return code;
        }
    }

    // No RootCommand: that is called what the program's file is called, whatever started it.
    private static Command Create() => new(Name, "Samples many continuations of one prompt from a language model and computes the shared part once.")
    {
        new HelpOption { Recursive = true, Action = new CommandHelp() },
        new VersionOption(),
        SampleCommand.Create(),
        ChatCommand.Create(),
        EvalCommand.Create(),
        BenchCommand.Create(),
        PerplexityCommand.Create(),
        InspectCommand.Create(),
        ServeCommand.Create(),
        TokenizeCommand.Create(),
        RandomCommand.Create(),
        TrainCommand.Create(),
        Perception.PerceiveCommand.Create(),
    };
}

/// <summary>How the process ends.</summary>
internal static class ExitCode
{
    /// <summary>All is done.</summary>
    public const int Good = 0;

    /// <summary>The work failed: a file is missing or damaged, a disk is full.</summary>
    public const int Failed = 1;

    /// <summary>The request was wrong: an option that does not exist, a value out of range.</summary>
    public const int Wrong = 2;

    /// <summary>Somebody pressed Ctrl-C.</summary>
    public const int Interrupted = 130;
}
