using Coppice.Server.Requests;
using Coppice.Server.Wire;
using Microsoft.AspNetCore.Http;

namespace Coppice.Server.Api;

/// <summary><c>POST /tokenize</c> and <c>POST /detokenize</c>.</summary>
internal sealed class TokenEndpoints(ServedModel model, RequestGate gate)
{
    public async Task TokenizeAsync(HttpContext context)
    {
        using IDisposable pass = gate.Enter();
        Fields fields = await JsonBody.ReadAsync(context);
        model.TakeModel(fields);
        bool withTexts = fields.Flag("return_token_strs") ?? false;
        int[] tokens;
        if (fields.Text("prompt") is { } prompt)
        {
            tokens = model.Engine.Tokenizer.Encode(prompt, fields.Flag("add_special_tokens") ?? true);
        }
        else
        {
            tokens = ChatInput.Encode(model, ChatInput.Read(fields));
        }

        fields.End();
        var answer = new TokenizeAnswer(tokens, tokens.Length, model.Engine.ContextLength, withTexts ? [.. tokens.Select(model.Texts.Text)] : null);
        await JsonReply.WriteAsync(context, StatusCodes.Status200OK, answer, WireJson.Readable.TokenizeAnswer, model.Options.WriteTimeout);
    }

    public async Task DetokenizeAsync(HttpContext context)
    {
        using IDisposable pass = gate.Enter();
        Fields fields = await JsonBody.ReadAsync(context);
        model.TakeModel(fields);
        int[] tokens = fields.Tokens("tokens", model.Vocabulary) ?? throw ApiException.Invalid("tokens", "'tokens' is missing", "missing_parameter");
        bool special = fields.Flag("special") ?? false;
        fields.End();
        var answer = new DetokenizeAnswer(model.Engine.Tokenizer.Decode(tokens, special));
        await JsonReply.WriteAsync(context, StatusCodes.Status200OK, answer, WireJson.Readable.DetokenizeAnswer, model.Options.WriteTimeout);
    }
}
