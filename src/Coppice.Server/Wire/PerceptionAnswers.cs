using System.Text.Json.Serialization;
using Coppice.Perception.Inference;

namespace Coppice.Server.Wire;

/// <summary>An answer of <c>POST /v1/perceive</c>: what <c>perceive FILE --json</c> writes, and the overlay picture where it was asked for.</summary>
/// <param name="Image">The picture's file name, or <c>image</c>.</param>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Objects">Highest score first.</param>
/// <param name="Segmentation">Null where the network tells none.</param>
/// <param name="Overlay">A PNG file as base64.</param>
internal sealed record PerceiveAnswer(
    string Image, int Width, int Height, IReadOnlyList<PerceivedObject> Objects, PerceivedSegmentation? Segmentation,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] byte[]? Overlay)
{
    public static PerceiveAnswer Of(PerceiveReport report, byte[]? overlay) => new(report.Image, report.Width, report.Height, report.Objects, report.Segmentation, overlay);
}

/// <summary>An answer of <c>GET /v1/perceive</c>: the network, and its classes with the colours of overlays, as <c>#804080</c>.</summary>
internal sealed record PerceptionInfo(
    string Variant, string Precision, int Width, int Height, float LeastScore, int MaxBytes, long MaxPixels, bool Distances,
    IReadOnlyList<ClassInfo> ObjectClasses, IReadOnlyList<ClassInfo> LabelClasses);

internal sealed record ClassInfo(string Name, string Color);
