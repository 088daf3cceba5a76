namespace Coppice.Perception.Data;

/// <summary>The classes that the sets name.</summary>
public static class SceneClasses
{
    /// <summary>The label of a pixel that counts neither in training nor in evaluation.</summary>
    public const byte Ignored = 255;

    /// <summary>The eight kinds of object that Cityscapes separates into instances, in the order of its train ids (11 to 18).</summary>
    public static IReadOnlyList<string> Objects { get; } =
        ["person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle"];

    /// <summary>Cityscapes' 19 train ids.</summary>
    public static IReadOnlyList<string> Street { get; } =
    [
        "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation", "terrain",
        "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
    ];

    /// <summary>The 11 classes of CamVid in the form that SegNet's authors published.</summary>
    public static IReadOnlyList<string> CamVid { get; } =
        ["Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car", "Pedestrian", "Bicyclist"];
}
