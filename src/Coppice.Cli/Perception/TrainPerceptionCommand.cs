using System.CommandLine;
using System.CommandLine.Parsing;
using System.Diagnostics;
using System.Globalization;
using Coppice.Graphs.Training;
using Coppice.Perception.Data;
using Coppice.Perception.Networks;
using Coppice.Perception.Training;

namespace Coppice.Cli.Perception;

/// <summary><c>coppice train perception</c>: trains networks that see streets.</summary>
internal static class TrainPerceptionCommand
{
    private static readonly (string Word, PerceptionTasks Task)[] s_tasks =
    [
        ("det", PerceptionTasks.Detection), ("distance", PerceptionTasks.Distance), ("seg", PerceptionTasks.Segmentation),
    ];

    public static Command Create()
    {
        var data = new Option<string>("--data") { HelpName = PerceptionData.HelpName, Description = "What is learned from: streets drawn here (N of them, 2,000 if not given), or a folder of CamVid, Cityscapes or KITTI.", Required = true };
        var tasks = new Option<PerceptionTasks>("--tasks") { HelpName = "det,distance,seg", Description = "What is learned: boxes, their distances, a class for each pixel.", Required = true, CustomParser = ParseTasks };
        var variant = new Option<PerceptionVariant>("--variant") { HelpName = "fast|resnet18|resnet50", Description = "The network (fast if not given).", DefaultValueFactory = _ => PerceptionVariant.Fast, CustomParser = ParseVariant };
        var config = new Option<string?>("--config") { HelpName = "FILE", Description = "The recipe in JSON; what it leaves out has its default." };
        var output = new Option<string>("--out") { HelpName = "FILE", Description = "The weights, a safetensors file; checkpoint and curve are written beside it.", Required = true };
        var from = new Option<string?>("--from") { HelpName = "FILE", Description = "Weights to start from instead of random ones; layers of another shape start anew." };
        Option<int?> images = OptionParsers.Number("--images", "Learn only the first images and measure on them too: shows that the network can learn.", 1, int.MaxValue);
        Option<int?> every = OptionParsers.Number("--checkpoint-every", "Seconds between checkpoints; 120 if not given. A run that is killed loses no more.", 1, 86_400);
        Option<int?> threads = OptionParsers.Number("--threads", "Threads to compute with; all cores if not given.", 1, 1024);
        var command = new Command("perception", "Trains a network that sees streets; goes on where an earlier run of the same recipe stopped, and Ctrl-C saves.")
        {
            data, tasks, variant, config, output, from, images, every, threads,
        };
        command.SetAction((parsed, cancel) => Task.Run(
            () =>
            {
                PerceptionTasks asked = parsed.GetValue(tasks);
                bool crops = asked == PerceptionTasks.Segmentation && parsed.GetValue(variant) == PerceptionVariant.Fast;
                PerceptionRecipe recipe = parsed.GetValue(config) is { } path ? PerceptionRecipe.Read(path) : crops ? new PerceptionRecipe() : WholeImages();
                string file = parsed.GetValue(output)!;
                if (Path.GetFileName(file).Length == 0 || Directory.Exists(file)) throw new RequestRejectedException("--out", "a file", $"'{file}'");
                if (!Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(file)))) throw new IOException($"{file}: its folder does not exist");
                (ISceneSet training, ISceneSet heldOut) = PerceptionData.Open(parsed.GetValue(data)!, recipe.Width, recipe.Height);
                if (asked.HasFlag(PerceptionTasks.Detection) && training.ObjectClasses.Count == 0)
                    throw new RequestRejectedException("--tasks", $"seg: {training.Name} has no boxes", Format(asked));
                if (parsed.GetValue(images) is int few) training = heldOut = new FirstScenes(training, few);
                var network = new PerceptionConfig
                {
                    Variant = parsed.GetValue(variant),
                    Width = recipe.Width,
                    Height = recipe.Height,
                    LabelStride = parsed.GetValue(variant) == PerceptionVariant.Fast ? 2 : 4,
                    // The ResNets learn one pixel of each cell, the lower right one of its middle four.
                    LabelOffset = parsed.GetValue(variant) == PerceptionVariant.Fast ? 0 : 0.5f,
                    ObjectClasses = asked.HasFlag(PerceptionTasks.Detection) ? training.ObjectClasses : [],
                    LabelClasses = asked.HasFlag(PerceptionTasks.Segmentation) ? training.LabelClasses : [],
                    Tasks = asked,
                };
                TimeSpan saving = TimeSpan.FromSeconds(parsed.GetValue(every) ?? 120);
                int count = parsed.GetValue(threads) ?? 0;
                if (!crops)
                {
                    using var several = new MultiTaskTraining(recipe, network, training, heldOut, file, count, parsed.GetValue(from));
                    return Run((report, stepped) => several.Run(saving, report, stepped, cancel), () => Held(several), recipe, file, parsed.InvocationConfiguration, cancel);
                }

                using var learning = new PerceptionTraining(recipe, network, training, heldOut, file, count, parsed.GetValue(from));
                return Run((report, stepped) => learning.Run(saving, report, stepped, cancel), () => Held(learning), recipe, file, parsed.InvocationConfiguration, cancel);
            },
            CancellationToken.None));
        return command;
    }

    /// <summary>The recipe of networks with anchors if none is given: images as large as the network.</summary>
    private static PerceptionRecipe WholeImages() => new()
    {
        Width = 512,
        Height = 256,
        Stages = [new() { Steps = 6000, Batch = 8, Width = 512, Height = 256, MinScale = 0.5, MaxScale = 2 }],
    };

    private static int Run(
        Func<Action<CurvePoint>, Action<long, int>, bool> train, Func<string> held, PerceptionRecipe recipe, string file, InvocationConfiguration invocation,
        CancellationToken cancel)
    {
        TextWriter error = invocation.Error;
        var clock = Stopwatch.StartNew();
        long images = 0;
        using CancellationTokenRegistration told = TrainCommand.TellOfStop(error, cancel);
        bool ended = train(
            point =>
            {
                string measured = double.IsNaN(point.Held) ? "" : held();
                error.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"step {point.Step} of {recipe.Steps}: loss {point.Loss:0.0000}, gradient {point.GradientNorm:0.00}, rate {point.Rate:0.00000}, {images / clock.Elapsed.TotalSeconds:0.0} images/s{measured}"));
                images = 0;
                clock.Restart();
            },
            (_, batch) => images += batch);
        invocation.Output.WriteLine($"{file} is written");
        if (!ended) error.WriteLine("stopped; the same command goes on from here");
        return ended ? ExitCode.Good : ExitCode.Interrupted;
    }

    private static string Held(PerceptionTraining learning) => string.Create(
        CultureInfo.InvariantCulture,
        $", mean IoU {learning.Iou.Values.Where(double.IsFinite).DefaultIfEmpty(0).Average():0.0000} ({string.Join(' ', learning.Iou.Select(c => $"{c.Key} {c.Value:0.00}"))})");

    private static string Held(MultiTaskTraining learning)
    {
        SceneScore score = learning.Score!;
        string losses = string.Join(' ', learning.Losses.Select(l => string.Create(CultureInfo.InvariantCulture, $"{l.Key} {l.Value:0.000}")));
        return string.Concat(
            $" ({losses})",
            Part("mAP", score.MeanAveragePrecision, "0.0000"),
            Part("distance error %", score.DistanceErrorPercent, "0.00"),
            Part("mean IoU", score.MeanIou, "0.0000"));

        static string Part(string name, double number, string format) =>
            double.IsFinite(number) ? $", {name} {number.ToString(format, CultureInfo.InvariantCulture)}" : "";
    }

    private static PerceptionTasks ParseTasks(ArgumentResult result)
    {
        PerceptionTasks tasks = PerceptionTasks.None;
        bool known = true;
        foreach (string word in result.Tokens.SelectMany(t => t.Value.Split(',')))
        {
            PerceptionTasks task = s_tasks.FirstOrDefault(t => t.Word == word).Task;
            known &= task != PerceptionTasks.None;
            tasks |= task;
        }

        if (!known || tasks == PerceptionTasks.None || (tasks.HasFlag(PerceptionTasks.Distance) && !tasks.HasFlag(PerceptionTasks.Detection)))
            result.AddError($"--tasks: expected some of det, distance (with det) and seg with commas between, found '{string.Join(' ', result.Tokens.Select(t => t.Value))}'");
        return tasks;
    }

    private static PerceptionVariant ParseVariant(ArgumentResult result)
    {
        string word = result.Tokens[0].Value;
        if (Array.Find(Enum.GetValues<PerceptionVariant>(), v => string.Equals($"{v}", word, StringComparison.OrdinalIgnoreCase)) is var found
            && string.Equals($"{found}", word, StringComparison.OrdinalIgnoreCase)) return found;
        result.AddError($"--variant: expected fast, resnet18 or resnet50, found '{word}'");
        return default;
    }

    private static string Format(PerceptionTasks tasks) => $"'{string.Join(',', s_tasks.Where(t => tasks.HasFlag(t.Task)).Select(t => t.Word))}'";

    /// <summary>The first scenes of a set.</summary>
    private sealed class FirstScenes(ISceneSet all, int count) : ISceneSet
    {
        public string Name => $"{all.Name}, first {count}";

        public int Count => Math.Min(count, all.Count);

        public IReadOnlyList<string> ObjectClasses => all.ObjectClasses;

        public IReadOnlyList<string> LabelClasses => all.LabelClasses;

        public Scene Read(int index) => all.Read(index);
    }
}
