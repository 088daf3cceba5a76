using System.Globalization;

namespace Coppice.PeerBench;

/// <summary>The report as text.</summary>
internal static class ResultTable
{
    /// <summary>Share of one core above which an engine that has no turn disturbs the others.</summary>
    public const double QuietShare = 0.05;

    private static readonly string[] s_heads =
        ["model", "context", "work", "llama.cpp t/s", "its setting", "Coppice t/s", "ratio", "floor", ""];

    /// <summary>What the figures stand on, the table, and what is to be known about it.</summary>
    /// <param name="document">Conditions and runs.</param>
    /// <param name="rows">The rows to show, in this order.</param>
    public static IEnumerable<string> Lines(PeerDocument document, IReadOnlyList<RowResult> rows)
    {
        PeerConditions conditions = document.Conditions;
        yield return $"{conditions.Machine}; {conditions.Threads} threads each; keys and values in {conditions.Cache}";
        yield return $"llama.cpp {conditions.LlamaCpp}; Coppice {conditions.Coppice}; models: {conditions.Models}";
        yield return $"medians of {conditions.Repeats} rounds in turn, {conditions.Tokens} tokens a sample; prompts above 512 tokens were computed once; each row has llama.cpp's fastest setting";
        yield return "";
        foreach (string line in Aligned([s_heads, .. rows.Select(Cells)])) yield return line;
        yield return "";
        foreach (string line in Notes(document, rows)) yield return line;
    }

    /// <summary>Every engine and setting of a row.</summary>
    public static IEnumerable<string> Details(RowResult row) =>
    [
        .. row.Engines.Select(result => Text(
            $"  {Work(row),-10} {result.Engine,-9} {result.Setting,-12} {result.Threads,2} threads {result.TokensPerSecond,9:f1} t/s ({result.Seconds.Count} rounds, {1e3 * result.Seconds.Min():f1} to {1e3 * result.Seconds.Max():f1} ms)")),
        Text($"  {Work(row),-10} {row.Ratio:f2} times llama.cpp's best ({row.BestSetting})"),
    ];

    /// <summary>The work of a row, in the table's words.</summary>
    public static string Work(RowResult row) => new PeerRow(row.Model, row.Context, row.Samples).Work;

    /// <summary>Whether a floor is met.</summary>
    public static string Verdict(RowResult row) => row.Met switch
    {
        true => "met",
        false => "NOT MET",
        null => "",
    };

    private static string[] Cells(RowResult row) =>
    [
        row.Model,
        Text($"{row.Context}"),
        Work(row),
        Text($"{row.LlamaCpp.TokensPerSecond:f1}"),
        row.BestSetting,
        Text($"{row.Coppice.TokensPerSecond:f1}"),
        Text($"{row.Ratio:f2}x"),
        row.Floor is double floor ? Text($"{floor:f1}x") : "",
        Verdict(row),
    ];

    /// <summary>Columns of numbers are aligned to the right.</summary>
    private static IEnumerable<string> Aligned(IReadOnlyList<string[]> lines)
    {
        int[] widths = [.. s_heads.Select((_, column) => lines.Max(line => line[column].Length))];
        bool[] right = [.. s_heads.Select(head => head is "context" or "ratio" or "floor" || head.EndsWith("t/s", StringComparison.Ordinal))];
        yield return Joined(lines[0]);
        yield return "|" + string.Concat(widths.Select((width, column) => new string('-', width + 1) + (right[column] ? ":|" : "-|")));
        foreach (string[] line in lines.Skip(1)) yield return Joined(line);

        string Joined(string[] cells) =>
            "|" + string.Concat(cells.Select((cell, column) => $" {(right[column] ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column]))} |"));
    }

    private static IEnumerable<string> Notes(PeerDocument document, IReadOnlyList<RowResult> rows)
    {
        foreach (int index in rows.Select(row => row.Run).Distinct().Order())
        {
            PeerRun run = document.Runs[index];
            string end = run.End is { } speed ? Text($", at the end {speed.ParallelRatio:f2} times and {speed.ReadGigabytesPerSecond:f1} GB/s") : "";
            yield return Text($"run of {run.Started:yyyy-MM-dd HH:mm} UTC: {run.Threads} threads do {run.Begin.ParallelRatio:f2} times the arithmetic of one and read {run.Begin.ReadGigabytesPerSecond:f1} GB/s{end}");
            foreach (string flag in run.Flags) yield return $"  FLAGGED: {flag}; take its rows with care: {string.Join(' ', rows.Where(row => row.Run == index).Select(row => row.Name))}";
        }

        foreach (string line in rows.SelectMany(row => row.LeftOut.Select(setting => $"left out at {row.Model}, context {row.Context}: llama.cpp {setting.Setting} {setting.Reason}")).Distinct())
            yield return line;
        foreach (RowResult row in rows)
            foreach (EngineResult engine in row.Engines.Where(engine => engine.IdleProcessorShare > QuietShare))
                yield return Text($"FLAGGED: {row.Name}: {engine.Engine} {engine.Setting} uses {engine.IdleProcessorShare:p0} of a core while the others have their turn");
        if (OneThread(rows) is { } oneThread) yield return oneThread;
        RowResult[] demanded = [.. rows.Where(row => row.Met is not null)];
        if (demanded.Length > 0) yield return $"floors met: {demanded.Count(row => row.Met == true)} of {demanded.Length}";
    }

    /// <summary>Whether llama.cpp is ever faster on one thread.</summary>
    private static string? OneThread(IReadOnlyList<RowResult> rows)
    {
        RowResult[] tried = [.. rows.Where(row => row.Coppice.Threads > 1 && row.Engines.Any(engine => engine.Threads == 1))];
        if (tried.Length == 0) return null;
        string[] faster = [.. tried.Where(row => row.LlamaCpp.Threads == 1).Select(row => row.Name)];
        return faster.Length == 0
            ? $"llama.cpp on one thread was slower in all {tried.Length} rows tried"
            : $"llama.cpp was faster on one thread, which counts, in: {string.Join(' ', faster)}";
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
