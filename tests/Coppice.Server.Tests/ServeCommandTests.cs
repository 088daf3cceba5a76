using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace Coppice.Server.Tests;

/// <summary><c>coppice serve</c> as users start it.</summary>
public sealed class ServeCommandTests
{
    [Fact]
    public async Task SigtermDuringAStreamLetsItFinishAndEndsWithZero()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "there is no SIGTERM");
        using ServeProcess serve = await ServeProcess.StartAsync("-m", Repository.File("assets/tiny-noise.gguf"), "--log", "json", "--kv-memory", "8MiB");
        using var http = new HttpClient { BaseAddress = serve.Address };
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = new StringContent("""{"prompt":"Once","max_tokens":1500,"n":2,"ignore_eos":true,"stream":true}""", Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("x-request-id", "the-stream");
        using HttpResponseMessage running = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await running.Content.ReadAsStreamAsync());
        Assert.NotNull(await RunningServer.ReadEventAsync(reader));
        serve.Terminate();
        HttpStatusCode health;
        do
        {
            using HttpResponseMessage answer = await http.GetAsync("/health");
            health = answer.StatusCode;
        }
        while (health == HttpStatusCode.OK);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, health);
        using (HttpResponseMessage refused = await http.PostAsync("/v1/completions", new StringContent("{}", Encoding.UTF8, "application/json")))
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        string? last = null;
        while (await RunningServer.ReadEventAsync(reader) is { } data) last = data;
        Assert.Equal("[DONE]", last);
        (int code, string error) = await serve.EndAsync();
        Assert.True(code == 0, error);
        JsonNode[] logs = [.. error.Split('\n').Where(line => line.StartsWith('{')).Select(line => JsonNode.Parse(line)!)];
        Assert.Contains(logs, log => (string?)log["State"]?["RequestId"] == "the-stream" && (int)log["State"]!["Status"]! == 200);
        Assert.DoesNotContain("Once", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task KeysComeFromAFile()
    {
        string file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, "\nkey-one\n  key-two  \n");
            using ServeProcess serve = await ServeProcess.StartAsync("--api-key-file", file, "--model-name", "p");
            using var http = new HttpClient { BaseAddress = serve.Address };
            Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync("/v1/models")).StatusCode);
            http.DefaultRequestHeaders.Authorization = new("Bearer", "key-two");
            Assert.Contains("\"id\":\"p\"", await http.GetStringAsync("/v1/models"), StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task TheNetworkForPicturesComesWithTheCommand()
    {
        using ServeProcess serve = await ServeProcess.StartAsync("--perception-precision", "int8");
        using var http = new HttpClient { BaseAddress = serve.Address };
        Assert.Contains("\"precision\":\"int8\"", await http.GetStringAsync("/v1/perceive"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, "nothing.safetensors", "--perception", "/tmp/nothing.safetensors")]
    [InlineData(2, "--perception-precision", "--perception-precision", "fp16")]
    [InlineData(2, "--kv-memory", "--kv-memory", "lots")]
    [InlineData(2, "host", "--host", "example.org")]
    [InlineData(2, "--port", "--port", "70000")]
    [InlineData(1, "nothing.txt", "--api-key-file", "/tmp/nothing.txt")]
    [InlineData(2, "--max-samples", "--max-samples", "0")]
    public async Task WrongOptionsEndInOneLine(int code, string part, params string[] options)
    {
        (int found, string output, string error) = await ServeProcess.RunAsync(["serve", .. options]);
        Assert.Equal(code, found);
        Assert.Empty(output);
        Assert.Single(error.TrimEnd().Split('\n'));
        Assert.StartsWith("coppice: ", error);
        Assert.Contains(part, error, StringComparison.Ordinal);
    }
}
