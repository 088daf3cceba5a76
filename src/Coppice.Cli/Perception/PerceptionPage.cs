using System.Globalization;
using System.Net;
using System.Text;
using Coppice.Graphs.Training;
using Coppice.Perception.Data;
using Coppice.Perception.Evaluation;
using Coppice.Perception.Inference;

namespace Coppice.Cli.Perception;

/// <summary>A page of measurements that needs nothing from any host: numbers, curves as SVG, the best and the worst frames as PNG files beside it.</summary>
internal static class PerceptionPage
{
    private const int FramesEach = 3;

    private static readonly string[] s_colors =
    [
        "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf",
    ];

    /// <summary>Writes <c>index.html</c> and its pictures into a folder.</summary>
    /// <returns>The page's path.</returns>
    public static string Write(string folder, IReadOnlyList<MeasuredNetwork> networks, IReadOnlyList<PerceptionEvalReport> reports)
    {
        var page = new StringBuilder();
        page.Append(
            """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Perception</title>
            <style>
            body { font: 15px/1.5 system-ui, sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; color: #222; background: #fff }
            table { border-collapse: collapse; margin: 1em 0 } th, td { padding: .3em .8em; border-bottom: 1px solid #ddd; text-align: right } th:first-child, td:first-child { text-align: left }
            img { max-width: 100%; height: auto } figure { margin: 1em 0 } figcaption { color: #555 } svg text { font: 12px system-ui, sans-serif; fill: #444 }
            </style></head><body>

            """);
        page.AppendLine(CultureInfo.InvariantCulture, $"<h1>{Text(reports[0].Data)}, {reports[0].Images} images</h1>");
        AppendTable(page, reports);
        for (int i = 0; i < networks.Count; i++) AppendNetwork(page, folder, networks[i], reports[i], i);
        page.AppendLine("</body></html>");
        string path = Path.Combine(folder, "index.html");
        File.WriteAllText(path, page.ToString());
        return path;
    }

    private static void AppendTable(StringBuilder page, IReadOnlyList<PerceptionEvalReport> reports)
    {
        page.AppendLine("<table><tr><th>network</th><th>tasks</th><th>size</th><th>numbers</th><th>mAP at 0.5</th><th>distance error</th><th>mIoU</th><th>pixel accuracy</th><th>ms an image</th></tr>");
        foreach (PerceptionEvalReport r in reports)
        {
            string distance = r.DistanceErrorPercent is { } percent ? string.Create(CultureInfo.InvariantCulture, $"{percent:0.00}%, {r.DistanceErrorM:0.00} m") : "-";
            page.AppendLine(
                CultureInfo.InvariantCulture,
                $"<tr><td>{Text(Path.GetFileName(r.Weights))} ({r.Variant})</td><td>{r.Tasks}</td><td>{r.Width}x{r.Height}</td><td>{r.Precision}</td><td>{PerceptionEvalText.Percent(r.Map)}</td><td>{distance}</td><td>{PerceptionEvalText.Percent(r.Miou)}</td><td>{PerceptionEvalText.Percent(r.PixelAccuracy)}</td><td>{r.MsPerImage:0.0}</td></tr>");
        }

        page.AppendLine("</table>");
    }

    private static void AppendNetwork(StringBuilder page, string folder, MeasuredNetwork network, PerceptionEvalReport report, int index)
    {
        page.AppendLine($"<h2>{Text(Path.GetFileName(network.File))}</h2>");
        IReadOnlyList<CurvePoint> curve = CurveFile.Read(Path.ChangeExtension(network.File, ".curve.csv"));
        if (curve.Count > 1)
        {
            page.AppendLine("<h3>Training</h3>");
            AppendCurves(page, "step", "loss",
                [("loss", [.. curve.Where(p => double.IsFinite(p.Loss)).Select(p => ((double)p.Step, p.Loss))])]);
            (double, double)[] held = [.. curve.Where(p => double.IsFinite(p.Held)).Select(p => ((double)p.Step, p.Held))];
            if (held.Length > 1) AppendCurves(page, "step", "held-out scenes", [("held out", held)]);
        }

        if (network.Evaluation.Detection is { } boxes)
        {
            page.AppendLine("<h3>Precision against recall</h3>");
            AppendCurves(page, "recall", "precision", [.. network.Set.ObjectClasses.Index().Where(c => boxes.Of(c.Index).Truths > 0).Select(c => (
                $"{c.Item} {PerceptionEvalText.Percent(report.Ap![c.Item])}", Thin(boxes.Of(c.Index))))], unit: true);
        }

        if (report.Iou is { } iou) AppendBars(page, "Intersection over union", iou);
        FrameScore[] sorted = [.. network.Evaluation.Frames.Where(f => double.IsFinite(f.Summary)).OrderByDescending(f => f.Summary)];
        int each = Math.Min(FramesEach, sorted.Length / 2);
        AppendFrames(page, folder, network, "Best frames", $"network{index}-best", sorted[..each]);
        AppendFrames(page, folder, network, "Worst frames", $"network{index}-worst", [.. sorted[^each..].Reverse()]);
    }

