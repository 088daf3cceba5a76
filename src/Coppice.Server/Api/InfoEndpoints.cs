using Coppice.Server.Wire;
using Microsoft.AspNetCore.Http;

namespace Coppice.Server.Api;

/// <summary>What there is and how it goes: <c>/v1/models</c>, <c>/health</c>, <c>/coppice/state</c>.</summary>
internal sealed class InfoEndpoints(ServedModel model, RequestGate gate, StateReader state)
{
    public Task ModelsAsync(HttpContext context) =>
        JsonReply.WriteAsync(context, StatusCodes.Status200OK, new ModelList("list", [Info]), WireJson.Readable.ModelList, model.Options.WriteTimeout);

    public Task ModelAsync(HttpContext context)
    {
        // A path keeps its escaped slashes, and clients escape those of a name.
        string id = ((string)context.Request.RouteValues["id"]!).Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
        if (id != model.Name) throw ApiException.UnknownModel(id, model.Name);
        return JsonReply.WriteAsync(context, StatusCodes.Status200OK, Info, WireJson.Readable.ModelInfo, model.Options.WriteTimeout);
    }

    public Task HealthAsync(HttpContext context)
    {
        if (gate.IsClosed) context.Response.Headers.RetryAfter = "5";
        return JsonReply.WriteAsync(
            context, gate.IsClosed ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK,
            new HealthAnswer(gate.IsClosed ? "draining" : "ok"), WireJson.Readable.HealthAnswer, model.Options.WriteTimeout);
    }

    public Task StateAsync(HttpContext context)
    {
        context.Response.Headers.CacheControl = "no-store";
        return JsonReply.WriteAsync(context, StatusCodes.Status200OK, state.Read(), WireJson.Readable.StateAnswer, model.Options.WriteTimeout);
    }

    private ModelInfo Info => new(model.Name, "model", model.Created, "coppice", model.Engine.ContextLength, model.Vocabulary, model.Engine.EmbeddingWidth);
}
