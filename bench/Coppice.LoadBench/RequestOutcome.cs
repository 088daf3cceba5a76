namespace Coppice.LoadBench;

/// <summary>How a request ended.</summary>
internal enum Ending
{
    /// <summary>The whole answer came.</summary>
    Completed,

    /// <summary>The client closed its connection, as planned.</summary>
    Vanished,

    /// <summary>No answer, or not a whole one.</summary>
    Failed,

    /// <summary>The run ended first.</summary>
    Interrupted,
}

/// <summary>What became of a request. Times count from the moment it was due, so that a late start is not hidden. Milliseconds.</summary>
internal sealed record RequestOutcome
{
    public required PlannedRequest Request { get; init; }

    public required Ending Ending { get; init; }

    /// <summary>What went wrong, where something did.</summary>
    public Failure? Failure { get; init; }

    /// <summary>How much later than due the request was sent.</summary>
    public double Late { get; init; }

    /// <summary>Until the first text; null without text or stream.</summary>
    public double? FirstToken { get; init; }

    /// <summary>Between two tokens of a choice; null without a stream or where no choice has two.</summary>
    public double? Token { get; init; }

    /// <summary>Until the end of the answer; null unless it is complete.</summary>
    public double? Total { get; init; }

    public int PromptTokens { get; init; }

    public int CachedTokens { get; init; }

    public int OutputTokens { get; init; }

    /// <summary>Whether the answer is complete and within the limits. A limit on what the answer has no time for (one token has no time between tokens) holds.</summary>
    public bool Meets(Slo slo) =>
        Ending == Ending.Completed && Holds(FirstToken, slo.FirstToken) && Holds(Token, slo.Token) && Holds(Total, slo.Total);

    private static bool Holds(double? time, double? limit) => time is not double value || limit is not double most || value <= most;
}