    private static void AppendFrames(StringBuilder page, string folder, MeasuredNetwork network, string title, string name, FrameScore[] frames)
    {
        if (frames.Length == 0) return;
        page.AppendLine($"<h3>{title}</h3>");
        for (int i = 0; i < frames.Length; i++)
        {
            FrameScore frame = frames[i];
            RgbImage image = network.Set.Read(frame.Index).Image;
            string file = $"{name}-{i + 1}.png";
            PerceivedScene scene = network.Perceiver.Perceive(image);
            ImageFile.WritePng(Overlay.Draw(image, scene, network.Perceiver.Config, 0.3f), Path.Combine(folder, file));
            string pixels = double.IsFinite(frame.MeanIou) ? $"mIoU {PerceptionEvalText.Percent(frame.MeanIou)} " : "";
            string objects = network.Evaluation.Detection is null ? "" : $"{frame.Right} objects found, {frame.Missed} missed, {frame.Wrong} false";
            page.AppendLine($"<figure><img src=\"{file}\" alt=\"scene {frame.Index}\"><figcaption>scene {frame.Index}: {pixels}{objects}</figcaption></figure>");
        }
    }

    /// <summary>At most some hundred points of a curve.</summary>
    private static (double, double)[] Thin(AveragePrecision curve)
    {
        int step = Math.Max(1, curve.Precision.Count / 300);
        IReadOnlyList<double> recall = curve.Recall;
        return [.. Enumerable.Range(0, curve.Precision.Count).Where(i => i % step == 0 || i == curve.Precision.Count - 1).Select(i => (recall[i], curve.Precision[i]))];
    }

    private static void AppendCurves(StringBuilder page, string across, string up, IReadOnlyList<(string Name, (double X, double Y)[] Points)> lines, bool unit = false)
    {
        const int left = 60, width = 560, top = 10, height = 260;
        double[] xs = [.. lines.SelectMany(l => l.Points).Select(p => p.X)], ys = [.. lines.SelectMany(l => l.Points).Select(p => p.Y)];
        double maxX = unit ? 1 : xs.DefaultIfEmpty(1).Max(), maxY = unit ? 1 : ys.DefaultIfEmpty(1).Max(), minY = unit ? 0 : Math.Min(0, ys.DefaultIfEmpty(0).Min());
        if (maxX <= 0) maxX = 1;
        if (maxY <= minY) maxY = minY + 1;
        page.AppendLine(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 860 {top + height + 40}\" width=\"860\" role=\"img\"><rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"none\" stroke=\"#ccc\"/>");
        for (int i = 0; i <= 4; i++)
        {
            double x = left + width * i / 4.0, y = top + height * (1 - i / 4.0);
            page.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{x:0}\" y=\"{top + height + 16}\" text-anchor=\"middle\">{maxX * i / 4:0.##}</text><text x=\"{left - 6}\" y=\"{y + 4:0}\" text-anchor=\"end\">{minY + (maxY - minY) * i / 4:0.###}</text>");
        }

        page.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{left + width / 2}\" y=\"{top + height + 34}\" text-anchor=\"middle\">{across}</text><text transform=\"translate(14 {top + height / 2}) rotate(-90)\" text-anchor=\"middle\">{up}</text>");
        for (int i = 0; i < lines.Count; i++)
        {
            string color = s_colors[i % s_colors.Length];
            string points = string.Join(' ', lines[i].Points.Select(p => string.Create(CultureInfo.InvariantCulture, $"{left + width * p.X / maxX:0.0},{top + height * (1 - (p.Y - minY) / (maxY - minY)):0.0}")));
            page.AppendLine(CultureInfo.InvariantCulture, $"<polyline points=\"{points}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/><rect x=\"{left + width + 16}\" y=\"{top + 20 * i}\" width=\"12\" height=\"12\" fill=\"{color}\"/><text x=\"{left + width + 34}\" y=\"{top + 20 * i + 11}\">{Text(lines[i].Name)}</text>");
        }

        page.AppendLine("</svg>");
    }

    private static void AppendBars(StringBuilder page, string title, IReadOnlyDictionary<string, double?> shares)
    {
        page.AppendLine($"<h3>{title}</h3>");
        page.AppendLine(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 860 {shares.Count * 22 + 4}\" width=\"860\" role=\"img\">");
        foreach ((int i, (string name, double? share)) in shares.Index())
        {
            uint color = Overlay.ColorOf(name);
            page.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"110\" y=\"{i * 22 + 15}\" text-anchor=\"end\">{Text(name)}</text><rect x=\"118\" y=\"{i * 22 + 3}\" width=\"{600 * (share ?? 0):0.0}\" height=\"16\" fill=\"#{color:x6}\"/><text x=\"{124 + 600 * (share ?? 0):0}\" y=\"{i * 22 + 15}\">{PerceptionEvalText.Percent(share)}</text>");
        }

        page.AppendLine("</svg>");
    }

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
