using System.Text;
using Coppice.Perception.Networks;

namespace Coppice.PerceptionBench;

/// <summary>What was measured, as a page.</summary>
internal static class Report
{
    private const string End = "<!-- end of results -->";

    /// <summary>Replaces what is between the marks of a page, of those kinds of results that there are.</summary>
    public static int Write(string folder, string page)
    {
        string text = File.ReadAllText(page);
        foreach ((string kind, Action<StringBuilder> write) in ((string, Action<StringBuilder>)[])
        [
            ("learned", t => Learning(t, Results.Read<Learned>(folder, "*.learned.json"))),
            ("overfit", t => Overfit(t, Results.Read<Learned>(folder, "*.learned8.json"))),
            ("cost", t => Costs(t, Results.Read<Cost>(folder, "*.cost.json"))),
        ])
        {
            var results = new StringBuilder();
            write(results);
            if (results.Length == 0) continue;
            string mark = $"<!-- {kind}: written by Coppice.PerceptionBench report -->";
            int start = text.IndexOf(mark, StringComparison.Ordinal), end = start < 0 ? -1 : text.IndexOf(End, start, StringComparison.Ordinal);
            if (end < 0)
            {
                Console.Error.WriteLine($"{page}: expected the marks '{mark}' and '{End}'");
                return 1;
            }

            text = $"{text[..(start + mark.Length)]}\n\n{results.ToString().Trim()}\n\n{text[end..]}";
        }

        File.WriteAllText(page, text);
        return 0;
    }

