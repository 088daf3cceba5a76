using Coppice.Server.Requests;

namespace Coppice.Server.Api;

/// <summary>Turns what a client asks into what the engine is asked: one group for each prompt.</summary>
internal static class GroupRequests
{
    /// <summary>Makes the groups after checking the server's limits.</summary>
    /// <param name="model">The model and its limits.</param>
    /// <param name="ask">What is asked of each prompt.</param>
    /// <param name="prompts">Tokens of each.</param>
    /// <param name="usualTokens">Tokens of a sample where nothing is said and there is room.</param>
    /// <param name="field">The prompts' field, for errors.</param>
    /// <param name="requestId">The HTTP request's id, for logs.</param>
    public static IReadOnlyList<GenerationRequest> Make(
        ServedModel model, GenerationAsk ask, IReadOnlyList<int[]> prompts, int usualTokens, string field, string requestId)
    {
        var groups = new GenerationRequest[prompts.Count];
        for (int i = 0; i < groups.Length; i++)
        {
            model.CheckPrompt(prompts[i], field);
            groups[i] = new GenerationRequest(prompts[i])
            {
                Samples = ask.Samples,
                MaxTokens = model.MaxTokens(prompts[i].Length, ask.Samples, ask.MaxTokens, usualTokens, field),
                Sampling = ask.Sampling,
                Ranking = ask.Ranking,
                Stop = ask.Stop,
                StopTokens = ask.StopTokens,
                IgnoreEnd = ask.IgnoreEnd,
                TopLogprobs = ask.TopLogprobs,
                ReusePrefix = ask.ReusePrefix,
                RequestId = requestId,
            };
        }

        model.CheckTotal(groups.Select(group => (group.PromptTokens!.Count, group.Samples, group.MaxTokens)));
        return groups;
    }
}

/// <summary>Fields that clients send for other servers' sake.</summary>
internal static class SharedFields
{
    /// <summary>Takes those that change nothing here; a value that asks for something is refused.</summary>
    public static void Ignore(Fields fields)
    {
        fields.Ignore("user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention");
        if (fields.Flag("store") is true) throw ApiException.Invalid("store", "'store' is not supported: answers are not kept", "unsupported_parameter");
        fields.Word("service_tier", "auto", "default");
    }
}
