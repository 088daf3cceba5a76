using System.CommandLine;
using System.Diagnostics;
using Coppice.Graphs;
using Coppice.Perception.Data;
using Coppice.Perception.Evaluation;
using Coppice.Perception.Inference;
using Coppice.Perception.Networks;

namespace Coppice.Cli.Perception;

/// <summary><c>coppice eval perception</c>: how well a network sees the scenes of a set.</summary>
internal static class EvalPerceptionCommand
{
    private const int DefaultWidth = 512, DefaultHeight = 256, FrameRays = 4;

    // The authors keep boxes down to this score; precision at any recall is what mAP is about.
    private const float LeastScore = 0.01f;

    public static Command Create()
    {
        var data = new Option<string>("--data") { HelpName = PerceptionData.HelpName, Description = "The scenes: streets drawn here (N of them), or a folder of CamVid, Cityscapes or KITTI.", Required = true };
        Option<string> split = OptionParsers.Choice("--split", "Which of them", ("val", "val"), ("test", "test"), ("train", "train"));
        var weights = new Option<string?>("--weights", "-w") { HelpName = "FILE", Description = "The network, a safetensors file." };
        var compare = new Option<string[]>("--compare") { HelpName = "FILE", Description = "Another network to measure on the same scenes; may be given several times.", AllowMultipleArgumentsPerToken = true };
        Option<PerceptionPrecision> precision = OptionParsers.Choice(
            "--precision", "In which numbers it is computed", ("fp32", PerceptionPrecision.Fp32), ("int8", PerceptionPrecision.Int8));
        Option<DisparityRule> distance = OptionParsers.Choice(
            "--distance", "How Cityscapes' disparities become metres: by its camera, or by the constant of DSPNet's authors", ("camera", DisparityRule.Camera), ("authors", DisparityRule.Authors));
        Option<(int Width, int Height)?> size = PerceiveArguments.Size("--size", "Size of the network's image and of drawn streets; what it was trained for if not given.");
        Option<int?> limit = OptionParsers.Number("--limit", "Measures only the first scenes.", 1, int.MaxValue);
        Option<int?> threads = OptionParsers.Number("--threads", "Threads to compute with; all cores if not given.", 1, 1024);
        var report = new Option<string?>("--report") { HelpName = "DIR", Description = "Writes a page with curves, the best and the worst frames, and the networks side by side." };
        Option<int?> frame = OptionParsers.Number("--frame", "Writes the picture of this scene instead, without a network; needs --out.", 0, int.MaxValue);
        var output = new Option<string?>("--out") { HelpName = "FILE", Description = "The PNG file of --frame." };
        Option<bool> json = JsonOutput.Option();
        var command = new Command("perception", "Measures boxes (mAP), distances and the classes of pixels (mIoU) that a network tells of the scenes of a set.")
        {
            data, split, weights, compare, precision, distance, size, limit, threads, report, frame, output, json,
        };
        command.SetAction((parsed, cancel) => Task.Run(
            async () =>
            {
                (int Width, int Height)? asked = parsed.GetValue(size);
                ISceneSet Open(int width, int height) => PerceptionData.Open(parsed.GetValue(data)!, parsed.GetValue(split)!, width, height, parsed.GetValue(distance));
                if (parsed.GetValue(frame) is int index)
                    return WriteFrame(Open(asked?.Width ?? DefaultWidth, asked?.Height ?? DefaultHeight), index, parsed.GetValue(output), parsed.InvocationConfiguration.Output);
                string first = parsed.GetValue(weights) ?? throw new RequestRejectedException("--weights", "a file of weights", "none");
                var options = new PerceiverOptions
                {
                    Width = asked?.Width ?? 0,
                    Height = asked?.Height ?? 0,
                    Precision = parsed.GetValue(precision),
                    Run = new GraphRunOptions { Threads = parsed.GetValue(threads) ?? 0 },
                    Decoding = new() { ScoreThreshold = LeastScore },
                };
                if (parsed.GetValue(report) is { } folder) Directory.CreateDirectory(folder);
                var measured = new List<MeasuredNetwork>();
                bool ended = true;
                try
                {
                    foreach (string file in (IEnumerable<string>)[first, .. parsed.GetValue(compare) ?? []])
                    {
                        measured.Add(Load(file, options, Open));
                        ended = await MeasureAsync(measured[^1], parsed.GetValue(limit) ?? int.MaxValue, parsed.InvocationConfiguration.Error, cancel);
                        if (!ended) break;
                    }

                    if (measured[0].Evaluation.Frames.Count == 0) throw new OperationCanceledException(cancel);
                    measured.RemoveAll(network => network.Evaluation.Frames.Count == 0);
                    Write(measured, parsed.GetValue(json), parsed.GetValue(report), parsed.InvocationConfiguration.Output);
                }
                finally
                {
                    foreach (MeasuredNetwork network in measured) network.Perceiver.Dispose();
                }

                return ended ? ExitCode.Good : ExitCode.Interrupted;
            },
            CancellationToken.None));
        return command;
    }

