using System.Diagnostics;
using System.Net.ServerSentEvents;
using System.Text.Json;

namespace Coppice.LoadBench;

/// <summary>
/// Folds an answer, whole or in events, into the times and counts of one request. Times are <see cref="Stopwatch"/> timestamps.
/// A piece is an event's text for one choice; a server may put several tokens into one, so tokens come from the usage where there is one.
/// </summary>
internal sealed class AnswerReader(int samples)
{
    private readonly ChoiceTimes[] _choices = new ChoiceTimes[samples];
    private int _usageTokens = -1;

    /// <summary>When the first text came; 0 if none did.</summary>
    public long FirstText { get; private set; }

    /// <summary>Pieces of text of all choices.</summary>
    public int Pieces { get; private set; }

    /// <summary>Tokens of the prompt, by the server's count; 0 if it did not say.</summary>
    public int PromptTokens { get; private set; }

    /// <summary>Tokens of the prompt that the server did not have to compute, by its count.</summary>
    public int CachedTokens { get; private set; }

    /// <summary>Tokens of all choices: the server's count, or the number of pieces.</summary>
    public int OutputTokens => _usageTokens >= 0 ? _usageTokens : Pieces;

    /// <summary>Choices with text or an end.</summary>
    public int Choices => _choices.Count(choice => choice.Seen);

    /// <summary>Whether every choice that was asked for has told why it ended.</summary>
    public bool Finished => Array.TrueForAll(_choices, choice => choice.Finished);

    /// <summary>Reads a stream of events until it is done.</summary>
    /// <param name="stream">The body.</param>
    /// <param name="piecesWanted">After how many pieces to stop; null reads to the end.</param>
    /// <param name="cancel">Ends the reading.</param>
    /// <returns>False if it stopped because the pieces wanted were there.</returns>
    /// <exception cref="BadAnswerException">An error event, a broken stream, or events that the API does not have.</exception>
    public async Task<bool> ReadEventsAsync(Stream stream, int? piecesWanted, CancellationToken cancel)
    {
        await foreach (SseItem<byte[]> item in SseParser.Create(stream, (_, data) => data.ToArray()).EnumerateAsync(cancel).ConfigureAwait(false))
        {
            if (item.Data.AsSpan().Trim((byte)' ').SequenceEqual("[DONE]"u8)) return true;
            using JsonDocument document = JsonDocument.Parse(item.Data);
            if (item.EventType == "error") throw new BadAnswerException(FailureKind.ErrorEvent, ErrorMessage(document.RootElement) ?? "an error without a message");
            Add(document.RootElement, Stopwatch.GetTimestamp());
            if (Pieces >= piecesWanted) return false;
        }

        // Some servers end without [DONE]; what counts is that every choice has ended.
        if (!Finished) throw new BadAnswerException(FailureKind.Broken, "the stream ended before its choices did");
        return true;
    }

    /// <summary>Adds an event's object, or a whole answer.</summary>
    /// <param name="answer">The object.</param>
    /// <param name="now">When it came.</param>
    /// <exception cref="BadAnswerException">It is an error, or not what the API says.</exception>
    public void Add(JsonElement answer, long now)
    {
        if (answer.ValueKind != JsonValueKind.Object) throw new BadAnswerException(FailureKind.Malformed, $"expected an object, found {answer.ValueKind}");
        if (ErrorMessage(answer) is { } message) throw new BadAnswerException(FailureKind.ErrorEvent, message);
        if (!answer.TryGetProperty("choices", out JsonElement choices) || choices.ValueKind != JsonValueKind.Array)
            throw new BadAnswerException(FailureKind.Malformed, "expected 'choices', found none");
        foreach (JsonElement choice in choices.EnumerateArray()) AddChoice(choice, now);
        if (answer.TryGetProperty("usage", out JsonElement usage) && usage.ValueKind == JsonValueKind.Object) AddUsage(usage);
    }

    /// <summary>The mean time between two tokens of a choice, over the choices that have two pieces or more, in milliseconds; null without such a choice.</summary>
    public double? MillisecondsPerToken()
    {
        double tokensPerPiece = Pieces > 0 ? Math.Max(1, (double)OutputTokens / Pieces) : 1;
        double[] times =
        [
            .. _choices.Where(choice => choice.Pieces > 1)
                .Select(choice => Stopwatch.GetElapsedTime(choice.First, choice.Last).TotalMilliseconds / ((choice.Pieces * tokensPerPiece) - 1)),
        ];
        return times.Length > 0 ? times.Average() : null;
    }

    /// <summary>The message of an error's object in OpenAI's shape; null if there is none.</summary>
    public static string? ErrorMessage(JsonElement answer)
    {
        if (answer.ValueKind != JsonValueKind.Object || !answer.TryGetProperty("error", out JsonElement error)) return null;
        if (error.ValueKind == JsonValueKind.String) return error.GetString();
        if (error.ValueKind != JsonValueKind.Object) return null;
        return error.TryGetProperty("message", out JsonElement message) && message.ValueKind == JsonValueKind.String ? message.GetString() : "an error without a message";
    }

    private void AddChoice(JsonElement choice, long now)
    {
        if (choice.ValueKind != JsonValueKind.Object) throw new BadAnswerException(FailureKind.Malformed, "expected an object as choice");
        int index = choice.TryGetProperty("index", out JsonElement place) && place.TryGetInt32(out int value) ? value : 0;
        if (index < 0 || index >= _choices.Length)
            throw new BadAnswerException(FailureKind.Malformed, $"expected a choice below {_choices.Length}, found {index}");
        ref ChoiceTimes times = ref _choices[index];
        times.Seen = true;
        if (choice.TryGetProperty("finish_reason", out JsonElement reason) && reason.ValueKind == JsonValueKind.String) times.Finished = true;
        if (!HasText(choice)) return;
        if (FirstText == 0) FirstText = now;
        if (times.Pieces++ == 0) times.First = now;
        times.Last = now;
        Pieces++;
    }

    private static bool HasText(JsonElement choice)
    {
        if (IsText(choice, "text")) return true;
        foreach (string holder in (ReadOnlySpan<string>)["delta", "message"])
        {
            if (!choice.TryGetProperty(holder, out JsonElement message) || message.ValueKind != JsonValueKind.Object) continue;
            if (IsText(message, "content") || IsText(message, "reasoning_content")) return true;
            if (message.TryGetProperty("tool_calls", out JsonElement calls) && calls.ValueKind == JsonValueKind.Array && calls.GetArrayLength() > 0) return true;
        }

        return false;
    }

    private static bool IsText(JsonElement holder, string name) =>
        holder.TryGetProperty(name, out JsonElement text) && text.ValueKind == JsonValueKind.String && !text.ValueEquals(ReadOnlySpan<byte>.Empty);

    private void AddUsage(JsonElement usage)
    {
        if (Count(usage, "completion_tokens") is int output) _usageTokens = output;
        PromptTokens = Count(usage, "prompt_tokens") ?? PromptTokens;
        if (usage.TryGetProperty("prompt_tokens_details", out JsonElement details) && details.ValueKind == JsonValueKind.Object)
            CachedTokens = Count(details, "cached_tokens") ?? CachedTokens;
    }

    private static int? Count(JsonElement holder, string name) =>
        holder.TryGetProperty(name, out JsonElement number) && number.ValueKind == JsonValueKind.Number && number.TryGetInt32(out int value) ? value : null;

    private struct ChoiceTimes
    {
        public bool Seen;
        public bool Finished;
        public int Pieces;
        public long First;
        public long Last;
    }
}
