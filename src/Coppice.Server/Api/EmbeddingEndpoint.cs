using System.Runtime.InteropServices;
using Coppice.Server.Requests;
using Coppice.Server.Wire;
using Microsoft.AspNetCore.Http;

namespace Coppice.Server.Api;

/// <summary><c>POST /v1/embeddings</c>: texts as vectors of length one.</summary>
internal sealed class EmbeddingEndpoint(ServedModel model, RequestGate gate)
{
    public async Task HandleAsync(HttpContext context)
    {
        using IDisposable pass = gate.Enter();
        Fields fields = await JsonBody.ReadAsync(context);
        model.TakeModel(fields);
        bool base64 = fields.Word("encoding_format", "float", "base64") == "base64";
        int width = model.Engine.EmbeddingWidth;
        if (fields.Whole("dimensions", 1, int.MaxValue) is int dimensions && dimensions != width)
            throw ApiException.Invalid("dimensions", $"'dimensions' must be {width}, the width of this model, found {dimensions}", "unsupported_parameter");
        EmbeddingPooling pooling = fields.Word("pooling", "mean", "last") == "last" ? EmbeddingPooling.Last : EmbeddingPooling.Mean;
        SharedFields.Ignore(fields);
        IReadOnlyList<int[]> inputs = PromptInput.Read(fields, "input", model.Engine.Tokenizer, model.Vocabulary, model.Options.MaxPrompts);
        fields.End();
        foreach (int[] input in inputs) model.CheckPrompt(input, "input");
        float[][] vectors = await EmbedAsync(inputs, pooling, context);
        long tokens = inputs.Sum(input => (long)input.Length);
        context.Items[RequestLog.Details] = $"{inputs.Count} inputs, {tokens} tokens";
        var usage = new EmbeddingUsage(tokens, tokens);
        Task written = base64
            ? JsonReply.WriteAsync(context, StatusCodes.Status200OK, Answer(vectors, Base64, usage), WireJson.Readable.EmbeddingAnswerString, model.Options.WriteTimeout)
            : JsonReply.WriteAsync(context, StatusCodes.Status200OK, Answer(vectors, v => v, usage), WireJson.Readable.EmbeddingAnswerSingleArray, model.Options.WriteTimeout);
        await written;
    }

    private async Task<float[][]> EmbedAsync(IReadOnlyList<int[]> inputs, EmbeddingPooling pooling, HttpContext context)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, gate.Ending);
        var vectors = new Task<float[]>[inputs.Count];
        for (int i = 0; i < vectors.Length; i++) vectors[i] = OneAsync(inputs[i]);
        return await Task.WhenAll(vectors);

        async Task<float[]> OneAsync(int[] input)
        {
            try
            {
                return await model.Engine.EmbedAsync(input, pooling, ending.Token);
            }
            catch
            {
                // One that fails ends the others.
                await ending.CancelAsync();
                throw;
            }
        }
    }

    private EmbeddingAnswer<T> Answer<T>(float[][] vectors, Func<float[], T> write, EmbeddingUsage usage) =>
        new("list", [.. vectors.Select((vector, i) => new EmbeddingItem<T>("embedding", i, write(vector)))], model.Name, usage);

    private static string Base64(float[] vector) => Convert.ToBase64String(MemoryMarshal.AsBytes(vector.AsSpan()));
}
