using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Coppice.Server.Wire;

/// <summary>How answers are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ErrorAnswer))]
[JsonSerializable(typeof(ModelList))]
[JsonSerializable(typeof(ModelInfo))]
[JsonSerializable(typeof(CompletionAnswer))]
[JsonSerializable(typeof(ChatAnswer))]
[JsonSerializable(typeof(ChatChunk))]
[JsonSerializable(typeof(EmbeddingAnswer<float[]>))]
[JsonSerializable(typeof(EmbeddingAnswer<string>))]
[JsonSerializable(typeof(TokenizeAnswer))]
[JsonSerializable(typeof(DetokenizeAnswer))]
[JsonSerializable(typeof(PerceiveAnswer))]
[JsonSerializable(typeof(PerceptionInfo))]
[JsonSerializable(typeof(HealthAnswer))]
[JsonSerializable(typeof(StateAnswer))]
internal sealed partial class WireJson : JsonSerializerContext
{
    // Built by hand for the encoder, which keeps letters outside ASCII readable; answers are no part of an HTML page.
    public static WireJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
