using Spectre.Console;

namespace Coppice.Cli;

/// <summary>A bar with rate and time left, on standard error when that is a terminal.</summary>
internal static class Progress
{
    /// <summary>Runs work that reports the bytes it has done.</summary>
    /// <param name="error">Where the command's progress goes; there is no bar unless it is a terminal.</param>
    /// <param name="what">What is being done.</param>
    /// <param name="totalBytes">How much there is to do.</param>
    /// <param name="work">The work; its progress is null when nobody looks.</param>
    public static T Run<T>(TextWriter error, string what, long totalBytes, Func<IProgress<long>?, T> work)
    {
        if (error != Console.Error || Console.IsErrorRedirected) return work(null);
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(error) });
        return console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new TransferSpeedColumn(), new RemainingTimeColumn())
            .Start(context => work(new BytesOf(context.AddTask(Markup.Escape(what), maxValue: totalBytes))));
    }

    /// <summary>Runs work that reports how many things it has done.</summary>
    /// <param name="error">Where the command's progress goes; there is no bar unless it is a terminal.</param>
    /// <param name="what">What is being done.</param>
    /// <param name="total">How many there are to do.</param>
    /// <param name="work">The work; what it tells its progress to is null when nobody looks.</param>
    public static Task<T> CountAsync<T>(TextWriter error, string what, int total, Func<Action<int>?, Task<T>> work)
    {
        if (EngineLoading.Terminal(error) is not { } console) return work(null);
        return console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .StartAsync(context =>
            {
                ProgressTask bar = context.AddTask(Markup.Escape(what), maxValue: total);
                return work(done =>
                {
                    bar.Value = done;
                    bar.Description = Markup.Escape($"{what}: {done} of {total}");
                });
            });
    }

    private sealed class BytesOf(ProgressTask task) : IProgress<long>
    {
        public void Report(long value) => task.Value = value;
    }
}
