using System.Diagnostics;
using System.Text.Json.Nodes;
using Coppice.Chat;
using Coppice.Server.Requests;
using Microsoft.AspNetCore.Http;

namespace Coppice.Server.Api;

/// <summary><c>POST /v1/chat/completions</c>: the assistant's next message, rendered with the model's chat template.</summary>
internal sealed class ChatEndpoint(ServedModel model, ServerMetrics metrics, RequestGate gate)
{
    public async Task HandleAsync(HttpContext context)
    {
        long arrived = Stopwatch.GetTimestamp();
        using IDisposable pass = gate.Enter();
        Fields fields = await JsonBody.ReadAsync(context);
        model.TakeModel(fields);
        GenerationAsk ask = WithChatFields(GenerationAsk.Read(fields, model.Options.MaxSamples, model.Vocabulary), fields);
        SharedFields.Ignore(fields);
        RefuseOthers(fields);
        int[] prompt = ChatInput.Encode(model, ChatInput.Read(fields));
        fields.End();
        IReadOnlyList<GenerationRequest> groups = GroupRequests.Make(model, ask, [prompt], model.Options.DefaultChatTokens, "messages", context.TraceIdentifier);
        var format = new ChatFormat(model.Head("chatcmpl"), ask, model.Texts);
        await new CompletionRun(model, metrics, ask, groups, format, arrived).RunAsync(context, gate.Ending);
    }

    private GenerationAsk WithChatFields(GenerationAsk ask, Fields fields)
    {
        bool logprobs = fields.Flag("logprobs") ?? false;
        int? top = fields.Whole("top_logprobs", 0, Math.Min(20, model.Vocabulary));
        if (top > 0 && !logprobs) throw ApiException.Invalid("top_logprobs", "'top_logprobs' needs 'logprobs' to be true");
        int? old = fields.Whole("max_tokens", 1, int.MaxValue);
        int? max = fields.Whole("max_completion_tokens", 1, int.MaxValue);
        if (old is not null && max is not null && old != max)
            throw ApiException.Invalid("max_tokens", $"'max_tokens' and 'max_completion_tokens' must be the same where both are given, found {old} and {max}");
        return ask with { Logprobs = logprobs, TopLogprobs = top ?? 0, MaxTokens = max ?? old };
    }

    private static void RefuseOthers(Fields fields)
    {
        if (fields.Object("response_format") is { } wanted)
        {
            if (wanted.Text("type") is not "text")
                throw ApiException.Invalid("response_format", "'response_format' is not supported but for {\"type\":\"text\"}: sampling follows no grammar", "unsupported_parameter");
            wanted.End();
        }

        if (fields.Texts("modalities", 4).Any(kind => kind != "text"))
            throw ApiException.Invalid("modalities", "'modalities' must be [\"text\"]", "unsupported_parameter");
        fields.Refuse("functions", "send 'tools' with 'tool_choice' \"none\"");
        fields.Refuse("function_call", "send 'tools' with 'tool_choice' \"none\"");
    }
}
