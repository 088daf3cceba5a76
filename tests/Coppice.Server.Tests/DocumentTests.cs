using System.ClientModel;
using System.Diagnostics;
using System.Text.RegularExpressions;
using OpenAI;
using OpenAI.Chat;

namespace Coppice.Server.Tests;

/// <summary>What <c>docs/server.md</c> shows, run.</summary>
public sealed partial class DocumentTests
{
    private const string Address = "http://127.0.0.1:8080";
    private static readonly string Document = File.ReadAllText(Repository.File("docs/server.md"));

    /// <summary>The metrics that the document names.</summary>
    /// <param name="ofPerception">Those of pictures, which are there once one was perceived, or the others.</param>
    internal static IEnumerable<string> MetricNames(bool ofPerception = false) => MetricName().Matches(Document).Select(match => match.Value).Distinct()
        .Where(name => name.StartsWith("coppice_perception", StringComparison.Ordinal) == ofPerception);

    [Fact]
    public async Task CurlExamplesAnswer()
    {
        string[] examples = [.. Blocks("sh").Where(block => block.StartsWith("curl", StringComparison.Ordinal))];
        Assert.Equal(3, examples.Length);
        await using RunningServer server = await RunningServer.StartAsync(asset: "puzzles", server: options => options with { Perception = PerceivingServer.Network });
        foreach (string example in examples)
        {
            using Process shell = Process.Start(new ProcessStartInfo("sh", ["-c", AtServer(example, server)]) { RedirectStandardOutput = true, UseShellExecute = false, WorkingDirectory = Repository.Root })!;
            string output = await shell.StandardOutput.ReadToEndAsync();
            await shell.WaitForExitAsync();
            Assert.SkipWhen(shell.ExitCode == 127, "curl is not installed");
            Assert.Equal(0, shell.ExitCode);
            Assert.Contains(example.Contains("perceive", StringComparison.Ordinal) ? "\"distance_m\"" : "\"choices\"", output, StringComparison.Ordinal);
            Assert.DoesNotContain("\"error\"", output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task TheJavaScriptExampleStreams()
    {
        await using RunningServer server = await RunningServer.StartAsync(asset: "puzzles");
        string script = Repository.File($"artifacts/example-{Environment.ProcessId}.mjs");
        await File.WriteAllTextAsync(script, AtServer(Blocks("js").Single(), server));
        try
        {
            string output = await JavaScriptClientTests.NodeAsync(script);
            Assert.StartsWith("[", output);
        }
        finally
        {
            File.Delete(script);
        }
    }

    [Fact]
    public async Task TheCSharpExampleStreams()
    {
        string shown = Blocks("csharp").Single().Replace($"\"{Address}/v1\"", "address", StringComparison.Ordinal).Replace("Console.", "output.", StringComparison.Ordinal);
        string source = await File.ReadAllTextAsync(Repository.File("tests/Coppice.Server.Tests/DocumentTests.cs"));
        string[] lines = [.. source.Split('\n').Select(line => line.Trim())];
        Assert.Contains(string.Join('\n', shown.Trim().Split('\n').Select(line => line.Trim())), string.Join('\n', lines), StringComparison.Ordinal);
        await using RunningServer server = await RunningServer.StartAsync(asset: "puzzles");
        var output = new StringWriter();
        await ExampleAsync(server.ApiAddress.ToString(), output);
        string[] pieces = output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["0", "1", "2", "3"], pieces.Select(piece => piece[..1]).Distinct().Order());
    }

    [Fact]
    public async Task TheOptionsThatTheDocumentNamesExist()
    {
        string help = (await ServeProcess.RunAsync("serve", "--help")).Output;
        string[] named = [.. OptionName().Matches(Document).Select(match => match.Value).Distinct()];
        Assert.NotEmpty(named);
        Assert.All(named, option => Assert.Contains(option + " ", help, StringComparison.Ordinal));
    }

    private static async Task ExampleAsync(string uri, TextWriter output)
    {
        string address = uri;
        var client = new ChatClient("puzzles", new ApiKeyCredential("none"), new OpenAIClientOptions { Endpoint = new Uri(address) });
        var options = new ChatCompletionOptions { MaxOutputTokenCount = 24 };
        options.Patch.Set("$.n"u8, 4);
        await foreach (StreamingChatCompletionUpdate update in client.CompleteChatStreamingAsync([new UserChatMessage("make 24 from 8 6 9:")], options))
            if (update.Patch.TryGetValue("$.choices[0].index"u8, out int choice) && update.ContentUpdate.Count > 0)
                output.WriteLine($"{choice}: {update.ContentUpdate[0].Text}");
    }

    private static string AtServer(string example, RunningServer server) =>
        example.Replace(Address, server.Server.Address.ToString().TrimEnd('/'), StringComparison.Ordinal);

    private static IEnumerable<string> Blocks(string language) => CodeBlock().Matches(Document).Where(match => match.Groups[1].Value == language).Select(match => match.Groups[2].Value);

    [GeneratedRegex("```([a-z]+)\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CodeBlock();

    [GeneratedRegex("coppice_[a-z_]+")]
    private static partial Regex MetricName();

    [GeneratedRegex("(?<=[`\\s])--[a-z-]+")]
    private static partial Regex OptionName();
}
