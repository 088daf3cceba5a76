namespace Coppice.Perception.Detection;

/// <summary>An object that a network found.</summary>
/// <param name="Class">Index of its class among the object classes (background is not one).</param>
/// <param name="Score">Probability of the class, 0 to 1.</param>
/// <param name="X1">Left, a fraction of the image's width.</param>
/// <param name="Y1">Top, a fraction of the image's height.</param>
/// <param name="X2">Right, a fraction of the image's width.</param>
/// <param name="Y2">Bottom, a fraction of the image's height.</param>
/// <param name="DistanceMeters">How far it is.</param>
public readonly record struct DetectedObject(int Class, float Score, float X1, float Y1, float X2, float Y2, float DistanceMeters);
