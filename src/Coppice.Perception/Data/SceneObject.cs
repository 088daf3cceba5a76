namespace Coppice.Perception.Data;

/// <summary>One object of a scene: what it is, where in the picture it is seen, and how far it is.</summary>
/// <param name="Class">Index into <see cref="ISceneSet.ObjectClasses"/>.</param>
/// <param name="X1">Left edge as a fraction of the width, 0 to 1.</param>
/// <param name="Y1">Upper edge as a fraction of the height, 0 to 1.</param>
/// <param name="X2">Right edge, not below <paramref name="X1"/>.</param>
/// <param name="Y2">Lower edge, not below <paramref name="Y1"/>.</param>
/// <param name="DistanceMeters">Distance from the camera in metres; NaN where unknown.</param>
public readonly record struct SceneObject(int Class, float X1, float Y1, float X2, float Y2, float DistanceMeters);
