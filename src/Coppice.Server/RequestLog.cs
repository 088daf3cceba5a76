using System.Diagnostics;
using System.Globalization;
using Coppice.Server.Api;
using Coppice.Server.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Coppice.Server;

/// <summary>
/// The outermost piece of the pipeline: gives each request its id, turns what goes wrong into an answer, and writes one line about
/// how it ended. No text of a prompt or an answer is logged.
/// </summary>
internal sealed partial class RequestLog(ILogger<RequestLog> logger, ServedModel model, RequestGate gate, ServerMetrics metrics)
{
    /// <summary>The item of a request under which an endpoint leaves what it did.</summary>
    public const string Details = "coppice.details";

    private const string Gone = "coppice.gone";
    private const int ClientClosedRequest = 499;
    private const int LongestId = 128;
    private static readonly string[] Quiet = ["/health", "/metrics", "/coppice/state"];

    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        long started = Stopwatch.GetTimestamp();
        context.TraceIdentifier = IdOf(context.Request.Headers["x-request-id"].ToString());
        context.Response.Headers["x-request-id"] = context.TraceIdentifier;
        if (gate.IsClosed) context.Response.Headers.Connection = "close";
        int status;
        try
        {
            await next(context);
            status = context.Response.StatusCode;
            if (!context.Response.HasStarted && status is StatusCodes.Status404NotFound or StatusCodes.Status405MethodNotAllowed)
                await AnswerAsync(context, NoEndpoint(context, status));
        }
        catch (Exception) when (IsGone(context))
        {
            status = ClientClosedRequest;
            metrics.Vanished();
        }
        catch (Exception e)
        {
            status = await FailAsync(context, e);
        }

        Log(context, status, started);
    }

    /// <summary>Closes the connection of a client that does not read. That its token says so comes a moment later.</summary>
    public static void GiveUp(HttpContext context)
    {
        context.Items[Gone] = true;
        context.Abort();
    }

    /// <summary>Whether nobody is there to be answered.</summary>
    public static bool IsGone(HttpContext context) => context.RequestAborted.IsCancellationRequested || context.Items.ContainsKey(Gone);

    private async Task<int> FailAsync(HttpContext context, Exception e)
    {
        ApiException error = e is OperationCanceledException && gate.Ending.IsCancellationRequested ? ApiException.Stopping() : ApiException.Of(e);
        if (error.Status >= StatusCodes.Status500InternalServerError && error is not { Code: "shutting_down" }) Failure(context.TraceIdentifier, e);
        if (context.Response.HasStarted) return error.Status;
        try
        {
            await AnswerAsync(context, error);
        }
        catch (Exception) when (IsGone(context))
        {
            return ClientClosedRequest;
        }

        return error.Status;
    }

    private async Task AnswerAsync(HttpContext context, ApiException error)
    {
        // Not the message: it quotes what was found, which can be a prompt in the wrong place.
        context.Items[Details] = ApiException.Shown($"{error.Code} {error.Param}".TrimEnd());
        if (error.RetryAfter is int seconds) context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        if (error.Status == StatusCodes.Status401Unauthorized) context.Response.Headers.WWWAuthenticate = "Bearer";
        await JsonReply.WriteAsync(context, error.Status, error.Answer, WireJson.Readable.ErrorAnswer, model.Options.WriteTimeout);
    }

    private static ApiException NoEndpoint(HttpContext context, int status)
    {
        string path = ApiException.Shown(context.Request.Path.Value ?? "/");
        return status == StatusCodes.Status404NotFound
            ? ApiException.Wrong(status, "not_found", $"there is nothing at {path}")
            : ApiException.Wrong(status, "method_not_allowed", $"{path} does not take {ApiException.Shown(context.Request.Method)}");
    }

    /// <summary>The client's own id where it is one that can stand in a log, or a new one.</summary>
    private static string IdOf(string given) =>
        given.Length is > 0 and <= LongestId && given.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
            ? given
            : $"req-{Guid.NewGuid():N}";

    private void Log(HttpContext context, int status, long started)
    {
        string path = context.Request.Path.Value ?? "";
        LogLevel level = Array.IndexOf(Quiet, path) >= 0 && status < StatusCodes.Status500InternalServerError ? LogLevel.Debug : LogLevel.Information;
        if (!logger.IsEnabled(level)) return;
        string method = ApiException.Shown(context.Request.Method), shown = ApiException.Shown(path), details = context.Items[Details] as string ?? "";
        double milliseconds = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        Ended(level, context.TraceIdentifier, method, shown, status, milliseconds, details);
    }

    [LoggerMessage(EventId = 1, Message = "{RequestId} {Method} {Path} {Status} {Milliseconds:0} ms {Details}")]
    private partial void Ended(LogLevel level, string requestId, string method, string path, int status, double milliseconds, string details);

    [LoggerMessage(EventId = 2, Level = LogLevel.Error, Message = "{RequestId} failed")]
    private partial void Failure(string requestId, Exception exception);
}
