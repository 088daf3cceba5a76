namespace Coppice.Perception.Data;

/// <summary>A picture and what is known about it.</summary>
/// <param name="Image">The picture.</param>
/// <param name="Objects">Its objects; empty where the set has no boxes.</param>
/// <param name="Labels"><c>[height, width]</c>, row-major: a class of <see cref="ISceneSet.LabelClasses"/>, or
/// <see cref="SceneClasses.Ignored"/>; null where the set has none.</param>
public sealed record Scene(RgbImage Image, IReadOnlyList<SceneObject> Objects, byte[]? Labels);
