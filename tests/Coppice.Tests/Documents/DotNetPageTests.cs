namespace Coppice.Tests.Documents;

public sealed class DotNetPageTests
{
    [Fact]
    public void The_page_shows_the_sample_as_it_is_built()
    {
        string page = File.ReadAllText(Repository.File("docs/dotnet.md"));
        string sample = File.ReadAllText(Repository.File("samples/ChatSample/Program.cs"));
        Assert.Contains("```csharp\n" + sample.TrimEnd() + "\n```", page, StringComparison.Ordinal);
    }
}
