using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Coppice.Server.Tests;

/// <summary>OpenAI's client for JavaScript, as its users call it: <c>client.mjs</c>.</summary>
public sealed class JavaScriptClientTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    [Fact]
    public async Task DoesWhatItDoesWithOpenAI()
    {
        JsonNode seen = JsonNode.Parse(await NodeAsync(Repository.File("tests/Coppice.Server.Tests/client.mjs"), fixture.Running.ApiAddress.ToString(), RunningServer.ModelName))!;
        Assert.All(seen["conversation"]!["roles"]!.AsArray(), role => Assert.Equal("assistant", (string)role!));
        Assert.True((int)seen["conversation"]!["usage"]![1]!["prompt_tokens"]! > (int)seen["conversation"]!["usage"]![0]!["prompt_tokens"]!);

        JsonNode stream = seen["stream"]!;
        Assert.Equal(4, stream["streamed"]!.AsArray().Count);
        Assert.Equal(stream["whole"]!.ToJsonString(), stream["streamed"]!.ToJsonString());
        Assert.All(stream["finishes"]!.AsArray(), reason => Assert.Equal("length", (string)reason!));
        Assert.Equal(40, (int)stream["usage"]!["completion_tokens"]!);
        Assert.True((int)stream["chunks"]! > 8);

        Assert.Equal(10, seen["logprobs"]!.AsArray().Count);
        Assert.All(seen["logprobs"]!.AsArray(), token => Assert.Equal((string)token!["token"]!, (string)token["top_logprobs"]![0]!["token"]!));

        JsonNode bad = seen["errors"]![0]!, unknown = seen["errors"]![1]!;
        Assert.Equal(("BadRequestError", 400, "temperature"), ((string)bad["name"]!, (int)bad["status"]!, (string)bad["param"]!));
        Assert.Equal(("NotFoundError", 404, "model_not_found"), ((string)unknown["name"]!, (int)unknown["status"]!, (string)unknown["code"]!));

        Assert.InRange((int)seen["cancelled"]!["received"]!, 5, 3499);
        JsonNode completions = seen["completions"]!;
        Assert.Equal(completions["texts"]!.ToJsonString(), completions["streamed"]!.ToJsonString());
        Assert.Equal(10, (int)completions["tokens"]!);
        Assert.Equal([1, 2], completions["ranks"]!.AsArray().Take(2).Select(rank => (int)rank!).Order());
        Assert.Equal([256, 256], seen["embeddings"]!.AsArray().Select(width => (int)width!));
        Assert.Equal([RunningServer.ModelName], seen["models"]!.AsArray().Select(id => (string)id!));
        await fixture.Running.CheckPagesAsync();
    }

    /// <summary>Runs a script with the packages of the checkout; skips the test where they or Node are missing.</summary>
    internal static async Task<string> NodeAsync(params string[] arguments)
    {
        Assert.SkipUnless(Directory.Exists(Repository.File("node_modules/openai")), "OpenAI's client is not installed: npm ci");
        Process? node = null;
        try
        {
            node = Process.Start(new ProcessStartInfo("node", arguments)
            {
                WorkingDirectory = Repository.Root, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false,
            });
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("node is not installed");
        }

        using (node)
        {
            Task<string> output = node!.StandardOutput.ReadToEndAsync(), error = node.StandardError.ReadToEndAsync();
            await node.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(3));
            Assert.True(node.ExitCode == 0, $"{await error}{await output}");
            return await output;
        }
    }
}
