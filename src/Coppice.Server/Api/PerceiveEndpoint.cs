using System.Diagnostics;
using System.Globalization;
using Coppice.Graphs;
using Coppice.Perception.Data;
using Coppice.Perception.Inference;
using Coppice.Perception.Networks;
using Coppice.Server.Requests;
using Coppice.Server.Wire;
using Microsoft.AspNetCore.Http;

namespace Coppice.Server.Api;

/// <summary><c>/v1/perceive</c>: a picture of a street to objects, their distances and the class of each pixel.</summary>
internal sealed class PerceiveEndpoint(PerceptionQueue? pictures, RequestGate gate, ServerMetrics metrics, ServerOptions options)
{
    /// <summary><c>POST</c>: one picture.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        using IDisposable entry = gate.Enter();
        PerceptionQueue queue = Queue();
        PerceiveAsk ask = PerceiveAsk.Read(context.Request, queue.Options.Perceiver.Decoding.ScoreThreshold);
        (string name, byte[] file) = await PictureBody.ReadAsync(context);
        Seen seen = await TurnAsync(context, queue, (perceiver, cancellation) => See(perceiver, file, name, ask, queue.Options.MaxPixels, cancellation));
        metrics.Perceived(seen.Decoding + seen.Perceiving);
        PerceiveReport report = seen.Report;
        double milliseconds = seen.Perceiving.TotalMilliseconds;
        context.Items[RequestLog.Details] = string.Create(
            CultureInfo.InvariantCulture, $"{report.Width}x{report.Height}, {report.Objects.Count} objects, {milliseconds:0.0} ms");
        context.Response.Headers["Server-Timing"] = string.Create(
            CultureInfo.InvariantCulture, $"decode;dur={seen.Decoding.TotalMilliseconds:0.0}, perceive;dur={milliseconds:0.0}");
        if (ask.Png) await JsonReply.WriteAsync(context, StatusCodes.Status200OK, seen.Overlay!, options.WriteTimeout, "image/png");
        else await JsonReply.WriteAsync(context, StatusCodes.Status200OK, PerceiveAnswer.Of(report, seen.Overlay), WireJson.Readable.PerceiveAnswer, options.WriteTimeout);
    }

    /// <summary><c>GET</c>: what the network is.</summary>
    public async Task InfoAsync(HttpContext context)
    {
        using IDisposable entry = gate.Enter();
        PerceptionQueue queue = Queue();
        PerceptionInfo info = await TurnAsync(context, queue, (perceiver, _) => Info(perceiver, queue.Options, options.MaxBodyBytes));
        await JsonReply.WriteAsync(context, StatusCodes.Status200OK, info, WireJson.Readable.PerceptionInfo, options.WriteTimeout);
    }

    private PerceptionQueue Queue() => pictures ?? throw ApiException.Wrong(
        StatusCodes.Status404NotFound, "no_perception", "this server has no network for perception; start it with --perception FILE, where FILE holds the network's weights");

    private async Task<T> TurnAsync<T>(HttpContext context, PerceptionQueue queue, Func<Perceiver, CancellationToken, T> pass)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, gate.Ending);
        try
        {
            return await queue.PerceiveAsync(perceiver => pass(perceiver, ending.Token), ending.Token);
        }
        catch (SceneFormatException e)
        {
            throw ApiException.Invalid("image", e.Message, "invalid_image");
        }
        catch (Exception e) when (e is GraphException or IOException or UnauthorizedAccessException)
        {
            throw ApiException.NoPerception(e);
        }
    }

    /// <summary>The whole of one pass. Decoding is a part of it, so that one decoded picture is in memory at a time.</summary>
    private static Seen See(Perceiver perceiver, byte[] file, string name, PerceiveAsk ask, long maxPixels, CancellationToken cancellation)
    {
        const string field = "image";
        long began = Stopwatch.GetTimestamp();
        RgbImage image = ImageFile.Decode(file, field, maxPixels);
        Perceiver.CheckSize(image, $"'{field}'");
        TimeSpan decoding = Stopwatch.GetElapsedTime(began);
        cancellation.ThrowIfCancellationRequested();
        began = Stopwatch.GetTimestamp();
        PerceivedScene scene = perceiver.Perceive(image);
        TimeSpan perceiving = Stopwatch.GetElapsedTime(began);
        cancellation.ThrowIfCancellationRequested();
        byte[]? overlay = ask.Overlay || ask.Png ? ImageFile.Png(Overlay.Draw(image, scene, perceiver.Config, ask.Score), quick: true) : null;
        return new(PerceiveReport.Of(name, scene, perceiver.Config, ask.Score), overlay, decoding, perceiving);
    }

    private static PerceptionInfo Info(Perceiver perceiver, PerceptionOptions options, int maxBytes)
    {
        PerceptionConfig config = perceiver.Config;
        return new(
            config.Variant.ToString().ToLowerInvariant(), perceiver.Precision.ToString().ToLowerInvariant(), config.Width, config.Height,
            options.Perceiver.Decoding.ScoreThreshold, maxBytes, options.MaxPixels, config.Tasks.HasFlag(PerceptionTasks.Distance),
            [.. config.ObjectClasses.Select(Class)], [.. config.LabelClasses.Select(Class)]);

        static ClassInfo Class(string name) => new(name, $"#{Overlay.ColorOf(name):x6}");
    }

    private readonly record struct Seen(PerceiveReport Report, byte[]? Overlay, TimeSpan Decoding, TimeSpan Perceiving);
}
