// What the networks that see streets learn and cost, on synthetic streets.
//   Coppice.PerceptionBench learn DIR [--steps N] [--seeds N] [--scenes N] [--held N] [--batch N] [--size WxH] [--least-height PERCENT] [--segmentation-weight N] [--networks joint,detection+distance,segmentation] [--threads N]
//       trains the fast variant for all tasks, for boxes with distances and for pixels, each with every seed; what is in DIR is not done again
//   Coppice.PerceptionBench measure DIR [--threads N]
//       measures the weights of DIR once more
//   Coppice.PerceptionBench common DIR [--threads N]
//       the error of distances over the objects that networks for all tasks and for boxes both find, with the weights of DIR
//   Coppice.PerceptionBench overfit DIR [--steps N] [--size WxH] [--threads N]
//       learns eight streets by heart
//   Coppice.PerceptionBench ceiling - [--steps N] [--size WxH] [--threads N]
//       the best mean IoU that scores on coarser grids can reach on eight streets
//   Coppice.PerceptionBench cost DIR [--size WxH] [--frames N] [--threads N] [--variants fast,resnet18,resnet50] [--precisions fp32,int8]
//       time and memory of each variant for each set of tasks, each in a process of its own, against what the processor reaches in registers
//   Coppice.PerceptionBench report DIR FILE
//       writes what is in DIR into a page of Markdown, between the marks of each kind of result
// Run one with: dotnet run -c Release --project bench/Coppice.PerceptionBench -- learn DIR
using System.Globalization;
using Coppice.PerceptionBench;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args.Length < 2)
{
    Console.Error.WriteLine("learn DIR | measure DIR | common DIR | overfit DIR | ceiling - | cost DIR | report DIR FILE; the head of Program.cs has the options");
    return 2;
}

var options = new Options(args);
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    stop.Cancel();
};
if (args[0] is not ("ceiling" or "frame")) Directory.CreateDirectory(args[1]);
switch (args[0])
{
    case "learn":
        return LearnedTasks.Run(args[1], options, stop.Token);
    case "measure":
        return LearnedTasks.Measure(args[1], options);
    case "common":
        return CommonObjects.Run(args[1], options);
    case "overfit":
        return LearnedTasks.Overfit(args[1], options, stop.Token);
    case "ceiling":
        return LabelCeiling.Run(options);
    case "cost":
        return NetworkCost.Run(args[1], options);
    case "frame":
        return NetworkCost.Frame(args);
    case "report" when args.Length > 2:
        return Report.Write(args[1], args[2]);
    default:
        Console.Error.WriteLine($"'{args[0]}' is not one of learn, measure, common, overfit, ceiling, cost, report");
        return 2;
}
