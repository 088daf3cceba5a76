using System.Text.Json.Nodes;

namespace Coppice.LoadBench;

/// <summary>When requests come.</summary>
internal enum ArrivalKind
{
    /// <summary>Independent clients: the gaps between arrivals are drawn from the exponential distribution.</summary>
    Poisson,

    /// <summary>Equal gaps.</summary>
    Fixed,
}

/// <summary>The limits within which an answer is good; a limit that is null always holds. Milliseconds.</summary>
/// <param name="FirstToken">From the moment the request was due to its first text.</param>
/// <param name="Token">Between two tokens of a choice, on average.</param>
/// <param name="Total">From the moment the request was due to the end of its answer.</param>
internal sealed record Slo(double? FirstToken, double? Token, double? Total)
{
    /// <summary>Whether there is a limit at all.</summary>
    public bool IsGiven => FirstToken is not null || Token is not null || Total is not null;
}

/// <summary>Everything that a run depends on.</summary>
internal sealed record LoadOptions
{
    /// <summary>The server, with the path that <c>/completions</c> is under: <c>http://127.0.0.1:8080/v1/</c>.</summary>
    public required Uri Server { get; init; }

    /// <summary>The model's name; null asks the server for its first one.</summary>
    public string? Model { get; init; }

    /// <summary>Whether requests go to <c>/chat/completions</c>, with the shared context as system message.</summary>
    public bool Chat { get; init; }

    /// <summary>Whether answers come as server-sent events.</summary>
    public bool Stream { get; init; } = true;

    public ArrivalKind Arrivals { get; init; }

    /// <summary>Arrivals a second.</summary>
    public double Rate { get; init; } = 1;

    /// <summary>How many requests at most; null if the duration alone decides.</summary>
    public int? Requests { get; init; }

    /// <summary>For how long requests arrive; null if their number alone decides. Answers may take longer.</summary>
    public TimeSpan? Duration { get; init; }

    /// <summary>The number of different shared contexts.</summary>
    public int Contexts { get; init; }

    /// <summary>The share of the requests that begin with a shared context; the others have the private part alone.</summary>
    public double SharedShare { get; init; } = 1;

    /// <summary>Words (or tokens) of a shared context.</summary>
    public required WeightedSizes SharedSize { get; init; }

    /// <summary>Words (or tokens) that a request has for itself.</summary>
    public required WeightedSizes PrivateSize { get; init; }

    /// <summary>Choices a request asks for (<c>n</c>).</summary>
    public required WeightedSizes Samples { get; init; }

    /// <summary>The most tokens of a choice.</summary>
    public required WeightedSizes MaxTokens { get; init; }

    /// <summary>Prompts are token ids from this range, both ends included, in place of words.</summary>
    public (int First, int Last)? TokenIds { get; init; }

    /// <summary>The share of the clients that close their connection while the answer comes.</summary>
    public double VanishShare { get; init; }

    /// <summary>Decides arrivals and requests.</summary>
    public int Seed { get; init; }

    /// <summary>How long an answer may take.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How many requests may be open at once; those above are not sent, and count as failures.</summary>
    public int MaxInFlight { get; init; } = 4096;

    /// <summary>Requests that are sent one after another before the clock starts, and not counted.</summary>
    public int Warmup { get; init; }

    public string? ApiKey { get; init; }

    public double? Temperature { get; init; }

    /// <summary>Fields that are added to every request.</summary>
    public JsonObject? Extra { get; init; }

    public Slo Slo { get; init; } = new(null, null, null);

    /// <summary>A PNG file for the chart.</summary>
    public string? Chart { get; init; }

    /// <summary>Whether the report is one JSON document.</summary>
    public bool Json { get; init; }
}
