using System.Diagnostics;
using Coppice.Server.Requests;
using Microsoft.AspNetCore.Http;

namespace Coppice.Server.Api;

/// <summary><c>POST /v1/completions</c>: continuations of texts or of tokens.</summary>
internal sealed class CompletionEndpoint(ServedModel model, ServerMetrics metrics, RequestGate gate)
{
    // What OpenAI takes where a request says nothing.
    private const int DefaultMaxTokens = 16;

    public async Task HandleAsync(HttpContext context)
    {
        long arrived = Stopwatch.GetTimestamp();
        using IDisposable pass = gate.Enter();
        Fields fields = await JsonBody.ReadAsync(context);
        model.TakeModel(fields);
        GenerationAsk ask = GenerationAsk.Read(fields, model.Options.MaxSamples, model.Vocabulary);
        int? logprobs = fields.Whole("logprobs", 0, Math.Min(20, model.Vocabulary));
        ask = ask with { MaxTokens = fields.Whole("max_tokens", 1, int.MaxValue), Logprobs = logprobs is not null, TopLogprobs = logprobs ?? 0 };
        if (fields.Flag("echo") is true) throw ApiException.Invalid("echo", "'echo' is not supported: put the prompt before the text yourself", "unsupported_parameter");
        if (fields.Text("suffix") is { Length: > 0 }) throw ApiException.Invalid("suffix", "'suffix' is not supported: only text after the prompt is generated", "unsupported_parameter");
        SharedFields.Ignore(fields);
        IReadOnlyList<int[]> prompts = PromptInput.Read(fields, "prompt", model.Engine.Tokenizer, model.Vocabulary, model.Options.MaxPrompts);
        fields.End();
        IReadOnlyList<GenerationRequest> groups = GroupRequests.Make(model, ask, prompts, DefaultMaxTokens, "prompt", context.TraceIdentifier);
        var format = new CompletionFormat(model.Head("cmpl"), ask, model.Texts);
        await new CompletionRun(model, metrics, ask, groups, format, arrived).RunAsync(context, gate.Ending);
    }
}
