using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Coppice.LoadBench;

/// <summary>The options, and what they come to.</summary>
internal sealed class LoadArguments
{
    private const int MostSize = 10_000_000;
    private const double MostSeconds = 1_000_000;

    private readonly Option<Uri?> _server = new("--url", "-u")
    {
        Description = "The server with the path of its API (http://127.0.0.1:8080/v1 if not given).",
        HelpName = "URL",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (Uri.TryCreate(text.TrimEnd('/') + "/", UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https") return uri;
            result.AddError($"--url: expected an address as in http://127.0.0.1:8080/v1, found '{text}'");
            return null;
        },
    };

    private readonly Option<string?> _model = new("--model", "-m") { Description = "The model's name for the server (its first one if not given).", HelpName = "NAME" };
    private readonly Option<string> _api = new("--api") { Description = "Requests go to completions or to chat, where the shared context is the system message.", DefaultValueFactory = _ => "completions" };
    private readonly Option<bool> _noStream = new("--no-stream") { Description = "Asks for whole answers; there are no times of tokens then." };
    private readonly Option<string> _arrivals = new("--arrivals") { Description = "Gaps between requests: poisson, as from independent clients, or fixed.", DefaultValueFactory = _ => "poisson" };
    private readonly Option<double?> _rate = Real("--rate", "Requests a second (1 if not given).", 0.001, 100_000, "-r");
    private readonly Option<int?> _requests = Whole("--requests", "How many requests (100 if there is no duration either).", 1, MostSize);
    private readonly Option<double?> _duration = Real("--duration", "For how many seconds requests arrive.", 0.001, MostSeconds, "-d");
    private readonly Option<int?> _contexts = Whole("--contexts", "How many different shared contexts there are (0 if not given).", 0, 100_000);
    private readonly Option<double?> _sharedShare = Real("--shared-share", "The share of requests that begin with a shared context (1 if not given).", 0, 1);
    private readonly Option<WeightedSizes> _sharedSize = Mix("--shared-size", "Words of a shared context", "512", 1, MostSize);
    private readonly Option<WeightedSizes> _privateSize = Mix("--private-size", "Words that each request has for itself", "32", 1, MostSize);
    private readonly Option<WeightedSizes> _samples = Mix("--samples", "Choices a request asks for", "1", 1, 1024, "-n");
    private readonly Option<WeightedSizes> _maxTokens = Mix("--max-tokens", "The most tokens of a choice", "64", 1, MostSize);
    private readonly Option<(int First, int Last)?> _tokenIds = new("--token-ids")
    {
        Description = "Prompts are random token ids from this range, as in 300-30000, and sizes count tokens.",
        HelpName = "FIRST-LAST",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            string[] parts = text.Split('-');
            if (parts.Length == 2 && TryWhole(parts[0], 0, int.MaxValue, out int first) && TryWhole(parts[1], first, int.MaxValue, out int last)) return (first, last);
            result.AddError($"--token-ids: expected two ids in ascending order, as in 300-30000, found '{text}'");
            return null;
        },
    };

    private readonly Option<double?> _vanish = Real("--vanish", "The share of clients that close their connection mid-stream (0 if not given).", 0, 1);
    private readonly Option<double?> _temperature = Real("--temperature", "The temperature (left to the server if not given).", 0, 100);
    private readonly Option<JsonObject?> _extra = new("--extra")
    {
        Description = "Fields for every request, as in '{\"ignore_eos\":true}'.",
        HelpName = "JSON",
        CustomParser = result =>
        {
            try
            {
                if (JsonNode.Parse(result.Tokens[0].Value) is JsonObject fields) return fields;
            }
            catch (JsonException)
            {
                // The same line for everything that is no object.
            }

            result.AddError($"--extra: expected a JSON object, found '{result.Tokens[0].Value}'");
            return null;
        },
    };

    private readonly Option<int?> _seed = Whole("--seed", "Decides arrivals and requests (0 if not given).", 0, int.MaxValue);
    private readonly Option<double?> _timeout = Real("--timeout", "Seconds that an answer may take (300 if not given).", 0.001, MostSeconds);
    private readonly Option<int?> _inFlight = Whole("--max-in-flight", "Requests that may be open at once; more are not sent and count as failures (4096 if not given).", 1, 60_000);
    private readonly Option<int?> _warmup = Whole("--warmup", "Requests before the clock starts, one after another, not counted (0 if not given).", 0, 10_000);
    private readonly Option<string?> _apiKey = new("--api-key") { Description = "The key; better given in OPENAI_API_KEY, where no other user sees it.", HelpName = "KEY" };
    private readonly Option<double?> _sloFirst = Real("--slo-ttft", "For goodput: the longest time to first token, in milliseconds.", 0.001, 1e9);
    private readonly Option<double?> _sloToken = Real("--slo-tpot", "For goodput: the longest time per output token, in milliseconds.", 0.001, 1e9);
    private readonly Option<double?> _sloTotal = Real("--slo-e2e", "For goodput: the longest time to the end of the answer, in milliseconds.", 0.001, 1e9);
    private readonly Option<string?> _chart = new("--chart") { Description = "Draws the times into a PNG file.", HelpName = "FILE" };
    private readonly Option<bool> _json = new("--json") { Description = "Writes one JSON document to standard output and nothing else." };

    public LoadArguments()
    {
        _api.AcceptOnlyFromAmong("completions", "chat");
        _arrivals.AcceptOnlyFromAmong("poisson", "fixed");
        Root = new RootCommand("Sends requests to an OpenAI-compatible server when they are due, whether or not earlier ones are answered, and measures the answers.")
        {
            _server, _model, _api, _noStream, _arrivals, _rate, _requests, _duration, _contexts, _sharedShare, _sharedSize, _privateSize, _samples, _maxTokens,
            _tokenIds, _vanish, _temperature, _extra, _seed, _timeout, _inFlight, _warmup, _apiKey, _sloFirst, _sloToken, _sloTotal, _chart, _json,
        };
    }

