using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Coppice.Cli;

/// <summary>Shows a command's help without the arguments of the commands above it, which it does not read.</summary>
internal sealed class CommandHelp : SynchronousCommandLineAction
{
    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        foreach (Command above in parseResult.CommandResult.Command.Parents.OfType<Command>())
            foreach (Argument argument in above.Arguments) argument.Hidden = true;
        return new HelpAction().Invoke(parseResult);
    }
}
