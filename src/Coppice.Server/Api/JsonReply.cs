using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace Coppice.Server.Api;

/// <summary>Writes a JSON document as an answer.</summary>
internal static class JsonReply
{
    /// <summary>Writes a document.</summary>
    public static Task WriteAsync<T>(HttpContext context, int status, T document, JsonTypeInfo<T> type, TimeSpan timeout) =>
        WriteAsync(context, status, JsonSerializer.SerializeToUtf8Bytes(document, type), timeout);

    /// <summary>Writes a document; a client that does not take it in time counts as gone.</summary>
    public static async Task WriteAsync(HttpContext context, int status, ReadOnlyMemory<byte> utf8, TimeSpan timeout)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = utf8.Length;
        using var stalled = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        stalled.CancelAfter(timeout);
        try
        {
            await context.Response.Body.WriteAsync(utf8, stalled.Token);
            await context.Response.Body.FlushAsync(stalled.Token);
        }
        catch (OperationCanceledException)
        {
            RequestLog.GiveUp(context);
            throw;
        }
    }
}
