using System.Text.Json;
using Coppice.Server.Requests;
using Coppice.Server.Wire;
using Coppice.Tokenizing;

namespace Coppice.Server.Api;

/// <summary>Answers of <c>/v1/completions</c>.</summary>
internal sealed class CompletionFormat(AnswerHead head, GenerationAsk ask, TokenTexts texts) : IAnswerFormat
{
    private const string Kind = "text_completion";
    private readonly Dictionary<int, (Detokenizer Detokenizer, int At)> _offsets = [];

    public void WriteStart(EventStream stream, int choice)
    {
    }

    public void WriteToken(EventStream stream, int choice, TokenGenerated token)
    {
        if (token.Text.Length == 0 && !ask.Logprobs) return;
        CompletionLogprobs? logprobs = null;
        if (ask.Logprobs)
        {
            // Not from the pieces' lengths: a piece that could begin a stop string is held back.
            (Detokenizer detokenizer, int offset) = _offsets.TryGetValue(choice, out var known) ? known : (texts.Detokenizer(), 0);
            _offsets[choice] = (detokenizer, offset + detokenizer.Append(token.Token).Length);
            logprobs = new(
                [texts.Text(token.Token)], [TokenTexts.Finite(token.Logprob)], ask.TopLogprobs > 0 ? [texts.Top(token.TopLogprobs)] : null, [offset]);
        }

        Write(stream, new CompletionChoice(choice, token.Text, logprobs, null, null));
    }

    public void WriteEnd(EventStream stream, int choice, BranchFinished end) =>
        Write(stream, new CompletionChoice(choice, end.Text, null, FinishWords.Of(end.Reason), null));

    public void WriteSummary(EventStream stream, Usage? usage, AnswerExtension extension) => stream.Write(
        new CompletionAnswer(head.Id, Kind, head.Created, head.Model, head.Fingerprint, [], usage, extension), WireJson.Readable.CompletionAnswer);

    public ReadOnlyMemory<byte> Whole(IReadOnlyList<(Choice Choice, ChoiceExtension Rank)> choices, Usage usage, AnswerExtension extension) =>
        JsonSerializer.SerializeToUtf8Bytes(
            new CompletionAnswer(
                head.Id, Kind, head.Created, head.Model, head.Fingerprint,
                [.. choices.Select((c, i) => new CompletionChoice(i, c.Choice.Text, Logprobs(c.Choice), FinishWords.Of(c.Choice.FinishReason), c.Rank))],
                usage, extension),
            WireJson.Readable.CompletionAnswer);

    private void Write(EventStream stream, CompletionChoice choice) => stream.Write(
        new CompletionAnswer(head.Id, Kind, head.Created, head.Model, head.Fingerprint, [choice], null, null), WireJson.Readable.CompletionAnswer);

    private CompletionLogprobs? Logprobs(Choice choice)
    {
        if (!ask.Logprobs) return null;
        int count = choice.TokenIds.Count;
        var offsets = new int[count];
        var detokenizer = texts.Detokenizer();
        for (int i = 0, at = 0; i < count; i++)
        {
            offsets[i] = Math.Min(at, choice.Text.Length);
            at += detokenizer.Append(choice.TokenIds[i]).Length;
        }

        return new CompletionLogprobs(
            [.. choice.TokenIds.Select(texts.Text)], [.. choice.Logprobs.Select(logprob => TokenTexts.Finite(logprob))],
            ask.TopLogprobs > 0 ? [.. choice.TopLogprobs.Select(texts.Top)] : null, offsets);
    }
}

/// <summary>Why a choice ended, in OpenAI's words.</summary>
internal static class FinishWords
{
    public static string Of(FinishReason reason) => reason == FinishReason.Stop ? "stop" : "length";
}
