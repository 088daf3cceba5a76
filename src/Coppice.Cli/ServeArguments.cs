using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Coppice.Cli.Perception;
using Coppice.Perception.Inference;
using Coppice.Server;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Coppice.Cli;

/// <summary>How log lines look.</summary>
internal enum LogFormat
{
    /// <summary>For people.</summary>
    Text,

    /// <summary>A JSON document a line.</summary>
    Json,
}

/// <summary>The options of <c>serve</c>: where to listen, who may ask, how much, and memory.</summary>
internal sealed class ServeArguments
{
    private static readonly ServerOptions Defaults = new() { ModelName = "-" };

    private readonly Option<string?> _host = new("--host")
    {
        Description = $"The address to listen on ({Defaults.Host} if not given, which only this machine reaches).",
        HelpName = "ADDRESS",
    };

    private readonly Option<int?> _port = OptionParsers.Number("--port", $"The port to listen on ({Defaults.Port} if not given); 0 for a free one.", 0, ushort.MaxValue);
    private readonly Option<string?> _name = new("--model-name") { Description = "What clients call the model; its file's name if not given.", HelpName = "NAME" };
    private readonly Option<string[]?> _hosts = new("--allow-host")
    {
        Description = "Another name by which clients may call a server on loopback. May be given several times.",
        HelpName = "NAME",
    };

    private readonly Option<string?> _keys = new("--api-key-file")
    {
        Description = "A file of keys, one a line, of which a request must carry one; the variable COPPICE_API_KEY holds one as well.",
        HelpName = "FILE",
    };

    private readonly Option<long?> _memory = new("--kv-memory")
    {
        Description = "Memory for keys and values, kept prefixes included, as in 4GiB or 500MB; 32,768 tokens or half the memory if not given.",
        HelpName = "SIZE",
        CustomParser = ParseSize,
    };

    private readonly Option<int?> _context = OptionParsers.Number(
        "--context", "Tokens of prompt and continuation together; what the model was made for if not given.", 2, 1 << 24);

    private readonly Option<int?> _branches = OptionParsers.Number("--max-batch", "Samples of all requests decoded in one step (256 if not given).", 1, 65_536);
    private readonly Option<int?> _queue = OptionParsers.Number("--max-queue", "Prompts that may wait (256 if not given).", 1, 1 << 20);
    private readonly Option<int?> _concurrent = Limit("--max-concurrent", "Requests worked on or waiting at once", Defaults.MaxConcurrent, 1, 1 << 20);
    private readonly Option<int?> _samples = Limit("--max-samples", "Samples of one prompt", Defaults.MaxSamples, 1, 65_536);
    private readonly Option<int?> _prompts = Limit("--max-prompts", "Prompts of one request", Defaults.MaxPrompts, 1, 4096);
    private readonly Option<int?> _body = Limit("--max-body", "Bytes of a request", Defaults.MaxBodyBytes, 1024, 1 << 30);
    private readonly Option<int?> _promptTokens = OptionParsers.Number("--max-prompt-tokens", "Tokens of a prompt; the context if not given.", 1, 1 << 24);
    private readonly Option<int?> _totalTokens = OptionParsers.Number("--max-total-tokens", "Tokens that a request's prompts and samples may come to; what memory holds if not given.", 2, 1 << 28);
    private readonly Option<int?> _chatTokens = Limit("--chat-tokens", "Tokens of a chat answer that names no number", Defaults.DefaultChatTokens, 1, 1 << 24);
    private readonly Option<double?> _drain = OptionParsers.Number<double>(
        "--drain-seconds", $"How long requests may go on after a request to stop ({Defaults.DrainTimeout.TotalSeconds:0} if not given).", 0, 86_400);

    private readonly Option<double?> _write = OptionParsers.Number<double>(
        "--write-seconds", $"How long a client may leave an answer unread before it counts as gone ({Defaults.WriteTimeout.TotalSeconds:0} if not given).", 0.1, 86_400);

    private readonly Option<string?> _perception = new("--perception")
    {
        Description = "The network that perceives pictures of streets, a safetensors file, or none; the one that comes with the command if not given.",
        HelpName = "FILE|none",
    };

    private readonly Option<PerceptionPrecision> _precision = OptionParsers.Choice(
        "--perception-precision", "In which numbers it is computed", ("fp32", PerceptionPrecision.Fp32), ("int8", PerceptionPrecision.Int8));

    private readonly Option<LogFormat> _log = OptionParsers.Choice(
        "--log", "How requests are logged on standard error", ("text", LogFormat.Text), ("json", LogFormat.Json));

