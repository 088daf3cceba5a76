using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Coppice.Graphs;
using Coppice.Perception.Data;
using Coppice.Perception.Inference;
using static Coppice.Server.Tests.RunningServer;

namespace Coppice.Server.Tests;

/// <summary>One server with a network for pictures.</summary>
public sealed class PerceivingServer : IAsyncLifetime
{
    public static PerceptionOptions Network { get; } = new()
    {
        Weights = Repository.File("assets/streets.safetensors"),
        Perceiver = new PerceiverOptions { Decoding = new() { ScoreThreshold = 0.05f }, Run = new GraphRunOptions { Threads = 1, Spin = false } },
    };

    public RunningServer Running { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Running = await StartAsync(server: options => options with { Perception = Network, MaxBodyBytes = 1 << 20 });

    public ValueTask DisposeAsync() => Running.DisposeAsync();
}

public sealed class PerceiveTests(PerceivingServer fixture) : IClassFixture<PerceivingServer>
{
    private const string Path = "/v1/perceive";
    private static readonly byte[] s_street = File.ReadAllBytes(Repository.File("assets/street.png"));
    private static readonly JsonSerializerOptions s_names = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
    private readonly RunningServer _server = fixture.Running;

    [Fact]
    public async Task APictureAnswersAsThePerceiverDoes()
    {
        using Perceiver perceiver = Perceiver.Load(PerceivingServer.Network.Weights, PerceivingServer.Network.Perceiver with { Decoding = new() { ScoreThreshold = 0.2f } });
        PerceivedScene scene = perceiver.Perceive(ImageFile.Decode(s_street, "street"));
        foreach ((HttpContent content, string name, string query, float score) in new (HttpContent, string, string, float)[]
        {
            (Raw(s_street, "image/png"), "image", "", 0.3f),
            (Raw(s_street, "application/octet-stream"), "image", "?score=0.2", 0.2f),
            (Form("image", s_street, "C:\\pictures\\a street.png"), "a street.png", "?overlay=false", 0.3f),
            (Form("file", s_street, null), "image", "?score=0.9", 0.9f),
        })
        {
            using HttpResponseMessage answer = await SendAsync(content, query);
            string text = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.IsSuccessStatusCode, text);
            JsonNode expected = JsonSerializer.SerializeToNode(PerceiveReport.Of(name, scene, perceiver.Config, score), s_names)!;
            Assert.Equal(expected.ToJsonString(), JsonNode.Parse(text)!.ToJsonString());
            Assert.NotEmpty(expected["objects"]!.AsArray());
            Assert.Matches(@"^decode;dur=\d+\.\d, perceive;dur=\d+\.\d$", answer.Headers.GetValues("Server-Timing").Single());
        }
    }

    [Fact]
    public async Task AnOverlayComesInTheDocumentOrInsteadOfIt()
    {
        using HttpResponseMessage both = await SendAsync(Raw(s_street, "image/png"), "?overlay=true");
        byte[] inside = Convert.FromBase64String((string)JsonNode.Parse(await both.Content.ReadAsStringAsync())!["overlay"]!);
        using HttpResponseMessage alone = await SendAsync(Raw(s_street, "image/png"), "", "image/png, */*;q=0.1");
        Assert.Equal("image/png", alone.Content.Headers.ContentType!.MediaType);
        Assert.Equal(inside, await alone.Content.ReadAsByteArrayAsync());
        using Perceiver perceiver = Perceiver.Load(PerceivingServer.Network.Weights, PerceivingServer.Network.Perceiver);
        RgbImage image = ImageFile.Decode(s_street, "street");
        RgbImage expected = Overlay.Draw(image, perceiver.Perceive(image), perceiver.Config, 0.3f), found = ImageFile.Decode(inside, "overlay");
        Assert.Equal((expected.Width, expected.Height), (found.Width, found.Height));
        Assert.Equal(expected.Pixels, found.Pixels);
        using HttpResponseMessage document = await SendAsync(Raw(s_street, "image/png"), "", "application/json, image/png");
        Assert.Equal("application/json", document.Content.Headers.ContentType!.MediaType);
    }

