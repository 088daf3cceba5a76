using System.Globalization;
using System.Text.RegularExpressions;

namespace Coppice.Graphs.Tests.Documents;

public sealed partial class GraphsPageTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_example_learns_what_the_page_says()
    {
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        GraphsExample.Run(_folder.File("net.safetensors"), _folder.File("net.onnx"), output);
        Match scores = Scores().Match(output.ToString());
        Assert.True(scores.Success, output.ToString());
        Assert.True(Number(scores, 2) > Number(scores, 1) + 0.5, output.ToString());

        static double Number(Match match, int group) => double.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);
    }

    [Fact]
    public void The_page_prints_the_lines_that_are_compiled()
    {
        string printed = Code().Match(File.ReadAllText(Path.Combine(Root, "docs", "graphs.md"))).Groups[1].Value;
        string[] source = [.. File.ReadAllLines(Path.Combine(Root, "tests", "Coppice.Graphs.Tests", "Documents", "GraphsExample.cs")).Select(line => line.Trim())];
        string[] lines = printed.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(lines.Length > 20);
        foreach (string line in lines)
        {
            string expected = line.Trim()
                .Replace("\"net.safetensors\"", "checkpoint", StringComparison.Ordinal)
                .Replace("\"net.onnx\"", "file", StringComparison.Ordinal)
                .Replace("Console.", "output.", StringComparison.Ordinal);
            Assert.Contains(expected, source);
        }
    }

    private static string Root { get; } = FindRoot();

    private static string FindRoot()
    {
        for (DirectoryInfo? d = new(AppContext.BaseDirectory); d is not null; d = d.Parent)
            if (File.Exists(Path.Combine(d.FullName, "Coppice.slnx"))) return d.FullName;
        throw new InvalidOperationException("the tests run outside a checkout");
    }

    [GeneratedRegex(@"across (\S+), down (\S+)")]
    private static partial Regex Scores();

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Code();
}
