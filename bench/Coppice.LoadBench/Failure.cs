using System.Globalization;

namespace Coppice.LoadBench;

/// <summary>What kept a request from its answer.</summary>
internal enum FailureKind
{
    /// <summary>More requests than allowed were open already.</summary>
    NotSent,

    /// <summary>No connection came about.</summary>
    Connect,

    /// <summary>The answer took longer than allowed.</summary>
    Timeout,

    /// <summary>The server refused with an HTTP status.</summary>
    Status,

    /// <summary>The server reported an error inside a stream that it had begun.</summary>
    ErrorEvent,

    /// <summary>The connection or the stream ended before the answer did.</summary>
    Broken,

    /// <summary>The answer is not what the API says: no JSON, or without its fields.</summary>
    Malformed,

    /// <summary>The answer has fewer choices than were asked for.</summary>
    MissingChoices,
}

/// <summary>One request's failure.</summary>
/// <param name="Kind">What it was.</param>
/// <param name="Status">The HTTP status, or 0.</param>
/// <param name="Message">One line.</param>
internal sealed record Failure(FailureKind Kind, int Status, string Message)
{
    /// <summary>The name under which failures are counted.</summary>
    public string Name => Kind switch
    {
        FailureKind.NotSent => "not sent",
        FailureKind.Connect => "no connection",
        FailureKind.Timeout => "timeout",
        FailureKind.Status => string.Create(CultureInfo.InvariantCulture, $"status {Status}"),
        FailureKind.ErrorEvent => "error in the stream",
        FailureKind.Broken => "broken off",
        FailureKind.Malformed => "malformed answer",
        _ => "choices missing",
    };

    /// <summary>The failure that an exception of the transport means.</summary>
    public static Failure Of(Exception exception) => exception switch
    {
        BadAnswerException bad => new Failure(bad.Kind, 0, Line(bad.Message)),
        System.Text.Json.JsonException => new Failure(FailureKind.Malformed, 0, "expected JSON, found something else"),
        HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError
            or HttpRequestError.SecureConnectionError or HttpRequestError.ProxyTunnelError } => new Failure(FailureKind.Connect, 0, Line(exception.Message)),
        HttpRequestException { HttpRequestError: HttpRequestError.InvalidResponse } => new Failure(FailureKind.Malformed, 0, Line(exception.Message)),
        _ => new Failure(FailureKind.Broken, 0, Line(exception.Message)),
    };

    /// <summary>A message without line breaks, of a length that fits into a table.</summary>
    public static string Line(string message)
    {
        const int longest = 160;
        string line = string.Concat(message.Select(c => char.IsControl(c) ? ' ' : c)).Trim();
        return line.Length <= longest ? line : line[..longest] + "…";
    }
}

/// <summary>An answer that breaks the API's rules.</summary>
internal sealed class BadAnswerException(FailureKind kind, string message) : Exception(message)
{
    public FailureKind Kind => kind;
}
