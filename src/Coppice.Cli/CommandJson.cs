using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Coppice.Cli.Evaluation;
using Coppice.Cli.Perception;
using Coppice.Perception.Inference;

namespace Coppice.Cli;

/// <summary>The documents that <c>--json</c> writes.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(TokenizeReport))]
[JsonSerializable(typeof(InspectReport))]
[JsonSerializable(typeof(SampleReport))]
[JsonSerializable(typeof(BenchReport))]
[JsonSerializable(typeof(LadderReport))]
[JsonSerializable(typeof(ColdReport))]
[JsonSerializable(typeof(PerplexityReport))]
[JsonSerializable(typeof(EvalSettings))]
[JsonSerializable(typeof(EvalOutcome))]
[JsonSerializable(typeof(EvalReport))]
[JsonSerializable(typeof(PerceptionEvalReport))]
[JsonSerializable(typeof(PerceiveReport))]
[JsonSerializable(typeof(PerceiveBenchReport))]
internal sealed partial class CommandJson : JsonSerializerContext
{
    // Built by hand for the encoder, which keeps letters outside ASCII readable; the output is no part of a web page.
    public static CommandJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        // A sample without tokens has the mean log-probability -infinity.
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    });
}

/// <summary>The option <c>--json</c> and what it writes.</summary>
internal static class JsonOutput
{
    public static Option<bool> Option() => new("--json") { Description = "Writes one JSON document to standard output and nothing else." };

    /// <summary>Writes one document and a line end.</summary>
    public static void Write<T>(TextWriter output, T document, JsonTypeInfo<T> type) => output.WriteLine(JsonSerializer.Serialize(document, type));
}
