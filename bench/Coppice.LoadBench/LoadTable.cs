using System.Globalization;
using Spectre.Console;

namespace Coppice.LoadBench;

/// <summary>The report as text.</summary>
internal static class LoadTable
{
    private const int Width = 120;

    /// <summary>Writes the tables.</summary>
    public static void Write(LoadReport report, TextWriter output)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) });
        if (output != Console.Out || Console.IsOutputRedirected) console.Profile.Width = Width;
        console.Write(Summary(report));
        console.Write(Times(report));
        if (report.Failures.Count > 0) console.Write(Failures(report));
    }

    private static Table Summary(LoadReport report)
    {
        RunDescription run = report.Run;
        Table table = new Table().Border(TableBorder.None).HideHeaders().AddColumn("what").AddColumn("value");
        Row("server", $"{run.Server}  model {run.Model}  {run.Api}{(run.Stream ? "" : ", whole answers")}");
        Row("load", Text($"{run.Arrivals} {run.Rate:0.###}/s, seed {run.Seed}; n {run.Samples}; max tokens {run.MaxTokens}; own {run.PrivateSize} {run.SizeUnit}")
            + (run.Contexts > 0 ? Text($"; {run.Contexts} contexts of {run.SharedSize} {run.SizeUnit} in {run.SharedShare:0.##%}") : ""));
        Row("requests", Text($"{report.Due} due, {report.Completed} completed, {report.Failed} failed, {report.Vanished} vanished")
            + (report.Interrupted ? Text($", {report.Unfinished} unfinished when the run was interrupted") : ""));
        Row("rate", Text($"{report.OfferedPerSecond:0.##} offered, {report.CompletedPerSecond:0.##} completed a second, in {report.Seconds:0.#} s"));
        Row("tokens", Text($"{report.OutputTokensPerSecond:0.#} out a second ({report.OutputTokens:n0}); {report.PromptTokens:n0} in")
            + (report.PromptTokens > 0 ? Text($", {(double)report.CachedTokens / report.PromptTokens:0.#%} of them cached") : ""));
        if (report.Goodput is { } good)
            Row("goodput", Text($"{good.PerSecond:0.##} a second, {good.Share:0.#%} of the requests within {Limits(good.Slo)}"));
        if (report.Late is { } late) Row("sent late", Text($"p50 {late.P50:0.0} ms, p99 {late.P99:0.0} ms, at most {late.Max:0.0} ms"));
        return table;

        void Row(string what, string value) => table.AddRow(Markup.Escape(what), Markup.Escape(value));
    }

    private static Table Times(LoadReport report)
    {
        Table table = new Table().Border(TableBorder.Markdown).AddColumns("milliseconds", "requests", "measured", "mean", "p50", "p95", "p99", "max");
        foreach (TableColumn column in table.Columns.Skip(1)) column.RightAligned();
        Rows("time to first token", cohort => cohort.FirstToken);
        Rows("time per output token", cohort => cohort.Token);
        Rows("end to end", cohort => cohort.Total);
        return table;

        void Rows(string name, Func<Cohort, Distribution?> times)
        {
            foreach (Cohort cohort in report.Cohorts)
            {
                if (times(cohort) is not { } found) continue;
                table.AddRow(
                    Markup.Escape(cohort.Name == "all" ? name : $"- {cohort.Name}"), Text($"{cohort.Requests}"), Text($"{found.Count}"), Text($"{found.Mean:0.0}"),
                    Text($"{found.P50:0.0}"), Text($"{found.P95:0.0}"), Text($"{found.P99:0.0}"), Text($"{found.Max:0.0}"));
            }
        }
    }

    private static Table Failures(LoadReport report)
    {
        Table table = new Table().Border(TableBorder.Markdown).AddColumns("failure", "requests", "for example");
        foreach (FailureCount failure in report.Failures)
            table.AddRow(Markup.Escape(failure.Kind), Text($"{failure.Count}"), Markup.Escape(failure.Example));
        return table;
    }

    /// <summary>The limits in words.</summary>
    internal static string Limits(Slo slo)
    {
        var limits = new List<string>();
        if (slo.FirstToken is double first) limits.Add(Text($"first token {first:0.###} ms"));
        if (slo.Token is double token) limits.Add(Text($"each token {token:0.###} ms"));
        if (slo.Total is double total) limits.Add(Text($"end {total:0.###} ms"));
        return string.Join(", ", limits);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