    private readonly Option<bool> _forget = new("--no-prefix-cache") { Description = "Frees a prompt's keys and values with its request, instead of keeping them for others that begin alike." };

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in new Option[]
        {
            _host, _port, _name, _hosts, _keys, _memory, _context, _branches, _queue, _concurrent, _samples, _prompts, _body,
            _promptTokens, _totalTokens, _chatTokens, _drain, _write, _log, _forget, _perception, _precision,
        })
        {
            command.Add(option);
        }
    }

    /// <summary>The server's settings.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="modelName">The model's name if none was given.</param>
    /// <param name="key">A key of the environment, or null.</param>
    /// <exception cref="IOException">The file of keys can't be read.</exception>
    /// <exception cref="RequestRejectedException">It holds none.</exception>
    public ServerOptions Server(ParseResult parsed, string modelName, string? key) => Defaults with
    {
        ModelName = parsed.GetValue(_name) ?? modelName,
        Host = parsed.GetValue(_host) ?? Defaults.Host,
        Port = parsed.GetValue(_port) ?? Defaults.Port,
        AllowedHosts = parsed.GetValue(_hosts) ?? [],
        ApiKeys = Keys(parsed.GetValue(_keys), key),
        MaxConcurrent = parsed.GetValue(_concurrent) ?? Defaults.MaxConcurrent,
        MaxSamples = Math.Min(parsed.GetValue(_samples) ?? Defaults.MaxSamples, Branches(parsed)),
        MaxPrompts = parsed.GetValue(_prompts) ?? Defaults.MaxPrompts,
        MaxBodyBytes = parsed.GetValue(_body) ?? Defaults.MaxBodyBytes,
        MaxPromptTokens = parsed.GetValue(_promptTokens),
        MaxTotalTokens = parsed.GetValue(_totalTokens),
        DefaultChatTokens = parsed.GetValue(_chatTokens) ?? Defaults.DefaultChatTokens,
        DrainTimeout = parsed.GetValue(_drain) is double drain ? TimeSpan.FromSeconds(drain) : Defaults.DrainTimeout,
        WriteTimeout = parsed.GetValue(_write) is double write ? TimeSpan.FromSeconds(write) : Defaults.WriteTimeout,
    };

    /// <summary>The network for pictures, or null.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="threads">Threads to compute with.</param>
    public PerceptionOptions? Perception(ParseResult parsed, int threads)
    {
        string? named = parsed.GetValue(_perception), weights = named is "none" ? null : named ?? PerceiveArguments.WeightsBeside();
        if (weights is null) return null;
        var usual = new PerceptionOptions { Weights = weights };
        return usual with { Perceiver = usual.Perceiver with { Precision = parsed.GetValue(_precision), Run = usual.Perceiver.Run with { Threads = threads } } };
    }

    /// <summary>The engine's settings.</summary>
    public EngineOptions Engine(ParseResult parsed, RuntimeArguments runtime)
    {
        var usual = new EngineOptions();
        return usual with
        {
            Threads = runtime.Threads(parsed),
            KvType = runtime.Kv(parsed),
            Weights = runtime.Weights(parsed),
            Attention = runtime.Attention(parsed),
            ContextLength = parsed.GetValue(_context),
            KvBytes = parsed.GetValue(_memory),
            MaxBranches = Branches(parsed),
            QueueCapacity = parsed.GetValue(_queue) ?? usual.QueueCapacity,
            KeepPrefixes = !parsed.GetValue(_forget),
        };
    }

    /// <summary>Sends logs to standard error.</summary>
    public void Log(ILoggingBuilder logs, ParseResult parsed)
    {
        logs.SetMinimumLevel(LogLevel.Information);
        if (parsed.GetValue(_log) == LogFormat.Json) logs.AddJsonConsole(json => (json.UseUtcTimestamp, json.TimestampFormat) = (true, "O"));
        else logs.AddSimpleConsole(text => (text.SingleLine, text.TimestampFormat, text.ColorBehavior) = (true, "HH:mm:ss ", LoggerColorBehavior.Disabled));
        logs.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    private int Branches(ParseResult parsed) => parsed.GetValue(_branches) ?? new EngineOptions().MaxBranches;

    private static string[] Keys(string? file, string? key)
    {
        string[] keys = file is null ? [] : [.. File.ReadLines(file).Select(line => line.Trim()).Where(line => line.Length > 0)];
        if (file is not null && keys.Length == 0) throw new RequestRejectedException("--api-key-file", "a file with a key on a line", "an empty one");
        return string.IsNullOrWhiteSpace(key) ? keys : [.. keys, key.Trim()];
    }

    private static Option<int?> Limit(string name, string what, int usual, int least, int most) =>
        OptionParsers.Number(name, string.Create(CultureInfo.InvariantCulture, $"{what} at most ({usual} if not given)."), least, most);

    private static long? ParseSize(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        string number = text.TrimEnd([.. "BKMGTibkmgtI"]);
        string unit = text[number.Length..].ToUpperInvariant();
        long? scale = unit switch
        {
            "" or "B" => 1, "KB" => 1_000, "MB" => 1_000_000, "GB" => 1_000_000_000, "TB" => 1_000_000_000_000,
            "KIB" => 1L << 10, "MIB" => 1L << 20, "GIB" => 1L << 30, "TIB" => 1L << 40, _ => null,
        };
        if (scale is long s && double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double count)
            && count * s is >= 1 and <= 1L << 46)
        {
            return (long)(count * s);
        }

        result.AddError($"--kv-memory: expected a size such as 4GiB or 500MB, found '{text}'");
        return null;
    }
}