    private static int WriteFrame(ISceneSet set, int index, string? path, TextWriter output)
    {
        if (path is null) throw new RequestRejectedException("--out", "a PNG file", "none");
        if (index >= set.Count && set is not SyntheticStreets) throw new RequestRejectedException("--frame", $"0 to {set.Count - 1}", $"{index}");
        // Streets have no end, and a picture to look at is worth more rays than one of thousands to learn from.
        if (set is SyntheticStreets streets) set = new SyntheticStreets(streets.Seed, int.MaxValue, streets.Width, streets.Height, FrameRays);
        ImageFile.WritePng(set.Read(index).Image, path);
        output.WriteLine($"{path} is written: scene {index} of {set.Name}");
        return ExitCode.Good;
    }

    private static MeasuredNetwork Load(string file, PerceiverOptions options, Func<int, int, ISceneSet> open)
    {
        Perceiver perceiver = Perceiver.Load(file, options);
        try
        {
            PerceptionConfig config = perceiver.Config;
            ISceneSet set = open(config.Width, config.Height);
            bool objects = config.Detects && set.ObjectClasses.Count > 0, labels = config.Segments && set.LabelClasses.Count > 0;
            if (!objects && !labels) throw new RequestRejectedException("--data", $"scenes with what {file} tells ({config.Tasks})", $"'{set.Name}', which has none of it");
            if (objects) RequireSame(file, set, "object", config.ObjectClasses, set.ObjectClasses);
            if (labels) RequireSame(file, set, "label", config.LabelClasses, set.LabelClasses);
            return new MeasuredNetwork(file, perceiver, set, new SceneEvaluation(set, objects, labels));
        }
        catch
        {
            perceiver.Dispose();
            throw;
        }
    }

    private static void RequireSame(string file, ISceneSet set, string kind, IReadOnlyList<string> told, IReadOnlyList<string> known)
    {
        if (!told.SequenceEqual(known, StringComparer.Ordinal))
            throw new RequestRejectedException("--data", $"scenes of the {told.Count} {kind} classes of {file} ({told[0]}, ...)", $"'{set.Name}' with {known.Count} ({known[0]}, ...)");
    }

    private static Task<bool> MeasureAsync(MeasuredNetwork network, int limit, TextWriter error, CancellationToken cancel) => Progress.CountAsync(
        error,
        Path.GetFileName(network.File),
        Math.Min(limit, network.Set.Count),
        counted => Task.FromResult(network.Evaluation.Run(network.Answer, limit, counted, cancel)));

    private static void Write(List<MeasuredNetwork> measured, bool asJson, string? folder, TextWriter output)
    {
        PerceptionEvalReport[] reports = [.. measured.Select(PerceptionEvalReport.Of)];
        if (asJson) JsonOutput.Write(output, reports[0] with { Compared = reports.Length > 1 ? reports[1..] : null }, CommandJson.Readable.PerceptionEvalReport);
        else PerceptionEvalText.Write(output, reports);
        if (folder is null) return;
        string page = PerceptionPage.Write(folder, measured, reports);
        if (!asJson) output.WriteLine($"{page} is written");
    }
}

/// <summary>A network and what it is worth on a set of scenes.</summary>
internal sealed class MeasuredNetwork(string file, Perceiver perceiver, ISceneSet set, SceneEvaluation evaluation)
{
    private TimeSpan _spent;
    private int _answers;

    public string File => file;

    public Perceiver Perceiver => perceiver;

    public ISceneSet Set => set;

    public SceneEvaluation Evaluation => evaluation;

    /// <summary>From a decoded picture to boxes, metres and labels, the first picture left out where there are more.</summary>
    public double MsPerImage => _spent.TotalMilliseconds / Math.Max(1, _answers - 1);

    public SceneAnswer Answer(RgbImage image)
    {
        long start = Stopwatch.GetTimestamp();
        PerceivedScene scene = perceiver.Perceive(image);
        TimeSpan spent = Stopwatch.GetElapsedTime(start);
        // The first run makes buffers that later ones have.
        _spent = _answers++ == 1 ? spent : _spent + spent;
        return new(scene.Objects, scene.HasLabels ? scene.Labels.ToArray() : null);
    }
}
