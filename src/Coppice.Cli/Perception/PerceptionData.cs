using Coppice.Perception.Data;

namespace Coppice.Cli.Perception;

/// <summary>What <c>--data</c> names: where scenes come from.</summary>
internal static class PerceptionData
{
    /// <summary>What help texts call it.</summary>
    public const string HelpName = "synthetic[:N]|camvid:DIR";

    private const int Streets = 2000, HeldOutStreets = 200;

    /// <summary>Scenes to learn and scenes to measure on.</summary>
    /// <param name="data">As in <c>camvid:DIR</c>.</param>
    /// <param name="width">Of scenes that are made.</param>
    /// <param name="height">Of scenes that are made.</param>
    /// <exception cref="RequestRejectedException">It names no kind of data.</exception>
    public static (ISceneSet Training, ISceneSet HeldOut) Open(string data, int width, int height)
    {
        int colon = data.IndexOf(':', StringComparison.Ordinal);
        (string kind, string where) = colon < 0 ? (data, "") : (data[..colon], data[(colon + 1)..]);
        if (kind == "camvid" && where.Length > 0) return (CamVidScenes.Open(where, "train"), CamVidScenes.Open(where, "val"));
        int count = Streets;
        if (kind == "synthetic" && (colon < 0 || (int.TryParse(where, out count) && count >= 1)))
        {
            return (
                new SyntheticStreets(SyntheticStreets.SeedOf("train"), count, width, height),
                new SyntheticStreets(SyntheticStreets.SeedOf("val"), HeldOutStreets, width, height));
        }

        throw new RequestRejectedException("--data", HelpName, $"'{data}'");
    }
}
