using System.Net;

namespace Coppice.Server;

/// <summary>How a <see cref="CoppiceServer"/> is set up: where it listens, who may ask, and how much.</summary>
public sealed record ServerOptions
{
    /// <summary>The name of the model, as clients ask for it.</summary>
    public required string ModelName { get; init; }

    /// <summary>The address to listen on: <c>127.0.0.1</c>, <c>localhost</c>, <c>0.0.0.0</c>, <c>::</c> or another of the machine's.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>The port; 0 takes a free one.</summary>
    public int Port { get; init; } = 8080;

    /// <summary>Names by which requests may call this server, besides its own address; only looked at while it listens on loopback.</summary>
    public IReadOnlyList<string> AllowedHosts { get; init; } = [];

    /// <summary>Keys of which a request must carry one; none: nobody is asked for a key.</summary>
    public IReadOnlyList<string> ApiKeys { get; init; } = [];

    /// <summary>Bytes that a request's body has at most.</summary>
    public int MaxBodyBytes { get; init; } = 8 << 20;

    /// <summary>Prompts, or inputs to embed, in one request at most.</summary>
    public int MaxPrompts { get; init; } = 64;

    /// <summary>Tokens a prompt has at most; null: what the context has room for.</summary>
    public int? MaxPromptTokens { get; init; }

    /// <summary>Samples of one prompt at most, in <c>n</c> and <c>best_of</c>.</summary>
    public int MaxSamples { get; init; } = 128;

    /// <summary>Prompt tokens and <c>max_tokens</c> of every sample of a request together, at most; null: what memory has room for.</summary>
    public int? MaxTotalTokens { get; init; }

    /// <summary>Tokens of a chat answer where the request names no number and the context has room for them.</summary>
    public int DefaultChatTokens { get; init; } = 2048;

    /// <summary>Requests worked on or waiting at once.</summary>
    public int MaxConcurrent { get; init; } = 256;

    /// <summary>The network that answers <c>/v1/perceive</c>, loaded for the first picture; null: there is none, and requests for it are told so.</summary>
    public PerceptionOptions? Perception { get; init; }

    /// <summary>How long one write to a client may take before it counts as gone.</summary>
    public TimeSpan WriteTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long running requests may go on after the server was told to stop.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromMinutes(5);

    internal bool IsLoopback => Host is "localhost" || (IPAddress.TryParse(Host, out IPAddress? address) && IPAddress.IsLoopback(address));

    internal void Validate()
    {
        if (string.IsNullOrWhiteSpace(ModelName)) throw new RequestRejectedException("model-name", "a name", "an empty one");
        if (Host != "localhost" && !IPAddress.TryParse(Host, out _)) throw new RequestRejectedException("host", "localhost or an IP address", $"'{Host}'");
        Check("port", Port, 0, ushort.MaxValue);
        Check("max-body", MaxBodyBytes, 1024, 1 << 30);
        Check("max-prompts", MaxPrompts, 1, 4096);
        Check("max-samples", MaxSamples, 1, 65_536);
        Check("max-concurrent", MaxConcurrent, 1, 1 << 20);
        Check("default-chat-tokens", DefaultChatTokens, 1, 1 << 24);
        if (MaxPromptTokens is int prompt) Check("max-prompt-tokens", prompt, 1, 1 << 24);
        if (MaxTotalTokens is int total) Check("max-total-tokens", total, 2, 1 << 28);
        if (WriteTimeout <= TimeSpan.Zero) throw new RequestRejectedException("write-timeout", "more than 0", $"{WriteTimeout}");
        if (DrainTimeout < TimeSpan.Zero) throw new RequestRejectedException("drain-timeout", "0 or more", $"{DrainTimeout}");
        Perception?.Validate();
        if (ApiKeys.Any(key => key.Length == 0 || key.Any(c => c is <= ' ' or > '~')))
            throw new RequestRejectedException("api-key", "printable ASCII characters without blanks", "something else");
    }

    private static void Check(string field, int value, int least, int most)
    {
        if (value < least || value > most) throw new RequestRejectedException(field, $"{least} to {most}", $"{value}");
    }
}
