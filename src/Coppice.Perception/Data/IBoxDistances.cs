namespace Coppice.Perception.Data;

/// <summary>Scenes that know how far the things within any box are.</summary>
public interface IBoxDistances
{
    /// <summary>A function from a box of one scene to the distance within, in metres, or NaN where it is not known.</summary>
    /// <param name="index">The scene.</param>
    /// <returns>Takes left, upper, right and lower edge as fractions of the picture; null where this scene does not tell.</returns>
    /// <exception cref="SceneFormatException">A file of the scene is damaged.</exception>
    Func<float, float, float, float, float>? DistancesOf(int index);
}
