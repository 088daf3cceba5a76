using System.Globalization;
using Coppice.Perception.Data;

namespace Coppice.Cli.Perception;

/// <summary>What <c>--data</c> names: where scenes come from.</summary>
internal static class PerceptionData
{
    /// <summary>What help texts call it.</summary>
    public const string HelpName = "synthetic[:N]|camvid:DIR|cityscapes:DIR|kitti:DIR";

    private const int Streets = 2000, HeldOutStreets = 200;

    /// <summary>Scenes to learn and scenes to measure on.</summary>
    /// <param name="data">As in <c>camvid:DIR</c>.</param>
    /// <param name="width">Of scenes that are made.</param>
    /// <param name="height">Of scenes that are made.</param>
    /// <exception cref="RequestRejectedException">It names no kind of data.</exception>
    /// <exception cref="SceneFormatException">The folder holds no such data.</exception>
    public static (ISceneSet Training, ISceneSet HeldOut) Open(string data, int width, int height)
    {
        ISceneSet training = Open(data, "train", width, height);
        return (training, training is SyntheticStreets ? Streetwise("val", HeldOutStreets, width, height) : Open(data, "val", width, height));
    }

    /// <summary>One split.</summary>
    /// <param name="data">As in <c>camvid:DIR</c>.</param>
    /// <param name="split"><c>train</c>, <c>val</c> or <c>test</c>.</param>
    /// <param name="width">Of scenes that are made.</param>
    /// <param name="height">Of scenes that are made.</param>
    /// <param name="rule">How Cityscapes' disparities become metres.</param>
    /// <exception cref="RequestRejectedException">It names no kind of data.</exception>
    /// <exception cref="SceneFormatException">The folder holds no such data.</exception>
    public static ISceneSet Open(string data, string split, int width, int height, DisparityRule rule = DisparityRule.Camera)
    {
        int colon = data.IndexOf(':', StringComparison.Ordinal);
        (string kind, string where) = colon < 0 ? (data, "") : (data[..colon], data[(colon + 1)..]);
        int count = split == "train" ? Streets : HeldOutStreets;
        return (kind, where.Length > 0) switch
        {
            ("camvid", true) => CamVidScenes.Open(where, split),
            ("cityscapes", true) => CityscapesScenes.Open(where, split, rule),
            ("kitti", true) => KittiScenes.Open(where, split),
            ("synthetic", _) when colon < 0 || (int.TryParse(where, NumberStyles.None, CultureInfo.InvariantCulture, out count) && count >= 1) =>
                Streetwise(split, count, width, height),
            _ => throw new RequestRejectedException("--data", HelpName, $"'{data}'"),
        };
    }

    private static SyntheticStreets Streetwise(string split, int count, int width, int height) => new(SyntheticStreets.SeedOf(split), count, width, height);
}
