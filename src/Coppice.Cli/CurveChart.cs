using Coppice.Graphs.Training;
using ScottPlot;

namespace Coppice.Cli;

/// <summary>Draws training curves.</summary>
internal static class CurveChart
{
    private const int Width = 900, Height = 500;

    /// <summary>Writes a PNG: loss over steps, training and held out.</summary>
    /// <exception cref="IOException">The file can't be written.</exception>
    public static void Write(string path, IReadOnlyList<CurvePoint> points, string title)
    {
        using var plot = new Plot();
        plot.Title(title);
        plot.XLabel("step");
        plot.YLabel("nats per token");
        Add(plot, [.. points.Where(p => double.IsFinite(p.Loss)).Select(p => new Coordinates(p.Step, p.Loss))], "training");
        Add(plot, [.. points.Where(p => double.IsFinite(p.Held)).Select(p => new Coordinates(p.Step, p.Held))], "held out");
        plot.Axes.AutoScale();
        plot.Axes.SetLimitsY(0, Math.Max(0.1, plot.Axes.GetLimits().Top));
        plot.ShowLegend(Alignment.UpperRight);
        string beside = path + ".tmp.png";
        plot.SavePng(beside, Width, Height);
        File.Move(beside, path, overwrite: true);
    }

    private static void Add(Plot plot, Coordinates[] points, string name)
    {
        if (points.Length == 0) return;
        ScottPlot.Plottables.Scatter line = plot.Add.ScatterLine(points);
        line.LegendText = name;
        line.LineWidth = 2;
    }
}
