using System.Globalization;
using ScottPlot;

namespace Coppice.LoadBench;

/// <summary>The times as a picture: what share of the answers came within how long, and each request over the run.</summary>
internal static class LoadChart
{
    private const int Width = 1200;
    private const int Height = 900;
    private const float TextSize = 15;
    private const double LeastMilliseconds = 0.01;
    private const string FirstFont = "DejaVu Sans";
    private static readonly int[] s_digits = [1, 2, 5];
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
        foreach (Plot plot in plots.GetPlots()) Style(plot);
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
            plot.Add.VerticalLine(Math.Log10(Math.Max(most, LeastMilliseconds)), 2, color, LinePattern.Dashed);
        }

        SetDecades(plot, [.. lines.SelectMany(line => line.Values).Select(value => Math.Max(value, LeastMilliseconds))]);
        plot.Axes.SetLimitsY(0, 102);
        plot.XLabel(report.Goodput is null ? "milliseconds" : "milliseconds; dashed: the limits");
        plot.YLabel("answers within, %");
        plot.Title(Caption(report), 18);
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
        plot.Axes.AutoScale();
        plot.Axes.SetLimitsY(0, plot.Axes.GetLimits().Top);

        void Dots(string name, Color color, RequestRow[] rows, Func<RequestRow, double> value, MarkerShape shape)
        {
            if (rows.Length == 0) return;
            ScottPlot.Plottables.Scatter dots = plot.Add.ScatterPoints(rows.Select(row => row.DueSeconds).ToArray(), rows.Select(value).ToArray(), color);
            dots.LegendText = name;
            dots.MarkerShape = shape;
            dots.MarkerSize = 7;
        }
    }

    /// <summary>Marks 1, 2 and 5 of every decade that the values lie in.</summary>
    private static void SetDecades(Plot plot, double[] values)
    {
        if (values.Length == 0) return;
        int first = (int)Math.Floor(Math.Log10(values.Min())), last = (int)Math.Ceiling(Math.Log10(values.Max()));
        double[] ticks = [.. Enumerable.Range(first, last - first + 1).SelectMany(power => s_digits, (power, digit) => digit * Math.Pow(10, power))];
        plot.Axes.Bottom.SetTicks([.. ticks.Select(Math.Log10)], [.. ticks.Select(tick => tick.ToString("#,0.##", CultureInfo.InvariantCulture))]);
    }

    private static void Style(Plot plot)
    {
        plot.Font.Set(Fonts.GetTypeface(FirstFont, bold: false, italic: false) is null ? Fonts.Default : FirstFont);
        plot.Axes.Title.Label.Bold = false;
        foreach (IAxis axis in (ReadOnlySpan<IAxis>)[plot.Axes.Bottom, plot.Axes.Left])
        {
            axis.Label.Bold = false;
            axis.Label.FontSize = TextSize;
            axis.TickLabelStyle.FontSize = TextSize;
        }

        plot.Legend.Orientation = Orientation.Horizontal;
        plot.Legend.OutlineWidth = 0;
        plot.Legend.ShadowColor = Colors.Transparent;
        plot.Legend.FontSize = TextSize;
        plot.ShowLegend(Edge.Top);
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
