using System.Text;

namespace Coppice.PerceptionBench;

/// <summary>What was measured, as a page.</summary>
internal static class Report
{
    private const string Start = "<!-- results: written by Coppice.PerceptionBench report -->", End = "<!-- end of results -->";

    /// <summary>Replaces what is between the marks of a page.</summary>
    public static int Write(string folder, string page)
    {
        string text = File.ReadAllText(page);
        int start = text.IndexOf(Start, StringComparison.Ordinal), end = text.IndexOf(End, StringComparison.Ordinal);
        if (start < 0 || end < start)
        {
            Console.Error.WriteLine($"{page}: expected the marks '{Start}' and '{End}'");
            return 1;
        }

        File.WriteAllText(page, $"{text[..(start + Start.Length)]}\n\n{Markdown(folder).Trim()}\n\n{text[end..]}");
        return 0;
    }

    private static string Markdown(string folder)
    {
        var text = new StringBuilder();
        Learning(text, Results.Read<Learned>(folder, "*.learned.json"));
        Overfit(text, Results.Read<Learned>(folder, "*.learned8.json"));
        Costs(text, Results.Read<Cost>(folder, "*.cost.json"));
        return text.ToString();
    }

    private static void Learning(StringBuilder text, IReadOnlyList<Learned> all)
    {
        if (all.Count == 0) return;
        Learned any = all[0];
        text.AppendLine("## One network for three tasks, or one for each").AppendLine();
        text.AppendLine($"The fast variant on synthetic streets at {any.Width}x{any.Height}: {any.Steps} updates with batches of {any.Batch} from {any.Scenes} streets, measured on {any.HeldOut} others. Mean over the seeds, and the range. mAP at an overlap of 0.5; distance error over found objects that are true.").AppendLine();
        text.AppendLine("Small images (the first detection level has few cells) and short trainings, so that all of them fit into an hour of one busy core: mAP is low, and what counts is one row against another.").AppendLine();
        text.AppendLine($"`Coppice.PerceptionBench learn DIR --size {any.Width}x{any.Height} --steps {any.Steps} --batch {any.Batch} --scenes {any.Scenes} --held {any.HeldOut} --seeds {all.Max(l => l.Seed)}`, then `report DIR docs/perception.md`.").AppendLine();
        text.AppendLine("| network | seeds | mAP % | distance error % | mIoU % | training, minutes |");
        text.AppendLine("|---|---|---|---|---|---|");
        foreach ((string name, _) in LearnedTasks.All)
        {
            Learned[] runs = [.. all.Where(l => l.Tasks == name)];
            if (runs.Length == 0) continue;
            text.AppendLine($"| {name} | {runs.Length} | {Spread(runs.Select(r => r.Running.MeanAveragePrecision))} | {Spread(runs.Select(r => r.Running.DistanceError))} | {Spread(runs.Select(r => r.Running.MeanIou))} | {runs.Average(r => r.Minutes):0.0} |");
        }

        text.AppendLine().AppendLine("The same weights with the statistics of the image itself in each normalization, as the authors' script runs the network:").AppendLine();
        text.AppendLine("| network | mAP % | distance error % | mIoU % |");
        text.AppendLine("|---|---|---|---|");
        foreach ((string name, _) in LearnedTasks.All)
        {
            Learned[] runs = [.. all.Where(l => l.Tasks == name)];
            if (runs.Length == 0) continue;
            text.AppendLine($"| {name} | {Spread(runs.Select(r => r.OfImage.MeanAveragePrecision))} | {Spread(runs.Select(r => r.OfImage.DistanceError))} | {Spread(runs.Select(r => r.OfImage.MeanIou))} |");
        }

        text.AppendLine();
    }

    private static void Overfit(StringBuilder text, IReadOnlyList<Learned> all)
    {
        foreach (Learned run in all)
        {
            text.AppendLine("## Eight streets by heart").AppendLine();
            text.AppendLine($"After {run.Steps} updates with all {run.Scenes} streets at {run.Width}x{run.Height}: mAP {run.Running.MeanAveragePrecision:0.0}%, distance error {run.Running.DistanceError:0.00}%, mIoU {run.Running.MeanIou:0.0}% on these streets.").AppendLine();
        }
    }

    private static void Costs(StringBuilder text, IReadOnlyList<Cost> all)
    {
        foreach (IGrouping<(int, int, int), Cost> size in all.GroupBy(c => (c.Width, c.Height, c.Threads)))
        {
            text.AppendLine($"## What a frame of {size.Key.Item1}x{size.Key.Item2} costs").AppendLine();
            text.AppendLine($"FP32 on ONNX Runtime, {size.Key.Item3} thread{(size.Key.Item3 == 1 ? "" : "s")}, from decoded image to boxes, metres and labels of all pixels. Mean processor time of a frame (what others do on the machine does not count) and the fastest frame by the clock; the greatest resident memory of a process that does nothing else, and how much of it came after the start. *Sum* adds the two networks that answer the same as the joint one.").AppendLine();
            text.AppendLine("| variant | network | weights, M | multiply-adds, G | processor ms | fastest ms | peak MiB | own MiB |");
            text.AppendLine("|---|---|---|---|---|---|---|---|");
            foreach (IGrouping<string, Cost> variant in size.GroupBy(c => c.Variant))
            {
                Cost[] costs = [.. LearnedTasks.All.SelectMany(t => variant.Where(c => c.Tasks == t.Name))];
                foreach (Cost c in costs) text.AppendLine(Row(c));
                if (costs.Length == 3) text.AppendLine(Row(Sum(costs[1], costs[2])));
            }

            text.AppendLine();
        }
    }

    private static string Row(Cost c) =>
        $"| {c.Variant} | {c.Tasks} | {c.Millions:0.00} | {c.GigaMultiplyAdds:0.0} | {c.ProcessorMilliseconds:0.0} | {c.Fastest:0.0} | {c.PeakMiB:0} | {c.OwnMiB:0} |";

    private static Cost Sum(Cost a, Cost b) => a with
    {
        Tasks = "*sum of the two single ones*",
        Millions = a.Millions + b.Millions,
        GigaMultiplyAdds = a.GigaMultiplyAdds + b.GigaMultiplyAdds,
        ProcessorMilliseconds = a.ProcessorMilliseconds + b.ProcessorMilliseconds,
        Fastest = a.Fastest + b.Fastest,
        PeakMiB = a.PeakMiB + b.PeakMiB,
        OwnMiB = a.OwnMiB + b.OwnMiB,
    };

    private static string Spread(IEnumerable<double?> numbers)
    {
        double[] found = [.. numbers.OfType<double>()];
        return found.Length == 0 ? "" : found.Length == 1 ? $"{found[0]:0.0}" : $"{found.Average():0.0} ({found.Min():0.0} to {found.Max():0.0})";
    }
}
