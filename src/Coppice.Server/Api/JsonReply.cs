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

    /// <summary>Writes a document, or a file of another type; a client that does not take it in time counts as gone.</summary>
    public static async Task WriteAsync(HttpContext context, int status, ReadOnlyMemory<byte> content, TimeSpan timeout, string type = "application/json")
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        context.Response.ContentLength = content.Length;
        using var stalled = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        stalled.CancelAfter(timeout);
        try
        {
            await context.Response.Body.WriteAsync(content, stalled.Token);
            await context.Response.Body.FlushAsync(stalled.Token);
        }
        catch (OperationCanceledException)
        {
            RequestLog.GiveUp(context);
            throw;
        }
    }
}
