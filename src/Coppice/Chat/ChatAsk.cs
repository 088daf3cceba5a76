using System.Globalization;
using System.Text.Json;
using Coppice.Ranking;
using Coppice.Sampling;
using Microsoft.Extensions.AI;

namespace Coppice.Chat;

/// <summary>What a caller of Microsoft.Extensions.AI asks for, as a request to the engine. What can't be done is refused by name.</summary>
internal static class ChatAsk
{
    private const int DefaultMaxTokens = 1024;

    /// <summary>The request.</summary>
    /// <exception cref="RequestRejectedException">An option is not supported or out of range.</exception>
    /// <exception cref="ChatTemplateException">The template refuses the conversation.</exception>
    public static GenerationRequest Of(Engine engine, ModelChat chat, string model, IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        options ??= new ChatOptions();
        CheckSupported(options, model);
        var given = new Dictionary<string, object?>(options.AdditionalProperties ?? [], StringComparer.Ordinal);
        var sampling = new SamplingOptions();
        sampling = sampling with
        {
            Temperature = Exact(options.Temperature) ?? sampling.Temperature,
            TopP = Exact(options.TopP) ?? sampling.TopP,
            TopK = options.TopK ?? sampling.TopK,
            MinP = Take(given, "min_p", Convert.ToDouble) ?? sampling.MinP,
            RepetitionPenalty = Take(given, "repetition_penalty", Convert.ToDouble) ?? sampling.RepetitionPenalty,
            PresencePenalty = Exact(options.PresencePenalty) ?? 0,
            FrequencyPenalty = Exact(options.FrequencyPenalty) ?? 0,
            Seed = (ulong?)options.Seed,
        };
        int samples = Take(given, "n", Convert.ToInt32) ?? 1;
        RankBy rank = given.Remove("rank", out object? by) ? Rank(by) : RankBy.MeanLogprob;
        if (given.Count > 0) throw new RequestRejectedException("AdditionalProperties", "n, rank, min_p and repetition_penalty", given.Keys.First());
        int[] prompt = chat.Encode(new ChatTemplateContext(ChatMessages.Of(messages, options.Instructions))
        {
            Tools = options.Tools is { Count: > 0 } tools ? ChatMessages.Describe(tools) : null,
        });
        return new GenerationRequest(prompt)
        {
            Samples = samples,
            MaxTokens = options.MaxOutputTokens ?? Math.Max(1, Math.Min(DefaultMaxTokens, engine.ContextLength - prompt.Length)),
            Sampling = sampling,
            Stop = [.. options.StopSequences ?? []],
            Ranking = new RankingOptions { By = rank },
        };
    }

    private static void CheckSupported(ChatOptions options, string model)
    {
        if (options.Tools is { Count: > 0 } && options.ToolMode is not NoneChatToolMode)
        {
            throw new RequestRejectedException(
                "tools", "none, or ToolMode None, which describes them to the model: its calls are not taken out of the text", $"{options.Tools.Count}");
        }

        if (options.ResponseFormat is not (null or ChatResponseFormatText)) throw new RequestRejectedException("ResponseFormat", "text", "json");
        if (options.RawRepresentationFactory is not null) throw new RequestRejectedException("RawRepresentationFactory", "none", "one");
        if (options.Reasoning is not null) throw new RequestRejectedException("Reasoning", "none: how much a model thinks is up to its template", "some");
        if (options.ConversationId is { } conversation) throw new RequestRejectedException("ConversationId", "none: the whole conversation is given each time", conversation);
        if (options.ModelId is { } wanted && wanted != model) throw new RequestRejectedException("ModelId", model, wanted);
    }

    /// <summary>A float as it was written: 0.7 is not 0.699999988.</summary>
    private static double? Exact(float? value) => value is float number ? double.Parse(number.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture) : null;

    private static T? Take<T>(Dictionary<string, object?> given, string name, Func<object, IFormatProvider, T> convert)
        where T : struct
    {
        if (!given.Remove(name, out object? value) || value is null) return null;
        try
        {
            return convert(value is JsonElement element ? element.ToString() : value, CultureInfo.InvariantCulture);
        }
        catch (Exception error) when (error is FormatException or InvalidCastException or OverflowException)
        {
            throw new RequestRejectedException(name, "a number", value.ToString() ?? "");
        }
    }

    private static RankBy Rank(object? by) => by switch
    {
        RankBy rank => rank,
        _ => by?.ToString()?.Replace('_', '-') switch
        {
            "mean-logprob" => RankBy.MeanLogprob,
            "total-logprob" => RankBy.TotalLogprob,
            "majority" => RankBy.Majority,
            var other => throw new RequestRejectedException("rank", "mean_logprob, total_logprob or majority", other ?? "nothing"),
        },
    };
}
