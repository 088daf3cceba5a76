using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Coppice.Server.Wire;
using Microsoft.AspNetCore.Http;

namespace Coppice.Server.Api;

/// <summary>
/// Server-sent events. A client that does not read for longer than the write timeout counts as gone: its connection is closed, and
/// <see cref="OperationCanceledException"/> ends the request.
/// </summary>
internal sealed class EventStream : IDisposable
{
    private readonly HttpContext _context;
    private readonly PipeWriter _writer;
    private readonly TimeSpan _timeout;
    private readonly CancellationTokenSource _stalled;
    private readonly Utf8JsonWriter _json;

    /// <summary>Writes the headers.</summary>
    public EventStream(HttpContext context, TimeSpan timeout)
    {
        (_context, _writer, _timeout) = (context, context.Response.BodyWriter, timeout);
        _stalled = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        _json = new Utf8JsonWriter(_writer, new JsonWriterOptions { Encoder = WireJson.Readable.Options.Encoder, SkipValidation = true });
        context.Response.ContentType = "text/event-stream; charset=utf-8";
        context.Response.Headers.CacheControl = "no-cache";
        context.Response.Headers["X-Accel-Buffering"] = "no"; // nginx
    }

    /// <summary>Adds an event; <see cref="FlushAsync"/> sends it.</summary>
    public void Write<T>(T data, JsonTypeInfo<T> type)
    {
        _writer.Write("data: "u8);
        _json.Reset(_writer);
        JsonSerializer.Serialize(_json, data, type);
        _writer.Write("\n\n"u8);
    }

    /// <summary>Adds the event that ends a stream that went well.</summary>
    public void WriteDone() => _writer.Write("data: [DONE]\n\n"u8);

    /// <summary>Sends what was added.</summary>
    public async ValueTask FlushAsync()
    {
        _stalled.CancelAfter(_timeout);
        try
        {
            await _writer.FlushAsync(_stalled.Token);
        }
        catch (OperationCanceledException) when (!_context.RequestAborted.IsCancellationRequested)
        {
            RequestLog.GiveUp(_context);
            throw;
        }

        _stalled.CancelAfter(Timeout.InfiniteTimeSpan);
        _stalled.Token.ThrowIfCancellationRequested();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _json.Dispose();
        _stalled.Dispose();
    }
}
