using System.CommandLine;
using Coppice.Kernels.Formats;
using Coppice.Model;

namespace Coppice.Cli;

/// <summary><c>coppice random SHAPE:TYPE -o FILE</c>: writes a model of a known shape with random weights.</summary>
internal static class RandomCommand
{
    public static Command Create()
    {
        var model = new Argument<string>("SHAPE:TYPE")
        {
            Description = $"Shape: {string.Join(", ", ModelShapes.All.Select(shape => shape.Name))}. "
                + $"Type: {string.Join(", ", TensorTypes.Supported.Select(type => type.ToString().ToLowerInvariant()))}.",
        };
        var output = new Option<string>("--output", "-o") { Description = "The file to write.", HelpName = "FILE", Required = true };
        Option<ulong?> seed = OptionParsers.Number<ulong>("--seed", "Another seed, other weights; 1 if not given.", 0, ulong.MaxValue);
        var command = new Command("random", "Writes a GGUF file of a real model's shape with random weights.") { model, output, seed };
        command.SetAction((parsed, cancel) =>
        {
            Write(parsed.GetRequiredValue(model), parsed.GetRequiredValue(output), parsed.GetValue(seed) ?? 1, parsed.InvocationConfiguration.Error, cancel);
            return Task.FromResult(ExitCode.Good);
        });
        return command;
    }

    private static void Write(string model, string path, ulong seed, TextWriter error, CancellationToken cancel)
    {
        (ModelShape shape, TensorType type) = RandomModel.Parse(model);
        CheckTarget(path);
        Progress.Run(error, $"writing {Path.GetFileName(path)}", RandomModel.DataBytes(shape, type), written =>
        {
            RandomModel.Write(shape, type, path, seed, written, cancel);
            return 0;
        });
        error.WriteLine($"wrote {path}: {SizeText.Bytes(new FileInfo(path).Length)}");
    }

    /// <summary>Finds out before gigabytes are written whether they can be put there.</summary>
    private static void CheckTarget(string path)
    {
        if (path.Length == 0) throw new RequestRejectedException("--output", "a file name", "''");
        if (Directory.Exists(path)) throw new IOException($"{path}: expected a file name, found a folder");
        string folder = Path.GetDirectoryName(Path.GetFullPath(path)) ?? "";
        if (!Directory.Exists(folder)) throw new DirectoryNotFoundException($"{path}: there is no folder {folder}");
    }
}
