using System.Globalization;

namespace Coppice.Cli.Perception;

/// <summary>Measurements of networks as lines to read.</summary>
internal static class PerceptionEvalText
{
    public static void Write(TextWriter output, IReadOnlyList<PerceptionEvalReport> reports)
    {
        foreach (PerceptionEvalReport report in reports)
        {
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{report.Weights} ({report.Variant}, {report.Tasks}, {report.Precision}, {report.Width}x{report.Height}): {report.Images} images of {report.Data}, {report.MsPerImage:0.0} ms each"));
            if (report.Miou is { } miou)
            {
                output.WriteLine($"  mIoU {Percent(miou)}, pixel accuracy {Percent(report.PixelAccuracy)}");
                output.WriteLine($"    {Classes(report.Iou!)}");
            }

            if (report.Map is { } map)
            {
                output.WriteLine($"  mAP at 0.5 {Percent(map)}, by eleven points {Percent(report.MapElevenPoints)}");
                output.WriteLine($"    {Classes(report.Ap!)}");
            }

            if (report.DistanceErrorPercent is { } distance)
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  distance error {distance:0.00}%, {report.DistanceErrorM:0.00} m, over {report.Distances} finds"));
        }
    }

    /// <summary>A share as percent, or a dash.</summary>
    public static string Percent(double? share) => share is { } found ? string.Create(CultureInfo.InvariantCulture, $"{100 * found:0.0}%") : "-";

    private static string Classes(IReadOnlyDictionary<string, double?> shares) => string.Join(", ", shares.Where(share => share.Value is not null).Select(share => $"{share.Key} {Percent(share.Value)}"));
}
