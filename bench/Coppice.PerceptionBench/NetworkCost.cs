using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Coppice.Graphs;
using Coppice.Kernels;
using Coppice.Perception.Data;
using Coppice.Perception.Inference;
using Coppice.Perception.Networks;

namespace Coppice.PerceptionBench;

/// <summary>
/// Time and memory of networks from the file of weights on, one process each, so that the greatest memory of one is not another's. What the
/// processor reaches in registers is measured between them. Whatever else runs on the machine can only take from either: the best block of
/// frames counts, and the better of what is in the folder and a new run.
/// </summary>
internal static class NetworkCost
{
    private const int Warmups = 3, BlockFrames = 5, CalibrationScale = 4, LimitRounds = 4;

    public static int Run(string folder, Options options)
    {
        (int width, int height) = options.Size(1024, 512);
        int threads = options.Number("threads", Environment.ProcessorCount);
        using var team = new WorkerTeam(threads);
        using var meter = new LimitMeter(team);
        foreach (string variant in options.Text("variants", "fast,resnet18,resnet50").Split(','))
        {
            foreach ((string name, PerceptionTasks tasks) in LearnedTasks.All)
            {
                PerceptionConfig config = LearnedTasks.Config(
                    Enum.Parse<PerceptionVariant>(variant, ignoreCase: true), tasks, width, height, SceneClasses.Objects, SceneClasses.Street);
                string weights = Path.Combine(folder, $"{variant}-{name}-{width}x{height}.weights");
                if (!File.Exists(weights)) Store(weights, config, threads);
                foreach (string precision in options.Text("precisions", "fp32,int8").Split(','))
                {
                    for (int round = 0; round < LimitRounds; round++) meter.Measure();
                    Frames? frames = Child(weights, precision, width, height, threads, options.Number("frames", 40));
                    if (frames is null) return 1;
                    for (int round = 0; round < LimitRounds; round++) meter.Measure();
                    MachineRate limit = precision == "int8" ? meter.Limits.ByteDot ?? meter.Limits.MultiplyAdd : meter.Limits.MultiplyAdd;
                    (double millions, double giga) = Size(config);
                    var cost = new Cost(
                        config.Variant.ToString(), name, precision, width, height, threads, millions, giga, frames.Milliseconds, frames.PeakMiB, limit.All / 1e9);
                    Console.WriteLine(JsonSerializer.Serialize(cost));
                    Keep(folder, $"{variant}-{name}-{precision}-{width}x{height}-{threads}.cost.json", cost);
                }
            }
        }

        return 0;
    }

