using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Coppice.Perception.Data;
using Coppice.Perception.Inference;
using Spectre.Console;

namespace Coppice.Cli.Perception;

/// <summary><c>coppice perceive</c>: objects, their distances and the class of each pixel, from one pass over each picture.</summary>
internal static class PerceiveCommand
{
    public static Command Create()
    {
        var arguments = new PerceiveArguments();
        var command = new Command("perceive", "Finds objects, their distances and the class of each pixel in pictures of streets.");
        arguments.AddTo(command);
        command.SetAction((parsed, cancel) => Task.Run(() => Run(arguments, parsed, cancel), CancellationToken.None));
        return command;
    }

    private static int Run(PerceiveArguments arguments, ParseResult parsed, CancellationToken cancel)
    {
        TextWriter output = parsed.InvocationConfiguration.Output;
        string weights = arguments.Weights(parsed);
        PerceiverOptions options = arguments.Read(parsed);
        if (parsed.GetValue(arguments.Export) is { } onnx)
        {
            Perceiver.Export(weights, onnx, options);
            output.WriteLine($"{onnx} is written");
            return ExitCode.Good;
        }

        if (parsed.GetValue(arguments.Calibrate))
        {
            Perceiver.Calibrate(weights, arguments.Images(parsed).Select(f => ImageFile.Read(f)), options.Run);
            output.WriteLine($"{weights} has ranges for int8");
            return ExitCode.Good;
        }

        if (arguments.Bench(parsed) is { } size)
        {
            using Perceiver measured = Perceiver.Load(weights, options);
            PerceiveBenchReport report = PerceiveBench.Run(measured, size.Width, size.Height, arguments.Threads(parsed), arguments.Seconds(parsed), cancel);
            if (parsed.GetValue(arguments.Json)) JsonOutput.Write(output, report, CommandJson.Readable.PerceiveBenchReport);
            else output.WriteLine(PerceiveBench.Line(report));
            return ExitCode.Good;
        }

        IReadOnlyList<string> files = arguments.Images(parsed);
        string? folder = parsed.GetValue(arguments.Out);
        if (folder is not null)
        {
            CheckOverlays(files, folder);
            Directory.CreateDirectory(folder);
        }

        using Perceiver perceiver = Perceiver.Load(weights, options);
        return PerceiveAll(perceiver, files, folder, parsed.GetValue(arguments.Json), parsed.InvocationConfiguration, cancel);
    }

    private static int PerceiveAll(
        Perceiver perceiver, IReadOnlyList<string> files, string? folder, bool json, InvocationConfiguration invocation, CancellationToken cancel)
    {
        IAnsiConsole? console = files.Count > 1 ? EngineLoading.Terminal(invocation.Error) : null;
        int failed = 0;
        if (console is null)
        {
            Loop(null);
        }
        else
        {
            console.Progress()
                .AutoClear(true)
                .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
                .Start(context => Loop(context.AddTask("pictures", maxValue: files.Count)));
        }

        if (cancel.IsCancellationRequested) return ExitCode.Interrupted;
        return failed == 0 ? ExitCode.Good : ExitCode.Failed;

        void Loop(ProgressTask? bar)
        {
            var clock = Stopwatch.StartNew();
            for (int i = 0; i < files.Count && !cancel.IsCancellationRequested; i++)
            {
                try
                {
                    PerceiveOne(perceiver, files[i], folder, json, invocation.Output);
                }
                catch (IOException e)
                {
                    // One bad picture of a folder is no reason to leave out the rest.
                    failed++;
                    invocation.Error.WriteLine(CommandErrors.OneLine(e.Message));
                }

                if (bar is null) continue;
                bar.Value = i + 1;
                bar.Description = string.Create(CultureInfo.InvariantCulture, $"{i + 1} of {files.Count} pictures, {(i + 1) / clock.Elapsed.TotalSeconds:0.0} a second");
            }
        }
    }

    private static string OverlayOf(string file, string folder) => Path.Combine(folder, Path.GetFileNameWithoutExtension(file) + ".png");

    /// <summary>Refuses overlays that would replace a picture or one another.</summary>
    private static void CheckOverlays(IReadOnlyList<string> files, string folder)
    {
        HashSet<string> pictures = [.. files.Select(Path.GetFullPath)];
        var written = new HashSet<string>();
        foreach (string picture in pictures)
        {
            string overlay = Path.GetFullPath(OverlayOf(picture, folder));
            if (pictures.Contains(overlay)) throw new RequestRejectedException("--out", "a folder without the pictures", $"'{folder}' with '{Path.GetFileName(overlay)}'");
            if (!written.Add(overlay)) throw new RequestRejectedException("--out", "one picture for each overlay", $"two for '{Path.GetFileName(overlay)}'");
        }
    }

    private static void PerceiveOne(Perceiver perceiver, string file, string? folder, bool json, TextWriter output)
    {
        RgbImage image = ImageFile.Read(file);
        Perceiver.CheckSize(image, $"'{file}'");
        PerceivedScene scene = perceiver.Perceive(image);
        if (folder is not null) ImageFile.WritePng(Overlay.Draw(image, scene, perceiver.Config), OverlayOf(file, folder), quick: true);
        PerceiveReport report = PerceiveReport.Of(file, scene, perceiver.Config);
        if (json)
        {
            output.WriteLine(JsonSerializer.Serialize(report, CommandJson.Readable.PerceiveReport));
            return;
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{file}: {image.Width}x{image.Height}, {report.Objects.Count} objects"));
        foreach (PerceivedObject o in report.Objects)
        {
            string distance = o.DistanceM is { } meters ? string.Create(CultureInfo.InvariantCulture, $", {meters:0.0} m") : "";
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {o.Class} {o.Score:0.00}{distance}, {o.X1:0} {o.Y1:0} to {o.X2:0} {o.Y2:0}"));
        }

        if (scene.HasLabels) output.WriteLine("  " + string.Join(", ", Shares(scene, perceiver.Config.LabelClasses)));
    }

    /// <summary>Classes by their share of the pixels.</summary>
    private static IEnumerable<string> Shares(PerceivedScene scene, IReadOnlyList<string> classes)
    {
        var counts = new int[classes.Count];
        foreach (byte label in scene.Labels) counts[label]++;
        return counts.Index().Where(c => c.Item > 0).OrderByDescending(c => c.Item)
            .Select(c => string.Create(CultureInfo.InvariantCulture, $"{classes[c.Index]} {100.0 * c.Item / scene.Labels.Length:0.0}%"));
    }
}
