using System.Text.Json;
using Coppice.Server.Requests;
using Coppice.Server.Wire;

namespace Coppice.Server.Api;

/// <summary>Answers of <c>/v1/chat/completions</c>.</summary>
internal sealed class ChatFormat(AnswerHead head, GenerationAsk ask, TokenTexts texts) : IAnswerFormat
{
    private const string Role = "assistant";

    public void WriteStart(EventStream stream, int choice) => Write(stream, new ChatChunkChoice(choice, new ChatDelta(Role, ""), null, null));

    public void WriteToken(EventStream stream, int choice, TokenGenerated token)
    {
        if (token.Text.Length == 0 && !ask.Logprobs) return;
        ChatLogprobs? logprobs = ask.Logprobs ? new([texts.Chat(token.Token, token.Logprob, token.TopLogprobs)], null) : null;
        Write(stream, new ChatChunkChoice(choice, new ChatDelta(null, token.Text), logprobs, null));
    }

    public void WriteEnd(EventStream stream, int choice, BranchFinished end) =>
        Write(stream, new ChatChunkChoice(choice, new ChatDelta(null, end.Text.Length > 0 ? end.Text : null), null, FinishWords.Of(end.Reason)));

    public void WriteSummary(EventStream stream, Usage? usage, AnswerExtension extension) => stream.Write(
        new ChatChunk(head.Id, "chat.completion.chunk", head.Created, head.Model, head.Fingerprint, [], usage, extension), WireJson.Readable.ChatChunk);

    public ReadOnlyMemory<byte> Whole(IReadOnlyList<(Choice Choice, ChoiceExtension Rank)> choices, Usage usage, AnswerExtension extension) =>
        JsonSerializer.SerializeToUtf8Bytes(
            new ChatAnswer(
                head.Id, "chat.completion", head.Created, head.Model, head.Fingerprint,
                [.. choices.Select((c, i) => new ChatChoice(
                    i, new ChatMessage(Role, c.Choice.Text, null), Logprobs(c.Choice), FinishWords.Of(c.Choice.FinishReason), c.Rank))],
                usage, extension),
            WireJson.Readable.ChatAnswer);

    private void Write(EventStream stream, ChatChunkChoice choice) => stream.Write(
        new ChatChunk(head.Id, "chat.completion.chunk", head.Created, head.Model, head.Fingerprint, [choice], null, null), WireJson.Readable.ChatChunk);

    private ChatLogprobs? Logprobs(Choice choice) => !ask.Logprobs ? null : new(
        [.. choice.TokenIds.Select((token, i) => texts.Chat(token, choice.Logprobs[i], ask.TopLogprobs > 0 ? choice.TopLogprobs[i] : []))], null);
}
