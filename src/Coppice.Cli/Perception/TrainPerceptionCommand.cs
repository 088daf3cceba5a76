using System.CommandLine;
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
    public static Command Create()
    {
        var data = new Option<string>("--data") { HelpName = "camvid:DIR", Description = "What is learned from: CamVid in the folder layout of SegNet's authors.", Required = true };
        var tasks = new Option<string>("--tasks") { HelpName = "seg", Description = "What is learned: a class for each pixel.", Required = true };
        tasks.AcceptOnlyFromAmong("seg");
        var config = new Option<string?>("--config") { HelpName = "FILE", Description = "The recipe in JSON; what it leaves out has its default." };
        var output = new Option<string>("--out") { HelpName = "FILE", Description = "The weights, a safetensors file; checkpoint and curve are written beside it.", Required = true };
        Option<int?> images = OptionParsers.Number("--images", "Learn only the first images and measure on them too: shows that the network can learn.", 1, int.MaxValue);
        Option<int?> every = OptionParsers.Number("--checkpoint-every", "Seconds between checkpoints; 120 if not given. A run that is killed loses no more.", 1, 86_400);
        Option<int?> threads = OptionParsers.Number("--threads", "Threads to compute with; all cores if not given.", 1, 1024);
        var command = new Command("perception", "Trains a network that sees streets; goes on where an earlier run of the same recipe stopped, and Ctrl-C saves.")
        {
            data, tasks, config, output, images, every, threads,
        };
        command.SetAction((parsed, cancel) => Task.Run(
            () =>
            {
                PerceptionRecipe recipe = parsed.GetValue(config) is { } path ? PerceptionRecipe.Read(path) : new PerceptionRecipe();
                string file = parsed.GetValue(output)!;
                if (Path.GetFileName(file).Length == 0 || Directory.Exists(file)) throw new RequestRejectedException("--out", "a file", $"'{file}'");
                if (!Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(file)))) throw new IOException($"{file}: its folder does not exist");
                (ISceneSet training, ISceneSet heldOut) = Open(parsed.GetValue(data)!);
                if (parsed.GetValue(images) is int few) training = heldOut = new FirstScenes(training, few);
                var network = new PerceptionConfig
                {
                    Width = recipe.Width,
                    Height = recipe.Height,
                    LabelClasses = training.LabelClasses,
                    Tasks = PerceptionTasks.Segmentation,
                };
                using var learning = new PerceptionTraining(recipe, network, training, heldOut, file, parsed.GetValue(threads) ?? 0);
                return Run(learning, recipe, file, TimeSpan.FromSeconds(parsed.GetValue(every) ?? 120), parsed.InvocationConfiguration, cancel);
            },
            CancellationToken.None));
        return command;
    }

    private static (ISceneSet Training, ISceneSet HeldOut) Open(string data)
    {
        const string CamVid = "camvid:";
        if (!data.StartsWith(CamVid, StringComparison.Ordinal)) throw new RequestRejectedException("--data", "camvid:DIR", $"'{data}'");
        string folder = data[CamVid.Length..];
        return (CamVidScenes.Open(folder, "train"), CamVidScenes.Open(folder, "val"));
    }

    private static int Run(
        PerceptionTraining learning, PerceptionRecipe recipe, string file, TimeSpan every, InvocationConfiguration invocation, CancellationToken cancel)
    {
        TextWriter error = invocation.Error;
        var clock = Stopwatch.StartNew();
        long images = 0;
        bool ended = learning.Run(
            every,
            point =>
            {
                string held = double.IsNaN(point.Held) ? "" : string.Create(CultureInfo.InvariantCulture, $", mean IoU {point.Held:0.0000} ({string.Join(' ', learning.Iou.Select(c => $"{c.Key} {c.Value:0.00}"))})");
                error.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"step {point.Step} of {recipe.Steps}: loss {point.Loss:0.0000}, gradient {point.GradientNorm:0.00}, rate {point.Rate:0.00000}, {images / clock.Elapsed.TotalSeconds:0.0} images/s{held}"));
                images = 0;
                clock.Restart();
            },
            (_, batch) => images += batch,
            cancel);
        invocation.Output.WriteLine($"{file} is written");
        if (!ended) error.WriteLine("stopped; the same command goes on from here");
        return ended ? ExitCode.Good : ExitCode.Interrupted;
    }

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
