using Coppice.Perception.Detection;

namespace Coppice.Perception.Evaluation;

/// <summary>What was found in a picture.</summary>
/// <param name="Objects">Its objects, of classes of the scene set; empty where boxes are not asked for.</param>
/// <param name="Labels"><c>[height, width]</c> of the picture: a class of each pixel; null where they are not asked for.</param>
public sealed record SceneAnswer(IReadOnlyList<DetectedObject> Objects, byte[]? Labels);