    [Fact]
    public async Task PicturesThatCantBePerceivedGetOneClearLine()
    {
        byte[] dot = ImageFile.Png(new RgbImage(1, 1)), huge = Sized(s_street, 20_000, 20_000);
        byte[] text = Encoding.UTF8.GetBytes("no picture");
        foreach ((HttpContent content, int status, string code, string part) in new (HttpContent, int, string, string)[]
        {
            (Raw([], "image/png"), 400, "invalid_image", "empty"),
            (Form("image", [], "a.png"), 400, "invalid_image", "empty"),
            (Raw(text, "image/png"), 400, "invalid_image", "'image': expected a picture (PNG, JPEG, WebP, GIF or BMP); found bytes of another kind"),
            (Form("image", text, "a.png"), 400, "invalid_image", "bytes of another kind"),
            (Raw(s_street[..50_000], "image/png"), 400, "invalid_image", "found the end of the file"),
            (Raw(s_street[..20], "image/png"), 400, "invalid_image", "damaged header"),
            (Raw(dot, "image/png"), 400, "invalid_image", "at least 16x16 pixels; found 1x1"),
            (Raw(huge, "image/png"), 400, "invalid_image", "found 20000x20000"),
            (Raw(s_street, "text/plain"), 415, "unsupported_media_type", "found 'text/plain'"),
            (Raw(s_street, "application/x-www-form-urlencoded"), 415, "unsupported_media_type", "image/png"),
            (Raw(s_street, null), 415, "unsupported_media_type", "found none"),
            (Raw(text, "multipart/form-data"), 400, "invalid_form", "multipart/form-data"),
            (Raw(text, "multipart/form-data; boundary=x"), 400, "invalid_form", "multipart/form-data"),
            (Form("picture", s_street, "a.png"), 400, "unknown_parameter", "'picture' is not a field"),
            (Form("image", s_street, "a.png", "file"), 400, "invalid_value", "found several"),
            (Form("image", new byte[1 << 20], "a.png"), 413, "body_too_large", "too large"),
            (Raw(new byte[(1 << 20) + 1], "image/png"), 413, "body_too_large", "too large"),
        })
        {
            using HttpResponseMessage answer = await SendAsync(content, "");
            JsonNode error = await ErrorOf(answer);
            Assert.Equal((status, code), ((int)answer.StatusCode, (string)error["code"]!));
            Assert.Contains(part, (string)error["message"]!, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("?score=2", "score", "from 0.05 to 1, found '2'")]
    [InlineData("?score=0.01", "score", "from 0.05 to 1")]
    [InlineData("?score=NaN", "score", "a number")]
    [InlineData("?score=0.3&score=0.4", "score", "given twice")]
    [InlineData("?overlay=1", "overlay", "true or false")]
    [InlineData("?treshold=1", "treshold", "not an option")]
    public async Task WrongOptionsAreNamed(string query, string param, string part)
    {
        using HttpResponseMessage answer = await SendAsync(Raw(s_street, "image/png"), query);
        JsonNode error = await ErrorOf(answer);
        Assert.Equal((400, param), ((int)answer.StatusCode, (string)error["param"]!));
        Assert.Contains(part, (string)error["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TheNetworkIsDescribed()
    {
        JsonNode info = JsonNode.Parse(await _server.Http.GetStringAsync(Path))!;
        Assert.Equal(("fast", "fp32", 0.05f, true), ((string)info["variant"]!, (string)info["precision"]!, (float)info["least_score"]!, (bool)info["distances"]!));
        Assert.Equal(SceneClasses.Street, info["label_classes"]!.AsArray().Select(c => (string)c!["name"]!));
        Assert.Equal("#804080", (string)info["label_classes"]![0]!["color"]!);
    }

    [Fact]
    public async Task ManyAtOnceGetWhatOneGets()
    {
        string[] answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(async _ =>
        {
            using HttpResponseMessage answer = await SendAsync(Raw(s_street, "image/png"), "");
            return await answer.Content.ReadAsStringAsync();
        }));
        Assert.Contains("\"objects\"", answers[0], StringComparison.Ordinal);
        Assert.Single(answers.Distinct());
    }

    [Fact]
    public async Task AFormOfAPageFromElsewhereIsNotTaken()
    {
        foreach ((string site, HttpStatusCode status) in new[] { ("cross-site", HttpStatusCode.Forbidden), ("same-origin", HttpStatusCode.OK) })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, Path) { Content = Form("image", s_street, "a.png") };
            request.Headers.Add("Sec-Fetch-Site", site);
            using HttpResponseMessage answer = await _server.Http.SendAsync(request);
            Assert.Equal(status, answer.StatusCode);
        }
    }

    [Fact]
    public async Task PicturesAreCounted()
    {
        using HttpResponseMessage answer = await SendAsync(Raw(s_street, "image/png"), "");
        string text = await _server.Http.GetStringAsync("/metrics");
        foreach (string name in DocumentTests.MetricNames(ofPerception: true)) Assert.True(text.Contains('\n' + name, StringComparison.Ordinal), $"{name} is not in\n{text}");
    }

    [Fact]
    public async Task TheViewIsPartOfTheLibraryAndLoadsNothingFromElsewhere()
    {
        using HttpResponseMessage page = await _server.Http.GetAsync("/perceive");
        Assert.Equal((HttpStatusCode.OK, "text/html"), (page.StatusCode, page.Content.Headers.ContentType!.MediaType));
        Assert.StartsWith("default-src 'none'", page.Headers.GetValues("Content-Security-Policy").Single());
        Assert.DoesNotContain("://", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(s_street, await _server.Http.GetByteArrayAsync("/street.png"));
    }

    /// <summary>A PNG file that says it has another size.</summary>
    private static byte[] Sized(byte[] png, int width, int height)
    {
        byte[] sized = png.ToArray();
        BinaryPrimitives.WriteInt32BigEndian(sized.AsSpan(16), width);
        BinaryPrimitives.WriteInt32BigEndian(sized.AsSpan(20), height);
        uint crc = uint.MaxValue;
        foreach (byte b in sized.AsSpan(12, 17))
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320u);
        }

        BinaryPrimitives.WriteUInt32BigEndian(sized.AsSpan(29), ~crc);
        return sized;
    }

    private Task<HttpResponseMessage> SendAsync(HttpContent content, string query, string? accept = null) => SendAsync(_server, content, query, accept);

    internal static Task<HttpResponseMessage> SendAsync(RunningServer server, HttpContent content, string query = "", string? accept = null, CancellationToken cancellation = default)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, Path + query) { Content = content };
        // A body that is refused for its length is not sent at all: the answer can't get lost with the connection.
        request.Headers.ExpectContinue = content.Headers.ContentLength > 1 << 20;
        if (accept is not null) request.Headers.TryAddWithoutValidation("Accept", accept);
        return server.Http.SendAsync(request, cancellation);
    }

    internal static HttpContent Street() => Raw(s_street, "image/png");

    private static ByteArrayContent Raw(byte[] body, string? type)
    {
        var content = new ByteArrayContent(body);
        if (type is not null) content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        return content;
    }

    private static MultipartFormDataContent Form(string field, byte[] picture, string? file, string? second = null)
    {
        var form = new MultipartFormDataContent();
        foreach (string name in second is null ? (string[])[field] : [field, second])
        {
            if (file is null) form.Add(new ByteArrayContent(picture), name);
            else form.Add(new ByteArrayContent(picture), name, file);
        }

        return form;
    }
}
