using System.Globalization;
using ScottPlot;

namespace Coppice.PeerBench;

/// <summary>The ratios as a picture: a bar a row, from top to bottom in groups of a model and context, with the demanded floor as a mark.</summary>
internal static class ResultChart
{
    private const int Width = 1200;
    private const int FrameHeight = 230;
    private const double RowHeight = 30;
    private const double BarSize = 0.74;
    private const double GroupGap = 0.4;
    private const float TextSize = 16;
    private const float CaptionSize = 14;
    private const string FirstFont = "DejaVu Sans";
    private static readonly Color s_met = Color.FromHex("#2e7d32");
    private static readonly Color s_notMet = Color.FromHex("#c62828");
    private static readonly Color s_free = Color.FromHex("#78909c");
    private static readonly Color s_mark = Color.FromHex("#111111");

    /// <summary>Draws rows into a PNG file.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="document">Conditions and runs, for the caption.</param>
    /// <param name="rows">The rows, from top to bottom; at least one.</param>
    public static void Save(string path, PeerDocument document, IReadOnlyList<RowResult> rows)
    {
        var plot = new Plot();
        plot.Font.Set(Fonts.GetTypeface(FirstFont, bold: false, italic: false) is null ? Fonts.Default : FirstFont);
        double bottom = AddRows(plot, rows);
        double longest = rows.Max(row => Math.Max(1, Math.Max(row.Ratio, row.Floor ?? 0)));
        plot.Axes.SetLimits(0, 1.6 * longest, bottom, 0);
        plot.Grid.YAxisStyle.IsVisible = false;
        plot.Title("Coppice's tokens a second over llama.cpp's: same file, same threads, in turn", 20);
        AddLegend(plot, rows);
        plot.Axes.Bottom.TickLabelStyle.FontSize = TextSize;
        plot.Axes.Bottom.Label.Text = Caption(document, rows);
        plot.Axes.Bottom.Label.FontSize = CaptionSize;
        plot.Axes.Bottom.Label.Bold = false;
        plot.SavePng(path, Width, FrameHeight + (int)(RowHeight * -bottom));
    }

    /// <summary>Adds the groups, each under its heading, and returns the place below the last one.</summary>
    private static double AddRows(Plot plot, IReadOnlyList<RowResult> rows)
    {
        double position = 0;
        var places = new List<double>();
        foreach (IGrouping<(string Model, int Context), RowResult> group in rows.GroupBy(row => (row.Model, row.Context)))
        {
            position -= GroupGap + (BarSize / 2);
            AddText(plot, string.Create(CultureInfo.InvariantCulture, $"{group.Key.Model}, context of {group.Key.Context:n0} tokens"), 0, position);
            double top = position - (BarSize / 2);
            foreach (RowResult row in group)
            {
                AddRow(plot, row, --position);
                places.Add(position);
            }

            position -= BarSize / 2;
            plot.Add.Line(1, top, 1, position).LineStyle = new LineStyle(2, s_mark);
        }

        plot.Axes.Left.SetTicks([.. places], [.. rows.Select(ResultTable.Work)]);
        plot.Axes.Left.TickLabelStyle.FontSize = TextSize;
        plot.Axes.Left.MajorTickStyle.Length = 0;
        return position - GroupGap;
    }

    private static void AddRow(Plot plot, RowResult row, double position)
    {
        plot.Add.Bar(new Bar
        {
            Position = position,
            Value = row.Ratio,
            Orientation = Orientation.Horizontal,
            Size = BarSize,
            FillColor = row.Met switch { true => s_met, false => s_notMet, null => s_free },
            LineWidth = 0,
        });
        if (row.Floor is double floor)
            plot.Add.Line(floor, position - (BarSize / 2), floor, position + (BarSize / 2)).LineStyle = new LineStyle(5, s_mark);
        string text = string.Create(
            CultureInfo.InvariantCulture,
            $"{row.Ratio:f2}x   Coppice {row.Coppice.TokensPerSecond:f1}, llama.cpp {row.LlamaCpp.TokensPerSecond:f1}");
        AddText(plot, text, Math.Max(row.Ratio, row.Floor ?? 0), position);
    }

    private static ScottPlot.Plottables.Text AddText(Plot plot, string text, double x, double y)
    {
        ScottPlot.Plottables.Text label = plot.Add.Text(text, x, y);
        label.LabelAlignment = Alignment.MiddleLeft;
        label.OffsetX = 8;
        label.LabelFontSize = TextSize;
        label.LabelFontColor = s_mark;
        return label;
    }

    private static void AddLegend(Plot plot, IReadOnlyList<RowResult> rows)
    {
        (bool? Met, Color Color, string Text)[] bars =
            [(true, s_met, "floor met"), (false, s_notMet, "floor not met"), (null, s_free, "no floor demanded")];
        plot.Legend.ManualItems.AddRange(bars
            .Where(bar => rows.Any(row => row.Met == bar.Met))
            .Select(bar => new LegendItem { LabelText = bar.Text, FillColor = bar.Color }));
        if (rows.Any(row => row.Floor is not null)) plot.Legend.ManualItems.Add(new LegendItem { LabelText = "floor", LineColor = s_mark, LineWidth = 5 });
        plot.Legend.ManualItems.Add(new LegendItem { LabelText = "llama.cpp = 1", LineColor = s_mark, LineWidth = 2 });
        plot.Legend.Orientation = Orientation.Horizontal;
        plot.Legend.FontSize = TextSize;
        plot.ShowLegend(Edge.Top);
    }

    private static string Caption(PeerDocument document, IReadOnlyList<RowResult> rows)
    {
        PeerConditions conditions = document.Conditions;
        PeerRun[] runs = [.. rows.Select(row => row.Run).Distinct().Order().Select(index => document.Runs[index])];
        string dates = string.Join(", ", runs.Select(run => run.Started.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)).Distinct());
        string flags = runs.Any(run => run.Flags.Count > 0) ? "\nFLAGGED: the machine was not quiet, or changed during the run" : "";
        return $"{conditions.Machine}; {conditions.Threads} threads; {dates}; tokens a second, medians of {conditions.Repeats} rounds\n"
            + $"llama.cpp {conditions.LlamaCpp}, at the fastest of its settings in each row; keys and values in {conditions.Cache}\n"
            + $"Coppice {conditions.Coppice}; models: {conditions.Models}{flags}";
    }
}
