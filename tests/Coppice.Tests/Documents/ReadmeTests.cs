using System.Text.RegularExpressions;

namespace Coppice.Tests.Documents;

public sealed partial class ReadmeTests
{
    [Fact]
    public async Task The_example_runs_as_it_is_printed()
    {
        using var output = new StringWriter();
        await ReadmeExample.Run(Repository.File("assets/tiny-noise.gguf"), output);
        string[] lines = output.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains(lines, l => l.StartsWith("1: ", StringComparison.Ordinal));

        // What was compiled and run above is what the page prints, with the file and the console swapped in.
        string printed = Code().Match(File.ReadAllText(Repository.File("README.md"))).Groups[1].Value;
        string source = File.ReadAllText(Repository.File("tests/Coppice.Tests/Documents/ReadmeExample.cs"));
        foreach (string line in printed.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string expected = line.Replace("\"model.gguf\"", "model", StringComparison.Ordinal).Replace("Console.", "output.", StringComparison.Ordinal);
            Assert.Contains(expected, source, StringComparison.Ordinal);
        }
    }

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Code();
}
