using System.Globalization;
using System.Text;

namespace Coppice.Cli.Evaluation;

/// <summary>Writes the table of an evaluation as Markdown, into a page that may have more text.</summary>
internal static class EvalMarkdown
{
    /// <summary>The line after which the table stands.</summary>
    public const string Begin = "<!-- eval: begin -->";

    /// <summary>The line before which it ends.</summary>
    public const string End = "<!-- eval: end -->";

    /// <summary>Writes the table between its two lines, or to a file of its own where there are none.</summary>
    /// <param name="path">The page.</param>
    /// <param name="title">What was evaluated, one line.</param>
    /// <param name="scores">The runs.</param>
    /// <exception cref="IOException">The page can't be written, or is some other text without the two lines.</exception>
    public static void Write(string path, string title, IReadOnlyList<EvalScore> scores)
    {
        string page = Page(path);
        (int begin, int end) = Place(path, page);
        string beside = $"{path}.tmp";
        File.WriteAllText(beside, $"{page[..begin]}{Begin}\n{title}\n\n{Table(scores)}{End}\n{page[end..]}");
        File.Move(beside, path, overwrite: true);
    }

    /// <summary>Checks before the work that a page has a place for the table.</summary>
    /// <exception cref="IOException">It has none.</exception>
    public static void Require(string path) => Place(path, Page(path));

    private static string Page(string path) => File.Exists(path) ? File.ReadAllText(path).ReplaceLineEndings("\n") : "";

    /// <summary>The characters from the first line to the one after the last, [begin, end); of an empty page the whole.</summary>
    private static (int Begin, int End) Place(string path, string page)
    {
        if (page.Length == 0) return (0, 0);
        int begin = page.IndexOf($"{Begin}\n", StringComparison.Ordinal);
        int end = begin < 0 ? -1 : page.IndexOf($"{End}\n", begin, StringComparison.Ordinal);
        return end >= 0 ? (begin, end + End.Length + 1) : throw new IOException($"{path}: expected the lines '{Begin}' and '{End}', found none to write between");
    }

    private static string Table(IReadOnlyList<EvalScore> scores)
    {
        var table = new StringBuilder();
        table.Append("| samples | attention | problems | pass@1 | pass@n | pass@top3 | majority | ms a problem | tokens a problem | prompt keys and values read |\n");
        table.Append("|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|\n");
        foreach (EvalScore score in scores)
        {
            table.Append(string.Create(
                CultureInfo.InvariantCulture,
                $"| {score.Run.Samples} | {Spelling.Of(score.Run.Attention)} | {score.Problems} | {score.PassAt(1):0.0%} | {score.PassAt(score.Run.Samples):0.0%} | {score.PassAtTop3:0.0%} | {score.Majority:0.0%} | {1000 * score.SecondsPerProblem:0.0} | {score.TokensPerProblem:0.0} | {SizeText.Bytes(score.ContextKvBytesRead)} |\n"));
        }

        return table.ToString();
    }
}
