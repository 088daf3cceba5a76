using System.Text.Json.Serialization;

namespace Coppice.Server.Wire;

/// <summary>An error as OpenAI writes it.</summary>
internal sealed record ErrorAnswer(ErrorBody Error);

internal sealed record ErrorBody(string Message, string Type, string? Param, string? Code);

/// <summary>The models that can be asked.</summary>
internal sealed record ModelList(string Object, IReadOnlyList<ModelInfo> Data);

internal sealed record ModelInfo(string Id, string Object, long Created, string OwnedBy, int ContextLength, int Vocabulary, int EmbeddingWidth);

/// <summary>What a request took.</summary>
internal sealed record Usage(long PromptTokens, long CompletionTokens, long TotalTokens, PromptTokensDetails PromptTokensDetails);

internal sealed record PromptTokensDetails(long CachedTokens);

/// <summary>What only this server tells of a whole answer.</summary>
/// <param name="Seed">The same seed gives the same texts again.</param>
/// <param name="Timings">Times, of several prompts the longest.</param>
/// <param name="Attention">What attention read.</param>
/// <param name="Choices">In a stream: how each choice ranks.</param>
internal sealed record AnswerExtension(
    ulong Seed, TimingsInfo Timings, AttentionInfo Attention,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<ChoiceExtension>? Choices);

internal sealed record TimingsInfo(double PrefillMs, double DecodeMs);

internal sealed record AttentionInfo(long ContextBytesRead, long ContextBytesRepeated, long BranchBytesRead);

/// <summary>How a choice ranks among those of its prompt.</summary>
internal sealed record ChoiceExtension(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Index,
    int Rank, double? Score, double? MeanLogprob, double? TotalLogprob, string? Answer, bool Duplicate);

/// <summary>An answer, or a piece of a stream, of <c>/v1/completions</c>.</summary>
internal sealed record CompletionAnswer(
    string Id, string Object, long Created, string Model, string SystemFingerprint, IReadOnlyList<CompletionChoice> Choices,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Usage? Usage,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] AnswerExtension? Coppice);

internal sealed record CompletionChoice(
    int Index, string Text, CompletionLogprobs? Logprobs, string? FinishReason,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ChoiceExtension? Coppice);

internal sealed record CompletionLogprobs(
    IReadOnlyList<string> Tokens, IReadOnlyList<double> TokenLogprobs,
    IReadOnlyList<IReadOnlyDictionary<string, double>>? TopLogprobs, IReadOnlyList<int> TextOffset);

/// <summary>An answer of <c>/v1/chat/completions</c>.</summary>
internal sealed record ChatAnswer(
    string Id, string Object, long Created, string Model, string SystemFingerprint, IReadOnlyList<ChatChoice> Choices,
    Usage Usage, AnswerExtension Coppice);

internal sealed record ChatChoice(int Index, ChatMessage Message, ChatLogprobs? Logprobs, string FinishReason, ChoiceExtension Coppice);

internal sealed record ChatMessage(string Role, string Content, string? Refusal);

internal sealed record ChatLogprobs(IReadOnlyList<ChatTokenLogprob> Content, IReadOnlyList<ChatTokenLogprob>? Refusal);

internal sealed record ChatTokenLogprob(string Token, double Logprob, IReadOnlyList<int> Bytes, IReadOnlyList<ChatTopLogprob> TopLogprobs);

internal sealed record ChatTopLogprob(string Token, double Logprob, IReadOnlyList<int> Bytes);

/// <summary>A piece of a stream of <c>/v1/chat/completions</c>.</summary>
internal sealed record ChatChunk(
    string Id, string Object, long Created, string Model, string SystemFingerprint, IReadOnlyList<ChatChunkChoice> Choices,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Usage? Usage,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] AnswerExtension? Coppice);

internal sealed record ChatChunkChoice(int Index, ChatDelta Delta, ChatLogprobs? Logprobs, string? FinishReason);

internal sealed record ChatDelta(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Role,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Content);

/// <summary>An answer of <c>/v1/embeddings</c> with numbers, or with the bytes of little-endian floats as base64.</summary>
internal sealed record EmbeddingAnswer<T>(string Object, IReadOnlyList<EmbeddingItem<T>> Data, string Model, EmbeddingUsage Usage);

internal sealed record EmbeddingItem<T>(string Object, int Index, T Embedding);

internal sealed record EmbeddingUsage(long PromptTokens, long TotalTokens);

/// <summary>An answer of <c>/tokenize</c>.</summary>
internal sealed record TokenizeAnswer(
    IReadOnlyList<int> Tokens, int Count, int MaxModelLen,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<string>? TokenStrs);

/// <summary>An answer of <c>/detokenize</c>.</summary>
internal sealed record DetokenizeAnswer(string Prompt);

/// <summary>An answer of <c>/health</c>.</summary>
internal sealed record HealthAnswer(string Status);
