using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Coppice.LoadBench;

/// <summary>Sends requests to the server, each on a connection of its own where none is free.</summary>
internal sealed class LoadClient : IDisposable
{
    private readonly LoadOptions _options;
    private readonly Workload _workload;
    private readonly HttpClient _http;
    private string? _model;

    public LoadClient(LoadOptions options, Workload workload)
    {
        _options = options;
        _workload = workload;
        _model = options.Model;
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            MaxConnectionsPerServer = int.MaxValue,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(5),
            // A client that vanishes closes its connection at once, without reading what is left.
            MaxResponseDrainSize = 0,
            ResponseDrainTimeout = TimeSpan.Zero,
        };
        _http = new HttpClient(handler) { BaseAddress = options.Server, Timeout = Timeout.InfiniteTimeSpan };
        if (options.ApiKey is { } key) _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
    }

    /// <summary>The name that goes into requests.</summary>
    public string Model => _model ?? throw new InvalidOperationException("the model's name is not known yet");

    public void Dispose() => _http.Dispose();

    /// <summary>Finds out that the server answers and, where no model is named, which one it has.</summary>
    /// <returns>What is wrong, or null.</returns>
    public async Task<Failure?> ConnectAsync(CancellationToken cancel)
    {
        try
        {
            using HttpResponseMessage response = await _http.GetAsync("models", cancel).ConfigureAwait(false);
            if (_model is not null) return null;
            if (!response.IsSuccessStatusCode) return await RefusalAsync(response, cancel).ConfigureAwait(false);
            JsonNode? models = await response.Content.ReadFromJsonAsync<JsonNode>(cancel).ConfigureAwait(false);
            _model = models?["data"]?[0]?["id"]?.GetValue<string>();
            return _model is null ? new Failure(FailureKind.Malformed, 0, "it lists no model; name one with --model") : null;
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or JsonException or InvalidOperationException or ArgumentException)
        {
            return Failure.Of(exception);
        }
    }

    /// <summary>Sends a request and reads its answer.</summary>
    /// <param name="request">The request.</param>
    /// <param name="due">The timestamp from which its times count.</param>
    /// <param name="cancel">Ends it; the outcome is then <see cref="Ending.Interrupted"/>.</param>
    public async Task<RequestOutcome> SendAsync(PlannedRequest request, long due, CancellationToken cancel)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        timeout.CancelAfter(_options.Timeout);
        var reader = new AnswerReader(request.Samples);
        double late = Stopwatch.GetElapsedTime(due).TotalMilliseconds;
        try
        {
            Failure? failure = null;
            bool whole = false;
            using HttpRequestMessage message = Message(request);
            using (HttpResponseMessage response =
                await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, timeout.Token).ConfigureAwait(false))
            {
                if (!response.IsSuccessStatusCode) failure = await RefusalAsync(response, timeout.Token).ConfigureAwait(false);
                else whole = await ReadAsync(response, reader, request.VanishAfter, timeout.Token).ConfigureAwait(false);
            }

            double total = Stopwatch.GetElapsedTime(due).TotalMilliseconds;
            if (whole && reader.Choices < request.Samples)
                failure = new Failure(FailureKind.MissingChoices, 0, $"asked for {request.Samples} choices, got {reader.Choices}");
            Ending ending = failure is not null ? Ending.Failed : whole ? Ending.Completed : Ending.Vanished;
            return Outcome(ending, failure) with { Total = ending == Ending.Completed ? total : null };
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            return Outcome(Ending.Interrupted, null);
        }
        catch (OperationCanceledException)
        {
            return Outcome(Ending.Failed, new Failure(FailureKind.Timeout, 0, $"no whole answer after {_options.Timeout.TotalSeconds:0.###} s"));
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or JsonException or BadAnswerException or InvalidOperationException)
        {
            return Outcome(Ending.Failed, Failure.Of(exception));
        }

        RequestOutcome Outcome(Ending ending, Failure? failure) => new()
        {
            Request = request,
            Ending = ending,
            Failure = failure,
            Late = late,
            FirstToken = _options.Stream && reader.FirstText != 0 ? Stopwatch.GetElapsedTime(due, reader.FirstText).TotalMilliseconds : null,
            Token = _options.Stream && ending == Ending.Completed ? reader.MillisecondsPerToken() : null,
            PromptTokens = reader.PromptTokens,
            CachedTokens = reader.CachedTokens,
            OutputTokens = reader.OutputTokens,
        };
    }

    /// <summary>The body of a request.</summary>
    internal byte[] Body(PlannedRequest request)
    {
        var body = new JsonObject
        {
            ["model"] = Model,
            ["n"] = request.Samples,
            ["max_tokens"] = request.MaxTokens,
            ["seed"] = request.Seed,
        };
        if (_options.Temperature is double temperature) body["temperature"] = temperature;
        if (_options.Stream)
        {
            body["stream"] = true;
            body["stream_options"] = new JsonObject { ["include_usage"] = true };
        }

        AddPrompt(body, request.Context >= 0 ? _workload.Contexts[request.Context] : [], _workload.PrivatePart(request));
        foreach ((string name, JsonNode? value) in _options.Extra ?? []) body[name] = value?.DeepClone();
        return JsonSerializer.SerializeToUtf8Bytes(body);
    }

    private void AddPrompt(JsonObject body, int[] shared, int[] own)
    {
        if (_options.Chat)
        {
            var messages = new JsonArray();
            if (shared.Length > 0) messages.Add(new JsonObject { ["role"] = "system", ["content"] = Workload.Text(shared) });
            messages.Add(new JsonObject { ["role"] = "user", ["content"] = Workload.Text(own) });
            body["messages"] = messages;
        }
        else if (_options.TokenIds is not null) body["prompt"] = new JsonArray([.. shared.Concat(own).Select(id => JsonValue.Create(id))]);
        else body["prompt"] = Workload.Text([.. shared, .. own]);
    }

    private HttpRequestMessage Message(PlannedRequest request)
    {
        var content = new ByteArrayContent(Body(request));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return new HttpRequestMessage(HttpMethod.Post, _options.Chat ? "chat/completions" : "completions") { Content = content };
    }

    private async Task<bool> ReadAsync(HttpResponseMessage response, AnswerReader reader, int? vanishAfter, CancellationToken cancel)
    {
        Stream stream = await response.Content.ReadAsStreamAsync(cancel).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            if (_options.Stream) return await reader.ReadEventsAsync(stream, vanishAfter, cancel).ConfigureAwait(false);
            using JsonDocument document = await JsonDocument.ParseAsync(stream, default, cancel).ConfigureAwait(false);
            reader.Add(document.RootElement, Stopwatch.GetTimestamp());
            return true;
        }
    }

    private static async Task<Failure> RefusalAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        string text = await response.Content.ReadAsStringAsync(cancel).ConfigureAwait(false);
        string? message = null;
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            message = AnswerReader.ErrorMessage(document.RootElement);
        }
        catch (JsonException)
        {
            // A proxy's page, or nothing: the text itself is the best there is.
        }

        return new Failure(FailureKind.Status, (int)response.StatusCode, Failure.Line(message ?? (text.Length > 0 ? text : response.ReasonPhrase ?? "")));
    }
}
