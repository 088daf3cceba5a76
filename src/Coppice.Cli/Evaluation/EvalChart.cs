using System.Globalization;
using Coppice.Kernels.Attention;
using ScottPlot;

namespace Coppice.Cli.Evaluation;

/// <summary>Draws what an evaluation shows: over the number of samples, and where there are several runs over time.</summary>
internal static class EvalChart
{
    private const int PanelWidth = 700, Height = 480;

    /// <summary>Writes a PNG.</summary>
    /// <param name="path">The file.</param>
    /// <param name="title">What was evaluated.</param>
    /// <param name="scores">The runs, by samples.</param>
    /// <exception cref="IOException">The file can't be written.</exception>
    public static void Write(string path, string title, IReadOnlyList<EvalScore> scores)
    {
        var chart = new Multiplot();
        bool withTime = scores.Count > 1;
        chart.AddPlots(withTime ? 2 : 1);
        chart.Layout = new ScottPlot.MultiplotLayouts.Columns();
        OverSamples(chart.GetPlot(0), title, scores);
        if (withTime) OverTime(chart.GetPlot(1), scores);
        string beside = $"{path}.tmp.png";
        chart.SavePng(beside, withTime ? 2 * PanelWidth : PanelWidth, Height);
        File.Move(beside, path, overwrite: true);
    }

    /// <summary>pass@k for every k from the run with the most samples; the choices that need a run of so many samples at each run's.</summary>
    private static void OverSamples(Plot plot, string title, IReadOnlyList<EvalScore> scores)
    {
        EvalScore most = Most(scores);
        EvalScore[] runs = [.. scores.Where(score => score.Run.Attention == most.Run.Attention)];
        plot.Title(title, size: 14);
        plot.XLabel("samples");
        Add(plot, "pass@k: one of k is right", [.. Enumerable.Range(1, most.Run.Samples).Select(k => new Coordinates(Math.Log2(k), 100 * most.PassAt(k)))], 0, markers: false);
        Add(plot, "pass@top3: one of the 3 likeliest", [.. runs.Select(run => new Coordinates(Math.Log2(run.Run.Samples), 100 * run.PassAtTop3))], 1);
        Add(plot, "majority", [.. runs.Select(run => new Coordinates(Math.Log2(run.Run.Samples), 100 * run.Majority))], 2);
        double[] ticks = [.. Enumerable.Range(0, 1 + (int)Math.Ceiling(Math.Log2(most.Run.Samples))).Select(i => (double)i)];
        plot.Axes.Bottom.SetTicks(ticks, [.. ticks.Select(tick => Math.Pow(2, tick).ToString("0", CultureInfo.InvariantCulture))]);
        Finish(plot);
    }

    private static void OverTime(Plot plot, IReadOnlyList<EvalScore> scores)
    {
        plot.Title("the same over time", size: 14);
        plot.XLabel("milliseconds a problem");
        int color = 3;
        foreach (AttentionMode mode in scores.Select(score => score.Run.Attention).Distinct())
        {
            EvalScore[] runs = [.. scores.Where(score => score.Run.Attention == mode)];
            Add(plot, $"pass@n, {Spelling.Of(mode)}", [.. runs.Select(run => new Coordinates(1000 * run.SecondsPerProblem, 100 * run.PassAt(run.Run.Samples)))], color++);
            Add(plot, $"pass@top3, {Spelling.Of(mode)}", [.. runs.Select(run => new Coordinates(1000 * run.SecondsPerProblem, 100 * run.PassAtTop3))], color++);
        }

        Finish(plot);
        plot.Axes.SetLimitsX(0, plot.Axes.GetLimits().Right);
    }

    /// <summary>The run that the first panel and the document show: the most samples, read once for all where there is a choice.</summary>
    public static EvalScore Most(IReadOnlyList<EvalScore> scores) =>
        scores.OrderByDescending(score => score.Run.Samples).ThenBy(score => score.Run.Attention == AttentionMode.Repeated).First();

    private static void Add(Plot plot, string name, Coordinates[] points, int color, bool markers = true)
    {
        ScottPlot.Plottables.Scatter line = plot.Add.Scatter(points, new ScottPlot.Palettes.Category10().GetColor(color));
        line.LegendText = name;
        line.LineWidth = 2;
        line.MarkerSize = markers || points.Length == 1 ? 7 : 0;
    }

    private static void Finish(Plot plot)
    {
        plot.YLabel("problems, percent");
        plot.Axes.AutoScale();
        plot.Axes.SetLimitsY(0, 102);
        plot.ShowLegend(Alignment.LowerRight);
    }
}
