using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace Coppice.Chat;

/// <summary>
/// A local engine as <see cref="IChatClient"/>. <c>AdditionalProperties["n"]</c> asks for several answers: the best by
/// <c>AdditionalProperties["rank"]</c> is returned, all of them are in <c>RawRepresentation</c>, a <see cref="GenerationResult"/>.
/// Any number of calls may run at once; they share the engine's steps.
/// </summary>
/// <remarks>
/// Supported options: temperature, top-p, top-k, seed, stop sequences, maximum of tokens (1,024 if not given, or what the context
/// has room for), presence and frequency penalties, instructions; additionally <c>n</c>, <c>rank</c>, <c>min_p</c>,
/// <c>repetition_penalty</c>. Others throw <see cref="RequestRejectedException"/>.
/// </remarks>
public sealed class CoppiceChatClient : IChatClient
{
    private readonly Engine _engine;
    private readonly ModelChat _chat;
    private readonly string _model;
    private readonly ChatClientMetadata _metadata;

    /// <summary>Makes a client. It does not own the engine.</summary>
    /// <param name="engine">The engine.</param>
    /// <param name="modelId">What the model is called.</param>
    /// <param name="template">A template instead of the model's own.</param>
    public CoppiceChatClient(Engine engine, string modelId = "coppice", ChatTemplate? template = null)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentException.ThrowIfNullOrEmpty(modelId);
        _engine = engine;
        _chat = template is null ? engine.Chat : engine.Chat.With(template);
        _model = modelId;
        _metadata = new ChatClientMetadata("coppice", null, modelId);
    }

    /// <summary>Answers a conversation.</summary>
    /// <exception cref="RequestRejectedException">An option is not supported or out of range, or the conversation is too long.</exception>
    /// <exception cref="ChatTemplateException">The model's template refuses the conversation.</exception>
    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        GenerationRequest request = ChatAsk.Of(_engine, _chat, _model, messages, options);
        GenerationResult result = await _engine.GenerateAsync(request, cancellationToken).ConfigureAwait(false);
        string id = NewId();
        return new ChatResponse(new ChatMessage(ChatRole.Assistant, result.Choices[0].Text) { MessageId = id })
        {
            ResponseId = id,
            ModelId = _model,
            CreatedAt = DateTimeOffset.UtcNow,
            FinishReason = Reason(result.Choices[0].FinishReason),
            Usage = Usage(result),
            RawRepresentation = result,
        };
    }

    /// <summary>Answers a conversation piece by piece. Of several answers the best comes whole when all have ended.</summary>
    /// <inheritdoc cref="GetResponseAsync"/>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        GenerationRequest request = ChatAsk.Of(_engine, _chat, _model, messages, options);
        string id = NewId();
        await foreach (GenerationEvent happened in _engine.StreamAsync(request, cancellationToken).ConfigureAwait(false))
        {
            string text = request.Samples > 1 ? "" : happened switch
            {
                TokenGenerated token => token.Text,
                BranchFinished end => end.Text,
                _ => "",
            };
            if (text.Length > 0) yield return Update(id, [new TextContent(text)], happened);
            if (happened is not GroupFinished { Result: { } result }) continue;
            if (request.Samples > 1) yield return Update(id, [new TextContent(result.Choices[0].Text)], result);
            ChatResponseUpdate last = Update(id, [new UsageContent(Usage(result))], result);
            last.FinishReason = Reason(result.Choices[0].FinishReason);
            yield return last;
        }
    }

    /// <summary>The engine, the client itself or its metadata.</summary>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null) return null;
        return serviceType == typeof(ChatClientMetadata) ? _metadata : serviceType == typeof(Engine) ? _engine : serviceType.IsInstanceOfType(this) ? this : null;
    }

    /// <summary>Does nothing: the engine belongs to who loaded it.</summary>
    public void Dispose()
    {
    }

    private ChatResponseUpdate Update(string id, List<AIContent> contents, object raw) => new(ChatRole.Assistant, contents)
    {
        ResponseId = id,
        MessageId = id,
        ModelId = _model,
        CreatedAt = DateTimeOffset.UtcNow,
        RawRepresentation = raw,
    };

    private static string NewId() => "chat-" + Guid.NewGuid().ToString("N");

    private static ChatFinishReason Reason(FinishReason reason) => reason == FinishReason.Length ? ChatFinishReason.Length : ChatFinishReason.Stop;

    /// <summary>Tokens of the prompt once, and of all answers.</summary>
    private static UsageDetails Usage(GenerationResult result)
    {
        long output = result.Choices.Sum(choice => (long)choice.TokenIds.Count);
        return new UsageDetails
        {
            InputTokenCount = result.PromptTokens,
            OutputTokenCount = output,
            TotalTokenCount = result.PromptTokens + output,
            CachedInputTokenCount = result.ReusedTokens,
        };
    }
}
