using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Coppice.Graphs;
using Coppice.Perception.Inference;

namespace Coppice.Cli.Perception;

/// <summary>The options of <c>coppice perceive</c>.</summary>
internal sealed class PerceiveArguments
{
    private const string DefaultWeights = "assets/streets.safetensors";
    private static readonly string[] s_endings = [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"];

    private readonly Argument<string[]> _images = new("IMAGE") { Description = "Pictures, or folders of them.", Arity = ArgumentArity.ZeroOrMore };
    private readonly Option<string?> _weights = new("--weights", "-w") { HelpName = "FILE", Description = "The network, a safetensors file; the one that comes with the command if not given." };
    private readonly Option<PerceptionPrecision> _precision = OptionParsers.Choice(
        "--precision", "In which numbers it is computed", ("fp32", PerceptionPrecision.Fp32), ("int8", PerceptionPrecision.Int8));

    private readonly Option<int?> _threads = OptionParsers.Number("--threads", "Threads to compute with; all cores if not given.", 1, 1024);
    private readonly Option<ExecutionProvider> _provider = OptionParsers.Choice(
        "--provider",
        "What computes; all but cpu need another build of ONNX Runtime",
        ("cpu", ExecutionProvider.Cpu),
        ("cuda", ExecutionProvider.Cuda),
        ("tensorrt", ExecutionProvider.TensorRt),
        ("migraphx", ExecutionProvider.MiGraphX),
        ("directml", ExecutionProvider.DirectMl),
        ("coreml", ExecutionProvider.CoreMl),
        ("openvino", ExecutionProvider.OpenVino));

    private readonly Option<(int Width, int Height)?> _size = Size("--size", "Size of the network's image, to which pictures are fitted; the one it was trained for if not given.");
    private readonly Option<(int Width, int Height)?> _bench = Size("--bench", "Measures frames per second on a picture of this size, without a file.");
    private readonly Option<double?> _seconds = OptionParsers.Number("--seconds", "How long --bench measures, 6 if not given.", 0.01, 3600);
    private readonly Option<float?> _score = OptionParsers.Number("--score", "The least score of a box, 0.3 if not given.", 0f, 1f);

    public Option<string?> Out { get; } = new("--out") { HelpName = "DIR", Description = "Writes an overlay picture for each into this folder." };

    public Option<string?> Export { get; } = new("--export") { HelpName = "FILE", Description = "Writes the network as a plain ONNX file instead." };

    public Option<bool> Calibrate { get; } = new("--calibrate") { Description = "Finds the ranges for int8 on the pictures instead, and keeps them in the file of weights." };

    public Option<bool> Json { get; } = new("--json") { Description = "Writes one JSON document a line, one for each picture, to standard output and nothing else." };

    public void AddTo(Command command)
    {
        command.Add(_images);
        foreach (Option option in (Option[])[_weights, _precision, _threads, _provider, _size, _score, Out, Json, _bench, _seconds, Export, Calibrate]) command.Add(option);
    }

    public PerceiverOptions Read(ParseResult parsed)
    {
        (int width, int height) = parsed.GetValue(_bench) ?? parsed.GetValue(_size) ?? (0, 0);
        var options = new PerceiverOptions
        {
            Width = width,
            Height = height,
            Precision = parsed.GetValue(_precision),
            Run = new GraphRunOptions { Threads = parsed.GetValue(_threads) ?? 0, Provider = parsed.GetValue(_provider) },
        };
        return parsed.GetValue(_score) is { } score ? options with { Decoding = options.Decoding with { ScoreThreshold = score } } : options;
    }

    public (int Width, int Height)? Bench(ParseResult parsed) => parsed.GetValue(_bench);

    public int Threads(ParseResult parsed) => parsed.GetValue(_threads) ?? Environment.ProcessorCount;

    public double Seconds(ParseResult parsed) => parsed.GetValue(_seconds) ?? 6;

    /// <summary>The file of weights.</summary>
    /// <exception cref="RequestRejectedException">None was named, and none came with the command.</exception>
    public string Weights(ParseResult parsed)
    {
        if (parsed.GetValue(_weights) is { } named) return named;
        return WeightsBeside() ?? throw new RequestRejectedException("--weights", "a file of weights", $"none, and no {DefaultWeights} beside the command");
    }

    /// <summary>The weights that come with the command, or null where there are none.</summary>
    internal static string? WeightsBeside()
    {
        string beside = Path.Combine(AppContext.BaseDirectory, DefaultWeights);
        return File.Exists(beside) ? beside : null;
    }

    /// <summary>The pictures: files as they were named, and what lies in folders, in the order of names.</summary>
    /// <exception cref="RequestRejectedException">There is none.</exception>
    public IReadOnlyList<string> Images(ParseResult parsed)
    {
        var files = new List<string>();
        foreach (string name in parsed.GetValue(_images) ?? [])
        {
            if (!Directory.Exists(name))
            {
                files.Add(name);
                continue;
            }

            files.AddRange(Directory.EnumerateFiles(name)
                .Where(f => s_endings.Contains(Path.GetExtension(f), StringComparer.OrdinalIgnoreCase))
                .Order(StringComparer.Ordinal));
        }

        return files.Count > 0 ? files : throw new RequestRejectedException("IMAGE", "a picture or a folder of pictures", "none");
    }

    internal static Option<(int Width, int Height)?> Size(string name, string description) => new(name)
    {
        HelpName = "WxH",
        Description = description,
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            string[] sides = text.Split('x');
            if (sides.Length == 2 && Side(sides[0]) is { } width && Side(sides[1]) is { } height) return (width, height);
            result.AddError($"{name}: expected a size as 1024x512, sides from 32 to 8192, found '{text}'");
            return null;
        },
    };

    private static int? Side(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int side) && side is >= 32 and <= 8192 ? side : null;
}
