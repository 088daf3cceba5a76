using System.Globalization;
using ScottPlot;

namespace Coppice.LoadBench;

/// <summary>The times as a picture: what share of the answers came within how long, and each request over the run.</summary>
internal static class LoadChart
{
    private const int Width = 1200;
    private const int Height = 900;
    private const double LeastMilliseconds = 0.01;
    private static readonly Color s_first = Color.FromHex("#2f6f4f");
    private static readonly Color s_token = Color.FromHex("#b5762a");
    private static readonly Color s_total = Color.FromHex("#3b5b92");
    private static readonly Color s_failed = Color.FromHex("#b3261e");

    /// <summary>Draws a report into a PNG file; its folder must exist.</summary>
    public static void Save(string path, LoadReport report)
    {
        var plots = new Multiplot();
        plots.AddPlots(2);
        DrawShares(plots.GetPlot(0), report);
        DrawRun(plots.GetPlot(1), report);
        plots.SavePng(path, Width, Height);
    }

    private static void DrawShares(Plot plot, LoadReport report)
    {
        (string Name, Color Color, double[] Values, double? Limit)[] lines =
        [
            ("time per output token", s_token, Values(report, row => row.Token), report.Goodput?.Slo.Token),
            ("time to first token", s_first, Values(report, row => row.FirstToken), report.Goodput?.Slo.FirstToken),
            ("end to end", s_total, Values(report, row => row.Total), report.Goodput?.Slo.Total),
        ];
        foreach ((string name, Color color, double[] values, double? limit) in lines)
        {
            if (values.Length == 0) continue;
            double[] logs = [.. values.Select(value => Math.Log10(Math.Max(value, LeastMilliseconds)))];
            double[] shares = [.. values.Select((_, index) => 100.0 * (index + 1) / values.Length)];
            ScottPlot.Plottables.Scatter line = plot.Add.Scatter(logs, shares, color);
            line.LegendText = name;
            line.ConnectStyle = ConnectStyle.StepVertical;
            line.MarkerSize = values.Length == 1 ? 8 : 0;
            line.LineWidth = 3;
            if (limit is not double most) continue;
            ScottPlot.Plottables.VerticalLine mark = plot.Add.VerticalLine(Math.Log10(Math.Max(most, LeastMilliseconds)), 2, color, LinePattern.Dashed);
            mark.LegendText = name + ", limit";
        }

        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericAutomatic
        {
            IntegerTicksOnly = true,
            MinorTickGenerator = new ScottPlot.TickGenerators.LogMinorTickGenerator(),
            LabelFormatter = value => Math.Pow(10, value).ToString("#,0.##", CultureInfo.InvariantCulture),
        };
        plot.Axes.SetLimitsY(0, 102);
        plot.XLabel("milliseconds");
        plot.YLabel("answers within, %");
        plot.Title(Caption(report), 16);
        plot.ShowLegend(Alignment.LowerRight);
    }

    private static void DrawRun(Plot plot, LoadReport report)
    {
        RequestRow[] first = [.. report.Requests.Where(row => row.FirstToken is not null)];
        RequestRow[] whole = [.. report.Requests.Where(row => row.Total is not null)];
        RequestRow[] failed = [.. report.Requests.Where(row => row.Failure is not null)];
        Dots("end to end", s_total, whole, row => row.Total!.Value / 1000, MarkerShape.OpenCircle);
        Dots("time to first token", s_first, first, row => row.FirstToken!.Value / 1000, MarkerShape.FilledCircle);
        Dots("failed", s_failed, failed, _ => 0, MarkerShape.Eks);
        plot.XLabel("seconds since the start at which the request was due");
        plot.YLabel("seconds");
        plot.Axes.Margins(0.02, 0.08);
        plot.ShowLegend(Alignment.UpperLeft);

        void Dots(string name, Color color, RequestRow[] rows, Func<RequestRow, double> value, MarkerShape shape)
        {
            if (rows.Length == 0) return;
            ScottPlot.Plottables.Scatter dots = plot.Add.ScatterPoints(rows.Select(row => row.DueSeconds).ToArray(), rows.Select(value).ToArray(), color);
            dots.LegendText = name;
            dots.MarkerShape = shape;
            dots.MarkerSize = 7;
        }
    }

    private static double[] Values(LoadReport report, Func<RequestRow, double?> time) => [.. report.Requests.Select(time).OfType<double>().Order()];

    private static string Caption(LoadReport report)
    {
        RunDescription run = report.Run;
        string goodput = report.Goodput is { } good ? string.Create(CultureInfo.InvariantCulture, $", {good.Share:0.#%} within the limits") : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{run.Model}: {run.Arrivals} arrivals, {report.OfferedPerSecond:0.##}/s offered, n {run.Samples}; {report.Completed} of {report.Due} completed{goodput}");
    }
}
