using Coppice.Server.Wire;
using Microsoft.AspNetCore.Http;

namespace Coppice.Server;

/// <summary>A request that ends with an error the client is told: one clear sentence in OpenAI's shape.</summary>
internal sealed class ApiException : Exception
{
    private ApiException(int status, string type, string message, string? param, string? code, Exception? cause = null)
        : base(message, cause) => (Status, Type, Param, Code) = (status, type, param, code);

    /// <summary>The HTTP status.</summary>
    public int Status { get; }

    /// <summary>The class of error, as OpenAI names it.</summary>
    public string Type { get; }

    /// <summary>The field that is wrong, or null.</summary>
    public string? Param { get; }

    /// <summary>A word for programs, or null.</summary>
    public string? Code { get; }

    /// <summary>Seconds after which another try may succeed; null where none will.</summary>
    public int? RetryAfter { get; private init; }

    public ErrorAnswer Answer => new(new ErrorBody(Message, Type, Param, Code));

    /// <summary>A field has a value that is not allowed.</summary>
    public static ApiException Invalid(string? param, string message, string code = "invalid_value") =>
        new(StatusCodes.Status400BadRequest, "invalid_request_error", message, param, code);

    /// <summary>The request is wrong as a whole.</summary>
    public static ApiException Wrong(int status, string code, string message) => new(status, "invalid_request_error", message, null, code);

    public static ApiException UnknownModel(string model, string known) => new(
        StatusCodes.Status404NotFound, "invalid_request_error", $"the model '{Shown(model)}' does not exist; this server has '{known}'", "model", "model_not_found");

    public static ApiException NoKey(bool given) => new(
        StatusCodes.Status401Unauthorized, "invalid_request_error",
        given ? "the API key is wrong" : "an API key is needed: send it as 'Authorization: Bearer KEY'", null, "invalid_api_key");

    public static ApiException TooMany(string message, string code) =>
        new(StatusCodes.Status429TooManyRequests, "rate_limit_error", message, null, code) { RetryAfter = 1 };

    public static ApiException Stopping() => new(
        StatusCodes.Status503ServiceUnavailable, "server_error", "the server is shutting down and takes no new requests", null, "shutting_down") { RetryAfter = 5 };

    /// <summary>The network for pictures can't be used; why is for the log alone.</summary>
    public static ApiException NoPerception(Exception cause) => new(
        StatusCodes.Status503ServiceUnavailable, "server_error", "the network for perception can't be used; the server's log says why", null, "perception_unavailable", cause);

    public static ApiException Failed() =>
        new(StatusCodes.Status500InternalServerError, "server_error", "the server failed to answer this request", null, "internal_error");

    /// <summary>What an exception of the engine means to the client. Nothing of an unexpected one is told.</summary>
    public static ApiException Of(Exception exception) => exception switch
    {
        ApiException api => api,
        QueueFullException => TooMany("too many requests are waiting; try again later", "queue_full"),
        RequestRejectedException rejected => Rejected(rejected),
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => Wrong(StatusCodes.Status413PayloadTooLarge, "body_too_large", "the request's body is too large"),
        BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout } => Wrong(StatusCodes.Status408RequestTimeout, "timeout", "the request's body came too slowly"),
        BadHttpRequestException bad => Wrong(bad.StatusCode, "bad_request", "the request is not valid HTTP"),
        ObjectDisposedException => Stopping(),
        _ => Failed(),
    };

    /// <summary>A name from outside, short enough for a message and without control characters.</summary>
    public static string Shown(string text, int most = 64)
    {
        string cut = text.Length > most ? string.Concat(text.AsSpan(0, char.IsHighSurrogate(text[most - 1]) ? most - 1 : most), "...") : text;
        return string.Concat(cut.Select(c => char.IsControl(c) || c is '\u2028' or '\u2029' ? ' ' : c));
    }

    private static ApiException Rejected(RequestRejectedException rejected)
    {
        string param = rejected.Field switch
        {
            "samples" => "n",
            "kv-tokens" => "max_tokens",
            "prompt token" or "tokens" => "prompt",
            "rank-by" => "rank",
            var field => field.Replace('-', '_'),
        };
        return Invalid(param, $"'{param}' must be {rejected.Expected}, found {Shown(rejected.Found)}");
    }
}
