using System.Reflection;
using System.Text.RegularExpressions;
using Coppice.Kernels;

namespace Coppice.Tests.Documents;

public sealed partial class OneTokenTests
{
    [Fact]
    public void Every_method_that_the_page_names_exists()
    {
        string page = File.ReadAllText(Repository.File("docs/ONE-TOKEN.md"));
        Type[] types = [.. typeof(Engine).Assembly.GetTypes(), .. typeof(KernelPath).Assembly.GetTypes()];
        MatchCollection named = MethodName().Matches(page);
        Assert.True(named.Count >= 14);
        foreach (Match match in named)
        {
            const BindingFlags any = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance;
            Assert.True(
                types.Any(t => t.Name == match.Groups[1].Value && t.GetMethods(any).Any(m => m.Name == match.Groups[2].Value)),
                $"{match.Value} does not exist");
        }

        Assert.InRange(Step().Count(page), 1, 14);
    }

    [GeneratedRegex(@"`(\w+)\.(\w+)`")]
    private static partial Regex MethodName();

    [GeneratedRegex(@"^\d+\. ", RegexOptions.Multiline)]
    private static partial Regex Step();
}