    private static void Learning(StringBuilder text, IReadOnlyList<Learned> all)
    {
        if (all.Count == 0) return;
        Learned any = all.FirstOrDefault(l => l.Tasks == LearnedTasks.All[0].Name) ?? all[0];
        text.AppendLine("## One network for three tasks, or one for each").AppendLine();
        text.AppendLine($"The fast variant on synthetic streets at {any.Width}x{any.Height}: {any.Steps} updates with batches of {any.Batch} from {any.Scenes} streets, measured on {any.HeldOut} others. Mean over the seeds, and the range. mAP at an overlap of 0.5; distance error over the objects that each network finds, which are not the same ones.").AppendLine();
        text.AppendLine($"Small images and short trainings, so that all of them fit into two hours of one core{(any.LeastHeight > 0 ? $"; boxes have at least {any.LeastHeight}% of the picture's height, objects farther away are drawn without one" : "")}. What counts is one row against another.").AppendLine();
        text.AppendLine($"`dotnet run -c Release --project bench/Coppice.PerceptionBench -- learn DIR --size {any.Width}x{any.Height}{(any.LeastHeight > 0 ? $" --least-height {any.LeastHeight}" : "")} --steps {any.Steps} --batch {any.Batch} --scenes {any.Scenes} --held {any.HeldOut} --seeds {all.Max(l => l.Seed)}`, then `report DIR docs/perception.md`.").AppendLine();
        text.AppendLine("| network | seeds | mAP % | distance error % | mIoU % |");
        text.AppendLine("|---|---|---|---|---|");
        foreach ((string name, Learned[] runs) in Rows(all))
        {
            text.AppendLine($"| {name} | {runs.Length} | {Spread(runs.Select(r => r.Running.MeanAveragePrecision))} | {Spread(runs.Select(r => r.Running.DistanceError))} | {Spread(runs.Select(r => r.Running.MeanIou))} |");
        }

        text.AppendLine().AppendLine("The same weights with the statistics of the image itself in each normalization, as the authors' script runs the network:").AppendLine();
        text.AppendLine("| network | mAP % | distance error % | mIoU % |");
        text.AppendLine("|---|---|---|---|");
        foreach ((string name, Learned[] runs) in Rows(all))
        {
            text.AppendLine($"| {name} | {Spread(runs.Select(r => r.OfImage.MeanAveragePrecision))} | {Spread(runs.Select(r => r.OfImage.DistanceError))} | {Spread(runs.Select(r => r.OfImage.MeanIou))} |");
        }

        text.AppendLine();
    }

    /// <summary>The runs of each network in the order of <see cref="LearnedTasks.All"/>, joint ones by the weight of the pixels' loss.</summary>
    private static IEnumerable<(string Name, Learned[] Runs)> Rows(IReadOnlyList<Learned> all) =>
        from tasks in LearnedTasks.All
        from run in all
        where run.Tasks == tasks.Name
        let weight = run.SegmentationWeight > 0 ? run.SegmentationWeight : LearnedTasks.DefaultSegmentationWeight
        group run by tasks.Tasks == PerceptionTasks.All ? $"{tasks.Name}, pixels' loss x{weight}" : tasks.Name into row
        orderby row.Key.StartsWith(LearnedTasks.All[0].Name, StringComparison.Ordinal) ? 0 : 1, row.Key
        select (row.Key, row.ToArray());

    private static void Overfit(StringBuilder text, IReadOnlyList<Learned> all)
    {
        foreach (Learned run in all)
        {
            text.AppendLine("## Eight streets by heart").AppendLine();
            text.AppendLine($"`dotnet run -c Release --project bench/Coppice.PerceptionBench -- overfit DIR --size {run.Width}x{run.Height} --steps {run.Steps}`. After {run.Steps} updates with all {run.Scenes} streets: mAP {run.Running.MeanAveragePrecision:0.0}%, distance error {run.Running.DistanceError:0.00}%, mIoU {run.Running.MeanIou:0.0}% on these streets.").AppendLine();
        }
    }

    private static void Costs(StringBuilder text, IReadOnlyList<Cost> all)
    {
        foreach (IGrouping<(int, int, int), Cost> size in all.GroupBy(c => (c.Width, c.Height, c.Threads)))
        {
            text.AppendLine($"## What a frame of {size.Key.Item1}x{size.Key.Item2} costs").AppendLine();
            text.AppendLine($"ONNX Runtime, {size.Key.Item3} thread{(size.Key.Item3 == 1 ? "" : "s")}, from decoded image to boxes, metres and labels of all pixels; first weights with one class likely everywhere, so without borders of classes, which take longer. Time is the mean of five frames in a row, the best five of some runs, as other work on the machine can only add to it; peak the greatest resident memory of a process that loads the network from its file and does nothing else, of all runs. An operation is a multiplication or an addition of a convolution. *Sum* adds the two networks that answer the same as the joint one; below it, the joint one's share.").AppendLine();
            foreach (IGrouping<string, Cost> precision in size.GroupBy(c => c.Precision))
                text.AppendLine($"What {(precision.Key == "int8" ? "byte dot products" : "fused multiply-adds")} in registers reach, measured between these runs: {precision.Max(c => c.LimitGiga):0} billion operations a second, {precision.Key}.").AppendLine();
            text.AppendLine("`dotnet run -c Release --project bench/Coppice.PerceptionBench -- cost DIR`, then `report DIR docs/perception.md`.").AppendLine();
            text.AppendLine("| variant | network | precision | weights, M | operations, G | frames/s | ms | peak MiB | G operations/s | % of the machine |");
            text.AppendLine("|---|---|---|---|---|---|---|---|---|---|");
            foreach (IGrouping<(string, string), Cost> variant in size.GroupBy(c => (c.Variant, c.Precision)))
            {
                double limit = size.Where(c => c.Precision == variant.Key.Item2).Max(c => c.LimitGiga);
                Cost[] costs = [.. LearnedTasks.All.SelectMany(t => variant.Where(c => c.Tasks == t.Name))];
                foreach (Cost c in costs) text.AppendLine(Row(c, limit));
                if (costs.Length != 3) continue;
                Cost sum = Sum(costs[1], costs[2]);
                text.AppendLine(Row(sum, limit));
                text.AppendLine($"| {sum.Variant} | *joint of sum* | {sum.Precision} | {costs[0].Millions / sum.Millions:0%} | {costs[0].GigaMultiplyAdds / sum.GigaMultiplyAdds:0%} | | {costs[0].Milliseconds / sum.Milliseconds:0%} | {costs[0].PeakMiB / sum.PeakMiB:0%} | | |");
            }

            text.AppendLine();
        }
    }

    private static string Row(Cost c, double limit)
    {
        double operations = 2 * c.GigaMultiplyAdds, rate = operations * 1000 / c.Milliseconds;
        return $"| {c.Variant} | {c.Tasks} | {c.Precision} | {c.Millions:0.00} | {operations:0.0} | {1000 / c.Milliseconds:0.0} | {c.Milliseconds:0.0} | {c.PeakMiB:0} | {rate:0} | {rate / limit:0%} |";
    }

    private static Cost Sum(Cost a, Cost b) => a with
    {
        Tasks = "*sum of the two single ones*",
        Millions = a.Millions + b.Millions,
        GigaMultiplyAdds = a.GigaMultiplyAdds + b.GigaMultiplyAdds,
        Milliseconds = a.Milliseconds + b.Milliseconds,
        PeakMiB = a.PeakMiB + b.PeakMiB,
    };

    private static string Spread(IEnumerable<double?> numbers)
    {
        double[] found = [.. numbers.OfType<double>()];
        return found.Length == 0 ? "" : found.Length == 1 ? $"{found[0]:0.0}" : $"{found.Average():0.0} ({found.Min():0.0} to {found.Max():0.0})";
    }
}
