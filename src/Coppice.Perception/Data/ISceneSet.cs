namespace Coppice.Perception.Data;

/// <summary>Scenes to learn from or to measure on. Reading is safe from several threads.</summary>
public interface ISceneSet
{
    /// <summary>What the set is called in reports, as in <c>camvid val</c>.</summary>
    string Name { get; }

    /// <summary>How many scenes there are.</summary>
    int Count { get; }

    /// <summary>Names of <see cref="SceneObject.Class"/>; empty where the set has no boxes.</summary>
    IReadOnlyList<string> ObjectClasses { get; }

    /// <summary>Names of the ids in <see cref="Scene.Labels"/>; empty where the set has none.</summary>
    IReadOnlyList<string> LabelClasses { get; }

    /// <summary>Reads or makes one scene; the same index gives the same scene.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    /// <exception cref="SceneFormatException">A file of the scene is missing, damaged or too large.</exception>
    Scene Read(int index);
}