    /// <summary>The command; it has no action of its own.</summary>
    public RootCommand Root { get; }

    /// <summary>Reads what was asked.</summary>
    /// <param name="parsed">A command line without errors.</param>
    /// <exception cref="WrongOptionException">The options don't go together.</exception>
    public LoadOptions Read(ParseResult parsed)
    {
        double? duration = parsed.GetValue(_duration);
        var options = new LoadOptions
        {
            Server = parsed.GetValue(_server) ?? new Uri("http://127.0.0.1:8080/v1/"),
            Model = parsed.GetValue(_model),
            Chat = parsed.GetValue(_api) == "chat",
            Stream = !parsed.GetValue(_noStream),
            Arrivals = parsed.GetValue(_arrivals) == "fixed" ? ArrivalKind.Fixed : ArrivalKind.Poisson,
            Rate = parsed.GetValue(_rate) ?? 1,
            Requests = parsed.GetValue(_requests) ?? (duration is null ? 100 : null),
            Duration = duration is double seconds ? TimeSpan.FromSeconds(seconds) : null,
            Contexts = parsed.GetValue(_contexts) ?? 0,
            SharedShare = parsed.GetValue(_sharedShare) ?? 1,
            SharedSize = parsed.GetValue(_sharedSize)!,
            PrivateSize = parsed.GetValue(_privateSize)!,
            Samples = parsed.GetValue(_samples)!,
            MaxTokens = parsed.GetValue(_maxTokens)!,
            TokenIds = parsed.GetValue(_tokenIds),
            VanishShare = parsed.GetValue(_vanish) ?? 0,
            Seed = parsed.GetValue(_seed) ?? 0,
            Timeout = TimeSpan.FromSeconds(parsed.GetValue(_timeout) ?? 300),
            MaxInFlight = parsed.GetValue(_inFlight) ?? 4096,
            Warmup = parsed.GetValue(_warmup) ?? 0,
            ApiKey = parsed.GetValue(_apiKey) ?? Environment.GetEnvironmentVariable("OPENAI_API_KEY"),
            Temperature = parsed.GetValue(_temperature),
            Extra = parsed.GetValue(_extra),
            Slo = new Slo(parsed.GetValue(_sloFirst), parsed.GetValue(_sloToken), parsed.GetValue(_sloTotal)),
            Chart = parsed.GetValue(_chart),
            Json = parsed.GetValue(_json),
        };
        Check(options, parsed);
        return options;
    }

    private void Check(LoadOptions options, ParseResult parsed)
    {
        if (!options.Stream && options.VanishShare > 0) throw new WrongOptionException("--vanish: expected a stream to vanish from, found --no-stream");
        if (!options.Stream && (options.Slo.FirstToken ?? options.Slo.Token) is not null)
            throw new WrongOptionException("--slo-ttft, --slo-tpot: expected a stream to take the times from, found --no-stream");
        if (options is { Chat: true, TokenIds: not null }) throw new WrongOptionException("--token-ids: expected --api completions, found chat, which takes text alone");
        if (options.Contexts == 0 && (parsed.GetResult(_sharedSize)?.Implicit == false || parsed.GetResult(_sharedShare) is not null))
            throw new WrongOptionException("--shared-size, --shared-share: expected --contexts of at least 1, found none");
        if (options.ApiKey is { } key && key.Any(c => c is < '!' or > '~')) throw new WrongOptionException("--api-key: expected visible ASCII characters, found others");
        string folder = options.Chart is null ? "" : Path.GetDirectoryName(Path.GetFullPath(options.Chart)) ?? "";
        if (options.Chart is not null && !Directory.Exists(folder)) throw new WrongOptionException($"--chart: expected a file in a folder that is there, found '{folder}'");
    }

    private static Option<int?> Whole(string name, string description, int least, int most, params string[] aliases) => new(name, aliases)
    {
        Description = description,
        HelpName = "NUMBER",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (TryWhole(text, least, most, out int value)) return value;
            result.AddError($"{name}: expected a whole number from {least} to {most}, found '{text}'");
            return null;
        },
    };

    private static Option<double?> Real(string name, string description, double least, double most, params string[] aliases) => new(name, aliases)
    {
        Description = description,
        HelpName = "NUMBER",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) && value >= least && value <= most) return value;
            result.AddError(string.Create(CultureInfo.InvariantCulture, $"{name}: expected a number from {least} to {most}, found '{text}'"));
            return null;
        },
    };

    private static Option<WeightedSizes> Mix(string name, string description, string fallback, int least, int most, params string[] aliases) => new(name, aliases)
    {
        Description = $"{description}: a number, or several with weights, as in 1:0.5,4:0.3.",
        HelpName = "MIX",
        DefaultValueFactory = _ => WeightedSizes.TryParse(fallback, least, most, out WeightedSizes? mix) ? mix! : throw new InvalidOperationException(name),
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (WeightedSizes.TryParse(text, least, most, out WeightedSizes? mix)) return mix;
            result.AddError($"{name}: expected whole numbers from {least} to {most} with weights, as in 1:0.5,4:0.3, found '{text}'");
            return null;
        },
    };

    private static bool TryWhole(string text, int least, int most, out int value) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value >= least && value <= most;
}

/// <summary>Options that can't be, in one line.</summary>
internal sealed class WrongOptionException(string message) : Exception(message);
