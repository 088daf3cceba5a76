using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Coppice.Graphs;
using Coppice.Perception.Data;
using Coppice.Perception.Inference;
using Coppice.Perception.Networks;

namespace Coppice.PerceptionBench;

/// <summary>Time and memory of networks, one process each, so that the greatest memory of one is not another's.</summary>
internal static class NetworkCost
{
    public static int Run(string folder, Options options)
    {
        (int width, int height) = options.Size(1024, 512);
        foreach (string variant in options.Text("variants", "fast,resnet18,resnet50").Split(','))
        {
            foreach ((string name, PerceptionTasks tasks) in LearnedTasks.All)
            {
                string[] asked = ["frame", variant, name, $"{(int)tasks}", $"{width}", $"{height}", $"{options.Threads}", $"{options.Number("frames", 12)}"];
                using Process process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, asked) { RedirectStandardOutput = true, UseShellExecute = false })!;
                string output = process.StandardOutput.ReadToEnd();
                process.WaitForExit();
                if (process.ExitCode != 0) return 1;
                Console.WriteLine(output.TrimEnd());
                File.WriteAllText(Path.Combine(folder, $"{variant}-{name}-{width}x{height}.cost.json"), output);
            }
        }

        return 0;
    }

    /// <summary>The child: frame variant name tasks width height threads frames.</summary>
    public static int Frame(string[] args)
    {
        var variant = Enum.Parse<PerceptionVariant>(args[1], ignoreCase: true);
        int[] numbers = Array.ConvertAll(args[3..], a => int.Parse(a, CultureInfo.InvariantCulture));
        (int width, int height, int threads, int frames) = (numbers[1], numbers[2], numbers[3], numbers[4]);
        double idle = MiB("VmRSS:");
        PerceptionConfig config = LearnedTasks.Config(variant, (PerceptionTasks)numbers[0], width, height, SceneClasses.Objects, SceneClasses.Street);
        (double millions, double giga, Dictionary<string, TensorData> weights) = Prepare(config);
        using Perceiver perceiver = Perceiver.Create(config, weights, new Dictionary<string, string>(), new PerceiverOptions { Run = new GraphRunOptions { Threads = threads, Spin = false } });
        weights.Clear();
        GC.Collect();
        RgbImage image = new SyntheticStreets(SyntheticStreets.SeedOf("val"), 1, width, height).Read(0).Image;
        var times = new List<double>();
        using Process self = Process.GetCurrentProcess();
        TimeSpan processor = TimeSpan.Zero;
        for (int i = 0; i < frames + 2; i++)
        {
            self.Refresh();
            if (i == 2) processor = self.TotalProcessorTime;
            long start = Stopwatch.GetTimestamp();
            perceiver.Perceive(image);
            if (i >= 2) times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        self.Refresh();
        double spent = (self.TotalProcessorTime - processor).TotalMilliseconds / frames;
        times.Sort();
        double peak = MiB("VmHWM:");
        Console.WriteLine(JsonSerializer.Serialize(new Cost(
            variant.ToString(), args[2], width, height, threads, frames, millions, giga, spent, times[0], peak, peak - idle)));
        return 0;
    }

    /// <summary>A network with stored first weights, backgrounds likely, as trained ones answer.</summary>
    private static (double Millions, double Giga, Dictionary<string, TensorData> Weights) Prepare(PerceptionConfig config)
    {
        var graph = new Graph();
        PerceptionNetwork.Build(graph, graph.Input("image", new(1, 3, config.Height, config.Width)), config, NormalizationMode.Running);
        var weights = new Dictionary<string, TensorData>(PerceptionWeights.Initial(graph.Parameters, 1));
        foreach (Value bias in graph.Parameters.Where(p => p.Name.EndsWith("classes.bias", StringComparison.Ordinal)))
        {
            var elements = new float[bias.Shape[0]];
            for (int i = 0; i < elements.Length; i += config.ObjectClasses.Count + 1) elements[i] = 100;
            weights[bias.Name] = TensorData.Of<float>(bias.Shape, elements);
        }

        bool IsLearned(Value p) => !p.Name.EndsWith(".mean", StringComparison.Ordinal) && !p.Name.EndsWith(".variance", StringComparison.Ordinal);
        return (
            graph.Parameters.Where(IsLearned).Sum(p => p.Shape.Count) / 1e6,
            graph.Nodes.Sum(MultiplyAdds) / 1e9,
            weights);
    }

    private static double MultiplyAdds(Node node) => node.OperatorType switch
    {
        "Conv" => (double)node.Output.Shape.Count * (node.Input(1).Shape.Count / node.Input(1).Shape[0]),
        "ConvTranspose" => (double)node.Input(0).Shape.Count * (node.Input(1).Shape.Count / node.Input(1).Shape[0]),
        "MatMul" => (double)node.Output.Shape.Count * node.Input(0).Shape[^1],
        _ => 0,
    };

    private static double MiB(string key) => File.ReadLines("/proc/self/status")
        .Where(l => l.StartsWith(key, StringComparison.Ordinal))
        .Select(l => double.Parse(l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) / 1024)
        .First();
}
