using System.Diagnostics;
using Coppice.Server.Requests;
using Coppice.Server.Wire;
using Microsoft.AspNetCore.Http;

namespace Coppice.Server.Api;

/// <summary>Answers one request for completions: submits a group for each prompt, and writes what they give as a whole or as a stream.</summary>
internal sealed class CompletionRun(
    ServedModel model, ServerMetrics metrics, GenerationAsk ask, IReadOnlyList<GenerationRequest> groups, IAnswerFormat format, long arrived)
{
    private const int EventsPerFlush = 256;
    private readonly GenerationResult?[] _results = new GenerationResult?[groups.Count];
    private bool _hasTokens;

    /// <summary>Runs to the end.</summary>
    /// <param name="context">Gets the answer.</param>
    /// <param name="ending">Ends the request.</param>
    public async Task RunAsync(HttpContext context, CancellationToken ending)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, ending);
        await using GroupEvents events = GroupEvents.Start(model.Engine, groups, either.Token);
        // Until something happens the request may still be refused with a status.
        await events.WaitAsync();
        if (ask.Stream) await StreamAsync(context, events);
        else await WholeAsync(context, events);
        metrics.Finished(Stopwatch.GetElapsedTime(arrived));
    }

    private async Task WholeAsync(HttpContext context, GroupEvents events)
    {
        while (await events.WaitAsync())
            while (events.TryRead(out var next)) Note(next.Prompt, next.Event);
        var choices = new List<(Choice, ChoiceExtension)>();
        foreach (GenerationResult? result in _results)
        {
            IEnumerable<Choice> answer = ask.Samples > ask.Choices ? result!.Choices.Take(ask.Choices) : result!.Choices.OrderBy(choice => choice.Index);
            choices.AddRange(answer.Select(choice => (choice, Rank(choice, null))));
        }

        Describe(context);
        await JsonReply.WriteAsync(context, StatusCodes.Status200OK, format.Whole(choices, Usage(), Extension(null)), model.Options.WriteTimeout);
    }

    private async Task StreamAsync(HttpContext context, GroupEvents events)
    {
        using var stream = new EventStream(context, model.Options.WriteTimeout);
        try
        {
            do
            {
                for (int i = 0; i < EventsPerFlush && events.TryRead(out var next); i++) Write(stream, next.Prompt, next.Event);
                await stream.FlushAsync();
            }
            while (await events.WaitAsync());

            if (ask.AsksForRank || ask.IncludeUsage) format.WriteSummary(stream, ask.IncludeUsage ? Usage() : null, Extension(Ranks()));
            stream.WriteDone();
            Describe(context);
            await stream.FlushAsync();
        }
        catch (Exception e) when (context.Response.HasStarted && !RequestLog.IsGone(context))
        {
            // The status is sent already: the error is the stream's last event.
            stream.Write((e is OperationCanceledException ? ApiException.Stopping() : ApiException.Of(e)).Answer, WireJson.Readable.ErrorAnswer);
            await stream.FlushAsync();
            throw;
        }
    }

    private void Write(EventStream stream, int prompt, GenerationEvent happened)
    {
        Note(prompt, happened);
        int first = prompt * ask.Choices;
        switch (happened)
        {
            case PromptProcessed:
                for (int i = 0; i < ask.Choices; i++) format.WriteStart(stream, first + i);
                break;
            case TokenGenerated token:
                format.WriteToken(stream, first + token.Branch, token);
                break;
            case BranchFinished end:
                format.WriteEnd(stream, first + end.Branch, end);
                break;
        }
    }

    private void Note(int prompt, GenerationEvent happened)
    {
        if (!_hasTokens && happened is TokenGenerated)
        {
            _hasTokens = true;
            metrics.FirstToken(Stopwatch.GetElapsedTime(arrived));
        }

        if (happened is GroupFinished finished) _results[prompt] = finished.Result;
    }

    private ChoiceExtension[] Ranks() =>
        [.. _results.SelectMany((result, prompt) => result!.Choices.OrderBy(choice => choice.Index).Select(choice => Rank(choice, (prompt * ask.Choices) + choice.Index)))];

    private static ChoiceExtension Rank(Choice choice, int? index) => new(
        index, choice.Rank, Finite(choice.Score), Finite(choice.MeanLogprob), Finite(choice.TotalLogprob), choice.Answer, choice.IsDuplicate);

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;

    private Usage Usage()
    {
        long prompt = _results.Sum(result => (long)result!.PromptTokens);
        long completion = _results.Sum(result => result!.Choices.Sum(choice => (long)choice.TokenIds.Count));
        return new Usage(prompt, completion, prompt + completion, new PromptTokensDetails(_results.Sum(result => (long)result!.ReusedTokens)));
    }

    private AnswerExtension Extension(IReadOnlyList<ChoiceExtension>? ranks)
    {
        var timings = new TimingsInfo(_results.Max(r => r!.Timings.Prefill.TotalMilliseconds), _results.Max(r => r!.Timings.Decode.TotalMilliseconds));
        var attention = new AttentionInfo(
            _results.Sum(r => r!.Traffic.ContextBytesRead), _results.Sum(r => Repeated(r!)), _results.Sum(r => r!.Traffic.BranchBytesRead));
        return new AnswerExtension(_results[0]!.Seed, timings, attention, ranks);
    }

    /// <summary>What a group would have read of its context had each sample read it itself: as often as it gave tokens.</summary>
    private static long Repeated(GenerationResult result) => result.Traffic.Steps == 0
        ? 0
        : (long)((Int128)result.Traffic.ContextBytesRead * result.Timings.DecodedTokens / result.Traffic.Steps);

    private void Describe(HttpContext context)
    {
        Usage usage = Usage();
        context.Items[RequestLog.Details] = $"prompt {usage.PromptTokens} ({usage.PromptTokensDetails.CachedTokens} reused), {_results.Length * ask.Samples} samples, {usage.CompletionTokens} tokens";
    }
}