    /// <summary>The child: frame WEIGHTS precision width height threads frames.</summary>
    public static int Frame(string[] args)
    {
        int[] numbers = Array.ConvertAll(args[3..], a => int.Parse(a, CultureInfo.InvariantCulture));
        (int width, int height, int threads, int count) = (numbers[0], numbers[1], numbers[2], numbers[3]);
        using Perceiver perceiver = Perceiver.Load(args[1], new PerceiverOptions
        {
            Precision = Enum.Parse<PerceptionPrecision>(args[2], ignoreCase: true),
            Width = width,
            Height = height,
            Run = new GraphRunOptions { Threads = threads },
        });
        RgbImage image = new SyntheticStreets(SyntheticStreets.SeedOf("val"), 1, width, height).Read(0).Image;
        for (int i = 0; i < Warmups; i++) perceiver.Perceive(image);
        double best = double.PositiveInfinity;
        for (int block = 0; block < Math.Max(1, count / BlockFrames); block++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < BlockFrames; i++) perceiver.Perceive(image);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalMilliseconds / BlockFrames);
        }

        Console.WriteLine(JsonSerializer.Serialize(new Frames(best, PeakMiB())));
        return 0;
    }

    private static Frames? Child(string weights, string precision, int width, int height, int threads, int frames)
    {
        string[] asked = ["frame", weights, precision, $"{width}", $"{height}", $"{threads}", $"{frames}"];
        using Process process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, asked) { RedirectStandardOutput = true, UseShellExecute = false })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? JsonSerializer.Deserialize<Frames>(output) : null;
    }

    /// <summary>
    /// First weights with one class likely in all boxes and pixels, and scores of pixels alike in a cell: answers of random ones would take longer
    /// than any street's, as boxes by the thousand and borders of classes everywhere. And ranges for int8, whose names are the same at all sizes.
    /// </summary>
    private static void Store(string path, PerceptionConfig config, int threads)
    {
        IReadOnlyList<Value> parameters = PerceptionWeights.Parameters(config);
        var weights = new Dictionary<string, TensorData>(PerceptionWeights.Initial(parameters, 1));
        foreach (Value bias in parameters)
        {
            bool boxes = bias.Name.EndsWith("classes.bias", StringComparison.Ordinal);
            if (!boxes && !bias.Name.EndsWith("score.bias", StringComparison.Ordinal) && !bias.Name.EndsWith("score_bn.bias", StringComparison.Ordinal)) continue;
            var elements = new float[bias.Shape[0]];
            for (int i = 0; i < elements.Length; i += boxes ? config.ObjectClasses.Count + 1 : config.LabelClasses.Count) elements[i] = 100;
            weights[bias.Name] = TensorData.Of<float>(bias.Shape, elements);
        }

        if (weights.TryGetValue(FastNetwork.Score + ".weight", out TensorData? scores) && config.LabelStride < FastNetwork.CellSide)
        {
            // Quarters of a cell that know nothing of each other would make every pixel a border, which costs more than a picture does.
            float[] cell = scores.As<float>()[..(int)(scores.Shape.Count / 4)].ToArray();
            weights[FastNetwork.Score + ".weight"] = TensorData.Of<float>(scores.Shape, [.. cell, .. cell, .. cell, .. cell]);
        }

        PerceptionConfig small = config with { Width = config.Width / CalibrationScale, Height = config.Height / CalibrationScale };
        var streets = new SyntheticStreets(SyntheticStreets.SeedOf("train"), 4, small.Width, small.Height);
        PerceptionWeights.Save(path, config, weights, Perceiver.Calibration(small, weights, streets, new GraphRunOptions { Threads = threads }));
    }

    /// <summary>Learned weights in millions, and multiply-adds of a frame in billions.</summary>
    private static (double Millions, double Giga) Size(PerceptionConfig config)
    {
        var graph = new Graph();
        PerceptionNetwork.Build(graph, graph.Input("image", new(1, 3, config.Height, config.Width)), config, NormalizationMode.Running);
        bool IsLearned(Value p) => !p.Name.EndsWith(".mean", StringComparison.Ordinal) && !p.Name.EndsWith(".variance", StringComparison.Ordinal);
        return (graph.Parameters.Where(IsLearned).Sum(p => p.Shape.Count) / 1e6, graph.Nodes.Sum(MultiplyAdds) / 1e9);
    }

    private static double MultiplyAdds(Node node) => node.OperatorType switch
    {
        "Conv" => (double)node.Output.Shape.Count * (node.Input(1).Shape.Count / node.Input(1).Shape[0]),
        "ConvTranspose" => (double)node.Input(0).Shape.Count * (node.Input(1).Shape.Count / node.Input(1).Shape[0]),
        "MatMul" => (double)node.Output.Shape.Count * node.Input(0).Shape[^1],
        _ => 0,
    };

    private static void Keep(string folder, string file, Cost cost)
    {
        foreach (Cost before in Results.Read<Cost>(folder, file))
        {
            cost = cost with
            {
                Milliseconds = Math.Min(cost.Milliseconds, before.Milliseconds),
                PeakMiB = Math.Max(cost.PeakMiB, before.PeakMiB),
                LimitGiga = Math.Max(cost.LimitGiga, before.LimitGiga),
            };
        }

        Results.Write(Path.Combine(folder, file), cost);
    }

    private static double PeakMiB() => File.ReadLines("/proc/self/status")
        .Where(l => l.StartsWith("VmHWM:", StringComparison.Ordinal))
        .Select(l => double.Parse(l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) / 1024)
        .First();

    /// <summary>What a child tells: milliseconds of a frame, and its greatest resident memory.</summary>
    private sealed record Frames(double Milliseconds, double PeakMiB);
}
