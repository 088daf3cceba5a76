using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text;
using Coppice.ModelFiles;

namespace Coppice.Cli;

/// <summary>Turns what went wrong into one line and an exit code.</summary>
internal static class CommandErrors
{
    /// <summary>What an exception says and how the process ends because of it.</summary>
    public static (int Code, string Message) Describe(Exception exception) => exception switch
    {
        OperationCanceledException => (ExitCode.Interrupted, "interrupted"),
        RequestRejectedException or PlatformNotSupportedException or Chat.ChatTemplateException { IsRaised: true } => (ExitCode.Wrong, exception.Message),
        ModelFormatException or Chat.ChatTemplateException or IOException or UnauthorizedAccessException => (ExitCode.Failed, exception.Message),
        Graphs.GraphException or Graphs.Training.TrainingDivergedException => (ExitCode.Failed, exception.Message),
        // A sampler that finds no number to draw by: the model's weights are damaged.
        InvalidOperationException => (ExitCode.Failed, exception.Message),
        OverflowException => (ExitCode.Failed, "a size in the file or the request is too large"),
        OutOfMemoryException => (ExitCode.Failed, "there is not enough memory"),
        AggregateException { InnerExceptions.Count: > 0 } many => Describe(many.InnerExceptions[0]),
        _ => (ExitCode.Failed, $"internal error: {exception.GetType().Name}: {exception.Message}"),
    };

    /// <summary>The first thing that is wrong with a command line, or null.</summary>
    public static string? Find(ParseResult parsed)
    {
        Command command = parsed.CommandResult.Command;
        bool helps = parsed.Action is { ClearsParseErrors: true };
        if (helps) return null;
        // A word that fits nowhere explains the errors that follow from it, such as a missing argument.
        string? stray = OptionTakenAsValue(parsed) ?? (parsed.UnmatchedTokens.Count > 0 ? parsed.UnmatchedTokens[0] : null);
        if (stray is not null)
        {
            string kind = stray.StartsWith('-') ? "option" : command.Subcommands.Count > 0 ? "command" : "argument";
            return $"unknown {kind} '{stray}'; '{NameOf(command)} --help' lists what there is";
        }
        if (parsed.Errors.Count == 0) return null;
        if (command.Action is null) return $"no command given; '{NameOf(command)} --help' lists them";
        return parsed.Errors[0].SymbolResult is ArgumentResult { Parent: CommandResult, Tokens.Count: 0 } missing
            ? $"{missing.Argument.Name} is missing; see '{NameOf(command)} --help'"
            : parsed.Errors[0].Message;
    }

    /// <summary>
    /// The parser takes an option it does not know for a value wherever one can stand: <c>inspect --jsn</c> would look for a file
    /// of that name. Only a text of the user's may look like an option, and what comes after <c>--</c>.
    /// </summary>
    private static string? OptionTakenAsValue(ParseResult parsed)
    {
        if (parsed.Tokens.Any(token => token.Type == TokenType.DoubleDash)) return null;
        foreach (SymbolResult result in parsed.CommandResult.Children)
        {
            if (result is OptionResult { Option.Name: PromptArguments.OptionName or ChatCommand.SystemName or SampleArguments.StopName or SampleArguments.AnswerName }) continue;
            string? found = result.Tokens.Select(token => token.Value).FirstOrDefault(value =>
                value.Length > 1 && value[0] == '-' && (value[1] == '-' || char.IsAsciiLetter(value[1])));
            if (found is not null) return found;
        }
        return null;
    }

    /// <summary>The message behind the program's name, without line breaks and control characters that a file may have put into it.</summary>
    public static string OneLine(string message)
    {
        var line = new StringBuilder("coppice: ");
        foreach (char c in message.Trim()) line.Append(char.IsControl(c) || c is '\u2028' or '\u2029' ? ' ' : c);
        return line.ToString();
    }

    private static string NameOf(Command command) => command.Name == CoppiceCommand.Name ? command.Name : $"{CoppiceCommand.Name} {command.Name}";
}
